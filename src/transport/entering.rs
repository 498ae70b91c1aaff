use std::sync::Arc;
use std::task::Context;

use tower_socketio_adapter::Flags;
use tower_socketio_proto::engineio::Reason;
use tower_socketio_proto::socketio::{Arguments, Kind, Packet};

use super::dispatch::{Dispatch, Entry, Resolving, State, Violation};
use super::parking::Parked;
use super::running::{Running, Work, call};
use super::seldom::Queue;
use super::stack::Stack;
use crate::hub::{
    Acceptance, BoxFuture, ConnectRequest, Connected, DisconnectReason, Lease, Link, Name, Outbound, Pass,
    Registry, Resolved, Socket, WireError, new_id,
};

/// How many namespaces that the server ended are remembered, so that what the client sent meanwhile is no violation.
const REMEMBERED: usize = 16;

/// How a client comes into a namespace, or does not.
impl Dispatch {
    /// A client asks to enter a namespace; those of EIO3 enter `/` without asking.
    pub(super) fn connect(
        &mut self,
        cx: &mut Context<'_>,
        name: &str,
        auth: Option<Arguments>,
    ) -> Result<(), Violation> {
        if let Some(at) = self.find(name) {
            if self.entries[at].leaving {
                self.park(at, Parked::Enter(auth));
                return Ok(());
            }
            // Also while the first is being decided: two sockets of one client in one namespace would both get
            // broadcasts, and only one of them the events.
            return Err(Violation);
        }
        self.left.retain(|left| **left != *name);
        let config = &self.connection.hub().config;
        let is_recovering = config.keep.is_some() && !self.is_v3();
        let (auth, pass) =
            if is_recovering { Pass::split(auth, config.adapter.is_clustered()) } else { (auth, None) };
        if self.entries.len() >= config.max_namespaces {
            self.refuse(name, &WireError::new("too many namespaces").code("too_many_namespaces"));
            return Ok(());
        }
        self.next_key = self.next_key.wrapping_add(1);
        let (key, name) = (self.next_key, Box::<str>::from(name));
        let (resolved, waits) = match Registry::resolve(self.connection.hub(), &name, auth.as_ref()) {
            Resolved::Unknown if self.is_v3() && *name == *"/" => {
                (Resolved::Found(Registry::empty_root(self.connection.hub())), None)
            }
            resolved => recalling(resolved, pass.as_ref()),
        };
        let entry = |state| Entry {
            key,
            state,
            in_flight: 0,
            hooks: 0,
            leaving: false,
            parked: Queue::default(),
            stack: Stack::default(),
        };
        match resolved {
            Resolved::Unknown => self.unknown(&name),
            Resolved::Found(lease) => {
                let socket = self.socket(&lease, &auth, pass);
                self.push(entry(State::Entering(lease, socket.clone())));
                self.enter(cx, key, socket, auth);
            }
            Resolved::Later(future) => {
                let resolving = Resolving { name, auth, pass, _waits: waits };
                self.push(entry(State::Resolving(Some(Box::new(resolving)))));
                self.start(cx, Running::new(key, Work::Resolve(future)));
            }
        }
        Ok(())
    }

    pub(super) fn push(&mut self, entry: Entry) {
        self.entries.push(entry);
    }

    fn socket(&self, lease: &Lease, auth: &Option<Arguments>, pass: Option<Pass>) -> Socket {
        let stale = pass.as_ref().and_then(Pass::place);
        if let Some(pass) = pass
            && let Some(socket) = Socket::returning(self.connection.clone(), lease, pass, auth.clone())
        {
            return socket;
        }
        let name = lease.space().name();
        // EIO3 clients compute their sockets' ids from the session's.
        let id = match (self.is_v3(), name) {
            (false, _) => new_id(),
            (true, "/") => self.connection.sid.clone(),
            (true, name) => Name::from(format!("{name}#{}", &*self.connection.sid).as_str()),
        };
        Socket::new(id, self.connection.clone(), lease.space().clone(), stale)
    }

    pub(super) fn enter(&mut self, cx: &mut Context<'_>, key: u32, socket: Socket, auth: Option<Arguments>) {
        let doors = socket.space().doors().clone();
        let request = ConnectRequest::new(socket.clone(), auth, self.parts.clone());
        let skips = socket.skips_middleware();
        match call(|| if skips { doors.open(request) } else { Some(doors.connect(request)) }) {
            Ok(None) => self.decided(cx, key, Ok(())),
            Ok(Some(future)) => self.start(cx, Running::new(key, Work::Connect { future, socket })),
            Err(error) => self.decided(cx, key, Err(error)),
        }
    }

    pub(super) fn resolved(&mut self, cx: &mut Context<'_>, key: u32, lease: Option<Lease>) {
        let Some(at) = self.entries.iter().position(|entry| entry.key == key) else { return };
        let Some(lease) = lease else {
            let entry = self.remove_decided(at);
            self.unknown(entry.name());
            return;
        };
        let State::Resolving(resolving) = &mut self.entries[at].state else { return };
        let Some(Resolving { auth, pass, .. }) = resolving.take().map(|resolving| *resolving) else { return };
        let socket = self.socket(&lease, &auth, pass);
        self.entries[at].state = State::Entering(lease, socket.clone());
        self.enter(cx, key, socket, auth);
    }

