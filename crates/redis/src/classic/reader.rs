use std::sync::Arc;

use redis::cmd;
use serde_json::json;
use tokio::sync::Semaphore;
use tower_socketio_adapter::{Inbox, Message};

use super::asks::Asks;
use super::incoming::{self, Asked, Sender, Skipped};
use super::outgoing::Style;
use crate::connection::{Commands, Delivery, Job, Kind};
use crate::subscriptions::{Reader, Seat, Subscriptions};

/// More answers are not under way at a time that this makes itself; who asks for more gets none.
const MOST_ANSWERS: usize = 64;

/// Reads the messages of Node's classic adapter.
pub(super) struct Translator {
    style: Style,
    asks: Arc<Asks>,
    commands: Arc<Commands>,
    answers: Arc<Semaphore>,
}

impl Translator {
    pub(super) fn new(style: Style, asks: Arc<Asks>, commands: Arc<Commands>) -> Self {
        Self { style, asks, commands, answers: Arc::new(Semaphore::new(MOST_ANSWERS)) }
    }

    fn broadcast(&self, delivery: &Delivery, seat: &Seat, inbox: &Inbox, rooms: &Subscriptions) {
        let prefix = self.style.channels.broadcasts(&seat.namespace);
        let Ok(channel) = std::str::from_utf8(&delivery.channel) else { return };
        let Some(room) = channel.strip_prefix(&*prefix) else { return };
        // Where nobody is in the only room that is meant, the message need not be read.
        if let Some(room) = room.strip_suffix('#')
            && !rooms.has_room(seat, room)
        {
            return;
        }
        take(incoming::broadcast(&delivery.payload, seat), inbox);
    }

    fn request(&self, delivery: &Delivery, seat: &Seat, inbox: &Inbox, rooms: &Subscriptions) {
        match incoming::request(&delivery.payload, seat) {
            Ok(Asked::Message(message)) => inbox.message(message.into()),
            Ok(Asked::Rooms { request, node }) => {
                let answer = json!({ "requestId": request, "rooms": rooms.rooms(seat) });
                self.answer(seat, &node, &answer);
            }
            Ok(Asked::Socket { message, socket, request, node }) if rooms.has_room(seat, &socket) => {
                inbox.message(message.into());
                if let Some(request) = request {
                    self.answer(seat, &node, &json!({ "requestId": request }));
                }
            }
            Ok(Asked::Socket { .. }) => {}
            Err(skipped) => take(Err(skipped), inbox),
        }
    }

    /// Answers what the cluster knows nothing of.
    fn answer(&self, seat: &Seat, node: &str, answer: &serde_json::Value) {
        let Ok(permit) = self.answers.clone().try_acquire_owned() else { return };
        let mut publish = cmd("PUBLISH");
        publish.arg(self.style.responses(&seat.namespace, Sender::of(node))).arg(answer.to_string());
        let commands = self.commands.clone();
        tokio::spawn(async move {
            let _ = commands.run(Job::anywhere(publish)).await;
            drop(permit);
        });
    }
}

impl Reader for Translator {
    fn read(&self, delivery: &Delivery, seat: &Seat, inbox: &Inbox, subscriptions: &Subscriptions) {
        if delivery.kind == Kind::Pattern {
            self.broadcast(delivery, seat, inbox, subscriptions);
        } else if delivery.channel == self.style.channels.requests(&seat.namespace) {
            self.request(delivery, seat, inbox, subscriptions);
        } else {
            take(incoming::response(&delivery.payload, seat, &self.asks), inbox);
        }
    }
}

/// Brings a message, or counts what should have been one.
fn take(read: Result<Message, Skipped>, inbox: &Inbox) {
    match read {
        Ok(message) => inbox.message(message.into()),
        Err(Skipped::Malformed) => inbox.malformed(),
        Err(Skipped::Foreign) => {}
    }
}
