//! Binary values: anywhere in the data, both ways, without an attribute.

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use serde_json::json;
use tower_socketio::{Ack, Any, Args, Data, Namespace, Socket, SocketIo};

use crate::support::{Raw, Test, join, serve};

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct File {
    name: String,
    bytes: Bytes,
    parts: Vec<Bytes>,
    preview: Option<Bytes>,
}

fn file() -> File {
    File {
        name: "a.bin".to_owned(),
        bytes: Bytes::from_static(&[0, 255, 128]),
        parts: vec![Bytes::new(), Bytes::from_static(b"part")],
        preview: None,
    }
}

fn echo() -> SocketIo {
    serve(
        Namespace::new()
            .on("file", async |socket: Socket, Data(file): Data<File>| {
                socket.emit("file", &file);
                Ack(file)
            })
            .on("bytes", async |Data(bytes): Data<Bytes>| Ack(bytes))
            .on("numbers", async |Data(numbers): Data<Vec<u8>>| Ack(numbers))
            .on("any", async |Args(all): Args<Vec<Any>>| Ack(Args(all)))
            .on("several", async |Data((a, n, b)): Data<(Bytes, u32, Bytes)>| Ack((b, n, a))),
    )
}

#[tokio::test]
async fn bytes_inside_a_struct_travel_both_ways() -> Test {
    let io = echo();
    let mut client = join(&io).await;
    assert_eq!(client.emit_with_ack::<File>("file", file()).await?, file());
    assert_eq!(client.next::<File>("file").await?, file());
    Ok(())
}

#[tokio::test]
async fn bytes_are_an_argument_like_any_other() -> Test {
    let io = echo();
    let client = join(&io).await;
    let (a, b) = (Bytes::from_static(b"a"), Bytes::from(vec![7; 100_000]));
    assert_eq!(client.emit_with_ack::<Bytes>("bytes", &b).await?, b);
    let answer = client.emit_with_ack::<(Bytes, u32, Bytes)>("several", (&a, 1, &b)).await?;
    assert_eq!(answer, (b, 1, a));
    Ok(())
}

#[tokio::test]
async fn an_attachment_is_also_a_vec_of_numbers_and_a_vec_is_no_attachment() -> Test {
    let io = echo();
    let mut raw = Raw::open(&io).await;
    raw.enter("/").await;
    raw.send(r#"451-0["numbers",{"_placeholder":true,"num":0}]"#).await;
    raw.send_binary(&[1, 2, 3]).await;
    assert_eq!(raw.next().await, "430[[1,2,3]]");
    raw.send(r#"421["numbers",[4,5]]"#).await;
    assert_eq!(raw.next().await, "431[[4,5]]");
    Ok(())
}

#[tokio::test]
async fn bytes_are_attachments_on_the_wire() -> Test {
    let io = echo();
    let mut raw = Raw::open(&io).await;
    raw.enter("/").await;
    io.emit("x", (Bytes::from_static(&[1]), json!({"a": 2}), file()));
    let placeholder = |number: u32| format!(r#"{{"_placeholder":true,"num":{number}}}"#);
    let file = format!(
        r#"{{"name":"a.bin","bytes":{},"parts":[{},{}],"preview":null}}"#,
        placeholder(1),
        placeholder(2),
        placeholder(3)
    );
    assert_eq!(raw.next().await, format!(r#"454-["x",{},{{"a":2}},{file}]"#, placeholder(0)));
    for bytes in ["[1]", "[0, 255, 128]", "[]", "[112, 97, 114, 116]"] {
        assert_eq!(raw.next().await, bytes);
    }
    Ok(())
}

#[tokio::test]
async fn any_tells_binary_from_a_list() -> Test {
    let io = echo();
    let client = join(&io).await;
    let all = vec![
        Any::Binary(Bytes::from_static(&[1, 2])),
        Any::from(json!([1, 2])),
        Any::Object(vec![("in".to_owned(), Any::Binary(Bytes::from_static(b"side")))]),
        Any::Null,
        Any::from("text"),
    ];
    let Args(back) = client.emit_with_ack::<Args<Vec<Any>>>("any", Args(all.clone())).await?;
    assert_eq!(back, all);
    Ok(())
}