    pub(super) fn decided(&mut self, cx: &mut Context<'_>, key: u32, result: Result<(), WireError>) {
        let Some(at) = self.entries.iter().position(|entry| entry.key == key) else { return };
        let State::Entering(_, socket) = &self.entries[at].state else { return };
        let socket = socket.clone();
        let result = result.and_then(|()| match socket.accept() {
            Acceptance::In => Ok(true),
            Acceptance::Over => Err(WireError::new("the server ended the connection")),
            Acceptance::Void => Ok(false),
        });
        let result = match result {
            Ok(true) => Ok(()),
            Ok(false) => {
                let auth = socket.give_up();
                if !socket.was_greeted() {
                    self.enter_anew(cx, at, &socket, auth);
                    return;
                }
                // It has been told its id, and cannot be told another one.
                Err(WireError::new("the connection cannot be recovered").code("not_recovered"))
            }
            Err(error) => Err(error),
        };
        if let Err(error) = result {
            tracing::debug!(target: "socketio::namespace", namespace = socket.space().name(), %error, "refused");
            let ended = socket.end();
            let entry = self.remove_decided(at);
            if socket.was_greeted() {
                if ended {
                    socket.tell_disconnect();
                }
                self.remember(entry.name());
                self.hooks(cx, socket.clone(), DisconnectReason::ServerNamespaceDisconnect);
            } else {
                self.refuse(entry.name(), &error);
            }
            if let Some(time) = error.closes_after() {
                let connection = self.connection.clone();
                self.connection.hub().spawn(async move {
                    tokio::time::sleep(time).await;
                    connection.close(Reason::ForcedServerClose);
                });
            }
            socket.report(None, error);
            return;
        }
        tracing::debug!(target: "socketio::namespace", namespace = socket.space().name(), socket = socket.tag(), "entered");
        let entry = &mut self.entries[at];
        if let State::Entering(lease, socket) = std::mem::replace(&mut entry.state, State::Resolving(None)) {
            entry.state = State::Entered(lease, socket);
        }
        self.entered = true;
        self.release_parts();
        let doors = socket.space().doors().clone();
        let moment = Connected { socket: socket.clone() };
        match call(|| doors.connected(moment)) {
            Ok(Some(future)) => self.start(cx, Running::new(key, Work::Hook { future, socket })),
            Ok(None) => {}
            Err(error) => socket.report(None, error),
        }
        self.advance(cx);
    }

    /// A client that was to come back cannot: it enters as one that has never been here.
    fn enter_anew(&mut self, cx: &mut Context<'_>, at: usize, before: &Socket, auth: Option<Arguments>) {
        before.end();
        let Entry { key, state: State::Entering(lease, socket), .. } = &mut self.entries[at] else { return };
        let (connection, space) = (self.connection.clone(), lease.space().clone());
        *socket = Socket::new(new_id(), connection, space, before.stale());
        let (key, socket) = (*key, socket.clone());
        self.enter(cx, key, socket, auth);
    }

    /// Lets go of the HTTP request, and with it of hyper's buffers, once nobody who was first can ask for it.
    pub(super) fn release_parts(&mut self) {
        if !self.is_entering() {
            self.parts = None;
        }
    }

    pub(super) fn remember(&mut self, name: &str) {
        if self.left.len() == REMEMBERED {
            self.left.pop_front();
        }
        self.left.push_back(name.into());
    }

    pub(super) fn unknown(&mut self, name: &str) {
        self.refuse_with(name, r#"{"message":"Invalid namespace"}"#);
    }

    pub(super) fn refuse(&mut self, name: &str, error: &WireError) {
        let expose = self.connection.hub().config.expose_errors;
        self.refuse_with(name, &error.to_connect_error(!self.is_v3(), expose));
    }

    pub(super) fn refuse_with(&mut self, name: &str, json: &str) {
        let packet = Outbound {
            kind: Kind::ConnectError,
            namespace: name,
            id: None,
            json: Some(json.as_bytes()),
            attachments: &[],
            offset: None,
        };
        let _ = self.connection.send(&packet, Flags::default());
    }
}

/// What a client that comes back needs is brought before it enters, where it may have been at another node, as long as what
/// is given beside is there.
fn recalling(resolved: Resolved, pass: Option<&Pass>) -> (Resolved, Option<Arc<()>>) {
    let Some(pass) = pass.cloned() else { return (resolved, None) };
    let later: BoxFuture<Option<Lease>> = match resolved {
        Resolved::Found(lease) if lease.space().is_shared() => Box::pin(std::future::ready(Some(lease))),
        Resolved::Later(later) => later,
        resolved => return (resolved, None),
    };
    let wanted = Arc::new(());
    let waits = Arc::downgrade(&wanted);
    let recalled = async move {
        let lease = later.await?;
        if lease.space().is_shared() {
            Socket::recall(&lease, &pass, waits).await;
        }
        Some(lease)
    };
    (Resolved::Later(Box::pin(recalled)), Some(wanted))
}

/// The `auth` of an EIO3 client is the query of its namespace; of a key that comes twice the last counts.
pub(super) fn auth_of_query(query: &str) -> Arguments {
    let pairs = form_urlencoded::parse(query.as_bytes());
    let object: serde_json::Map<String, serde_json::Value> =
        pairs.map(|(key, value)| (key.into_owned(), value.into_owned().into())).collect();
    let json = serde_json::Value::Object(object).to_string();
    let packet = Packet::json(Kind::Connect, &json, Vec::new());
    Arguments::auth(&packet).ok().flatten().expect("a JSON object is a CONNECT's payload")
}
