//! One packet for many connections, or for one of many.

use std::sync::{Arc, Mutex};

use divan::Bencher;
use divan::counter::ItemsCount;
use tower_socketio::{Namespace, Socket};

use super::wire::{Server, Wire, frame};

const TEXT: &str = "0123456789abcdef";
/// What one connection writes for `news` with this text.
const PACKET: usize = 2 + r#"42["news",""]"#.len() + TEXT.len();

/// A server with so many clients in the room `r`, and one that is not.
struct Crowd {
    server: Server,
    _clients: Vec<Wire>,
    other: Wire,
    socket: Socket,
}

impl Crowd {
    fn new(members: usize) -> Self {
        let sockets = Arc::new(Mutex::new(Vec::new()));
        let kept = sockets.clone();
        let namespace = Namespace::new()
            .on_connect(async move |socket: Socket| kept.lock().expect("nobody panics").push(socket))
            .on("news", async |socket: Socket| drop(socket.to("r").emit("news", TEXT)));
        let server = Server::new(namespace);
        let clients = (0..members).map(|_| server.client()).collect();
        let members = std::mem::take(&mut *sockets.lock().expect("nobody panics"));
        members.iter().for_each(|socket| socket.join("r"));
        drop(members);
        let other = server.client();
        let socket = sockets.lock().expect("nobody panics").pop().expect("it has connected");
        server.reset();
        Self { server, _clients: clients, other, socket }
    }

    fn measure(&self, bencher: Bencher<'_, '_>, deliveries: usize, what: impl Fn()) {
        let counted = bencher.counter(ItemsCount::new(deliveries));
        counted.bench_local(|| self.server.run(deliveries * PACKET, &what));
    }
}

/// From outside of any handler; all connections' tasks are woken and write.
#[divan::bench(args = [10, 1000, 10_000])]
fn broadcast(bencher: Bencher<'_, '_>, members: usize) {
    let crowd = Crowd::new(members);
    crowd.measure(bencher, members, || drop(crowd.server.io.to("r").emit("news", TEXT)));
}

/// Eight at once: every connection writes once.
#[divan::bench(args = [1000])]
fn eight_broadcasts(bencher: Bencher<'_, '_>, members: usize) {
    let crowd = Crowd::new(members);
    crowd.measure(bencher, 8 * members, || {
        for _ in 0..8 {
            drop(crowd.server.io.to("r").emit("news", TEXT));
        }
    });
}

/// A client asks for it: its event is read and dispatched, too.
#[divan::bench(args = [1000])]
fn broadcast_by_a_handler(bencher: Bencher<'_, '_>, members: usize) {
    let crowd = Crowd::new(members);
    let event = frame(r#"42["news"]"#);
    crowd.measure(bencher, members, || crowd.other.send(&event));
}

/// By the socket itself, from outside of its task.
#[divan::bench(args = [1000], sample_size = 100)]
fn emit_to_one(bencher: Bencher<'_, '_>, others: usize) {
    let crowd = Crowd::new(others);
    crowd.measure(bencher, 1, || drop(crowd.socket.emit("news", TEXT)));
}

/// By its id, which is the name of its room.
#[divan::bench(args = [1000], sample_size = 100)]
fn emit_to_one_by_id(bencher: Bencher<'_, '_>, others: usize) {
    let crowd = Crowd::new(others);
    crowd.measure(bencher, 1, || drop(crowd.server.io.to(crowd.socket.id()).emit("news", TEXT)));
}

/// A room of so many is entered and left.
#[divan::bench(args = [1000], sample_size = 100)]
fn join_and_leave(bencher: Bencher<'_, '_>, members: usize) {
    let crowd = Crowd::new(members);
    bencher.bench_local(|| {
        crowd.socket.join("r");
        crowd.socket.leave("r");
    });
}
