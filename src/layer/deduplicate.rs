use std::collections::hash_map::Entry as Place;
use std::collections::{HashMap, VecDeque};
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use sha2::{Digest, Sha256};
use tokio::sync::watch;
use tokio::time::Instant;
use tower::{BoxError, Layer, Service};
use tower_socketio_proto::socketio::Any;

use crate::hub::{PacketRequest, PacketService, Reply, Replying, Socket, Turn, Turns, WireError};

/// Answers events that a client sends again, because it heard no acknowledgement, without handling them again.
///
/// npm's client sends an event again when it was made with `retries`: with the same arguments, and by a new connection if
/// need be. What makes it known again is an id among them: by default the last argument, if it is a string and not the
/// only one, as in `socket.emit("message", text, id)`; [`key`](Self::key) says otherwise. An id counts for one event, one
/// namespace and one user, or for everybody who is nobody's socket, whose ids should not be guessed by others. Events
/// that ask for no acknowledgement, or have no id, pass.
///
/// While the first runs a repeat waits for its reply, and after it has the same reply. That is also so if the handler
/// failed: it may have done half of its work, and the client takes an error for an answer. But what a layer below
/// refused, or what was cancelled, was not handled, and a repeat is. An answer that a handler sent by hand, or that is
/// larger than all that is kept, is not there to be repeated: its repeats hear the error `answer_not_kept`.
///
/// The replies are kept in memory, shared by all sockets that this layer is around.
///
/// # Example
///
/// ```
/// use std::time::Duration;
///
/// use tower_socketio::{DeduplicateLayer, Namespace};
///
/// let namespace: Namespace =
///     Namespace::new().packet_layer(DeduplicateLayer::new(Duration::from_secs(600))).on("message", async || {});
/// ```
#[derive(Clone)]
#[must_use = "a layer does nothing before a server or a namespace has it"]
pub struct DeduplicateLayer {
    kept: Arc<Mutex<Kept>>,
    window: Duration,
    replies: usize,
    bytes: usize,
    key: Arc<Key>,
}

type Key = dyn Fn(&PacketRequest) -> Option<String> + Send + Sync;

/// What an event is known by: a hash, so that its length is none of the client's affair.
type Id = [u8; 32];

#[derive(Default)]
struct Kept {
    events: HashMap<Id, Event>,
    /// Those that are done, in order.
    done: VecDeque<Finished>,
    bytes: usize,
    /// What each owner has of that.
    shares: HashMap<Owner, (usize, usize)>,
}

/// One event that is done.
#[derive(Clone)]
struct Finished {
    id: Id,
    at: Instant,
    size: usize,
    owner: Owner,
}

/// A user, or whoever has no user at one address.
type Owner = Arc<str>;

/// One owner may have such a part of what is kept, so that nobody drives out what others wait for.
const SHARE: usize = 16;

enum Event {
    /// It ends when the first event has its reply, or has gone.
    Running(watch::Receiver<()>),
    /// Without a reply if it is not to be had again.
    Done(Option<Reply>),
}

impl DeduplicateLayer {
    /// Replies are kept for so long.
    pub fn new(window: Duration) -> Self {
        Self {
            kept: Arc::default(),
            window,
            replies: 10_000,
            bytes: 4 * 1024 * 1024,
            key: Arc::new(last_argument),
        }
    }

    /// By what an event is known again; `None` lets it pass.
    pub fn key(mut self, key: impl Fn(&PacketRequest) -> Option<String> + Send + Sync + 'static) -> Self {
        self.key = Arc::new(key);
        self
    }

    /// The most replies that are kept (default: 10 000), and a sixteenth of them for one user, or for all clients without
    /// a user at one address; the oldest go first.
    pub fn max_replies(mut self, number: usize) -> Self {
        self.replies = number;
        self
    }

