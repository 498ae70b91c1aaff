//! Several handlers of one event, catch-alls and fallbacks.

use tower_socketio::{
    Ack, AckSender, Args, Data, Event, Namespace, Socket, SocketIo, State, TestClient, WireError,
};

use crate::support::{Gate, Log, Raw, Test, code, join, refusal, serve};

#[tokio::test]
async fn handlers_of_one_event_are_called_in_order_and_the_first_answer_counts() -> Test {
    let log = Log::new();
    let (first, second, third) = (log.clone(), log.clone(), log.clone());
    let io = serve(
        Namespace::new()
            .on("e", async move || first.push("first"))
            .on("e", async move |Data(n): Data<u32>| {
                second.push("second");
                Ack(n + 1)
            })
            .on("e", async move || {
                third.push("third");
                Ack(0)
            }),
    );
    let client = join(&io).await;
    assert_eq!(client.emit_with_ack::<u32>("e", 1).await?, 2);
    assert_eq!(log.all(), ["first", "second", "third"]);
    Ok(())
}

#[tokio::test]
async fn the_answer_does_not_wait_for_handlers_without_one() -> Test {
    let gate = Gate::closed();
    let held = gate.clone();
    let log = Log::new();
    let ended = log.clone();
    let io = serve(
        Namespace::new()
            .on("e", async move || {
                held.pass().await;
                ended.push("ended");
            })
            .on("e", async || Ack("at once")),
    );
    let client = join(&io).await;
    assert_eq!(client.emit_with_ack::<String>("e", ()).await?, "at once");
    assert!(log.all().is_empty());
    gate.open(1);
    log.reach(1).await;
    Ok(())
}

