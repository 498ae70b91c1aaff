use serde::Deserialize;
use serde_json::Value;
use tower_socketio::{Broadcast, SocketIo};

/// Whom a command is for.
#[derive(Deserialize)]
#[serde(default)]
pub(crate) struct Whom {
    pub(crate) of: String,
    pub(crate) to: Vec<Value>,
    pub(crate) except: Vec<Value>,
    local: bool,
    pub(crate) volatile: bool,
}

impl Default for Whom {
    fn default() -> Self {
        let (to, except) = (Vec::new(), Vec::new());
        Self { of: "/".to_owned(), to, except, local: false, volatile: false }
    }
}

impl Whom {
    /// The sockets that are meant.
    pub(crate) fn target(&self, io: &SocketIo) -> Broadcast {
        self.narrow(io.of(&self.of))
    }

    /// Those of these that are meant.
    pub(crate) fn narrow(&self, all: Broadcast) -> Broadcast {
        let mut some = all.to(names(&self.to)).except(names(&self.except));
        if self.local {
            some = some.local();
        }
        if self.volatile { some.volatile() } else { some }
    }
}

/// Rooms' names; a number is its digits.
pub(crate) fn names(rooms: &[Value]) -> Vec<String> {
    rooms.iter().map(|room| room.as_str().map_or_else(|| room.to_string(), str::to_owned)).collect()
}
