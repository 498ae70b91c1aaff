//! What the server remembers: the rooms and what was said in them.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard};

use serde::Serialize;
use serde_json::{Value, json};
use tower_socketio::Socket;

use crate::person::Refusal;

const HOMES: [&str; 3] = ["general", "help", "random"]; // the rooms that are always there
const MAX_ROOMS: usize = 100;

/// The rooms, each with what was said in it. Handlers hold the lock while they tell of a change, so that everybody hears
/// of all changes in the same order; no emit ever waits.
#[derive(Clone)]
pub(crate) struct Chat(Arc<Mutex<Rooms>>);

pub(crate) struct Rooms(BTreeMap<String, VecDeque<Line>>);

#[derive(Clone, Serialize)]
pub(crate) struct Line {
    pub(crate) id: u64,
    pub(crate) room: String,
    pub(crate) author: String,
    pub(crate) from: String,
    pub(crate) text: String,
    pub(crate) at: u64,
}

impl Default for Chat {
    fn default() -> Self {
        Self(Arc::new(Mutex::new(Rooms(HOMES.map(|name| (name.into(), VecDeque::new())).into()))))
    }
}

impl Chat {
    pub(crate) fn lock(&self) -> MutexGuard<'_, Rooms> {
        self.0.lock().expect("no handler panics while it holds the lock")
    }
}

impl Rooms {
    /// A room's history; of a new room, for which those that everybody has left make place where there are too many.
    pub(crate) fn open(&mut self, name: &str, socket: &Socket) -> Result<&mut VecDeque<Line>, Refusal> {
        if self.0.len() >= MAX_ROOMS && !self.0.contains_key(name) {
            let people = |name: &str| socket.within(tag(name)).count();
            self.0.retain(|name, _| HOMES.contains(&&**name) || people(name) > 0);
            if self.0.len() >= MAX_ROOMS {
                return Err(Refusal::TooManyRooms);
            }
        }
        Ok(self.0.entry(name.into()).or_default())
    }

    pub(crate) fn list(&self, socket: &Socket) -> Vec<Value> {
        let entry = |name: &String| json!({ "name": name, "members": socket.within(tag(name)).count() });
        self.0.keys().map(entry).collect()
    }
}

/// The server's name for a room. As it stands, a user's choice could be a socket's id, which is a room as well.
pub(crate) fn tag(room: &str) -> String {
    format!("room:{room}")
}