#[tokio::test]
async fn if_nobody_answers_the_acknowledgement_is_empty_and_comes_once() -> Test {
    let io = serve(Namespace::new().on("e", async || {}).on("e", async || {}).on("f", async || Ack(1)));
    let mut raw = Raw::open(&io).await;
    raw.enter("/").await;
    raw.send(r#"420["e"]"#).await;
    raw.send(r#"421["f"]"#).await;
    assert_eq!(raw.next().await, "430[]");
    assert_eq!(raw.next().await, "431[1]");
    Ok(())
}

#[tokio::test]
async fn an_error_is_an_answer_too() -> Test {
    let io = serve(
        Namespace::new()
            .on("e", async || Err::<(), _>(WireError::new("refused")))
            .on("e", async || Ack(1))
            .on("data", async |Data(text): Data<String>| Ack(text))
            .on("data", async |Data(number): Data<u32>| Ack(number)),
    );
    let client = join(&io).await;
    assert_eq!(refusal(client.emit_with_ack::<u32>("e", ()).await).0, "refused");
    assert_eq!(code(client.emit_with_ack::<u32>("data", 5).await), "invalid_data");
    Ok(())
}

#[tokio::test]
async fn a_catch_all_hears_every_event_first_and_has_no_say_in_its_answer() -> Test {
    let log = Log::new();
    let (all, own) = (log.clone(), log.clone());
    let io = serve(
        Namespace::new()
            .any(async move |Event(name): Event, Args(args): Args, ack: AckSender| {
                all.push(format!("any {name} {} {}", args.len(), ack.expected()));
                ack.send("not this");
                Ack("nor this")
            })
            .on("e", async move || {
                own.push("e");
                Ack("this")
            }),
    );
    let client = join(&io).await;
    assert_eq!(client.emit_with_ack::<String>("e", (1, 2)).await?, "this");
    assert_eq!(code(client.emit_with_ack::<String>("unknown", ()).await), "unknown_event");
    assert_eq!(log.all(), ["any e 2 false", "e", "any unknown 0 false"]);
    Ok(())
}

#[tokio::test]
async fn an_error_in_a_catch_all_is_reported_and_is_no_answer() -> Test {
    let log = Log::new();
    let namespace = Namespace::new()
        .any(async || Err::<(), _>(WireError::new("from any")))
        .on("e", async || Ack(1))
        .on_error(log.errors());
    let io = serve(namespace);
    assert_eq!(join(&io).await.emit_with_ack::<u32>("e", ()).await?, 1);
    assert_eq!(log.reach(1).await, ["from any"]);
    Ok(())
}

#[tokio::test]
async fn the_fallback_handles_what_nobody_else_does() -> Test {
    let log = Log::new();
    let seen = log.clone();
    let io = serve(
        Namespace::new()
            .on("known", async || Ack("known"))
            .any(async move |Event(name): Event| seen.push(name))
            .fallback(async |Event(name): Event, Args(args): Args| Ack((name, args.len()))),
    );
    let client = join(&io).await;
    assert_eq!(client.emit_with_ack::<String>("known", ()).await?, "known");
    assert_eq!(client.emit_with_ack::<(String, u32)>("else", (1, 2)).await?, ("else".to_owned(), 2));
    assert_eq!(log.all(), ["known", "else"]);
    Ok(())
}

#[tokio::test]
async fn an_unknown_event_is_an_error_only_to_those_who_asked() -> Test {
    let io = serve(Namespace::new().on("known", async || Ack(1)));
    let mut raw = Raw::open(&io).await;
    raw.enter("/").await;
    raw.send(r#"42["unknown",1]"#).await;
    raw.send(r#"420["unknown",1]"#).await;
    let answer = raw.next().await;
    assert!(answer.starts_with("430[{\"error\":{") && answer.contains("\"unknown_event\""), "{answer}");
    raw.send(r#"421["known"]"#).await;
    assert_eq!(raw.next().await, "431[1]");
    Ok(())
}

#[tokio::test]
async fn merging_puts_the_others_handlers_behind() -> Test {
    let log = Log::new();
    let entry = |text: &'static str| {
        let log = log.clone();
        async move || log.push(text)
    };
    let first = Namespace::new()
        .on_connect(entry("connect 1"))
        .any(entry("any 1"))
        .on("e", entry("e 1"))
        .fallback(async || Ack("fallback 1"));
    let second = Namespace::new()
        .on_connect(entry("connect 2"))
        .on_connected(entry("connected 2"))
        .any(entry("any 2"))
        .on("e", entry("e 2"))
        .on("f", async |socket: Socket| Ack(socket.id().len()))
        .fallback(async || Ack("fallback 2"))
        .on_disconnect(entry("disconnect 2"));
    let io = serve(first.merge(second));
    let mut client = join(&io).await;
    client.emit_with_ack::<()>("e", ()).await?;
    assert_eq!(client.emit_with_ack::<usize>("f", ()).await?, 20);
    assert_eq!(client.emit_with_ack::<String>("g", ()).await?, "fallback 1");
    client.disconnect();
    let all = log.reach(12).await;
    let expected = ["connect 1", "connect 2", "connected 2", "any 1", "any 2", "e 1", "e 2"];
    assert_eq!(all[..7], expected);
    assert_eq!(all.last().map(String::as_str), Some("disconnect 2"));
    Ok(())
}

#[tokio::test]
async fn merging_takes_the_others_fallback_if_there_is_no_own() -> Test {
    let io = serve(Namespace::new().merge(Namespace::new().fallback(async || Ack(2))));
    assert_eq!(join(&io).await.emit_with_ack::<u32>("x", ()).await?, 2);
    Ok(())
}

#[tokio::test]
async fn an_event_without_arguments_is_answered_all_the_same() -> Test {
    let io = serve(Namespace::new().on("m", async || Ack("answer")));
    let mut raw = Raw::open(&io).await;
    raw.enter("/").await;
    raw.send(r#"420["m"]"#).await;
    assert_eq!(raw.next().await, r#"430["answer"]"#);
    Ok(())
}

#[tokio::test]
async fn an_event_named_by_a_number_is_the_event_of_its_decimal_text() -> Test {
    let io = serve(Namespace::new().on("42", async |Data(n): Data<u32>| Ack(n)));
    let mut raw = Raw::open(&io).await;
    raw.enter("/").await;
    raw.send("420[42,7]").await;
    assert_eq!(raw.next().await, "430[7]");
    Ok(())
}

#[tokio::test]
async fn namespaces_with_states_of_their_own_may_be_merged() -> Test {
    let number = Namespace::new().on("n", async |State(n): State<u32>| Ack(n)).with_state(1_u32);
    let text = Namespace::new().on("t", async |State(t): State<String>| Ack(t)).with_state("t".to_owned());
    let client = join(&serve(number.merge(text))).await;
    assert_eq!(client.emit_with_ack::<u32>("n", ()).await?, 1);
    assert_eq!(client.emit_with_ack::<String>("t", ()).await?, "t");
    Ok(())
}

#[tokio::test]
async fn one_handler_may_serve_several_namespaces_and_knows_which() -> Test {
    async fn which(socket: Socket) -> Ack<String> {
        Ack(socket.namespace().name().to_owned())
    }
    let io = SocketIo::builder()
        .namespace("/", Namespace::new().on("which", which))
        .namespace("/blog", Namespace::new().on("which", which))
        .build()?;
    for name in ["/", "/blog"] {
        let client = TestClient::new(&io).connect(name).await?;
        assert_eq!(client.emit_with_ack::<String>("which", ()).await?, name);
    }
    Ok(())
}
