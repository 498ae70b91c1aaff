//! `Data`, `Args`, `Event`: what a client sent, as a handler wants it.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::{Value, json};
use tower_socketio::{Ack, Any, Args, Data, Event, Namespace, TestError, WireError};

use crate::support::{Log, Test, code, join, refusal, serve};

#[tokio::test]
async fn one_argument_is_the_type_itself() -> Test {
    let io = serve(
        Namespace::new()
            .on("text", async |Data(text): Data<String>| Ack(text.len()))
            .on("list", async |Data(list): Data<Vec<u8>>| Ack(list.len()))
            .on("pair", async |Data(pair): Data<[u8; 2]>| Ack(pair[0] + pair[1]))
            .on("map", async |Data(map): Data<BTreeMap<String, u8>>| Ack(map["a"]))
            .on("value", async |Data(value): Data<Value>| Ack(value)),
    );
    let client = join(&io).await;
    assert_eq!(client.emit_with_ack::<usize>("text", "four").await?, 4);
    assert_eq!(client.emit_with_ack::<usize>("list", vec![1, 2, 3]).await?, 3);
    assert_eq!(client.emit_with_ack::<u8>("pair", [1, 2]).await?, 3);
    assert_eq!(client.emit_with_ack::<u8>("map", json!({"a": 7})).await?, 7);
    for value in [json!(null), json!([1, [2]]), json!({"a": {"b": []}}), json!("é\"\\\u{0}")] {
        assert_eq!(client.emit_with_ack::<Value>("value", &value).await?, value);
    }
    Ok(())
}

#[tokio::test]
async fn a_tuple_is_the_list_of_arguments() -> Test {
    let io = serve(
        Namespace::new()
            .on("two", async |Data((a, b)): Data<(u32, String)>| Ack((b, a)))
            .on("one", async |Data((list,)): Data<(Vec<u32>,)>| Ack(list.len())),
    );
    let client = join(&io).await;
    assert_eq!(client.emit_with_ack::<(String, u32)>("two", (1, "x")).await?, ("x".to_owned(), 1));
    assert_eq!(client.emit_with_ack::<usize>("one", ([1, 2, 3],)).await?, 3);
    Ok(())
}

#[tokio::test]
async fn a_tuple_struct_is_one_argument() -> Test {
    #[derive(Deserialize)]
    struct Point(u32, u32);
    let io = serve(Namespace::new().on("at", async |Data(at): Data<Point>| Ack(at.0 * at.1)));
    let client = join(&io).await;
    assert_eq!(client.emit_with_ack::<u32>("at", [3, 4]).await?, 12);
    assert_eq!(code(client.emit_with_ack::<u32>("at", (3, 4)).await), "invalid_data");
    Ok(())
}

#[tokio::test]
async fn what_the_client_left_out_is_none() -> Test {
    let handler = async |Data((a, b, c)): Data<(u32, Option<u32>, Option<String>)>| Ack(json!([a, b, c]));
    let io = serve(Namespace::new().on("e", handler).on("unit", async |Data(()): Data<()>| Ack(true)));
    let client = join(&io).await;
    assert_eq!(client.emit_with_ack::<Value>("e", (1, 2, "3")).await?, json!([1, 2, "3"]));
    assert_eq!(client.emit_with_ack::<Value>("e", (1, 2)).await?, json!([1, 2, null]));
    assert_eq!(client.emit_with_ack::<Value>("e", 1).await?, json!([1, null, null]));
    assert_eq!(client.emit_with_ack::<Value>("e", (1, (), "3")).await?, json!([1, null, "3"]));
    assert!(client.emit_with_ack::<bool>("unit", ()).await?);
    Ok(())
}

#[tokio::test]
async fn what_the_client_sent_too_many_is_ignored() -> Test {
    let io = serve(
        Namespace::new()
            .on("one", async |Data(n): Data<u32>| Ack(n))
            .on("two", async |Data((a, b)): Data<(u32, u32)>| Ack(a + b))
            .on("none", async || Ack(0)),
    );
    let client = join(&io).await;
    assert_eq!(client.emit_with_ack::<u32>("one", (1, "surplus", [2])).await?, 1);
    assert_eq!(client.emit_with_ack::<u32>("two", (1, 2, json!({}))).await?, 3);
    assert_eq!(client.emit_with_ack::<u32>("none", (1, 2, 3)).await?, 0);
    Ok(())
}

#[tokio::test]
async fn data_of_another_type_is_an_error_ack_and_no_handler_runs() -> Test {
    let log = Log::new();
    let ran = log.clone();
    let io = serve(
        Namespace::new()
            .on("n", async move |Data(n): Data<u32>| ran.push(n))
            .on("two", async |Data((a, b)): Data<(u32, u32)>| Ack(a + b)),
    );
    let client = join(&io).await;
    let (message, code) = refusal(client.emit_with_ack::<()>("n", "seven").await);
    assert!(message.starts_with("invalid data: ") && message.contains("expected u32"), "{message}");
    assert_eq!(code.as_deref(), Some("invalid_data"));
    let (message, _) = refusal(client.emit_with_ack::<()>("n", ()).await);
    assert_eq!(message, "invalid data: missing argument 1");
    let (message, _) = refusal(client.emit_with_ack::<u32>("two", 1).await);
    assert_eq!(message, "invalid data: missing argument 2");
    client.emit_with_ack::<()>("n", 7).await?;
    assert_eq!(log.all(), ["7"]);
    Ok(())
}

