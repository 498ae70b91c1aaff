//! Layers around emits.

use futures_util::StreamExt;
use tower::limit::GlobalConcurrencyLimitLayer;
use tower::{BoxError, ServiceBuilder};
use tower_socketio::{
    Ack, AckError, Data, EmitError, EmitRequest, EmitService, Namespace, Sent, Socket, SocketIo, WireError,
    emit,
};

use crate::support::{Log, Test, join, serve};

#[tokio::test]
async fn an_emit_layer_sees_emits_and_broadcasts_once_each() -> Test {
    let log = Log::new();
    let seen = log.clone();
    let namespace = Namespace::new()
        .emit_layer(emit::from_fn(move |mut request, next| {
            let to = if request.socket().is_some() { "one" } else { "many" };
            seen.push(format!("{} {to}", request.event()));
            if request.event() == "secret" {
                return Sent::nothing();
            }
            request.set_event(&format!("{}!", request.event()));
            next.run(request)
        }))
        .on("e", async |socket: Socket| {
            socket.emit("secret", 0);
            socket.emit("own", 1);
        });
    let io = serve(namespace);
    let mut client = join(&io).await;
    client.emit("e", ());
    assert_eq!(client.next::<u32>("own!").await?, 1);
    assert_eq!(io.emit("all", 2).reached(), 1);
    assert_eq!(client.next::<u32>("all!").await?, 2);
    assert_eq!(log.all(), ["secret one", "own one", "all many"]);
    Ok(())
}

/// Whether a socket's emit and a broadcast fail, each with what.
async fn outcomes(io: &SocketIo) -> [Result<(), EmitError>; 2] {
    let _client = join(io).await;
    let socket = io.of("/").sockets().pop().expect("a socket");
    [socket.emit("e", ()).into_result(), io.emit("e", ()).into_result()]
}

#[tokio::test]
async fn what_is_not_ready_at_once_is_refused_as_not_ready() -> Test {
    /// A service that is `Clone`, around what is not ready.
    #[derive(Clone)]
    struct Never(EmitService);
    impl tower::Service<EmitRequest> for Never {
        type Response = Sent;
        type Error = BoxError;
        type Future = std::future::Pending<Result<Sent, BoxError>>;
        fn poll_ready(&mut self, cx: &mut std::task::Context<'_>) -> std::task::Poll<Result<(), BoxError>> {
            self.0.poll_ready(cx)
        }
        fn call(&mut self, _: EmitRequest) -> Self::Future {
            std::future::pending()
        }
    }
    let limit = GlobalConcurrencyLimitLayer::new(0);
    for io in [
        serve(Namespace::new().emit_layer(limit.clone())),
        serve(Namespace::new().emit_layer(tower::layer::layer_fn(Never))),
        SocketIo::builder().emit_layer(limit.clone()).namespace("/", Namespace::new()).build()?,
    ] {
        for outcome in outcomes(&io).await {
            assert!(matches!(outcome, Err(EmitError::NotReady)), "{outcome:?}");
        }
    }
    let shed = ServiceBuilder::new().load_shed().layer(limit);
    for outcome in outcomes(&serve(Namespace::new().emit_layer(shed))).await {
        let Err(EmitError::Layer(error)) = outcome else { panic!("no layer refused: {outcome:?}") };
        assert!(error.is::<tower::load_shed::error::Overloaded>());
    }
    Ok(())
}

#[tokio::test]
async fn a_layer_that_panics_or_fails_is_an_error_of_the_emit() -> Test {
    let namespace = Namespace::new().emit_layer(emit::from_fn(|request, next| {
        assert!(request.event() != "e", "in an emit layer");
        next.run(request)
    }));
    let io = serve(namespace);
    for outcome in outcomes(&io).await {
        let Err(EmitError::Layer(error)) = outcome else { panic!("no layer refused: {outcome:?}") };
        assert!(error.to_string().contains("in an emit layer"));
    }
    let mut client = join(&io).await;
    io.emit("other", 1);
    assert_eq!(client.next::<u32>("other").await?, 1);
    Ok(())
}

