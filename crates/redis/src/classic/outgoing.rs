//! From envelopes to what Node's classic adapter reads.

use std::borrow::Cow;
use std::time::Duration;

use bytes::Bytes;
use redis::cmd;
use serde::Deserialize;
use serde_json::value::RawValue;
use tower_socketio_adapter::{BusError, Message, MessageKind, To};
use tower_socketio_proto::socketio::json_to_msgpack;

use super::channels::Channels;
use super::incoming::{NOBODY, Sender};
use super::wire::{even_null, kind};
use crate::connection::Job;

/// What is published, and where.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Publication {
    pub(super) channel: String,
    pub(super) payload: Vec<u8>,
    /// The request in it, and how long answers are waited for if it says so.
    pub(super) asks: Option<(String, Option<Duration>)>,
}

/// How envelopes are written.
#[derive(Clone, Debug)]
pub(super) struct Style {
    pub(super) channels: Channels,
    /// Whether answers go to the channel of the node that asks, and not to that of all.
    pub(super) specific_responses: bool,
}

#[derive(Deserialize)]
struct Data<'a> {
    #[serde(borrow, default, deserialize_with = "even_null")]
    packet: Option<&'a RawValue>,
    #[serde(borrow)]
    opts: Option<Opts<'a>>,
    #[serde(borrow, rename = "requestId")]
    request: Option<Cow<'a, str>>,
    #[serde(borrow)]
    rooms: Option<&'a RawValue>,
    close: Option<bool>,
    #[serde(borrow)]
    sockets: Option<&'a RawValue>,
    #[serde(rename = "clientCount")]
    clients: Option<u64>,
}

#[derive(Deserialize)]
struct Opts<'a> {
    #[serde(borrow)]
    rooms: &'a RawValue,
    #[serde(borrow)]
    except: &'a RawValue,
    #[serde(borrow)]
    flags: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct Event<'a> {
    r#type: u64,
    #[serde(borrow)]
    data: &'a RawValue,
}

#[derive(Deserialize)]
struct Timeout {
    timeout: Option<f64>,
}

#[derive(Deserialize)]
struct Identified<'a> {
    #[serde(borrow)]
    id: &'a RawValue,
}

