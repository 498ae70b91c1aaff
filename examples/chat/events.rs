//! The handlers of the chat's events.

use std::time::SystemTime;

use serde::Deserialize;
use serde_json::{Value, json};
use tower_socketio::{Ack, AckSender, Data, Extension, Socket, State};

use crate::person::{Refusal, Seat, checked};
use crate::rooms::{Chat, Line};

const MAX_HISTORY: usize = 50;
const MAX_NAME: usize = 32;
const MAX_TEXT: usize = 2000;

#[derive(Deserialize)]
pub(crate) struct Wish {
    room: String,
    name: String,
}

/// Answers by hand: what is said after the list of members and the history was made must arrive after it, too.
pub(crate) async fn join(
    socket: Socket,
    before: Option<Extension<Seat>>,
    State(chat): State<Chat>,
    Data(Wish { room, name }): Data<Wish>,
    ack: AckSender,
) -> Result<(), Refusal> {
    let room = checked("A room's name", &room, MAX_NAME)?;
    let seat = Seat { room, id: socket.id().into(), name: checked("A name", &name, MAX_NAME)? };
    let mut rooms = chat.lock();
    let history = rooms.open(&seat.room, &socket)?.clone();
    socket.extensions().insert(seat.clone());
    match before {
        Some(Extension(before)) if before.room == seat.room => {
            drop(socket.to(seat.tag()).emit("renamed", &seat))
        }
        before => {
            if let Some(Extension(before)) = before {
                socket.leave(before.tag());
                socket.to(before.tag()).emit("left", before);
            }
            socket.join(seat.tag());
            socket.to(seat.tag()).emit("joined", &seat);
            socket.namespace().emit("rooms", rooms.list(&socket));
        }
    }
    let sockets = socket.within(seat.tag()).sockets().into_iter();
    let members: Vec<Seat> = sockets.filter_map(|socket| socket.extensions().get()).collect();
    ack.send(json!({ "room": seat.room, "members": members, "history": history }));
    Ok(())
}

pub(crate) async fn message(
    socket: Socket,
    seat: Seat,
    State(chat): State<Chat>,
    Data(text): Data<String>,
) -> Result<Ack<Value>, Refusal> {
    let text = checked("A message", &text, MAX_TEXT)?;
    let since_1970 = SystemTime::UNIX_EPOCH.elapsed().unwrap_or_default();
    let at = u64::try_from(since_1970.as_millis()).unwrap_or(u64::MAX);
    let mut rooms = chat.lock();
    let history = rooms.open(&seat.room, &socket)?;
    let id = history.back().map_or(1, |last| last.id + 1);
    socket.namespace().except(seat.tag()).emit("activity", &seat.room);
    let line =
        Line { id, room: seat.room.clone(), author: seat.name.clone(), from: seat.id.clone(), text, at };
    socket.to(seat.tag()).emit("message", &line);
    history.push_back(line);
    history.drain(..history.len().saturating_sub(MAX_HISTORY));
    Ok(Ack(json!({ "id": id, "at": at })))
}

pub(crate) async fn typing(socket: Socket, seat: Seat, Data(typing): Data<bool>) {
    socket.to(seat.tag()).emit("typing", json!({ "id": seat.id, "name": seat.name, "typing": typing }));
}

pub(crate) async fn rename(
    socket: Socket,
    mut seat: Seat,
    State(chat): State<Chat>,
    Data(name): Data<String>,
) -> Result<(), Refusal> {
    seat.name = checked("A name", &name, MAX_NAME)?;
    let _rooms = chat.lock();
    socket.extensions().insert(seat.clone());
    socket.within(seat.tag()).emit("renamed", seat);
    Ok(())
}

pub(crate) async fn gone(socket: Socket, seat: Option<Extension<Seat>>, State(chat): State<Chat>) {
    let Some(Extension(seat)) = seat else { return };
    let rooms = chat.lock();
    socket.to(seat.tag()).emit("left", seat);
    socket.namespace().emit("rooms", rooms.list(&socket));
}