#[tokio::test]
async fn optional_data_is_none_if_nothing_came_and_refused_if_it_is_wrong() -> Test {
    let handler = async |data: Option<Data<u32>>| Ack(data.map(|Data(n)| n));
    let io = serve(Namespace::new().on("n", handler));
    let client = join(&io).await;
    assert_eq!(client.emit_with_ack::<Option<u32>>("n", ()).await?, None);
    assert_eq!(client.emit_with_ack::<Option<u32>>("n", 5).await?, Some(5));
    assert_eq!(code(client.emit_with_ack::<Option<u32>>("n", "x").await), "invalid_data");
    Ok(())
}

#[tokio::test]
async fn data_in_a_result_lets_the_handler_run_whatever_came() -> Test {
    let handler = async |data: Result<Data<u32>, WireError>| match data {
        Ok(Data(n)) => Ack(format!("{n}")),
        Err(error) => Ack(error.message().to_owned()),
    };
    let io = serve(Namespace::new().on("n", handler));
    let client = join(&io).await;
    assert_eq!(client.emit_with_ack::<String>("n", 5).await?, "5");
    let text = client.emit_with_ack::<String>("n", "x").await?;
    assert!(text.starts_with("invalid data: "), "{text}");
    Ok(())
}

#[tokio::test]
async fn several_extractors_may_read_the_same_data() -> Test {
    let handler = async |Data(one): Data<u32>, Data((a, b)): Data<(u32, u32)>, Args(all): Args| {
        Ack((one, a, b, all.len()))
    };
    let io = serve(Namespace::new().on("n", handler));
    let client = join(&io).await;
    assert_eq!(client.emit_with_ack::<(u32, u32, u32, usize)>("n", (1, 2, 3)).await?, (1, 1, 2, 3));
    Ok(())
}

#[tokio::test]
async fn args_are_all_arguments_verbatim() -> Test {
    let io = serve(
        Namespace::new()
            .on("values", async |Args(all): Args| Ack(all))
            .on("typed", async |Args(all): Args<Vec<u32>>| Ack(all.iter().sum::<u32>()))
            .on("spread", async |args: Args<Vec<Any>>| Ack(args)),
    );
    let client = join(&io).await;
    let all = client.emit_with_ack::<Value>("values", (1, "2", json!({"3": [4]}))).await?;
    assert_eq!(all, json!([1, "2", {"3": [4]}]));
    assert_eq!(client.emit_with_ack::<Value>("values", ()).await?, json!([]));
    assert_eq!(client.emit_with_ack::<u32>("typed", (1, 2, 3)).await?, 6);
    assert_eq!(code(client.emit_with_ack::<u32>("typed", (1, "2")).await), "invalid_data");
    let Args(all) = client.emit_with_ack::<Args<Vec<Value>>>("spread", (1, "2", [3])).await?;
    assert_eq!(all, [json!(1), json!("2"), json!([3])]);
    Ok(())
}

#[tokio::test]
async fn emitted_args_are_spread() -> Test {
    let io = serve(Namespace::new());
    let mut client = join(&io).await;
    io.emit("three", Args(vec![json!(1), json!("2"), json!([3])]));
    assert_eq!(client.next::<(u32, String, Vec<u32>)>("three").await?, (1, "2".to_owned(), vec![3]));
    io.emit("none", Args(Vec::<u32>::new()));
    let Args(none) = client.next::<Args>("none").await?;
    assert!(none.is_empty());
    io.emit("one", vec![1, 2]);
    let Args(one) = client.next::<Args>("one").await?;
    assert_eq!(one, [json!([1, 2])]);
    Ok(())
}

#[tokio::test]
async fn the_event_says_its_name() -> Test {
    let io = serve(Namespace::new().fallback(async |Event(name): Event| Ack(name)));
    let client = join(&io).await;
    for name in ["a", "", "mit Leerzeichen", "quoted \"\\ \n", "日本", "__proto__"] {
        assert_eq!(client.emit_with_ack::<String>(name, ()).await?, name);
    }
    Ok(())
}

#[tokio::test]
async fn a_deeply_nested_argument_is_refused_and_the_socket_lives() -> Test {
    let io = serve(Namespace::new().on("echo", async |Data(value): Data<Value>| Ack(value)));
    let mut raw = crate::support::Raw::open(&io).await;
    raw.enter("/").await;
    let deep = format!("420[\"echo\",{}{}]", "[".repeat(10_000), "]".repeat(10_000));
    raw.send(&deep).await;
    let answer = raw.next().await;
    assert!(answer.starts_with("430[{\"error\":") && answer.contains("invalid_data"), "{answer}");
    raw.send("421[\"echo\",1]").await;
    assert_eq!(raw.next().await, "431[1]");
    Ok(())
}

#[tokio::test]
async fn a_client_sees_what_is_wrong_with_its_own_expectations() -> Test {
    let io = serve(Namespace::new());
    let mut client = join(&io).await;
    io.emit("a", "text");
    io.emit("b", "text");
    assert!(matches!(client.next::<u32>("a").await, Err(TestError::Data(_))));
    assert!(matches!(client.next::<String>("a").await, Err(TestError::OtherEvent(name)) if name == "b"));
    Ok(())
}