impl Style {
    /// Writes an envelope; `None` if this format has nothing of the kind.
    pub(super) fn write(&self, message: &Message, to: To<'_>) -> Result<Option<Publication>, BusError> {
        let data = if message.data.is_empty() { b"{}" } else { &message.data[..] };
        let data: Data<'_> = serde_json::from_slice(data).map_err(BusError::refused)?;
        let namespace = message.namespace.as_deref().unwrap_or("/");
        let attachments = &message.attachments[..];
        let uid = quoted(&message.node);
        let requests = || self.channels.requests(namespace);
        let without = || Err(BusError::refused("the message has not what it should have"));
        let asks =
            |data: &Data<'_>| data.request.as_ref().map(|id| (id.clone().into_owned(), data.timeout()));
        let publication = |channel, payload, asks| Ok(Some(Publication { channel, payload, asks }));
        match message.kind {
            MessageKind::Broadcast => {
                let (Some(packet), Some(opts)) = (data.packet, &data.opts) else { return without() };
                let Event { r#type, data: args } =
                    serde_json::from_str(packet.get()).map_err(BusError::refused)?;
                let packet = format!(r#"{{"type":{type},"data":{args},"nsp":{}}}"#, quoted(namespace));
                let opts = opts.with_flags(&*message.node == Message::EMITTER);
                match &data.request {
                    Some(id) => {
                        let id = quoted(id);
                        let json = format!(
                            r#"{{"uid":{uid},"requestId":{id},"type":7,"packet":{packet},"opts":{opts}}}"#
                        );
                        publication(requests(), msgpack(&json, attachments)?, asks(&data))
                    }
                    None => {
                        let channel = match to {
                            To::Room(room) => self.channels.room(namespace, room),
                            _ => self.channels.broadcasts(namespace),
                        };
                        publication(channel, msgpack(&format!("[{uid},{packet},{opts}]"), attachments)?, None)
                    }
                }
            }
            MessageKind::SocketsJoin | MessageKind::SocketsLeave => {
                let (Some(opts), Some(rooms)) = (&data.opts, data.rooms) else { return without() };
                let number = if message.kind == MessageKind::SocketsJoin { 2 } else { 3 };
                let json = format!(r#"{{{}"type":{number},"opts":{opts},"rooms":{rooms}}}"#, sender(message));
                publication(requests(), json.into_bytes(), None)
            }
            MessageKind::DisconnectSockets => {
                let Some(opts) = &data.opts else { return without() };
                let close = data.close.unwrap_or_default();
                let json = format!(r#"{{{}"type":4,"opts":{opts},"close":{close}}}"#, sender(message));
                publication(requests(), json.into_bytes(), None)
            }
            MessageKind::FetchSockets => {
                let (Some(opts), Some(id)) = (&data.opts, &data.request) else { return without() };
                let json = format!(r#"{{"uid":{uid},"requestId":{},"type":5,"opts":{opts}}}"#, quoted(id));
                publication(requests(), json.into_bytes(), asks(&data))
            }
            MessageKind::ServerSideEmit => {
                let Some(args) = data.packet else { return without() };
                let request = data.request.as_ref().map(|id| format!(r#""requestId":{},"#, quoted(id)));
                let json =
                    format!(r#"{{"uid":{uid},{}"type":6,"data":{args}}}"#, request.unwrap_or_default());
                publication(requests(), json_or_msgpack(json, attachments)?, asks(&data))
            }
            MessageKind::FetchSocketsResponse => {
                let (Some(id), Some(sockets)) = (&data.request, data.sockets) else { return without() };
                let to = answered(to);
                let json = match to {
                    Sender::WantsIds(_) => {
                        let sockets: Vec<Identified<'_>> =
                            serde_json::from_str(sockets.get()).map_err(BusError::refused)?;
                        let ids: Vec<_> = sockets.iter().map(|socket| socket.id.get()).collect();
                        format!(r#"{{"requestId":{},"sockets":[{}]}}"#, quoted(id), ids.join(","))
                    }
                    _ => format!(r#"{{"requestId":{},"sockets":{sockets}}}"#, quoted(id)),
                };
                publication(self.responses(namespace, to), json.into_bytes(), None)
            }
            MessageKind::ServerSideEmitResponse => {
                let Some(id) = &data.request else { return without() };
                let arg = data.packet.map(|packet| format!(r#","data":{packet}"#)).unwrap_or_default();
                let json = format!(r#"{{"type":6,"requestId":{}{arg}}}"#, quoted(id));
                publication(self.channels.responses(namespace), json_or_msgpack(json, attachments)?, None)
            }
            MessageKind::BroadcastClientCount => {
                let (Some(id), Some(clients)) = (&data.request, data.clients) else { return without() };
                let json = format!(r#"{{"type":8,"requestId":{},"clientCount":{clients}}}"#, quoted(id));
                publication(self.responses(namespace, answered(to)), json.into_bytes(), None)
            }
            MessageKind::BroadcastAck => {
                let Some(id) = &data.request else { return without() };
                let arg = data.packet.map(|packet| format!(r#","packet":{packet}"#)).unwrap_or_default();
                let json = format!(r#"{{"type":9,"requestId":{}{arg}}}"#, quoted(id));
                publication(self.responses(namespace, answered(to)), msgpack(&json, attachments)?, None)
            }
            MessageKind::ClientLost => {
                let Some(id) = &data.request else { return without() };
                let json = format!(r#"{{"type":{},"requestId":{}}}"#, kind::CLIENT_LOST, quoted(id));
                publication(self.responses(namespace, answered(to)), json.into_bytes(), None)
            }
            // Nodes are counted, and say neither that they are there nor that they leave.
            _ => Ok(None),
        }
    }

    pub(super) fn publish(&self, publication: Publication) -> Job {
        let mut publish = cmd("PUBLISH");
        publish.arg(publication.channel).arg(publication.payload);
        Job::anywhere(publish)
    }

    /// The channel of answers to whoever asks.
    pub(super) fn responses(&self, namespace: &str, to: Sender<'_>) -> String {
        match to {
            Sender::Node(node) | Sender::WantsIds(node) if self.specific_responses && node != NOBODY => {
                self.channels.responses_to(namespace, node)
            }
            _ => self.channels.responses(namespace),
        }
    }
}

impl Data<'_> {
    fn timeout(&self) -> Option<Duration> {
        let flags = self.opts.as_ref()?.flags?;
        let millis = serde_json::from_str::<Timeout>(flags.get()).ok()?.timeout?;
        Duration::try_from_secs_f64(millis / 1000.0).ok()
    }
}

impl Opts<'_> {
    /// In the order in which Node's nodes, or its emitters, write them.
    fn with_flags(&self, as_emitter: bool) -> String {
        let Self { rooms, except, flags } = self;
        let flags = flags.map_or("{}", RawValue::get);
        if as_emitter {
            format!(r#"{{"rooms":{rooms},"flags":{flags},"except":{except}}}"#)
        } else {
            format!(r#"{{"rooms":{rooms},"except":{except},"flags":{flags}}}"#)
        }
    }
}

/// Without flags, as Node writes it where they are of no use.
impl std::fmt::Display for Opts<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, r#"{{"rooms":{},"except":{}}}"#, self.rooms, self.except)
    }
}

/// Emitters do not say who they are when they have things done to sockets.
fn sender(message: &Message) -> String {
    if &*message.node == Message::EMITTER {
        String::new()
    } else {
        format!(r#""uid":{},"#, quoted(&message.node))
    }
}

fn answered(to: To<'_>) -> Sender<'_> {
    match to {
        To::Node(node) => Sender::of(node),
        _ => Sender::Node(NOBODY),
    }
}

fn json_or_msgpack(json: String, attachments: &[Bytes]) -> Result<Vec<u8>, BusError> {
    if attachments.is_empty() { Ok(json.into_bytes()) } else { msgpack(&json, attachments) }
}

fn msgpack(json: &str, attachments: &[Bytes]) -> Result<Vec<u8>, BusError> {
    let size = json.len() + attachments.iter().map(Bytes::len).sum::<usize>();
    let mut payload = Vec::with_capacity(size);
    json_to_msgpack(&mut payload, json, attachments).map_err(BusError::refused)?;
    Ok(payload)
}

fn quoted(text: &str) -> String {
    serde_json::to_string(text).expect("a string is JSON")
}
