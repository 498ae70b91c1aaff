use std::borrow::Cow;

use base64::Engine;
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use tower_socketio_adapter::{Room, StoredSession};
use tower_socketio_proto::socketio::{json_to_msgpack, msgpack_to_json};

use super::entry::{BASE64, CodecError};

/// What is written, in Node's order; Node passes over `notes`.
#[derive(Serialize)]
struct Written<'a> {
    sid: &'a str,
    pid: &'a str,
    rooms: Vec<Cow<'a, str>>,
    data: &'a RawValue,
    #[serde(skip_serializing_if = "Option::is_none")]
    notes: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct Read<'a> {
    sid: String,
    pid: String,
    rooms: Vec<String>,
    #[serde(borrow)]
    data: Option<&'a RawValue>,
    #[serde(borrow)]
    notes: Option<&'a RawValue>,
}

/// Encodes a session as Node does: base64 of msgpack.
pub(super) fn encode(session: &StoredSession) -> Result<String, CodecError> {
    let raw = |json: &Bytes| -> Result<Option<Box<RawValue>>, CodecError> {
        if json.is_empty() { Ok(None) } else { Ok(Some(serde_json::from_slice(json)?)) }
    };
    let (data, notes) = (raw(&session.data)?, raw(&session.notes)?);
    let written = Written {
        sid: &session.id,
        pid: &session.pid,
        rooms: session.rooms.iter().map(Room::wire_name).collect(),
        // Without any, programs for Node would not find the object that they expect.
        data: data.as_deref().unwrap_or(serde_json::from_str("{}")?),
        notes: notes.as_deref(),
    };
    let mut msgpack = Vec::new();
    json_to_msgpack(&mut msgpack, &serde_json::to_string(&written)?, &[])?;
    Ok(BASE64.encode(msgpack))
}

/// Decodes a session that we or Node have written.
///
/// Binary values in Node's data become what `JSON.stringify` makes of a `Buffer`.
pub(super) fn decode(session: &[u8]) -> Result<StoredSession, CodecError> {
    let (json, attachments) = msgpack_to_json(&BASE64.decode(session)?)?;
    let read: Read<'_> = serde_json::from_str(&json)?;
    let rooms = read.rooms.iter().map(|room| Room::from_wire_name(room)).collect();
    let data = match read.data {
        Some(data) if attachments.is_empty() => Bytes::copy_from_slice(data.get().as_bytes()),
        Some(data) => buffers(data.get(), &attachments)?,
        None => Bytes::from_static(b"null"),
    };
    let mut session = StoredSession::new(read.sid, read.pid, rooms, data);
    session.notes =
        read.notes.map(|notes| Bytes::copy_from_slice(notes.get().as_bytes())).unwrap_or_default();
    Ok(session)
}

/// Puts attachments into the places of their placeholders.
fn buffers(json: &str, attachments: &[Bytes]) -> Result<Bytes, CodecError> {
    let mut value = serde_json::from_str(json)?;
    let mut left = vec![&mut value];
    while let Some(value) = left.pop() {
        if let Some(attachment) = placeholder(value).and_then(|number| attachments.get(number)) {
            *value = serde_json::json!({ "type": "Buffer", "data": &attachment[..] });
            continue;
        }
        match value {
            serde_json::Value::Array(values) => left.extend(values),
            serde_json::Value::Object(values) => left.extend(values.values_mut()),
            _ => {}
        }
    }
    Ok(value.to_string().into())
}

fn placeholder(value: &serde_json::Value) -> Option<usize> {
    let value = value.as_object()?;
    let is_placeholder = value.get("_placeholder")?.as_bool()?;
    value.get("num")?.as_u64().filter(|_| is_placeholder)?.try_into().ok()
}
