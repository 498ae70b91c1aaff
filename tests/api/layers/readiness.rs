//! Stacks that are not ready, or fail to be.

use std::time::Duration;

use tower::ServiceBuilder;
use tower_socketio::{
    Ack, Data, Handler, Namespace, PacketService, Socket, SocketIo, TestClient, WireError, connect, packet,
};

use super::valve::{State, Valve};
use crate::support::{Gate, Log, Raw, Test, code, idle, join, serve};

const SECOND: Duration = Duration::from_secs(1);

macro_rules! through {
    () => {
        packet::from_fn(async |request, next| next.run(request).await)
    };
}

#[tokio::test(start_paused = true)]
async fn while_a_stack_is_not_ready_acknowledgements_heartbeats_and_other_namespaces_go_on() -> Test {
    let (valve, log) = (Valve::new(State::Open), Log::new());
    let (entered, asked) = (log.clone(), log.clone());
    let shut = Namespace::new()
        .packet_layer(valve.clone())
        .on("e", async move |Data((n, _)): Data<(u32, String)>| entered.push(n))
        .on("ask", async move |socket: Socket| -> Result<(), WireError> {
            let answer: u32 = socket.timeout(SECOND * 600).emit_with_ack("question", ()).await?;
            asked.push(format!("answered {answer}"));
            Ok(())
        });
    let io = SocketIo::builder()
        .ping_interval(SECOND * 5)
        .ping_timeout(SECOND * 5)
        .receive_budget(64 * 1024)
        .namespace("/shut", shut)
        .namespace("/", Namespace::new().on("e", async || Ack("fine")))
        .build()?;
    let mut raw = Raw::with(&io, 1024 * 1024, "", &[]).await;
    raw.enter("/").await;
    raw.enter("/shut").await;
    raw.send(r#"42/shut,["ask"]"#).await;
    assert_eq!(raw.next().await, r#"42/shut,0["question"]"#);
    valve.set(State::Shut);
    // Almost the budget.
    for n in 0..60 {
        raw.send(&format!(r#"42/shut,["e",{n},"{}"]"#, "x".repeat(900))).await;
    }
    raw.send("43/shut,0[7]").await;
    assert_eq!(log.reach(1).await, ["answered 7"]);
    raw.send(r#"421["e"]"#).await;
    assert_eq!(raw.next().await, r#"431["fine"]"#);
    // Ten heartbeats, to which `Raw` answers while it waits for a packet.
    let late = tokio::time::sleep(SECOND * 50);
    tokio::select! {
        packet = raw.next() => panic!("nothing comes but {packet}"),
        () = late => {}
    }
    // Beyond the budget reading stops, and nobody is declared dead for it.
    for n in 60..200 {
        raw.send(&format!(r#"42/shut,["e",{n},"{}"]"#, "x".repeat(900))).await;
    }
    tokio::time::sleep(SECOND * 60).await;
    assert_eq!(log.all().len(), 1);
    valve.set(State::Open);
    let all = log.reach(201).await;
    assert_eq!(all[1..], (0..200).map(|n: u32| n.to_string()).collect::<Vec<_>>());
    raw.send(r#"422["e"]"#).await;
    assert_eq!(raw.next().await, r#"432["fine"]"#);
    Ok(())
}

#[tokio::test]
async fn a_stack_that_fails_to_be_ready_refuses_that_event_and_recovers() -> Test {
    let valve = Valve::new(State::Open);
    let handler = async || Ack("fine");
    for namespace in [
        Namespace::new().packet_layer(valve.clone()).on("e", handler),
        Namespace::new().packet_layer(through!()).packet_layer(valve.clone()).on("e", handler),
        Namespace::new()
            .packet_layer(ServiceBuilder::new().layer(through!()).layer(through!()).layer(valve.clone()))
            .on("e", handler),
        Namespace::new().on("e", handler.layer(valve.clone())),
        Namespace::new().packet_layer(through!()).on("e", handler.layer(valve.clone()).layer(through!())),
    ] {
        let client = join(&serve(namespace)).await;
        assert_eq!(client.emit_with_ack::<String>("e", ()).await?, "fine");
        for state in [State::Failing(1), State::Panicking(1)] {
            valve.set(state);
            assert_eq!(code(client.emit_with_ack::<()>("e", ()).await), "internal");
            assert_eq!(client.emit_with_ack::<String>("e", ()).await?, "fine");
        }
        for state in [State::Failing(usize::MAX), State::Panicking(usize::MAX)] {
            valve.set(state);
            for _ in 0..5 {
                assert_eq!(code(client.emit_with_ack::<()>("e", ()).await), "internal");
            }
        }
        valve.set(State::Open);
        assert_eq!(client.emit_with_ack::<String>("e", ()).await?, "fine");
    }
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn events_in_the_queue_of_a_from_fn_are_told_when_what_is_below_fails() -> Test {
    let valve = Valve::new(State::Shut);
    let io = serve(
        Namespace::new()
            .packet_layer(through!())
            .packet_layer(valve.clone())
            .on("e", async |Data(n): Data<u32>| Ack(n)),
    );
    let mut raw = Raw::open(&io).await;
    raw.enter("/").await;
    for n in 0..4 {
        raw.send(&format!(r#"42{n}["e",{n}]"#)).await;
    }
    idle().await;
    valve.set(State::Failing(1));
    assert_eq!(raw.next().await, r#"430[{"error":{"message":"internal error","code":"internal"}}]"#);
    for n in 1..4 {
        let refused = format!(r#"43{n}[{{"error":{{"message":"try again","code":"unavailable"}}}}]"#);
        assert_eq!(raw.next().await, refused);
    }
    raw.send(r#"424["e",4]"#).await;
    assert_eq!(raw.next().await, "434[4]");
    Ok(())
}

#[tokio::test]
async fn a_connect_stack_that_fails_to_be_ready_refuses_that_client_and_recovers() -> Test {
    let valve = Valve::new(State::Open);
    let through = || connect::from_fn(async |request, next| next.run(request).await);
    for namespace in [
        Namespace::new().connect_layer(valve.clone()),
        Namespace::new().connect_layer(through()).connect_layer(valve.clone()),
        Namespace::new()
            .connect_layer(ServiceBuilder::new().layer(through()).layer(through()).layer(valve.clone())),
    ] {
        let io = serve(namespace);
        join(&io).await;
        for state in [State::Failing(1), State::Panicking(1)] {
            valve.set(state);
            assert_eq!(code(TestClient::new(&io).connect("/").await), "internal");
            join(&io).await;
        }
        valve.set(State::Failing(usize::MAX));
        for _ in 0..3 {
            assert_eq!(code(TestClient::new(&io).connect("/").await), "internal");
        }
        valve.set(State::Open);
        join(&io).await;
    }
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn clients_that_wait_for_a_connect_stack_are_served_in_order_and_cut_in_time() -> Test {
    let (valve, log) = (Valve::new(State::Shut), Log::new());
    let hook = log.clone();
    let namespace = Namespace::new().connect_layer(valve.clone()).on_connect(async move |socket: Socket| {
        hook.push(socket.conn().query().rsplit('=').next().unwrap_or_default())
    });
    let io = SocketIo::builder().connect_timeout(SECOND * 10).namespace("/", namespace).build()?;
    let mut waiting = Vec::new();
    for n in 0..4 {
        let mut raw = Raw::with(&io, 4096, &format!("&n={n}"), &[]).await;
        raw.send("40").await;
        idle().await;
        waiting.push(raw);
        if n == 1 {
            tokio::time::sleep(SECOND * 5).await;
        }
    }
    // The first two have waited too long, also the one that was asked whether it is ready.
    tokio::time::sleep(SECOND * 6).await;
    valve.set(State::Open);
    for (n, raw) in waiting.iter_mut().enumerate() {
        let answer = raw.next().await;
        assert_eq!(answer.starts_with("44"), n < 2, "{n}: {answer}");
    }
    assert_eq!(log.all(), ["2", "3"]);
    Ok(())
}

#[tokio::test]
async fn a_layer_that_panics_anywhere_is_an_error_reply_and_the_socket_lives() -> Test {
    #[derive(Clone)]
    struct Once(std::sync::Arc<std::sync::atomic::AtomicUsize>);
    impl Once {
        fn explode(&self, place: usize) {
            let armed = self.0.compare_exchange(
                place,
                0,
                std::sync::atomic::Ordering::SeqCst,
                std::sync::atomic::Ordering::SeqCst,
            );
            assert!(armed.is_err(), "secret: at {place}");
        }
    }
    let once = Once(Default::default());
    let armed = once.0.clone();
    let layer = |once: Once| {
        tower::layer::layer_fn(move |inner: PacketService| {
            once.explode(1);
            let (in_call, in_future) = (once.clone(), once.clone());
            tower::Layer::layer(
                &packet::from_fn(move |request: tower_socketio::PacketRequest, next: packet::Next| {
                    in_call.explode(2);
                    let once = in_future.clone();
                    async move {
                        once.explode(3);
                        let reply = next.run(request).await;
                        once.explode(4);
                        reply
                    }
                }),
                inner,
            )
        })
    };
    let fine = async || Ack("fine");
    for namespace in [
        Namespace::new().packet_layer(layer(once.clone())).on("e", fine),
        Namespace::new().packet_layer(through!()).packet_layer(layer(once.clone())).on("e", fine),
        Namespace::new().on("e", fine.layer(layer(once.clone()))),
    ] {
        let io = serve(namespace);
        for place in 1..=4 {
            // The stack is made with the first event.
            let client = join(&io).await;
            if place > 1 {
                assert_eq!(client.emit_with_ack::<String>("e", ()).await?, "fine");
            }
            armed.store(place, std::sync::atomic::Ordering::SeqCst);
            assert_eq!(code(client.emit_with_ack::<()>("e", ()).await), "internal", "{place}");
            for _ in 0..3 {
                assert_eq!(client.emit_with_ack::<String>("e", ()).await?, "fine", "{place}");
            }
        }
    }
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn one_event_at_a_time_goes_through_layers_of_a_sequential_namespace() -> Test {
    let (gate, log) = (Gate::closed(), Log::new());
    let (pass, entered) = (gate.clone(), log.clone());
    let namespace =
        Namespace::new().sequential().packet_layer(through!()).on("e", async move |Data(n): Data<u32>| {
            entered.push(format!("in {n}"));
            pass.pass().await;
            entered.push(format!("out {n}"));
        });
    let client = join(&serve(namespace)).await;
    client.emit("e", 1);
    client.emit("e", 2);
    idle().await;
    assert_eq!(log.all(), ["in 1"]);
    gate.open(2);
    assert_eq!(log.reach(4).await, ["in 1", "out 1", "in 2", "out 2"]);
    Ok(())
}
