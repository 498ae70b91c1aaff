//! Permits that sockets share: an idle socket has none.

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::Poll;
use std::time::Duration;

use tower::ServiceBuilder;
use tower::limit::GlobalConcurrencyLimitLayer;
use tower::timeout::TimeoutLayer;
use tower_socketio::{
    Ack, ConnectRequest, Data, Handler, Namespace, PacketLayer, PacketRequest, Reply, SocketIo, TestClient,
    TestError, WireError, connect, packet,
};

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

/// Gives up after so many polls.
async fn impatient<T>(polls: usize, future: impl Future<Output = T>) -> Option<T> {
    let (mut future, mut left) = (std::pin::pin!(future), polls);
    std::future::poll_fn(move |cx| {
        if let Poll::Ready(value) = future.as_mut().poll(cx) {
            return Poll::Ready(Some(value));
        }
        if left == 0 {
            return Poll::Ready(None);
        }
        left -= 1;
        cx.waker().wake_by_ref();
        Poll::Pending
    })
    .await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn no_permit_is_lost_and_nobody_is_stuck_where_many_threads_cancel_at_random() -> Test {
    let polls = Arc::new(AtomicUsize::new(0));
    let (connecting, emitting) = (polls.clone(), polls.clone());
    let random = |polls: &AtomicUsize| polls.fetch_add(1, Ordering::Relaxed) % 7;
    let limit = GlobalConcurrencyLimitLayer::new(2);
    let connects = ServiceBuilder::new()
        .layer(connect::from_fn(move |request: ConnectRequest, next: connect::Next| {
            let polls = random(&connecting);
            let refused = || Err(WireError::new("impatient"));
            async move { impatient(polls, next.run(request)).await.unwrap_or_else(refused) }
        }))
        .layer(connect::from_fn(async |request, next| next.run(request).await))
        .layer(limit.clone());
    let events = ServiceBuilder::new()
        .layer(packet::from_fn(async |request, next| next.run(request).await))
        .layer(packet::from_fn(move |request: PacketRequest, next: packet::Next| {
            let polls = random(&emitting);
            async move {
                let reply = impatient(polls, next.run(request)).await;
                reply.unwrap_or_else(|| Reply::error(WireError::new("impatient").code("impatient")))
            }
        }))
        .layer(limit.clone());
    let pause = async || {
        tokio::task::yield_now().await;
        tokio::task::yield_now().await;
    };
    let namespace = Namespace::new().connect_layer(connects).packet_layer(events).on_connect(pause).on(
        "e",
        async move |Data(n): Data<usize>| {
            pause().await;
            Ack(n)
        },
    );
    let calm = Namespace::new().packet_layer(limit).on("e", async |Data(n): Data<usize>| Ack(n));
    let io = SocketIo::builder().namespace("/", namespace).namespace("/calm", calm).build()?;
    let clients = (0..40).map(|_| {
        let io = io.clone();
        tokio::spawn(async move {
            let client = loop {
                match TestClient::new(&io).connect("/").await {
                    Ok(client) => break client,
                    Err(error) => assert!(matches!(error, TestError::Refused(_)), "{error}"),
                }
            };
            let asks = (0..50).map(|n| client.emit_with_ack::<usize>("e", n));
            for answer in futures_util::future::join_all(asks).await {
                match answer {
                    Ok(_) => {}
                    refused => assert_eq!(code(refused), "impatient"),
                }
            }
            client
        })
    });
    // They stay, idle.
    let idle: Vec<_> = futures_util::future::try_join_all(clients).await?;
    let calm = TestClient::new(&io).connect("/calm").await?;
    for n in 0..20 {
        assert_eq!(calm.emit_with_ack::<usize>("e", n).await?, n);
    }
    drop(idle);
    Ok(())
}
