use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::channel;
use std::sync::{Arc, Barrier, Mutex};
use std::thread;
use std::time::Duration;

use tower_socketio_adapter::{Action, Adapter, LocalAdapter, Room, Target};

use crate::support::{Log, Socket, ids, packet};

#[test]
fn a_delivery_may_join_leave_and_broadcast() {
    let adapter = Arc::new(LocalAdapter::new());
    let log = Log::default();
    let sockets: Vec<_> = ["a", "b", "c"].map(|id| Socket::new(id, &log)).into();
    let handles: Vec<_> = sockets.iter().map(|socket| adapter.add(socket.clone())).collect();
    let (inner, first) = (Arc::clone(&adapter), handles[0]);
    let _ = sockets[0].on_deliver.set(Box::new(move || {
        inner.join(first, &["x".into()]);
        inner.broadcast(&packet(None), &Target::to("b"));
        inner.act(Action::Join(vec!["y".into()]), &Target::default());
        inner.remove(first);
    }));
    assert_eq!(adapter.broadcast(&packet(None), &Target::default()), 3);
    assert_eq!(*log.lock().unwrap(), ["a", "b", "b", "c"]);
    assert_eq!(ids(&*adapter, &Target::to("y")), ["b", "c"]);
    assert_eq!(adapter.room_names(), ["y"]);
}

#[test]
fn a_join_does_not_wait_for_a_fan_out() {
    let adapter = Arc::new(LocalAdapter::new());
    let slow = Socket::new("slow", &Log::default());
    let other = adapter.add(Socket::new("other", &Log::default()));
    adapter.add(slow.clone());
    let (delivering, delivery) = channel();
    let (joining, joined) = channel();
    let joined = Mutex::new(joined);
    // The delivery ends only when the join, begun inside of it on another thread, has ended.
    let _ = slow.on_deliver.set(Box::new(move || {
        delivering.send(()).unwrap();
        joined
            .lock()
            .unwrap()
            .recv_timeout(Duration::from_secs(60))
            .expect("the join waits for the delivery");
    }));
    thread::scope(|scope| {
        let adapter = &adapter;
        scope.spawn(move || {
            delivery.recv().unwrap();
            adapter.join(other, &["x".into()]);
            joining.send(()).unwrap();
        });
        assert_eq!(adapter.broadcast(&packet(None), &Target::default()), 2);
    });
    assert_eq!(ids(&*adapter, &Target::to("x")), ["other"]);
}

#[test]
fn members_get_each_broadcast_once_while_two_threads_join_and_leave() {
    const MEMBERS: usize = 200;
    const BROADCASTS: usize = 100;
    let adapter = LocalAdapter::new();
    let log = Log::default();
    let handles: Vec<_> = (0..MEMBERS).map(|i| adapter.add(Socket::new(format!("{i:03}"), &log))).collect();
    handles.iter().for_each(|handle| adapter.join(*handle, &["all".into()]));
    let (start, done) = (Barrier::new(3), AtomicBool::new(false));
    thread::scope(|scope| {
        for of_thread in handles.chunks(MEMBERS / 2) {
            scope.spawn(|| {
                start.wait();
                for round in 0.. {
                    let room = [Room::new(format!("room {}", round % 7))];
                    of_thread.iter().for_each(|handle| adapter.join(*handle, &room));
                    of_thread.iter().for_each(|handle| adapter.leave(*handle, &room));
                    if done.load(Ordering::Relaxed) {
                        return;
                    }
                }
            });
        }
        start.wait();
        for _ in 0..BROADCASTS {
            let to = Target::to(["all", "room 1", "room 2", "007"]);
            assert_eq!(adapter.broadcast(&packet(None), &to), MEMBERS);
            let mut got = std::mem::take(&mut *log.lock().unwrap());
            got.sort();
            got.dedup();
            assert_eq!(got.len(), MEMBERS);
        }
        done.store(true, Ordering::Relaxed);
    });
    assert_eq!(adapter.room_names(), ["all"]);
}

#[test]
fn members_come_and_go_while_others_broadcast() {
    let adapter = LocalAdapter::new();
    let log = Log::default();
    adapter.join(adapter.add(Socket::new("stays", &log)), &["x".into()]);
    let (start, done) = (Barrier::new(2), AtomicBool::new(false));
    thread::scope(|scope| {
        scope.spawn(|| {
            start.wait();
            while !done.load(Ordering::Relaxed) {
                let guests: Vec<_> = (0..20)
                    .map(|i| adapter.add(Socket::new(format!("guest {i}"), &Log::default())))
                    .collect();
                guests.iter().for_each(|guest| adapter.join(*guest, &["x".into()]));
                guests.iter().for_each(|guest| adapter.remove(*guest));
            }
        });
        start.wait();
        for _ in 0..100 {
            assert!((1..=21).contains(&adapter.broadcast(&packet(None), &Target::to("x"))));
        }
        done.store(true, Ordering::Relaxed);
    });
    assert_eq!(log.lock().unwrap().len(), 100);
    assert_eq!(ids(&adapter, &Target::default()), ["stays"]);
}
