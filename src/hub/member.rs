use std::any::Any;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use serde_json::{Map, Value, json};
use tower_socketio_adapter::{Answers, Flags, Member, Outgoing, RemoteSocket, Room};
use tower_socketio_proto::socketio::Kind;

use super::date::Date;
use super::socket::{ACCEPTED, ACTIVE, Inner};
use super::{EmitError, Handshake, Outbound, Socket, WireError};

impl Inner {
    /// A packet was dropped because the connection's budget is spent: that is told, a closed connection is not.
    pub(super) fn told(&self, sent: Result<u64, EmitError>) -> Result<(), EmitError> {
        if matches!(sent, Ok(1..) | Err(EmitError::Full))
            && let Some(socket) = self.me.upgrade()
        {
            Socket(socket).report(None, WireError::from(EmitError::Full));
        }
        sent.map(drop)
    }
}

impl Member for Inner {
    fn id(&self) -> &str {
        &self.id
    }

    fn deliver(&self, packet: &Outgoing, flags: Flags) -> bool {
        if let (Some(trail), Some(offset)) = (&self.trail, packet.offset())
            && packet.is_placed()
            && !trail.takes(offset)
        {
            return true;
        }
        if !matches!(self.phase.load(Ordering::Acquire), ACCEPTED | ACTIVE) {
            return false;
        }
        if self.link.protocol().base64 {
            let (json, attachments) = (Some(&packet.args()[..]), packet.attachments());
            let namespace = self.space.name();
            let offset = packet.offset().filter(|_| self.link.protocol().is_v5());
            let packet =
                Outbound { kind: Kind::Event, namespace, id: packet.ack(), json, attachments, offset };
            return self.told(self.link.send(&packet, flags)).is_ok();
        }
        self.told(self.link.send_shared(packet, flags)).is_ok()
    }

    fn placed(&self, packet: &Outgoing) {
        if let (Some(trail), Some(offset)) = (&self.trail, packet.offset().filter(|_| packet.is_placed())) {
            trail.takes(offset);
        }
    }

    fn ask(&self, packet: &Outgoing, flags: Flags, answers: &Arc<dyn Answers>) -> bool {
        let Some(id) = packet.ack() else { return self.deliver(packet, flags) };
        // Before it can answer. Who is not asked must not be counted as lost when it leaves.
        self.space.asks().asked(id, &self.id, answers);
        self.deliver(packet, flags) || !self.space.asks().not_asked(id, &self.id)
    }

    fn disconnect(&self, close: bool) {
        if let Some(socket) = self.me.upgrade().map(Socket) {
            if close { socket.disconnect_transport() } else { socket.disconnect() }
        }
    }

    fn describe(&self, rooms: Vec<Room>) -> RemoteSocket {
        let handshake = self.link.handshake();
        let data = self.extensions.get::<Value>().unwrap_or_else(|| json!({}));
        let handshake = json!({
            "address": handshake.client_ip(),
            // What a client gives to be let in may be secret, and is not kept.
            "auth": {},
            "headers": headers(handshake),
            "issued": handshake.issued,
            "query": query(handshake.query()),
            "secure": handshake.secure,
            "time": Date(handshake.issued).to_string(),
            "url": handshake.url(),
            "xdomain": handshake.cross_domain,
        });
        RemoteSocket::new(&*self.id, rooms, handshake.to_string().into(), data.to_string().into())
    }
}

/// As in Node: a key that comes several times has a list.
fn query(query: &str) -> Value {
    let mut object = Map::new();
    for (key, value) in form_urlencoded::parse(query.as_bytes()) {
        add(&mut object, &key, value.into_owned());
    }
    object.into()
}

/// The headers that are kept, but for secrets: this leaves the process.
fn headers(handshake: &Handshake) -> Value {
    let mut object = Map::new();
    for (name, value) in handshake.headers.iter().filter(|(_, value)| !value.is_sensitive()) {
        add(&mut object, name.as_str(), String::from_utf8_lossy(value.as_bytes()).into_owned());
    }
    object.into()
}

fn add(object: &mut Map<String, Value>, key: &str, value: String) {
    match object.get_mut(key) {
        None => drop(object.insert(key.to_owned(), value.into())),
        Some(Value::Array(all)) => all.push(value.into()),
        Some(one) => *one = json!([one.take(), value]),
    }
}

/// The socket that an adapter knows as a member; `None` for members that an adapter of the user's own made.
pub(super) fn from_member(member: Arc<dyn Member>) -> Option<Socket> {
    let any: Arc<dyn Any + Send + Sync> = member;
    any.downcast().ok().map(Socket)
}
