//! What the nodes of the chat know together: people are asked for, what was said each node has heard.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};

use futures_util::StreamExt;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tower_socketio::{Ack, Broadcast, Socket, SocketIo, WireError};

const HOMES: [&str; 3] = ["general", "help", "random"];
const MAX_HISTORY: usize = 50;
type Lines = BTreeMap<String, Vec<Line>>;

/// What was said, by rooms; `None` until it was asked of the other nodes.
#[derive(Clone, Default)]
pub(crate) struct Chat(Arc<Mutex<Option<Lines>>>);

#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct Line {
    pub(crate) id: u64,
    pub(crate) room: String,
    pub(crate) author: String,
    pub(crate) from: String,
    pub(crate) text: String,
    pub(crate) at: u64,
}

/// Who sits in which room: a socket's data, which other nodes see and which comes along to another node.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct Seat {
    pub(crate) room: String,
    pub(crate) name: String,
}

/// Users' rooms have a prefix: as they stand they could be the ids of sockets, which are rooms as well.
pub(crate) fn tag(room: &str) -> String {
    format!("room:{room}")
}

pub(crate) fn seat(socket: &Socket) -> Option<Seat> {
    serde_json::from_value(socket.extensions().get::<Value>()?).ok()
}

/// Everybody on all nodes, with their ids.
pub(crate) async fn people(io: &SocketIo) -> Result<Vec<(String, Seat)>, WireError> {
    let all = io.of("/").fetch_sockets().await?.into_iter();
    Ok(all.filter_map(|one| Some((one.id, serde_json::from_slice(&one.data).ok()?))).collect())
}

impl Chat {
    /// Adds a line, once.
    pub(crate) fn add(&self, line: Line) {
        let mut lines = self.0.lock().expect("nothing panics with the lock held");
        let room = lines.get_or_insert_default().entry(line.room.clone()).or_default();
        if room.iter().all(|other| (other.at, other.id) != (line.at, line.id)) {
            room.push(line);
            room.sort_by_key(|line| (line.at, line.id));
            room.drain(..room.len().saturating_sub(MAX_HISTORY));
        }
    }

    pub(crate) fn lines(&self) -> Ack<Option<Lines>> {
        Ack(self.0.lock().expect("nothing panics with the lock held").clone())
    }

    /// What was said before this node was there the others know.
    async fn learn(&self, all: &Broadcast) {
        if self.lines().0.is_none() {
            let mut answers = all.server_side_emit_with_ack::<Option<Lines>>("lines", ());
            while let Some(Ok(lines)) = answers.next().await {
                lines.unwrap_or_default().into_values().flatten().for_each(|line| self.add(line));
            }
            self.0.lock().expect("nothing panics with the lock held").get_or_insert_default();
        }
    }

    pub(crate) async fn greet(&self, socket: &Socket) -> Result<(), WireError> {
        self.learn(&socket.namespace()).await;
        let rooms = self.rooms(&people(socket.io()).await?);
        socket.emit("rooms", rooms).into_result()?;
        Ok(())
    }

    pub(crate) fn rooms(&self, people: &[(String, Seat)]) -> Vec<Value> {
        let lines = self.lines().0.unwrap_or_default();
        let names = lines.keys().map(String::as_str).chain(people.iter().map(|(_, seat)| &*seat.room));
        let names: BTreeSet<&str> = HOMES.into_iter().chain(names).collect();
        let members = |name: &str| people.iter().filter(|(_, seat)| seat.room == name).count();
        names.into_iter().map(|name| json!({ "name": name, "members": members(name) })).collect()
    }
}
