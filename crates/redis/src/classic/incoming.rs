//! From what Node's classic adapter writes to envelopes.

use std::borrow::Cow;

use bytes::Bytes;
use serde::Deserialize;
use serde_json::value::RawValue;
use tower_socketio_adapter::{Message, MessageKind};
use tower_socketio_proto::socketio::msgpack_to_json;

use super::asks::Asks;
use super::wire::{Data, Name, Opts, OptsData, Packet, PacketData, Request, Response, kind};
use crate::subscriptions::Seat;

/// Who asks without saying so.
pub(super) const NOBODY: &str = "?";

/// What stands before a node that asks for ids alone.
const IDS: &str = "?ids:";

/// Who asks, as the cluster knows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sender<'a> {
    Node(&'a str),
    /// It asks in the old way, and wants the ids of sockets and nothing more.
    WantsIds(&'a str),
}

/// What a request comes to.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Asked {
    Message(Message),
    /// To be answered with the names of all rooms here.
    Rooms {
        request: String,
        node: String,
    },
    /// To be done to a socket, if it is here, and to be confirmed.
    Socket {
        message: Message,
        socket: String,
        request: Option<String>,
        node: String,
    },
}

/// Why something that came is nothing for the cluster.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Skipped {
    /// It is our own, or of another namespace, or answers what was not asked here.
    Foreign,
    Malformed,
}

/// A payload as JSON, and its attachments.
pub(super) struct Text {
    json: String,
    attachments: Vec<Bytes>,
}

impl<'a> Sender<'a> {
    pub(super) fn of(node: &'a str) -> Self {
        match node.strip_prefix(IDS) {
            Some(node) => Self::WantsIds(node),
            None => Self::Node(node),
        }
    }
}

impl Text {
    /// Reads JSON, which begins with `opening`, or msgpack.
    pub(super) fn read(payload: &[u8], opening: u8) -> Result<Self, Skipped> {
        let read = if payload.first() == Some(&opening) {
            std::str::from_utf8(payload).ok().map(|json| (json.to_owned(), Vec::new()))
        } else {
            msgpack_to_json(payload).ok()
        };
        let (json, attachments) = read.ok_or(Skipped::Malformed)?;
        Ok(Self { json, attachments })
    }

    fn parse<'a, T: Deserialize<'a>>(&'a self) -> Result<T, Skipped> {
        parse(&self.json)
    }
}

/// Reads a broadcast, `[uid, packet, opts]`.
pub(super) fn broadcast(payload: &[u8], seat: &Seat) -> Result<Message, Skipped> {
    let text = Text::read(payload, b'[')?;
    let parts: Vec<&RawValue> = text.parse()?;
    let [uid, packet, opts, ..] = parts[..] else { return Err(Skipped::Malformed) };
    let uid: Cow<'_, str> = parse(uid.get())?;
    if *uid == *seat.node {
        return Err(Skipped::Foreign);
    }
    let packet: Packet<'_> = parse(packet.get())?;
    if *packet.nsp.as_deref().unwrap_or("/") != *seat.namespace {
        return Err(Skipped::Foreign);
    }
    let opts: Opts<'_> = parse(opts.get())?;
    let data = Data { packet: Some(event(&packet)), opts: Some(OptsData::from(&opts)), ..Data::default() };
    Ok(message(MessageKind::Broadcast, seat, &uid, &data, text.attachments.clone()))
}

/// Reads a request.
pub(super) fn request(payload: &[u8], seat: &Seat) -> Result<Asked, Skipped> {
    let text = Text::read(payload, b'{')?;
    let request: Request<'_> = text.parse()?;
    let namespace = request.packet.as_ref().and_then(|packet| packet.nsp.as_deref());
    let is_ours = request.uid.as_deref() == Some(&*seat.node);
    if is_ours || namespace.is_some_and(|namespace| *namespace != *seat.namespace) {
        return Err(Skipped::Foreign);
    }
    asked(&request, seat, &text.attachments).ok_or(Skipped::Malformed)
}

