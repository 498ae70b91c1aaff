//! Permits that sockets share: an idle socket has none.

use std::time::Duration;

use tower::ServiceBuilder;
use tower::limit::GlobalConcurrencyLimitLayer;
use tower::timeout::TimeoutLayer;
use tower_socketio::{Ack, Data, Handler, Namespace, PacketLayer, SocketIo, TestClient, connect, packet};

use crate::support::{Gate, Log, Raw, Test, code, idle, join, serve};

const SECOND: Duration = Duration::from_secs(1);

/// A namespace where `hold` waits for the gate, and `quick` and `panic` do not.
fn namespace(gate: &Gate) -> Namespace {
    let pass = gate.clone();
    Namespace::new()
        .on("hold", async move |Data(n): Data<u32>| {
            pass.pass().await;
            Ack(n)
        })
        .on("quick", async |Data(n): Data<u32>| Ack(n))
        .on("panic", async || -> () { panic!("in a handler") })
}

macro_rules! through {
    () => {
        packet::from_fn(async |request, next| next.run(request).await)
    };
}

/// One socket has the only permit; an event of another waits for it and is cancelled. Then the permit is free.
async fn gives_back_what_a_cancelled_event_reserved<L: PacketLayer>(
    around: impl FnOnce(GlobalConcurrencyLimitLayer) -> L,
) {
    let (gate, limit) = (Gate::closed(), GlobalConcurrencyLimitLayer::new(1));
    let io = SocketIo::builder()
        .namespace("/", namespace(&gate).packet_layer(around(limit.clone())))
        .namespace("/hold", namespace(&gate).packet_layer(limit))
        .build()
        .expect("namespaces that fit");
    let holder = TestClient::new(&io).connect("/hold").await.expect("the client is accepted");
    let (other, third) = (join(&io).await, join(&io).await);
    for round in 0..3 {
        holder.emit("hold", 1);
        idle().await;
        assert_eq!(code(other.emit_with_ack::<u32>("quick", 2).await), "timeout", "{round}");
        gate.open(1);
        idle().await;
        for n in 3..6 {
            for client in [&third, &other, &holder] {
                let answer = client.emit_with_ack::<u32>("quick", n).await;
                assert_eq!(answer.expect("the permit is free, and every stack serves on"), n);
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn what_a_cancelled_event_reserved_is_given_back() {
    let timeout = || TimeoutLayer::new(SECOND);
    gives_back_what_a_cancelled_event_reserved(|limit| {
        ServiceBuilder::new().layer(timeout()).layer(through!()).layer(limit)
    })
    .await;
    // The outer ones are in no way stale: the next event of this socket is served.
    gives_back_what_a_cancelled_event_reserved(|limit| {
        ServiceBuilder::new()
            .layer(through!())
            .layer(timeout())
            .layer(through!())
            .layer(through!())
            .layer(limit)
    })
    .await;
    gives_back_what_a_cancelled_event_reserved(|limit| {
        ServiceBuilder::new().layer(timeout()).buffer(4).layer(through!()).layer(limit)
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn what_a_cancelled_event_reserved_is_given_back_while_others_of_its_socket_run_on() -> Test {
    let (gate, other_gate) = (Gate::closed(), Gate::closed());
    let stack = ServiceBuilder::new()
        .layer(packet::from_fn(async |request, next| next.run(request).await))
        .layer(packet::from_fn(async |request, next| match request.event() {
            "patient" => next.run(request).await,
            _ => match tokio::time::timeout(SECOND, next.run(request)).await {
                Ok(reply) => reply,
                Err(_) => tower_socketio::Reply::ack("gave up"),
            },
        }))
        .layer(GlobalConcurrencyLimitLayer::new(2));
    let (pass, other_pass) = (gate.clone(), other_gate.clone());
    let namespace = Namespace::new()
        .packet_layer(stack)
        .on("patient", async move || other_pass.pass().await)
        .on("hold", async move || pass.pass().await)
        .on("quick", async || Ack("done"));
    let io = serve(namespace);
    let (holder, other) = (join(&io).await, join(&io).await);
    other.emit("patient", ());
    holder.emit("patient", ());
    idle().await;
    // Both permits are taken, one by this very socket, for long.
    assert_eq!(other.emit_with_ack::<String>("quick", ()).await?, "gave up");
    other_gate.open(2);
    idle().await;
    let third = join(&io).await;
    third.emit("patient", ());
    idle().await;
    assert_eq!(third.emit_with_ack::<String>("quick", ()).await?, "done");
    assert_eq!(other.emit_with_ack::<String>("quick", ()).await?, "done");
    other_gate.open(1);
    gate.open(1);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_long_handler_of_a_socket_keeps_no_second_permit() -> Test {
    let gate = Gate::closed();
    let stack = ServiceBuilder::new()
        .layer(packet::from_fn(async |request, next| {
            if request.event() == "hold" {
                return next.run(request).await;
            }
            let waited = tokio::time::timeout(SECOND, next.run(request)).await;
            waited.unwrap_or_else(|_| tower_socketio::Reply::ack(0))
        }))
        .layer(GlobalConcurrencyLimitLayer::new(2));
    let io = serve(namespace(&gate).packet_layer(stack));
    let (long, short, third) = (join(&io).await, join(&io).await, join(&io).await);
    long.emit("hold", 1);
    idle().await;
    short.emit("hold", 2);
    idle().await;
    assert_eq!(long.emit_with_ack::<u32>("quick", 3).await?, 0);
    // The first in line is served first: `long` goes on, and its permit is free.
    gate.open(1);
    idle().await;
    assert_eq!(third.emit_with_ack::<u32>("quick", 4).await?, 4);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn what_a_cancelled_event_reserved_in_a_handlers_own_layers_is_given_back() -> Test {
    let gate = Gate::closed();
    let pass = gate.clone();
    let limit = GlobalConcurrencyLimitLayer::new(1);
    let quick = async |Data(n): Data<u32>| Ack(n);
    let namespace = Namespace::new()
        .on("hold", (async move || pass.pass().await).layer(limit.clone()))
        .on("plain", quick.layer(limit.clone()).layer(TimeoutLayer::new(SECOND)))
        .on("deep", quick.layer(limit).layer(through!()).layer(through!()).layer(TimeoutLayer::new(SECOND)));
    let io = serve(namespace);
    for event in ["plain", "deep"] {
        let (holder, other, third) = (join(&io).await, join(&io).await, join(&io).await);
        holder.emit("hold", ());
        idle().await;
        assert_eq!(code(other.emit_with_ack::<u32>(event, 1).await), "timeout");
        gate.open(1);
        idle().await;
        assert_eq!(third.emit_with_ack::<u32>(event, 2).await?, 2);
        assert_eq!(other.emit_with_ack::<u32>(event, 3).await?, 3);
    }
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_socket_that_leaves_while_its_event_is_parked_takes_no_permit_with_it() -> Test {
    let gate = Gate::closed();
    let io = serve(namespace(&gate).packet_layer(GlobalConcurrencyLimitLayer::new(1)));
    let (holder, third) = (join(&io).await, join(&io).await);
    holder.emit("hold", 1);
    for leave in ["41", ""] {
        let mut leaving = Raw::open(&io).await;
        leaving.enter("/").await;
        leaving.send(r#"42["quick",2]"#).await;
        idle().await;
        if !leave.is_empty() {
            leaving.send(leave).await;
        }
        drop(leaving);
        idle().await;
    }
    gate.open(1);
    assert_eq!(third.emit_with_ack::<u32>("quick", 3).await?, 3);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_panic_gives_its_permit_back() -> Test {
    let gate = Gate::closed();
    let limit = GlobalConcurrencyLimitLayer::new(1);
    for namespace in [
        namespace(&gate).packet_layer(limit.clone()),
        namespace(&gate).packet_layer(through!()).packet_layer(limit.clone()),
        namespace(&gate).packet_layer(limit.clone()).packet_layer(packet::from_fn(async |request, next| {
            match request.event() {
                "panic" => panic!("in a layer"),
                _ => next.run(request).await,
            }
        })),
    ] {
        let io = serve(namespace);
        let (one, other) = (join(&io).await, join(&io).await);
        for n in 0..3 {
            assert_eq!(code(one.emit_with_ack::<u32>("panic", ()).await), "internal");
            assert_eq!(other.emit_with_ack::<u32>("quick", n).await?, n);
            assert_eq!(one.emit_with_ack::<u32>("quick", n).await?, n);
        }
    }
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_namespace_without_events_takes_no_permit_from_another_of_its_connection() -> Test {
    let (gate, log) = (Gate::closed(), Log::new());
    let (pass, entered) = (gate.clone(), log.clone());
    let limit = GlobalConcurrencyLimitLayer::new(1);
    let busy = Namespace::new().packet_layer(limit.clone()).on("e", async move |Data(n): Data<u32>| {
        entered.push(n);
        pass.pass().await;
    });
    let idle_one = Namespace::new().packet_layer(limit).on("e", async || Ack(1));
    let io = SocketIo::builder().namespace("/busy", busy).namespace("/idle", idle_one).build()?;
    let mut raw = Raw::open(&io).await;
    raw.enter("/busy").await;
    raw.enter("/idle").await;
    for n in 0..5 {
        raw.send(&format!(r#"42/busy,["e",{n}]"#)).await;
    }
    idle().await;
    gate.open(5);
    assert_eq!(log.reach(5).await, ["0", "1", "2", "3", "4"]);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_client_that_is_cut_while_it_waits_to_connect_leaves_no_permit_behind() -> Test {
    let gate = Gate::closed();
    let limit = GlobalConcurrencyLimitLayer::new(1);
    let stack = ServiceBuilder::new()
        .layer(connect::from_fn(async |request, next| next.run(request).await))
        .layer(connect::from_fn(async |request, next| next.run(request).await))
        .layer(limit.clone());
    let io = SocketIo::builder()
        .connect_timeout(SECOND * 10)
        .connect_layer(stack)
        .namespace("/", namespace(&gate).packet_layer(limit))
        .build()?;
    let holder = join(&io).await;
    holder.emit("hold", 1);
    idle().await;
    let cut = TestClient::new(&io).timeout(SECOND * 60).connect("/").await;
    assert_eq!(code(cut), "timeout");
    gate.open(1);
    for n in 0..3 {
        assert_eq!(join(&io).await.emit_with_ack::<u32>("quick", n).await?, n);
    }
    Ok(())
}
