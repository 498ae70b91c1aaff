//! What layers cost the allocator. One thread does everything, so that a difference is theirs alone.

use tower_socketio::{Ack, Data, Namespace, SocketIo, TestClient, packet};

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
