//! What rooms cost without connections: `cargo bench -p tower-socketio-bench --bench rooms`.

use std::hint::black_box;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use divan::counter::ItemsCount;
use divan::{AllocProfiler, Bencher};
use tower_socketio_adapter::{
    Adapter, Answers, Flags, Frame, Frames, Handle, LocalAdapter, Member, Outgoing, RemoteSocket, Room,
    Target,
};

#[global_allocator]
static ALLOCATOR: AllocProfiler = AllocProfiler::system();

fn main() {
    divan::main();
}

const ROOMS: [usize; 3] = [10, 1000, 10_000];

/// A member that counts what it gets.
#[derive(Default)]
struct Counter {
    id: String,
    bytes: AtomicUsize,
}

impl Member for Counter {
    fn id(&self) -> &str {
        &self.id
    }

    fn deliver(&self, packet: &Outgoing, _: Flags) -> bool {
        // As a connection does: it asks for the frames of its wire form, and touches what is its own.
        self.bytes.fetch_add(packet.form(0).size(), Ordering::Relaxed);
        true
    }

    fn ask(&self, packet: &Outgoing, flags: Flags, _: &Arc<dyn Answers>) -> bool {
        self.deliver(packet, flags)
    }

    fn disconnect(&self, _: bool) {}

    fn describe(&self, rooms: Vec<Room>) -> RemoteSocket {
        RemoteSocket::new(&*self.id, rooms, Bytes::new(), Bytes::new())
    }
}

/// An adapter with so many members in the room `r`, and as many outside of it.
fn adapter(members: usize) -> (LocalAdapter, Handle) {
    let adapter = LocalAdapter::new();
    let room = [Room::new("r")];
    let add =
        |n: usize| adapter.add(Arc::new(Counter { id: format!("member-{n:013}"), ..Counter::default() }));
    let handles: Vec<_> = (0..members * 2).map(add).collect();
    handles.iter().step_by(2).for_each(|at| adapter.join(*at, &room));
    (adapter, handles[1])
}

fn packet() -> Arc<Outgoing> {
    let encoder = |packet: &Outgoing, _: usize| {
        Frames::from(Frame { bytes: packet.args().clone(), head: 0, binary: false })
    };
    Arc::new(Outgoing::new(
        Bytes::from_static(b"[\"news\",\"It rains\"]"),
        Vec::new(),
        None,
        Arc::new(encoder),
    ))
}

#[divan::bench(args = ROOMS)]
fn broadcast_to_room(bencher: Bencher<'_, '_>, members: usize) {
    broadcast(bencher, members, Target::to("r"), members);
}

#[divan::bench(args = ROOMS)]
fn broadcast_to_all(bencher: Bencher<'_, '_>, members: usize) {
    broadcast(bencher, members, Target::default(), members * 2);
}

/// To all but those in the room.
#[divan::bench(args = ROOMS)]
fn broadcast_except_room(bencher: Bencher<'_, '_>, members: usize) {
    broadcast(bencher, members, Target::default().except("r"), members);
}

/// Two rooms, where nobody gets it twice.
#[divan::bench(args = ROOMS)]
fn broadcast_to_two_rooms(bencher: Bencher<'_, '_>, members: usize) {
    let (adapter, other) = adapter(members);
    adapter.join(other, &[Room::new("s")]);
    measure(bencher, &adapter, &Target::to(["r", "s"]), members + 1);
}

/// To the room of one socket, as is done for its id.
#[divan::bench(sample_size = 100)]
fn broadcast_to_own_room(bencher: Bencher<'_, '_>) {
    broadcast(bencher, 1000, Target::to("member-0000000000001"), 1);
}

/// One member enters and leaves a room of so many.
#[divan::bench(args = ROOMS, sample_size = 100)]
fn join_and_leave(bencher: Bencher<'_, '_>, members: usize) {
    let (adapter, other) = adapter(members);
    let room = [Room::new("r")];
    bencher.bench_local(|| {
        adapter.join(black_box(other), &room);
        adapter.leave(black_box(other), &room);
    });
}

/// The same with a room that comes into being and ends.
#[divan::bench(sample_size = 100)]
fn join_and_leave_a_room_of_ones_own(bencher: Bencher<'_, '_>) {
    let (adapter, other) = adapter(1000);
    let room = [Room::new("mine")];
    bencher.bench_local(|| {
        adapter.join(black_box(other), &room);
        adapter.leave(black_box(other), &room);
    });
}

/// One more and one less member among so many.
#[divan::bench(args = ROOMS, sample_size = 100)]
fn add_and_remove(bencher: Bencher<'_, '_>, members: usize) {
    let (adapter, _) = adapter(members);
    let member: Arc<dyn Member> = Arc::new(Counter { id: "one more".to_owned(), ..Counter::default() });
    bencher.bench_local(|| {
        let at = adapter.add(member.clone());
        adapter.remove(at);
    });
}

fn broadcast(bencher: Bencher<'_, '_>, members: usize, target: Target, reached: usize) {
    measure(bencher, &adapter(members).0, &target, reached);
}

fn measure(bencher: Bencher<'_, '_>, adapter: &LocalAdapter, target: &Target, reached: usize) {
    let packet = packet();
    assert_eq!(adapter.broadcast(&packet, target), reached);
    bencher.counter(ItemsCount::new(reached)).bench_local(|| adapter.broadcast(black_box(&packet), target));
}
