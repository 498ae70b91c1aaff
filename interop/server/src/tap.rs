use std::mem::take;
use std::sync::{Arc, Mutex, PoisonError};

use serde::Serialize;
use serde_json::Value;
use tower_socketio::{Ack, Args, Event, Namespace, Socket, State};

/// The log of `/tapped`: every event that came in and went out.
#[derive(Clone, Default)]
struct Tap(Arc<Mutex<Vec<Entry>>>);

/// Direction, event, arguments.
#[derive(Serialize)]
struct Entry(&'static str, String, Value);

/// The namespace `/tapped`, without its other events.
pub(crate) fn tapped() -> Namespace {
    Namespace::new()
        .on_connect(tap)
        .any(incoming)
        .on("log", async |State(tap): State<Tap>| Ack(tap.take()))
        .with_state(Tap::default())
}

/// Logs what a socket of `/tapped` is about to emit, and gives it back: a tuple or `Args`.
pub(crate) fn out<T: Serialize>(socket: &Socket, event: &str, arguments: T) -> T {
    if let Some(tap) = socket.extensions().get::<Tap>() {
        tap.note("out", event, serde_json::to_value(&arguments).unwrap_or_default());
    }
    arguments
}

async fn tap(socket: Socket, State(tap): State<Tap>) {
    socket.extensions().insert(tap);
}

async fn incoming(State(tap): State<Tap>, Event(event): Event, Args(arguments): Args) {
    tap.note("in", &event, arguments.into());
}

impl Tap {
    fn note(&self, direction: &'static str, event: &str, arguments: Value) {
        let mut log = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        log.push(Entry(direction, event.to_owned(), arguments));
    }

    fn take(&self) -> Vec<Entry> {
        take(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
