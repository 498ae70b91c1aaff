use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;
use serde::de::DeserializeOwned;
use tower_socketio_adapter::{
    Action, AdapterError, Answers, IntoRooms, Member, Reach, RemoteSocket, Room, Target,
};
use tower_socketio_proto::socketio::write_event;

use super::member::from_member;
use super::registry::Addressed;
use super::socket::with_scratch;
use super::stack::Destination;
use super::{AckStream, EmitError, EmitRequest, Lease, Sent, Socket, SocketIo, Space};

/// Many sockets: those of a namespace, or of some of its rooms.
///
/// Made by [`SocketIo::of`], [`SocketIo::to`], [`Socket::to`] and the like, narrowed by the methods that return it, and
/// used by one of the others.
#[derive(Clone)]
#[must_use = "a broadcast does nothing before `emit` or another verb"]
pub struct Broadcast {
    io: SocketIo,
    spaces: Vec<Arc<Space>>,
    /// Holds a namespace in being that nobody on this node may be in.
    lease: Option<Arc<Lease>>,
    name: Arc<str>,
    target: Target,
    timeout: Option<Duration>,
}

impl Broadcast {
    pub(super) fn of(io: &SocketIo, space: Arc<Space>) -> Self {
        let name = space.name().into();
        Self::new(io, name, vec![space].into())
    }

    pub(super) fn new(io: &SocketIo, name: Arc<str>, Addressed { spaces, lease }: Addressed) -> Self {
        Self { io: io.clone(), spaces, lease, name, target: Target::default(), timeout: None }
    }

    /// Only sockets in these rooms; of several calls and rooms, in any of them, each socket once.
    pub fn to(mut self, rooms: impl IntoRooms) -> Self {
        rooms.into_rooms(&mut self.target.rooms);
        self
    }

    /// The same as [`to`](Self::to).
    pub fn within(self, rooms: impl IntoRooms) -> Self {
        self.to(rooms)
    }

    /// Only sockets of this user, together with what else [`to`](Self::to) names.
    pub fn to_user(self, user: impl Into<String>) -> Self {
        self.to(Room::user(user.into()))
    }

    /// Not sockets in these rooms; a socket's id is a room, too.
    pub fn except(mut self, rooms: impl IntoRooms) -> Self {
        rooms.into_rooms(&mut self.target.except);
        self
    }

    /// Sockets whose connection is not ready for the packet do not get it.
    pub fn volatile(mut self) -> Self {
        self.target.flags.volatile = true;
        self
    }

    /// Whether transports may compress the packet (default: yes); without effect where they do not compress.
    pub fn compress(mut self, on: bool) -> Self {
        self.target.flags.compress = on;
        self
    }

    /// Only sockets on this node.
    pub fn local(mut self) -> Self {
        self.target.flags.reach = Reach::Here;
        self
    }

    /// Only sockets on other nodes; nobody where there is no [cluster](super::Builder::adapter).
    pub fn elsewhere(mut self) -> Self {
        self.target.flags.reach = Reach::Elsewhere;
        self
    }

    /// How long to wait for answers (default: the builder's `ack_timeout`, and of other nodes that are
    /// [fetched](Self::fetch_sockets) from the cluster's [`request_timeout`](crate::Cluster::request_timeout)).
    pub fn timeout(mut self, within: Duration) -> Self {
        self.timeout = Some(within);
        self
    }

    /// Emits an event to all of them: a tuple is the argument list, `()` no argument, anything else one argument.
    pub fn emit(&self, event: &str, data: impl Serialize) -> Sent {
        let mut reached = 0;
        let result = with_scratch(|json| {
            let attachments = write_event(json, event, &data).map_err(|error| self.cannot(event, error))?;
            let mut result = Ok(());
            for space in &self.spaces {
                let Some(layers) = space.emits() else {
                    reached += space.broadcast(json, attachments.clone(), &self.target);
                    continue;
                };
                let sent = layers.send(EmitRequest::new(
                    json,
                    attachments.clone(),
                    self.through(space, &self.target, None),
                )?);
                reached += sent.reached();
                result = result.and(sent.into_result());
            }
            result
        });
        Sent::new(reached, result)
    }

    /// Emits `message`, Socket.IO's `send`.
    pub fn send(&self, data: impl Serialize) -> Sent {
        self.emit("message", data)
    }