#[tokio::test]
async fn layers_see_questions_to_one_and_to_many() -> Test {
    let log = Log::new();
    let seen = log.clone();
    let namespace = Namespace::new()
        .emit_layer(emit::from_fn(move |mut request, next| {
            seen.push(format!("{} {} {:?}", request.event(), request.expects_ack(), request.rooms()));
            if request.event() == "dropped?" {
                return Err(EmitError::Full).into();
            }
            request.set_event(&request.event().to_uppercase());
            next.run(request)
        }))
        .on("ask", async |socket: Socket| -> Result<Ack<u32>, WireError> {
            Ok(Ack(socket.emit_with_ack("one?", ()).await?))
        });
    let io = serve(namespace);
    let mut client = join(&io).await;
    client.emit("ask", ());
    client.answer::<()>("ONE?", 1).await?;
    let mut answers = io.to(client.id()).emit_with_ack::<u32>("many?", ());
    client.answer::<()>("MANY?", 2).await?;
    assert_eq!(answers.next().await.expect("an answer")?, 2);
    let mut none = io.emit_with_ack::<u32>("dropped?", ());
    assert!(matches!(none.next().await, Some(Err(AckError::Emit(EmitError::Full)))));
    assert!(none.next().await.is_none());
    let id = client.id();
    let expected =
        ["one? true []".to_owned(), format!("many? true [Room({id:?})]"), "dropped? true []".into()];
    assert_eq!(log.all(), expected);
    Ok(())
}

#[tokio::test]
async fn a_reserved_name_given_by_a_layer_fails_cleanly() -> Test {
    let namespace = Namespace::new().emit_layer(emit::from_fn(|mut request, next| {
        if request.event() == "e" {
            request.set_event("disconnect");
        }
        next.run(request)
    }));
    let io = serve(namespace);
    for outcome in outcomes(&io).await {
        assert!(matches!(outcome, Err(EmitError::Encode(_))), "{outcome:?}");
    }
    let mut client = join(&io).await;
    let socket = io.socket(client.id()).expect("a socket");
    assert!(matches!(socket.emit_with_ack::<()>("e", ()).await, Err(AckError::Emit(EmitError::Encode(_)))));
    io.emit("fine", 1);
    assert_eq!(client.next::<u32>("fine").await?, 1);
    Ok(())
}

#[tokio::test]
async fn a_layer_that_emits_itself_does_not_deadlock() -> Test {
    let namespace = Namespace::new()
        .emit_layer(emit::from_fn(|request: EmitRequest, next| {
            if let (Some(socket), false) = (request.socket(), request.event() == "audit") {
                socket.emit("audit", request.event());
                socket.namespace().emit("audit", "all");
            }
            next.run(request)
        }))
        .on("e", async |socket: Socket, Data(n): Data<u32>| socket.emit("answer", n));
    let mut client = join(&serve(namespace)).await;
    client.emit("e", 7);
    assert_eq!(client.next::<String>("audit").await?, "answer");
    assert_eq!(client.next::<String>("audit").await?, "all");
    assert_eq!(client.next::<u32>("answer").await?, 7);
    Ok(())
}

#[tokio::test]
async fn what_is_emitted_is_seen_in_order_with_its_arguments_as_it_is_sent() -> Test {
    let log = Log::new();
    let seen = log.clone();
    let namespace = Namespace::new()
        .any_outgoing(move |request: &EmitRequest| {
            let arguments: serde_json::Value = request.arguments().deserialize_all().expect("JSON");
            seen.push(format!("{} {arguments}", request.event()));
        })
        .emit_layer(emit::from_fn(|mut request, next| {
            if request.event() == "renamed" {
                request.set_event("after");
            }
            if request.event() == "kept back" { Sent::nothing() } else { next.run(request) }
        }))
        .on("e", async |socket: Socket| {
            socket.emit("one", (1, "two", [3]));
            socket.emit("renamed", ());
            socket.emit("kept back", ());
            socket.broadcast().emit("nobody", ());
            socket.namespace().emit("all", "x");
            // An acknowledgement is no emit.
            Ack(1)
        });
    let client = join(&serve(namespace)).await;
    client.emit_with_ack::<u32>("e", ()).await?;
    assert_eq!(log.all(), [r#"one [1,"two",[3]]"#, "after []", "nobody []", r#"all ["x"]"#]);
    Ok(())
}
