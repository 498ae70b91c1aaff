//! What layers cost the allocator. One thread does everything, so that a difference is theirs alone.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::{Request, StatusCode};
use http_body::{Body, Frame};
use http_body_util::BodyExt;
use tower::ServiceExt;
use tower_socketio::{Ack, Data, Namespace, SocketIo, SocketIoService, TestClient, packet};

const EVENTS: u64 = 200;

/// The allocations of so many acknowledged events, with so many `from_fn` layers around them.
fn allocations(layers: usize) -> u64 {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let mut namespace = Namespace::new().on("double", async |Data(n): Data<u32>| Ack(n * 2));
    for _ in 0..layers {
        namespace = namespace.packet_layer(packet::from_fn(async |request, next| next.run(request).await));
    }
    let io = SocketIo::builder().namespace("/", namespace).build().expect("it fits");
    let client = runtime.block_on(async {
        let client = TestClient::new(&io).connect("/").await.expect("it is accepted");
        // The first makes the stack and fills buffers.
        client.emit_with_ack::<u32>("double", 1).await.expect("an answer");
        client
    });
    let events = allocation_counter::measure(|| {
        runtime.block_on(async {
            for n in 0..EVENTS {
                let answer = client.emit_with_ack::<u64>("double", n).await.expect("an answer");
                assert_eq!(answer, n * 2);
            }
        });
    });
    events.count_total
}

#[test]
fn a_layer_from_a_function_costs_one_allocation_for_each_event() {
    let [none, one, three] = [0, 1, 3].map(allocations);
    println!("{none} without layers, {one} with one, {three} with three");
    assert!(one <= none + EVENTS, "{none} without a layer, {one} with one");
    assert!(three <= none + 3 * EVENTS, "{none} without a layer, {three} with three");
    // It is counted at all.
    assert!(one > none);
}

/// A message of so many bytes that comes one by one.
struct Pieces(u64);

impl Body for Pieces {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let left = self.0.checked_sub(1);
        self.0 = left.unwrap_or_default();
        Poll::Ready(left.map(|_| Ok(Frame::data(Bytes::from_static(b"6")))))
    }
}

#[test]
fn a_body_is_not_copied_for_each_piece_of_it() {
    const PIECES: u64 = 10_000;
    let io = SocketIo::builder().namespace("/", Namespace::new()).build().expect("it fits");
    let service = SocketIoService::not_found(io);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let url = "/socket.io/?EIO=4&transport=polling";
    let open = runtime.block_on(async {
        let request = Request::builder().uri(url).body(Pieces(0)).expect("a request");
        let answer = service.clone().oneshot(request).await.expect("an answer");
        answer.into_body().collect().await.expect("a body").to_bytes()
    });
    let open: serde_json::Value = serde_json::from_slice(&open[1..]).expect("an open packet");
    let url = format!("{url}&sid={}", open["sid"].as_str().expect("an id"));
    let request = Request::post(url).body(Pieces(PIECES)).expect("a request");
    let answered = allocation_counter::measure(|| {
        let answer = runtime.block_on(service.oneshot(request)).expect("an answer");
        assert_eq!(answer.status(), StatusCode::OK);
    });
    assert!(answered.bytes_total < 10 * PIECES, "{} bytes were allocated", answered.bytes_total);
}
