use std::pin::{Pin, pin};
use std::sync::{Arc, Mutex, OnceLock};
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use tower_socketio_adapter::{
    Adapter, Answers, Flags, Frame, Frames, Handle, Home, Member, Offset, Outgoing, RemoteSocket, Room,
    ServerAnswer, Target,
};

/// What happened to the members that share it, in order.
pub(crate) type Log = Arc<Mutex<Vec<String>>>;

/// A member that writes down its id at each delivery, and may do something else then.
pub(crate) struct Socket {
    id: String,
    log: Log,
    pub(crate) on_deliver: OnceLock<Box<dyn Fn() + Send + Sync>>,
}

impl Socket {
    pub(crate) fn new(id: impl Into<String>, log: &Log) -> Arc<Self> {
        Arc::new(Self { id: id.into(), log: Arc::clone(log), on_deliver: OnceLock::new() })
    }

    fn note(&self, what: String) {
        self.log.lock().expect("no test panics with the log").push(what);
    }
}

impl Member for Socket {
    fn id(&self) -> &str {
        &self.id
    }

    fn deliver(&self, packet: &Outgoing, flags: Flags) -> bool {
        assert_eq!(packet.form(0).first().payload(), packet.args());
        self.note(self.id.clone());
        if let Some(act) = self.on_deliver.get() {
            act();
        }
        !flags.volatile
    }

    fn ask(&self, packet: &Outgoing, flags: Flags, answers: &Arc<dyn Answers>) -> bool {
        assert!(packet.ack().is_some());
        answers.answer(&self.id, Bytes::from_static(b"[]"), Vec::new());
        !flags.volatile
    }

    fn disconnect(&self, close: bool) {
        self.note(format!("{} {close}", self.id));
    }

    fn describe(&self, rooms: Vec<Room>) -> RemoteSocket {
        RemoteSocket::new(&*self.id, rooms, Bytes::from_static(b"{}"), Bytes::from_static(b"null"))
    }
}

/// Adds a member that keeps no log of interest.
pub(crate) fn add(adapter: &impl Adapter, id: &str) -> Handle {
    adapter.add(Socket::new(id, &Log::default()))
}

pub(crate) fn packet(ack: Option<u64>) -> Arc<Outgoing> {
    let encode = |packet: &Outgoing, _: usize| {
        Frames::from(Frame { bytes: packet.args().clone(), head: 0, binary: false })
    };
    Arc::new(Outgoing::new(Bytes::from_static(b"[\"news\"]"), Vec::new(), ack, Arc::new(encode)))
}

/// Returns the ids of the targets, sorted; one that is there twice is twice in the list.
pub(crate) fn ids(adapter: &dyn Adapter, to: &Target) -> Vec<String> {
    let mut ids: Vec<_> = adapter.members(to).iter().map(|member| member.id().to_owned()).collect();
    ids.sort();
    ids
}

/// Returns what a future has at once.
pub(crate) fn now<T>(future: impl Future<Output = T>) -> T {
    poll(&mut pin!(future)).expect("one node waits for nobody")
}

/// Returns what a future has by now.
pub(crate) fn poll<T>(future: &mut (impl Future<Output = T> + Unpin)) -> Option<T> {
    match Pin::new(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(value) => Some(value),
        Poll::Pending => None,
    }
}

/// A namespace on several nodes, in which there is one event only.
pub(crate) struct Sharing;

impl Home for Sharing {
    fn broadcast(
        &self,
        args: Bytes,
        _: Vec<Bytes>,
        _: &Target,
        _: Option<Offset>,
        deliver: &mut dyn FnMut(&Arc<Outgoing>),
    ) {
        assert_eq!(args, packet(None).args());
        deliver(&packet(None));
    }

    fn question(&self, _: Bytes, _: Vec<Bytes>) -> Option<Arc<Outgoing>> {
        None
    }

    fn forget(&self, _: u64) {}

    fn server_event(&self, _: Bytes, _: Vec<Bytes>, _: Option<ServerAnswer>) {}
}