/// What a request comes to; `None` if something is missing.
fn asked(request: &Request<'_>, seat: &Seat, attachments: &[Bytes]) -> Option<Asked> {
    let uid = request.uid.as_deref().unwrap_or_default();
    let asking = if uid.is_empty() { NOBODY } else { uid };
    let id = request.id.as_deref();
    let opts = request.opts.as_ref().map(OptsData::from);
    let make = |kind, node: &str, data: Data<'_>| message(kind, seat, node, &data, attachments.to_vec());
    let with = |opts| Data { opts: Some(opts), request: id, ..Data::default() };
    Some(Asked::Message(match (request.r#type, opts) {
        (kind::SOCKETS, _) => {
            let rooms = request.rooms.as_deref().unwrap_or_default();
            let opts = OptsData { rooms, except: &[], flags: None };
            id?;
            make(MessageKind::FetchSockets, &format!("{IDS}{asking}"), with(opts))
        }
        (kind::ALL_ROOMS, _) => {
            return Some(Asked::Rooms { request: id?.to_owned(), node: asking.to_owned() });
        }
        (kind::REMOTE_JOIN | kind::REMOTE_LEAVE, Some(opts)) => {
            let rooms = Some(request.rooms.as_deref()?);
            make(moves(request.r#type), uid, Data { opts: Some(opts), rooms, ..Data::default() })
        }
        (kind::REMOTE_DISCONNECT, Some(opts)) => {
            let data = Data { opts: Some(opts), close: request.close, ..Data::default() };
            make(MessageKind::DisconnectSockets, uid, data)
        }
        (number @ (kind::REMOTE_JOIN | kind::REMOTE_LEAVE | kind::REMOTE_DISCONNECT), None) => {
            let socket = [Name(request.sid.as_deref()?.to_owned())];
            let room: Vec<_> = request.room.iter().cloned().collect();
            let opts = Some(OptsData { rooms: &socket, except: &[], flags: None });
            let data = if number == kind::REMOTE_DISCONNECT {
                Data { opts, close: request.close, ..Data::default() }
            } else {
                Data { opts, rooms: Some(&room), ..Data::default() }
            };
            let message = make(moves(number), uid, data);
            let [Name(socket)] = socket;
            let (request, node) = (id.map(str::to_owned), asking.to_owned());
            return Some(Asked::Socket { message, socket, request, node });
        }
        (kind::REMOTE_FETCH, Some(opts)) => {
            id?;
            make(MessageKind::FetchSockets, asking, with(opts))
        }
        (kind::SERVER_SIDE_EMIT, _) => {
            let data =
                Data { packet: Some(PacketData::Value(request.data?)), request: id, ..Data::default() };
            // Who waits for an answer is a node, whether it says so or not.
            make(MessageKind::ServerSideEmit, if id.is_some() { asking } else { uid }, data)
        }
        (kind::BROADCAST, Some(opts)) => {
            id?;
            let packet = Some(event(request.packet.as_ref()?));
            make(MessageKind::Broadcast, asking, Data { packet, ..with(opts) })
        }
        _ => return None,
    }))
}

/// Reads an answer.
pub(super) fn response(payload: &[u8], seat: &Seat, asks: &Asks) -> Result<Message, Skipped> {
    let text = Text::read(payload, b'{')?;
    let response: Response<'_> = text.parse()?;
    let data = Data { request: Some(&response.id), ..Data::default() };
    let (kind, node, data) = match (response.r#type, response.sockets, response.clients) {
        (Some(kind::BROADCAST_CLIENT_COUNT), _, Some(clients)) => {
            let node = asks.clients(&response.id, clients);
            (MessageKind::BroadcastClientCount, node, Data { clients: Some(clients), ..data })
        }
        (Some(kind::BROADCAST_ACK), ..) => {
            let packet = response.packet.map(PacketData::Value);
            (MessageKind::BroadcastAck, asks.client(&response.id), Data { packet, ..data })
        }
        (Some(kind::CLIENT_LOST), ..) => (MessageKind::ClientLost, asks.client(&response.id), data),
        (Some(kind::SERVER_SIDE_EMIT), ..) => {
            let packet = response.data.map(PacketData::Value);
            (MessageKind::ServerSideEmitResponse, asks.node(&response.id), Data { packet, ..data })
        }
        (None | Some(kind::REMOTE_FETCH), Some(sockets), _) => {
            let data = Data { sockets: Some(sockets), ..data };
            (MessageKind::FetchSocketsResponse, asks.node(&response.id), data)
        }
        // The rooms that another node has, for example, which are not asked for here.
        _ => return Err(Skipped::Foreign),
    };
    let node = node.ok_or(Skipped::Foreign)?;
    Ok(message(kind, seat, &node, &data, text.attachments.clone()))
}

fn parse<'a, T: Deserialize<'a>>(json: &'a str) -> Result<T, Skipped> {
    serde_json::from_str(json).map_err(|error| {
        tracing::debug!(target: "socketio::adapter", %error, "no message");
        Skipped::Malformed
    })
}

fn message(kind: MessageKind, seat: &Seat, node: &str, data: &Data<'_>, attachments: Vec<Bytes>) -> Message {
    let data = serde_json::to_vec(data).expect("it is JSON already");
    Message::new(kind, Some(seat.namespace.clone()), node.into(), data.into(), attachments)
}

fn event<'a>(packet: &'a Packet<'a>) -> PacketData<'a> {
    PacketData::Event { r#type: packet.r#type, data: packet.data }
}

fn moves(number: u64) -> MessageKind {
    match number {
        kind::REMOTE_JOIN => MessageKind::SocketsJoin,
        kind::REMOTE_LEAVE => MessageKind::SocketsLeave,
        _ => MessageKind::DisconnectSockets,
    }
}
