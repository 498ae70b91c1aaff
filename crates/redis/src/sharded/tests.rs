use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use proptest::prelude::*;
use tower_socketio_adapter::{Inbox, Message, MessageKind, To};

use super::bus::Envelopes;
use super::channels::{Channels, SubscriptionMode};
use crate::RedisServer;
use crate::connection::{Commands, Delivery, Kind, Plan};
use crate::subscriptions::{Reader, Seat, Subscriptions};

const NODE: &str = "41e7c4b94158eb66";

fn channels(mode: SubscriptionMode) -> Channels {
    Channels { prefix: "socket.io".to_owned(), mode }
}

fn message(kind: MessageKind, data: &str) -> Message {
    Message::new(kind, Some("/".into()), NODE.into(), data.to_owned().into(), Vec::new())
}

fn parts(mode: SubscriptionMode, message: &Message, to: To<'_>) -> Vec<String> {
    let job = channels(mode).publish(message, to).unwrap();
    job.parts().into_iter().map(|part| String::from_utf8(part.to_vec()).unwrap()).collect()
}

#[test]
fn what_is_published_is_byte_for_byte_what_node_publishes() {
    let all = message(
        MessageKind::Broadcast,
        r#"{"packet":{"type":2,"data":["foo",1]},"opts":{"rooms":[],"except":[],"flags":{}}}"#,
    );
    let expected = concat!(
        r#"{"type":3,"data":{"packet":{"type":2,"data":["foo",1]},"opts":{"rooms":[],"except":[],"flags":{}}},"#,
        r#""uid":"41e7c4b94158eb66","nsp":"/"}"#
    );
    assert_eq!(parts(SubscriptionMode::Dynamic, &all, To::All), ["SPUBLISH", "socket.io#/#", expected]);

    let fetch = message(
        MessageKind::FetchSockets,
        r#"{"opts":{"rooms":["room1"],"except":[],"flags":{}},"requestId":"851ade3af362b5b2"}"#,
    );
    let expected = concat!(
        r#"{"type":7,"data":{"opts":{"rooms":["room1"],"except":[],"flags":{}},"requestId":"851ade3af362b5b2"},"#,
        r#""uid":"41e7c4b94158eb66","nsp":"/"}"#
    );
    assert_eq!(parts(SubscriptionMode::Dynamic, &fetch, To::All), ["SPUBLISH", "socket.io#/#", expected]);
}

#[test]
fn a_broadcast_to_one_room_goes_to_its_channel_if_it_has_one() {
    let broadcast = message(MessageKind::Broadcast, r#"{"packet":{},"opts":{}}"#);
    let channel = |mode, room| parts(mode, &broadcast, To::Room(room)).swap_remove(1);
    let id = "gNlN0lBPPeI94-2hAAAA";
    assert_eq!(channel(SubscriptionMode::Dynamic, "room1"), "socket.io#/#room1#");
    assert_eq!(channel(SubscriptionMode::Dynamic, id), "socket.io#/#");
    assert_eq!(channel(SubscriptionMode::DynamicPrivate, id), "socket.io#/#gNlN0lBPPeI94-2hAAAA#");
    assert_eq!(channel(SubscriptionMode::Static, "room1"), "socket.io#/#");
}

#[test]
fn an_answer_goes_to_the_channel_of_its_node() {
    let answer = message(MessageKind::BroadcastClientCount, r#"{"requestId":"r","clientCount":1}"#);
    let channel = parts(SubscriptionMode::Dynamic, &answer, To::Node("851ade3af362b5b2")).swap_remove(1);
    assert_eq!(channel, "socket.io#/#851ade3af362b5b2#");
}

/// Has a payload read as one that came on a channel of a namespace; nothing is connected.
fn read(payload: &[u8]) -> Vec<Message> {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let _inside = runtime.enter();
    let plan = Arc::new(Plan::new(&RedisServer::from("redis://localhost:1")).unwrap());
    let commands = Arc::new(Commands::new(plan.clone()));
    let envelopes = || Envelopes(channels(SubscriptionMode::Dynamic));
    let subscriptions = Subscriptions::new(plan, commands, envelopes());
    let heard: Arc<Mutex<Vec<Message>>> = Arc::default();
    let hear = heard.clone();
    let inbox = Inbox::new(move |incoming| hear.lock().unwrap().push(incoming.unwrap().message));
    let malformed: Arc<AtomicUsize> = Arc::default();
    let count = malformed.clone();
    let inbox = inbox.with_malformed(move || {
        count.fetch_add(1, Ordering::Relaxed);
    });
    let channel = Bytes::from_static(b"socket.io#/admin#");
    let delivery = Delivery { kind: Kind::Shard, pattern: None, channel, payload: payload.to_vec().into() };
    envelopes().read(&delivery, &Seat::new("/admin", NODE), &inbox, &subscriptions);
    let heard = std::mem::take(&mut *heard.lock().unwrap());
    assert_eq!(heard.len() + malformed.load(Ordering::Relaxed), 1, "what is no message is counted");
    heard
}

#[test]
fn a_message_without_a_namespace_is_of_that_of_its_channel() {
    let heard = read(br#"{"type":3,"data":{},"uid":"emitter"}"#);
    assert_eq!(heard[0].namespace.as_deref(), Some("/admin"));
    let heard = read(br#"{"type":3,"data":{},"uid":"emitter","nsp":"/other"}"#);
    assert_eq!(heard[0].namespace.as_deref(), Some("/other"));
    // The same in msgpack.
    let heard = read(b"\x83\xa4type\x03\xa4data\x80\xa3uid\xa7emitter");
    assert_eq!((heard.len(), heard[0].namespace.as_deref()), (1, Some("/admin")));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_bytes_on_a_channel_are_a_message_or_none(bytes in proptest::collection::vec(any::<u8>(), 0..60)) {
        prop_assert!(read(&bytes).len() <= 1);
    }
}
