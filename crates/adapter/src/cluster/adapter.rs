use std::fmt;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::oneshot;
use tokio::time::timeout;

use super::outbox::{Address, Waiter};
use super::request::{Asker, Fetched};
use super::shared::{Shared, unreachable};
use super::{Cluster, write};
use crate::{
    Action, Adapter, AdapterError, Answers, BoxFuture, Handle, Home, Member, Membership, MessageKind,
    Outgoing, Reach, RemoteSocket, Room, ServerAsk, Sessions, Target,
};

/// The rooms of a namespace that is on several nodes; dropping it takes leave of them.
pub(super) struct ClusterAdapter(Arc<Shared>);

impl ClusterAdapter {
    pub(super) fn new(cluster: &Cluster, namespace: &str) -> Self {
        Self(Shared::new(cluster, namespace))
    }

    fn request_timeout(&self, to: &Target) -> Duration {
        to.flags.timeout.unwrap_or(self.0.options.request_timeout)
    }

    /// Whether other nodes are meant, and can be.
    fn goes_out(&self, to: &Target) -> bool {
        to.flags.reach != Reach::Here && self.0.outbox.is_open()
    }

    async fn fetch_elsewhere(&self, to: &Target) -> Fetched {
        let (done, found) = oneshot::channel();
        let within = self.request_timeout(to);
        let (id, open) = self.0.request(Asker::Fetch(Mutex::new(Some(done))), within);
        let request = Open { shared: &self.0, id };
        if open {
            self.0.ask(&request.id, MessageKind::FetchSockets, write::fetch(to, &request.id), Vec::new());
        }
        match timeout(within, found).await {
            Ok(Ok(found)) => found,
            // The namespace has ended.
            Ok(Err(_)) => Err(AdapterError::Unreachable("the namespace has ended".into())),
            Err(_) => Err(AdapterError::Timeout { missing: request.missing() }),
        }
    }
}

impl Adapter for ClusterAdapter {
    fn open(&self, home: Arc<dyn Home>) {
        self.0.open(home);
    }

    fn add(&self, member: Arc<dyn Member>) -> Handle {
        self.0.local.add(member)
    }

    fn remove(&self, at: Handle) {
        self.0.local.remove(at);
    }

    fn join(&self, at: Handle, rooms: &[Room]) {
        self.0.local.join(at, rooms);
    }

    fn leave(&self, at: Handle, rooms: &[Room]) {
        self.0.local.leave(at, rooms);
    }

    fn leave_all(&self, at: Handle) {
        self.0.local.leave_all(at);
    }

    fn rooms(&self, at: Handle) -> Vec<Room> {
        self.0.local.rooms(at)
    }

    fn find(&self, id: &str) -> Option<Arc<dyn Member>> {
        self.0.local.find(id)
    }

    fn broadcast(&self, packet: &Arc<Outgoing>, to: &Target) -> usize {
        if self.0.turns.is_on() {
            return self.0.broadcast_in_turn(packet, to);
        }
        if self.goes_out(to) {
            let data = write::broadcast(packet.args(), to, None);
            let attachments = packet.attachments().to_vec();
            self.0.publish(MessageKind::Broadcast, data, attachments, Address::of(to), Waiter::Nobody);
        }
        self.0.local.broadcast(packet, to)
    }

    fn broadcast_with_ack(&self, packet: &Arc<Outgoing>, to: &Target, answers: &Arc<dyn Answers>) -> usize {
        if self.goes_out(to) {
            let (id, _) = self.0.request(Asker::Sockets(Arc::downgrade(answers)), self.request_timeout(to));
            let data = write::broadcast(packet.args(), to, Some(&id));
            self.0.ask(&id, MessageKind::Broadcast, data, packet.attachments().to_vec());
        }
        self.0.ask_in_turn(packet, to, answers)
    }

