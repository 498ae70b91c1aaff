use bytes::Bytes;

use super::{
    from_json::write_json,
    read::{Reader, Token},
    write::{Container, write_text, write_unsigned},
};
use crate::socketio::{
    Data, DecodeError, EncodeError, Kind, OutPacket, Packet,
    payload::{Role, Shape},
};

/// Reads a packet: a map with `type`, `nsp`, and where they apply `data` and `id`, in any order and among others.
pub(in crate::socketio) fn decode(message: &[u8], role: Role) -> Result<Packet<'_>, DecodeError> {
    let mut reader = Reader::new(message);
    let Token::Map(entries) = reader.token()? else {
        return Err(DecodeError::MsgPack("not a map"));
    };
    let (mut kind, mut namespace, mut id, mut data) = (None, None, None, None);
    for _ in 0..entries {
        let key = reader.value()?;
        let value = reader.value()?;
        match Reader::new(key).token()? {
            Token::Text("type") => kind = Some(kind_of(value, role)?),
            Token::Text("nsp") => namespace = Some(text(value)?),
            Token::Text("id") => id = number(value)?,
            Token::Text("data") => data = (Reader::new(value).token()? != Token::Nil).then_some(value),
            // Node's packets also carry their `options`.
            _ => {}
        }
    }
    reader.end()?;

    let kind = kind.ok_or(DecodeError::UnknownType)?;
    let (namespace, query) =
        Packet::split_namespace(namespace.ok_or(DecodeError::MsgPack("invalid namespace"))?);
    let shape = match data.map(|data| Reader::new(data).token()).transpose()? {
        None => Shape::Absent,
        Some(Token::Array(_)) => Shape::Array,
        Some(Token::Map(_)) => Shape::Object,
        Some(_) => Shape::Other,
    };
    shape.check(kind, role)?;
    let data = data.map_or(Data::None, Data::MsgPack);
    Ok(Packet { kind, namespace, query, id, data, attachments: Vec::new() })
}

/// Writes a packet with its keys in the order of the JavaScript server.
pub(in crate::socketio) fn encode(packet: &OutPacket<'_>) -> Result<Bytes, EncodeError> {
    let mut out = Vec::with_capacity(64 + packet.json.map_or(0, str::len));
    let opened = Container::Map.open(&mut out);
    write_text(&mut out, "type");
    write_unsigned(&mut out, type_of(packet.kind));
    let mut entries = 2;
    if let Some(json) = packet.json {
        write_text(&mut out, "data");
        write_json(&mut out, json, packet.attachments)?;
        entries += 1;
    }
    if let Some(id) = packet.id {
        write_text(&mut out, "id");
        write_unsigned(&mut out, id);
        entries += 1;
    }
    write_text(&mut out, "nsp");
    write_text(&mut out, packet.namespace);
    Container::Map.close(&mut out, opened, entries);
    Ok(out.into())
}

fn type_of(kind: Kind) -> u64 {
    match kind {
        Kind::Connect => 0,
        Kind::Disconnect => 1,
        Kind::Event => 2,
        Kind::Ack => 3,
        Kind::ConnectError => 4,
    }
}

fn kind_of(value: &[u8], role: Role) -> Result<Kind, DecodeError> {
    match Reader::new(value).token()? {
        Token::Unsigned(0) => Ok(Kind::Connect),
        Token::Unsigned(1) => Ok(Kind::Disconnect),
        Token::Unsigned(2) => Ok(Kind::Event),
        Token::Unsigned(3) => Ok(Kind::Ack),
        Token::Unsigned(4) if role == Role::Client => Ok(Kind::ConnectError),
        _ => Err(DecodeError::UnknownType),
    }
}

fn text(value: &[u8]) -> Result<&str, DecodeError> {
    match Reader::new(value).token()? {
        Token::Text(text) => Ok(text),
        _ => Err(DecodeError::MsgPack("invalid namespace")),
    }
}

fn number(value: &[u8]) -> Result<Option<u64>, DecodeError> {
    match Reader::new(value).token()? {
        Token::Unsigned(number) => Ok(Some(number)),
        Token::Nil => Ok(None),
        _ => Err(DecodeError::InvalidId),
    }
}