    /// The most bytes of replies that are kept (default: 4 MiB), shared in the same way; the oldest go first.
    pub fn max_bytes(mut self, bytes: usize) -> Self {
        self.bytes = bytes;
        self
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn id(&self, request: &PacketRequest) -> Option<Id> {
        if !request.expects_ack() {
            return None;
        }
        let key = (self.key)(request)?;
        let (socket, mut hash) = (request.socket(), Sha256::new());
        let user = socket.user();
        for part in [socket.space().name(), request.event(), user.as_deref().unwrap_or_default(), &key] {
            hash.update(part.len().to_le_bytes());
            hash.update(part);
        }
        // Nobody's socket is not that of the user without a name.
        hash.update([u8::from(user.is_some())]);
        Some(hash.finalize().into())
    }

    /// Looks for the event, and makes it a running one if it is new.
    fn look(&self, id: Id) -> Look {
        let mut kept = self.kept();
        self.forget(&mut kept);
        match kept.events.entry(id) {
            Place::Occupied(event) => match event.get() {
                Event::Running(end) => Look::Running(end.clone()),
                Event::Done(reply) => Look::Done(reply.as_ref().and_then(Reply::copy).unwrap_or_else(|| {
                    Reply::error(WireError::new("its answer was not kept").code("answer_not_kept"))
                })),
            },
            Place::Vacant(place) => {
                let (over, end) = watch::channel(());
                place.insert(Event::Running(end));
                Look::New(First { layer: self.clone(), id, _over: over })
            }
        }
    }

    /// Forgets what is too old or too much.
    fn forget(&self, kept: &mut Kept) {
        let now = Instant::now();
        while let Some(oldest) = kept.done.front()
            && (now.duration_since(oldest.at) >= self.window
                || kept.done.len() > self.replies
                || kept.bytes > self.bytes)
        {
            kept.remove(0);
        }
    }

    fn keep(&self, id: Id, owner: Owner, reply: &Reply) {
        let reply = reply.copy().filter(|reply| reply.size() <= self.bytes);
        let size = reply.as_ref().map_or(0, Reply::size);
        let mut kept = self.kept();
        kept.events.insert(id, Event::Done(reply));
        kept.bytes += size;
        let share = kept.shares.entry(owner.clone()).or_default();
        *share = (share.0 + 1, share.1 + size);
        kept.done.push_back(Finished { id, at: Instant::now(), size, owner: owner.clone() });
        // The last one is kept whatever its size, as long as it fits at all.
        while let Some((events, bytes)) = kept.shares.get(&owner)
            && *events > 1
            && (*events > self.replies.div_ceil(SHARE) || *bytes > self.bytes.div_ceil(SHARE))
            && let Some(at) = kept.done.iter().position(|event| event.owner == owner)
        {
            kept.remove(at);
        }
        self.forget(&mut kept);
    }
}

impl Kept {
    fn remove(&mut self, at: usize) {
        let Some(Finished { id, size, owner, .. }) = self.done.remove(at) else { return };
        self.events.remove(&id);
        self.bytes -= size;
        if let Some((events, bytes)) = self.shares.get_mut(&owner) {
            (*events, *bytes) = (*events - 1, *bytes - size);
            if *events == 0 {
                self.shares.remove(&owner);
            }
        }
    }
}

fn owner(socket: &Socket) -> Owner {
    match (socket.user(), socket.conn().client_ip()) {
        (Some(user), _) => format!("user {user}").into(),
        (None, Some(address)) => format!("address {address}").into(),
        (None, None) => "nobody".into(),
    }
}

fn last_argument(request: &PacketRequest) -> Option<String> {
    let mut arguments: Vec<Any> = request.arguments().deserialize_all().ok()?;
    match (arguments.pop(), arguments.is_empty()) {
        (Some(Any::String(id)), false) => Some(id),
        _ => None,
    }
}

enum Look {
    New(First),
    Running(watch::Receiver<()>),
    Done(Reply),
}

/// The first of its kind runs. Gone without a reply, it leaves its place to a repeat.
struct First {
    layer: DeduplicateLayer,
    id: Id,
    /// Dropped last: who waited finds what there is to find.
    _over: watch::Sender<()>,
}

impl Drop for First {
    fn drop(&mut self) {
        let mut kept = self.layer.kept();
        if let Some(Event::Running(_)) = kept.events.get(&self.id) {
            kept.events.remove(&self.id);
        }
    }
}

impl<N> Layer<N> for DeduplicateLayer
where
    N: Service<PacketRequest, Response = Reply, Error: Into<BoxError>, Future: Send + 'static>
        + Send
        + 'static,
{
    type Service = Deduplicate;

    fn layer(&self, inner: N) -> Deduplicate {
        Deduplicate { layer: self.clone(), inner: Turns::new(PacketService::new(inner)) }
    }
}

/// The service of a [`DeduplicateLayer`].
pub struct Deduplicate {
    layer: DeduplicateLayer,
    inner: Turns<PacketService>,
}

impl Service<PacketRequest> for Deduplicate {
    type Response = Reply;
    type Error = BoxError;
    type Future = Replying;

    /// Ready as long as what is below can still be used; a repeat needs none of it.
    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.inner.poll_usable()
    }

    fn call(&mut self, request: PacketRequest) -> Replying {
        let turn = self.inner.turn();
        match self.layer.id(&request) {
            Some(id) => Replying::layered(Box::pin(once(self.layer.clone(), id, turn, request))),
            None => Replying::layered(Box::pin(turn.run(request))),
        }
    }
}

async fn once(
    layer: DeduplicateLayer,
    id: Id,
    turn: Turn<PacketService>,
    request: PacketRequest,
) -> Result<Reply, BoxError> {
    let owner = owner(request.socket());
    let first = loop {
        match layer.look(id) {
            Look::New(first) => break first,
            Look::Done(reply) => return Ok(reply),
            // Nothing is ever sent: it ends.
            Look::Running(mut end) => drop(end.changed().await),
        }
    };
    let reply = turn.run(request).await?;
    if reply.as_error().is_none_or(WireError::is_by_handler) {
        layer.keep(first.id, owner, &reply);
    }
    Ok(reply)
}

impl fmt::Debug for DeduplicateLayer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DeduplicateLayer")
            .field("window", &self.window)
            .field("replies", &self.replies)
            .field("bytes", &self.bytes)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for Deduplicate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Deduplicate").field("layer", &self.layer).finish_non_exhaustive()
    }
}