    fn act(&self, action: Action, to: &Target) {
        if self.goes_out(to) {
            let (kind, data) = match &action {
                Action::Join(rooms) => (MessageKind::SocketsJoin, write::rooms(to, rooms)),
                Action::Leave(rooms) => (MessageKind::SocketsLeave, write::rooms(to, rooms)),
                Action::Disconnect { close } => {
                    (MessageKind::DisconnectSockets, write::disconnect(to, *close))
                }
            };
            self.0.publish(kind, data, Vec::new(), Address::All, Waiter::Nobody);
        }
        if !matches!(action, Action::Disconnect { .. }) {
            return self.0.local.act(action, to);
        }
        // Who is disconnected gets what was emitted before.
        let (shared, to) = (self.0.clone(), to.clone());
        self.in_turn(Box::new(move || shared.local.act(action, &to)));
    }

    fn members(&self, to: &Target) -> Vec<Arc<dyn Member>> {
        self.0.local.members(to)
    }

    fn room_names(&self) -> Vec<Room> {
        self.0.local.room_names()
    }

    fn fetch(&self, to: &Target) -> BoxFuture<'_, Result<Vec<RemoteSocket>, AdapterError>> {
        let mut sockets = self.0.local.describe(to);
        let elsewhere = self.goes_out(to).then(|| to.clone());
        Box::pin(async move {
            if let Some(to) = elsewhere {
                sockets.extend(self.fetch_elsewhere(&to).await?);
            }
            Ok(sockets)
        })
    }

    fn server_side_emit(&self, args: Bytes, attachments: Vec<Bytes>, asks: Option<ServerAsk>) {
        if !self.0.outbox.is_open() {
            return;
        }
        match asks {
            None => {
                let data = write::event(&args, None);
                self.0.publish(MessageKind::ServerSideEmit, data, attachments, Address::All, Waiter::Nobody);
            }
            Some(ServerAsk { answers, timeout }) => {
                let (id, _) = self.0.request(Asker::Programs(Arc::downgrade(&answers)), timeout);
                let data = write::event(&args, Some(&id));
                self.0.ask(&id, MessageKind::ServerSideEmit, data, attachments);
            }
        }
    }

    fn server_count(&self) -> BoxFuture<'_, Result<usize, AdapterError>> {
        Box::pin(async move {
            if !self.0.outbox.is_open() {
                return Ok(1);
            }
            if self.0.membership == Membership::Heartbeat {
                let mut settled = self.0.settled.subscribe();
                // In an outage that takes longer, and those that are known count.
                let _ = timeout(self.0.options.request_timeout, settled.wait_for(|settled| *settled)).await;
                return Ok(1 + self.0.nodes.len());
            }
            self.0.line.count(self.0.options.request_timeout).await.map_err(unreachable)
        })
    }

    fn sessions(&self) -> Option<&dyn Sessions> {
        self.0.line.bus.sessions().map(|_| &*self.0 as &dyn Sessions)
    }

    fn opened(&self) -> BoxFuture<'_, ()> {
        Box::pin(self.0.line.tried(self.0.options.request_timeout))
    }

    fn in_turn(&self, then: Box<dyn FnOnce() + Send>) {
        self.0.turns.then(then, self.0.way());
    }

    fn close(&self) -> BoxFuture<'_, ()> {
        let publisher = self.0.close();
        Box::pin(async move {
            if let Some(publisher) = publisher {
                let _ = publisher.await;
            }
        })
    }
}

impl Drop for ClusterAdapter {
    fn drop(&mut self) {
        // The publisher goes on until everything is out.
        drop(self.0.close());
    }
}

impl fmt::Debug for ClusterAdapter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A request that is forgotten when nobody waits for it any more.
struct Open<'a> {
    shared: &'a Shared,
    id: Arc<str>,
}

impl Open<'_> {
    fn missing(&self) -> usize {
        self.shared.requests.remove(&self.id).map_or(0, |request| request.missing())
    }
}

impl Drop for Open<'_> {
    fn drop(&mut self) {
        self.shared.requests.remove(&self.id);
    }
}
