//! Namespaces that end on one node and go on on others.

use std::time::Duration;

use tower_socketio::adapter::{Cluster, LocalBus};
use tower_socketio::{Namespace, Recovery, Socket, SocketIo, TestClient};

use crate::support::{Gate, Log, Test, idle};

#[tokio::test(start_paused = true)]
async fn what_hooks_and_handlers_emit_when_the_last_client_here_has_left_reaches_other_nodes() -> Test {
    let (bus, gate, log) = (LocalBus::new(), Gate::closed(), Log::new());
    let build = || {
        let (gate, busy, entered) = (gate.clone(), gate.clone(), log.clone());
        let farewell = async move |socket: Socket| {
            gate.pass().await;
            socket.namespace().emit("farewell", ());
        };
        let work = async move |socket: Socket| {
            entered.push("works");
            busy.pass().await;
            socket.namespace().emit("worked", ());
        };
        let namespace = Namespace::new().on("work", work).on_disconnect(farewell);
        SocketIo::builder().adapter(Cluster::new(bus.clone())).namespace("/chat/{room}", namespace).build()
    };
    let (one, two) = (build()?, build()?);
    let mut stays = TestClient::new(&two).connect("/chat/a").await?;
    for (round, way) in
        ["the client leaves", "the server ends it", "the connection ends"].into_iter().enumerate()
    {
        let mut client = TestClient::new(&one).connect("/chat/a").await?;
        client.emit("work", ());
        log.reach(round + 1).await;
        match way {
            "the client leaves" => client.disconnect(),
            "the server ends it" => one.socket(client.id()).expect("it is here").disconnect(),
            _ => one.socket(client.id()).expect("it is here").disconnect_transport(),
        }
        idle().await;
        gate.open(2);
        for event in ["worked", "farewell"] {
            assert!(stays.next::<()>(event).await.is_ok(), "{event} when {way}");
        }
        idle().await;
        assert!(format!("{one:?}").contains("dynamic: 0"), "it has not ended when {way}");
    }
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn what_disconnect_hooks_emit_while_a_node_closes_reaches_other_nodes() -> Test {
    let bus = LocalBus::new();
    let build = || {
        let namespace = || {
            Namespace::new().on_disconnect(async |socket: Socket| {
                tokio::time::sleep(Duration::from_secs(3)).await;
                socket.namespace().emit("farewell", ());
            })
        };
        let builder = SocketIo::builder().adapter(Cluster::new(bus.clone()));
        builder.namespace("/", namespace()).namespace("/chat/{room}", namespace()).build()
    };
    let (one, two) = (build()?, build()?);
    let mut stay = Vec::new();
    let mut leave = Vec::new();
    for namespace in ["/", "/chat/a"] {
        stay.push(TestClient::new(&two).connect(namespace).await?);
        leave.push(TestClient::new(&one).connect(namespace).await?);
    }
    idle().await;
    one.close().await;
    for client in &mut stay {
        client.next::<()>("farewell").await?;
    }
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn namespaces_that_come_and_go_leave_nothing_behind() -> Test {
    let tasks = || tokio::runtime::Handle::current().metrics().num_alive_tasks();
    for (bus, recovers) in
        [(LocalBus::new(), false), (LocalBus::counted(), false), (LocalBus::journaled(), true)]
    {
        let build = || {
            let builder = SocketIo::builder().adapter(Cluster::new(bus.clone()));
            let builder = if recovers { builder.recovery(Recovery::new()) } else { builder };
            builder.namespace("/chat/{room}", Namespace::new()).build()
        };
        let (one, two) = (build()?, build()?);
        let mut left = Vec::new();
        for rounds in [10, 400] {
            for number in 0..rounds {
                let name = format!("/chat/{rounds}-{number}");
                let mut client = TestClient::new(&one).connect(&name).await?;
                // Of the other node nobody is there.
                two.of(&name).emit("news", number);
                assert_eq!(client.next::<i32>("news").await?, number);
                client.disconnect();
            }
            // Whoever leaves has a while for it.
            tokio::time::sleep(Duration::from_secs(60)).await;
            left.push((tasks(), format!("{bus:?}")));
            assert!(format!("{one:?}{two:?}").matches("dynamic: 0").count() == 2, "{one:?} {two:?}");
        }
        assert_eq!(left[0], left[1]);
        assert!(left[0].1.contains("namespaces: 0"), "{}", left[0].1);
    }
    Ok(())
}
