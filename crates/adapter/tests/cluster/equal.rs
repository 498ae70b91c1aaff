//! A node that broadcasts the same over and over, while its bus loses some of it or does not say that it has it.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use proptest::prelude::*;
use tower_socketio_adapter::{Cluster, LocalBus, Message, MessageKind, Target};

use crate::support::{Fate, Faulty, Node, SECOND, Stranger, settle};

#[derive(Clone, Debug)]
enum Deed {
    Emit,
    /// A client comes.
    Come,
    Sleep(u64),
}

fn deed() -> impl Strategy<Value = Deed> {
    prop_oneof![4 => Just(Deed::Emit), 1 => Just(Deed::Come), 3 => (0u64..1500).prop_map(Deed::Sleep)]
}

fn fate() -> impl Strategy<Value = Fate> {
    let slow = (0u64..1500, any::<bool>());
    prop_oneof![
        3 => Just(Fate::Pass),
        2 => Just(Fate::Fail),
        1 => (0u64..1500).prop_map(|millis| Fate::Late(Duration::from_millis(millis))),
        3 => slow.prop_map(|(millis, says)| Fate::Slow(Duration::from_millis(millis), says)),
    ]
}

async fn run(fates: Vec<Fate>, deeds: Vec<Deed>) -> Result<(), TestCaseError> {
    let bus = LocalBus::journaled();
    let (stranger, turn) = (Stranger::new(&bus, "listener").await, AtomicUsize::new(0));
    let slow = Arc::new(AtomicUsize::new(0));
    let count = slow.clone();
    let faulty = Faulty::new(&bus, move |message: &Message| {
        if message.kind != MessageKind::Broadcast {
            return Fate::Pass;
        }
        let fate = fates[turn.fetch_add(1, Ordering::Relaxed) % fates.len()];
        count.fetch_add(usize::from(matches!(fate, Fate::Slow(..))), Ordering::Relaxed);
        fate
    });
    // Nothing takes too long.
    let node = Node::with(Cluster::new(faulty).request_timeout(600 * SECOND), "/", true);
    let other = Node::with(Cluster::new(bus.clone()), "/", true);
    tokio::time::sleep(2 * SECOND).await;
    let (_, there) = (node.socket("0", &[]), other.socket("there", &[]));
    let mut heard = 0;
    let mut broadcasts = || {
        let messages = stranger.messages();
        heard += messages.iter().filter(|message| message.kind == MessageKind::Broadcast).count();
        heard
    };
    // How many had been broadcast when each client came, and how many of these at least were on their way no more.
    let (mut clients, mut emitted) = (vec![(0, 0)], 0);
    for deed in deeds {
        match deed {
            Deed::Emit => {
                node.emit(r#"["tick"]"#, &Target::default());
                emitted += 1;
            }
            Deed::Come => {
                settle().await;
                node.socket(&clients.len().to_string(), &[]);
                // What is slow may have failed, and be taken.
                let failed = usize::try_from(node.cluster.unpublished()).unwrap();
                clients.push((emitted, broadcasts() + failed.saturating_sub(slow.load(Ordering::Relaxed))));
            }
            Deed::Sleep(millis) => tokio::time::sleep(Duration::from_millis(millis)).await,
        }
    }
    tokio::time::sleep(100 * SECOND).await;
    let taken = broadcasts();
    let log = node.log.take();
    for (client, (before, over)) in clients.into_iter().enumerate() {
        let entry = format!(r#"{client} ["tick"]"#);
        let got = log.iter().filter(|line| **line == entry).count();
        // Who comes while something is on its way gets it, too, if it comes back.
        let expected = emitted - before..=emitted - over;
        prop_assert!(expected.contains(&got), "client {client} got {got} of {expected:?}");
    }
    prop_assert_eq!(other.log.take(), vec![r#"there ["tick"]"#; taken]);
    drop(there);
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn what_is_equal_reaches_everybody_once_whatever_becomes_of_it(
        fates in proptest::collection::vec(fate(), 1..8),
        deeds in proptest::collection::vec(deed(), 1..60),
    ) {
        let mut runtime = tokio::runtime::Builder::new_current_thread();
        runtime.enable_all().start_paused(true).build().unwrap().block_on(run(fates, deeds))?;
    }
}