    /// Emits an event and gives the answers as they come; the last item says how many are missing, if any are.
    ///
    /// # Panics
    ///
    /// Outside of a tokio runtime, whose clock it needs.
    pub fn emit_with_ack<A: DeserializeOwned>(&self, event: &str, data: impl Serialize) -> AckStream<A> {
        let within = self.patience();
        let mut target = self.target.clone();
        target.flags.timeout = Some(within);
        let stream = AckStream::new(within, &self.spaces, |space, id, answers| {
            with_scratch(|json| {
                let attachments =
                    write_event(json, event, &data).map_err(|error| self.cannot(event, error))?;
                if let Some(layers) = space.emits() {
                    let ask = Some((id, answers.clone()));
                    let sent =
                        layers.send(EmitRequest::new(json, attachments, self.through(space, &target, ask))?);
                    let reached = sent.reached();
                    return Ok(sent.into_result().map(|()| reached)?);
                }
                Ok(space.ask(json, attachments, &target, (id, answers)))
            })
        });
        stream.holding(self.lease())
    }

    /// The sockets on this node.
    pub fn sockets(&self) -> Vec<Socket> {
        self.members().filter_map(from_member).collect()
    }

    /// How many sockets there are on this node: of a namespace, or the size of a room.
    pub fn count(&self) -> usize {
        self.members().count()
    }

    /// The rooms that exist in the namespace on this node, without those of single sockets; those of users are among
    /// them, and [`Room::is_plain`] tells the others.
    pub fn rooms(&self) -> Vec<Room> {
        self.spaces.iter().flat_map(|space| space.adapter().room_names()).collect()
    }

    /// Snapshots of the sockets, on every node.
    ///
    /// # Errors
    ///
    /// If other nodes could not be asked.
    pub async fn fetch_sockets(&self) -> Result<Vec<RemoteSocket>, AdapterError> {
        let mut all = Vec::new();
        let mut target = self.target.clone();
        target.flags.timeout = self.timeout;
        for space in &self.spaces {
            all.extend(space.adapter().fetch(&target).await?);
        }
        Ok(all)
    }

    /// All of them join rooms.
    pub fn join(&self, rooms: impl IntoRooms) {
        let mut list = Vec::new();
        rooms.into_rooms(&mut list);
        self.act(&Action::Join(list));
    }

    /// All of them leave rooms.
    pub fn leave(&self, rooms: impl IntoRooms) {
        let mut list = Vec::new();
        rooms.into_rooms(&mut list);
        self.act(&Action::Leave(list));
    }

    /// All of them leave the namespace; with `close` their connections end.
    pub fn disconnect(&self, close: bool) {
        self.act(&Action::Disconnect { close });
    }

    /// The namespace's name, or its pattern.
    pub fn name(&self) -> &str {
        &self.name
    }

    pub(crate) fn io(&self) -> &SocketIo {
        &self.io
    }

    pub(super) fn lease(&self) -> Option<Arc<Lease>> {
        self.lease.clone()
    }

    pub(super) fn spaces(&self) -> &[Arc<Space>] {
        &self.spaces
    }

    /// How long answers are waited for.
    pub(super) fn patience(&self) -> Duration {
        self.timeout.unwrap_or(self.io.hub().config.ack_timeout)
    }

    fn through(
        &self,
        space: &Arc<Space>,
        target: &Target,
        ask: Option<(u64, Arc<dyn Answers>)>,
    ) -> Destination {
        Destination::Many { space: space.clone(), target: target.clone(), ask }
    }

    fn act(&self, action: &Action) {
        for space in &self.spaces {
            space.adapter().act(action.clone(), &self.target);
        }
    }

    fn members(&self) -> impl Iterator<Item = Arc<dyn Member>> + '_ {
        self.spaces.iter().flat_map(|space| space.adapter().members(&self.target))
    }

    pub(super) fn cannot(
        &self,
        event: &str,
        error: tower_socketio_proto::socketio::EncodeError,
    ) -> EmitError {
        tracing::warn!(target: "socketio::namespace", namespace = self.name(), event, %error, "cannot emit");
        EmitError::from(error)
    }
}

impl fmt::Debug for Broadcast {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Broadcast").field("namespace", &self.name).field("target", &self.target).finish()
    }
}
