//! The handlers of the chat's events.

use std::time::SystemTime;

use serde_json::{Value, json};
use tower_socketio::{Ack, AckSender, Data, Extension, Socket, State, WireError};

use crate::chat::{Chat, Line, Seat, people, seat, tag};

pub(crate) async fn join(
    socket: Socket,
    State(chat): State<Chat>,
    Data(new): Data<Seat>,
    ack: AckSender,
) -> Result<(), WireError> {
    let new =
        Seat { room: checked("A room's name", &new.room, 32)?, name: checked("A name", &new.name, 32)? };
    if let Some(before) = seat(&socket).filter(|before| before.room != new.room) {
        socket.leave(tag(&before.room));
        socket.to(tag(&before.room)).emit("left", json!({ "id": socket.id(), "name": before.name }));
    }
    socket.extensions().insert(json!(new));
    socket.join(tag(&new.room));
    socket.to(tag(&new.room)).emit("joined", json!({ "id": socket.id(), "name": new.name }));
    let people = people(socket.io()).await?;
    let here = people.iter().filter(|(_, seat)| seat.room == new.room);
    let members: Vec<_> = here.map(|(id, seat)| json!({ "id": id, "name": seat.name })).collect();
    let history = chat.lines().0.unwrap_or_default().remove(&new.room).unwrap_or_default();
    ack.send(json!({ "room": new.room, "members": members, "history": history }));
    socket.namespace().emit("rooms", chat.rooms(&people));
    Ok(())
}

pub(crate) async fn message(
    socket: Socket,
    State(chat): State<Chat>,
    Data(text): Data<String>,
) -> Result<Ack<Value>, WireError> {
    let text = checked("A message", &text, 2000)?;
    let seat = seat(&socket).ok_or(WireError::new("Please join a room first."))?;
    let since_1970 = SystemTime::UNIX_EPOCH.elapsed().unwrap_or_default();
    let (at, id) = (u64::try_from(since_1970.as_millis())?, since_1970.subsec_nanos().into());
    let line = Line { id, room: seat.room, author: seat.name, from: socket.id().into(), text, at };
    socket.namespace().except(tag(&line.room)).emit("activity", &line.room);
    socket.to(tag(&line.room)).emit("message", &line);
    socket.namespace().server_side_emit("line", &line)?;
    chat.add(line);
    Ok(Ack(json!({ "id": id, "at": at })))
}

/// Another node's line.
pub(crate) async fn line(State(chat): State<Chat>, Data(line): Data<Line>) {
    chat.add(line);
}

pub(crate) async fn typing(socket: Socket, Data(typing): Data<bool>) {
    if let Some(Seat { room, name }) = seat(&socket) {
        socket.to(tag(&room)).emit("typing", json!({ "id": socket.id(), "name": name, "typing": typing }));
    }
}

pub(crate) async fn rename(socket: Socket, Data(name): Data<String>) -> Result<(), WireError> {
    let name = checked("A name", &name, 32)?;
    let before = seat(&socket).ok_or(WireError::new("Please join a room first."))?;
    socket.extensions().insert(json!(Seat { name: name.clone(), ..before.clone() }));
    socket.within(tag(&before.room)).emit("renamed", json!({ "id": socket.id(), "name": name }));
    Ok(())
}

pub(crate) async fn gone(
    socket: Socket,
    State(chat): State<Chat>,
    left: Option<Extension<Value>>,
) -> Result<(), WireError> {
    let Some(Ok(seat)) = left.map(|Extension(data)| serde_json::from_value::<Seat>(data)) else {
        return Ok(());
    };
    socket.to(tag(&seat.room)).emit("left", json!({ "id": socket.id(), "name": seat.name }));
    let people = people(socket.io()).await?;
    socket.namespace().emit("rooms", chat.rooms(&people));
    Ok(())
}

fn checked(what: &str, text: &str, most: usize) -> Result<String, WireError> {
    let text = text.trim();
    let fits = !text.is_empty() && text.chars().count() <= most;
    if fits { Ok(text.into()) } else { Err(WireError::new(format!("{what} has 1 to {most} characters."))) }
}
