use std::time::Duration;

use futures_util::StreamExt;
use serde::{Deserialize, Serialize};
use serde_json::json;
use tower_socketio::{Ack, AckError, Any, Args, Broadcast, Data, Namespace, Socket, WireError};

use crate::events::Everything;
use crate::namespaces::DYNAMIC;
use crate::tap;

/// The events of section 3 of the contract that are about rooms and other clients.
pub(crate) fn events() -> Namespace {
    Namespace::new()
        .on("join", join)
        .on("leave", leave)
        .on("rooms", async |socket: Socket| Ack(json!({ "id": socket.id(), "rooms": rooms(&socket) })))
        .on("members", members)
        .on("cast", cast)
        .on("cast-ack", cast_ack)
}

/// A socket's rooms but its own, sorted.
pub(crate) fn rooms(socket: &Socket) -> Vec<String> {
    let names = socket.rooms().into_iter().map(|room| room.name().to_owned());
    let mut names: Vec<_> = names.filter(|name| name != socket.id()).collect();
    names.sort_unstable();
    names
}

async fn join(socket: Socket, Data(names): Data<Vec<String>>) -> Ack<Vec<String>> {
    socket.join(&names);
    Ack(rooms(&socket))
}

async fn leave(socket: Socket, Data(names): Data<Vec<String>>) -> Ack<Vec<String>> {
    socket.leave(&names);
    Ack(rooms(&socket))
}

async fn members(socket: Socket, Data(room): Data<String>) -> Ack<Vec<String>> {
    let members = socket.within(room).sockets();
    let mut ids: Vec<_> = members.iter().map(|member| member.id().to_owned()).collect();
    ids.sort_unstable();
    Ack(ids)
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Options {
    ns: Option<String>,
    parent: bool,
    to: Vec<String>,
    except: Vec<String>,
    broadcast: bool,
    volatile: bool,
    /// Milliseconds.
    timeout: u64,
}

impl Options {
    fn of(&self, socket: &Socket) -> Broadcast {
        let all = match self {
            Self { parent: true, .. } => socket.io().of(DYNAMIC),
            Self { ns: Some(name), .. } => socket.io().of(name),
            Self { broadcast: true, .. } => socket.broadcast(),
            _ => socket.namespace(),
        };
        let some = all.to(&self.to).except(&self.except);
        if self.volatile { some.volatile() } else { some }
    }
}

async fn cast(socket: Socket, Data((options, event)): Data<(Options, String)>, Args(mut all): Everything) {
    let news = tap::out(&socket, &event, Args(all.split_off(2)));
    options.of(&socket).emit(&event, news);
}

#[derive(Default, Serialize)]
struct Answers {
    answers: Vec<Any>,
    missing: usize,
}

async fn cast_ack(
    socket: Socket,
    Data((options, event)): Data<(Options, String)>,
    Args(mut all): Everything,
) -> Result<Ack<Answers>, WireError> {
    let question = tap::out(&socket, &event, Args(all.split_off(2)));
    let timeout = Duration::from_millis(options.timeout);
    let mut stream = options.of(&socket).timeout(timeout).emit_with_ack(&event, question);
    let mut collected = Answers::default();
    while let Some(answer) = stream.next().await {
        match answer {
            Ok(answer) => collected.answers.push(answer),
            Err(AckError::Timeout { missing }) => collected.missing = missing,
            Err(error) => return Err(error.into()),
        }
    }
    Ok(Ack(collected))
}
