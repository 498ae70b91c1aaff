use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use tower_socketio_adapter::{
    Adapter, Answers, BoxFuture, Bus, BusError, Cluster, Flags, Frame, Frames, Handle, Home, Inbox, Incoming,
    LocalBus, Member, Membership, Message, MessageKind, Offset, Outgoing, Posting, RemoteSocket, Room,
    ServerAnswer, ServerAsk, Sessions, Target, To,
};

pub(crate) const SECOND: Duration = Duration::from_secs(1);

/// What happened, in order.
#[derive(Clone, Debug, Default)]
pub(crate) struct Log(Arc<Mutex<Vec<String>>>);

impl Log {
    pub(crate) fn push(&self, entry: impl ToString) {
        self.0.lock().unwrap().push(entry.to_string());
    }

    /// What happened since the last time.
    pub(crate) fn take(&self) -> Vec<String> {
        std::mem::take(&mut *self.0.lock().unwrap())
    }

    /// The same where the order does not matter.
    pub(crate) fn sorted(&self) -> Vec<String> {
        let mut entries = self.take();
        entries.sort();
        entries
    }
}

/// Lets every task do what it can; time, which is paused, moves on by this moment.
pub(crate) async fn settle() {
    tokio::time::sleep(Duration::from_millis(1)).await;
}

/// One node in `/`.
pub(crate) struct Node {
    pub(crate) cluster: Cluster,
    pub(crate) adapter: Arc<dyn Adapter>,
    pub(crate) home: Arc<FakeHome>,
    pub(crate) log: Log,
}

impl Node {
    /// A node that the others know, and which takes those that it knows for all there are.
    pub(crate) async fn start(bus: &(impl Bus + Clone)) -> Self {
        let node = Self::of(Cluster::new(bus.clone()).settle_time(Duration::ZERO), "/");
        settle().await;
        node
    }

    pub(crate) fn of(cluster: Cluster, namespace: &str) -> Self {
        Self::with(cluster, namespace, false)
    }

    /// With `recovers` clients come back to any node.
    pub(crate) fn with(cluster: Cluster, namespace: &str, recovers: bool) -> Self {
        let log = Log::default();
        let adapter = cluster.adapter(namespace);
        let home = Arc::new(FakeHome { log: log.clone(), recovers, ..FakeHome::default() });
        adapter.open(home.clone());
        Self { cluster, adapter, home, log }
    }

    pub(crate) fn socket(&self, id: &str, rooms: &[Room]) -> (Arc<Socket>, Handle) {
        let socket = Arc::new(Socket { id: id.to_owned(), log: self.log.clone(), asked: Mutex::default() });
        let handle = self.adapter.add(socket.clone());
        self.adapter.join(handle, rooms);
        (socket, handle)
    }

    pub(crate) fn emit(&self, args: &'static str, to: &Target) -> usize {
        self.adapter.broadcast(&packet(args, None), to)
    }

    /// Asks sockets; gives what is heard, as long as it is kept.
    pub(crate) fn ask(&self, to: &Target) -> (usize, Arc<Heard>) {
        let heard = Arc::new(Heard::default());
        let answers: Arc<dyn Answers> = heard.clone();
        (self.adapter.broadcast_with_ack(&packet(r#"["q"]"#, Some(1)), to, &answers), heard)
    }

    /// Asks the programs of other nodes.
    pub(crate) fn ask_programs(&self) -> Arc<Heard> {
        let heard = Arc::new(Heard::default());
        let asks = ServerAsk { answers: heard.clone(), timeout: 2 * SECOND };
        self.adapter.server_side_emit(Bytes::from_static(b"[\"who\"]"), Vec::new(), Some(asks));
        heard
    }

    pub(crate) async fn fetched(&self, to: &Target) -> Vec<String> {
        let mut ids: Vec<_> =
            self.adapter.fetch(to).await.unwrap().into_iter().map(|socket| socket.id).collect();
        ids.sort();
        ids
    }
}

pub(crate) fn packet(args: &'static str, ack: Option<u64>) -> Arc<Outgoing> {
    outgoing(Bytes::from_static(args.as_bytes()), Vec::new(), ack)
}

pub(crate) fn outgoing(args: Bytes, attachments: Vec<Bytes>, ack: Option<u64>) -> Arc<Outgoing> {
    let encode = |packet: &Outgoing, _: usize| {
        Frames::from(Frame { bytes: packet.args().clone(), head: 0, binary: false })
    };
    Arc::new(Outgoing::new(args, attachments, ack, Arc::new(encode)))
}

/// Writes down what it gets, and is asked.
pub(crate) struct Socket {
    id: String,
    log: Log,
    asked: Mutex<Vec<Arc<dyn Answers>>>,
}

impl Socket {
    /// Answers the oldest question.
    pub(crate) fn answer(&self, args: &'static str) {
        let answers = self.asked.lock().unwrap().remove(0);
        answers.answer(&self.id, Bytes::from_static(args.as_bytes()), Vec::new());
    }
}

impl Socket {
    /// Answers all that it was asked.
    pub(crate) fn answer_all(&self) {
        while !self.asked.lock().unwrap().is_empty() {
            self.answer("[1]");
        }
    }

    /// Leaves without having answered anything.
    pub(crate) fn leave(&self) {
        let asked = std::mem::take(&mut *self.asked.lock().unwrap());
        asked.iter().for_each(|answers| answers.lost(&self.id));
    }
}

impl Member for Socket {
    fn id(&self) -> &str {
        &self.id
    }

    fn deliver(&self, packet: &Outgoing, flags: Flags) -> bool {
        let mut entry = format!("{} {}", self.id, String::from_utf8_lossy(packet.args()));
        for attachment in packet.attachments() {
            entry += &format!(" {attachment:?}");
        }
        entry += if flags.volatile { " volatile" } else { "" };
        entry += if flags.compress { "" } else { " plain" };
        self.log.push(entry);
        true
    }

    fn ask(&self, packet: &Outgoing, _: Flags, answers: &Arc<dyn Answers>) -> bool {
        assert!(packet.ack().is_some());
        self.asked.lock().unwrap().push(answers.clone());
        true
    }

    fn disconnect(&self, close: bool) {
        self.log.push(format!("{} disconnect {close}", self.id));
    }

    fn describe(&self, rooms: Vec<Room>) -> RemoteSocket {
        let handshake = Bytes::from_static(br#"{"secure":false}"#);
        RemoteSocket::new(&*self.id, rooms, handshake, Bytes::from_static(br#"{"n":[1]}"#))
    }
}

/// A namespace that does for its adapter what it must, and writes it down.
#[derive(Default)]
pub(crate) struct FakeHome {
    log: Log,
    acks: AtomicU64,
    /// Whether the next broadcast is too much for it.
    pub(crate) panics: AtomicBool,
    /// Whether its clients come back to any node.
    recovers: bool,
    /// What waits for an answer to an event between servers.
    pub(crate) waiting: Mutex<Vec<ServerAnswer>>,
}

impl FakeHome {
    /// Answers the oldest event.
    pub(crate) fn answer(&self, args: &'static str) {
        let answer = self.waiting.lock().unwrap().remove(0);
        answer(Bytes::from_static(args.as_bytes()), Vec::new());
    }
}

impl Home for FakeHome {
    fn broadcast(
        &self,
        args: Bytes,
        attachments: Vec<Bytes>,
        _: &Target,
        _: Option<Offset>,
        deliver: &mut dyn FnMut(&Arc<Outgoing>),
    ) {
        assert!(!self.panics.swap(false, Ordering::Relaxed), "a parser that is broken");
        deliver(&outgoing(args, attachments, None));
    }

    fn history(&self) -> Option<Duration> {
        self.recovers.then_some(60 * SECOND)
    }

    fn question(&self, args: Bytes, attachments: Vec<Bytes>) -> Option<Arc<Outgoing>> {
        let ack = 100 + self.acks.fetch_add(1, Ordering::Relaxed);
        Some(outgoing(args, attachments, Some(ack)))
    }

    fn forget(&self, ack: u64) {
        self.log.push(format!("forget {ack}"));
    }

    fn server_event(&self, args: Bytes, _: Vec<Bytes>, answer: Option<ServerAnswer>) {
        self.log.push(format!("event {} {}", String::from_utf8_lossy(&args), answer.is_some()));
        self.waiting.lock().unwrap().extend(answer);
    }
}

/// What somebody who asks has heard so far.
#[derive(Default)]
pub(crate) struct Heard(Mutex<Counts>);

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    pub(crate) nodes: usize,
    pub(crate) asked: usize,
    pub(crate) lost: usize,
    pub(crate) answers: Vec<String>,
}

impl Heard {
    pub(crate) fn counts(&self) -> Counts {
        self.0.lock().unwrap().clone()
    }

    /// How many nodes are left, sockets asked and lost elsewhere, and answers.
    pub(crate) fn numbers(&self) -> (usize, usize, usize, usize) {
        let Counts { nodes, asked, lost, answers } = self.counts();
        (nodes, asked, lost, answers.len())
    }
}

impl Answers for Heard {
    fn answer(&self, from: &str, args: Bytes, attachments: Vec<Bytes>) {
        let mut counts = self.0.lock().unwrap();
        let args = String::from_utf8_lossy(&args).into_owned();
        counts.answers.push(format!("{from}{args}{}", "*".repeat(attachments.len())));
        let elsewhere = counts.answers.iter().filter(|answer| answer.starts_with('[')).count();
        assert!(elsewhere + counts.lost <= counts.asked, "somebody answered who was not asked: {counts:?}");
    }

    fn nodes_left(&self, nodes: usize) {
        self.0.lock().unwrap().nodes = nodes;
    }

    fn asked_elsewhere(&self, sockets: usize) {
        self.0.lock().unwrap().asked += sockets;
    }

    fn lost_elsewhere(&self, sockets: usize) {
        self.0.lock().unwrap().lost += sockets;
    }
}

/// What becomes of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    Pass,
    /// It is lost, and nobody notices.
    Vanish,
    Twice,
    Refuse,
    /// The bus is out of reach for it.
    Fail,
    /// The bus never says whether it took it.
    Hang,
    /// It takes a while.
    Late(Duration),
    /// It is taken, which the bus says after a while, if at all.
    Slow(Duration, bool),
}

/// A bus on which things happen to the messages of one node.
#[derive(Clone)]
pub(crate) struct Faulty {
    inner: LocalBus,
    fate: Arc<dyn Fn(&Message) -> Fate + Send + Sync>,
    pub(crate) deaf: Arc<AtomicBool>,
    pub(crate) rooms: Log,
    /// How long it takes to subscribe.
    pub(crate) opening: Duration,
    /// How long it takes to count.
    pub(crate) counting: Duration,
    /// Whether it says how many nodes a question has reached.
    pub(crate) tells: bool,
}

impl Faulty {
    pub(crate) fn new(bus: &LocalBus, fate: impl Fn(&Message) -> Fate + Send + Sync + 'static) -> Self {
        let (deaf, rooms) = Default::default();
        let (opening, counting) = (Duration::ZERO, Duration::ZERO);
        Self { inner: bus.clone(), fate: Arc::new(fate), deaf, rooms, opening, counting, tells: false }
    }

    /// A node on it can be made to end without a word.
    pub(crate) fn mortal(bus: &LocalBus) -> (Self, Arc<AtomicBool>) {
        let dead = Arc::new(AtomicBool::new(false));
        let is_dead = dead.clone();
        let fate = move |_: &Message| if is_dead.load(Ordering::Relaxed) { Fate::Vanish } else { Fate::Pass };
        let faulty = Self { deaf: dead.clone(), ..Self::new(bus, fate) };
        (faulty, dead)
    }

    fn meets<'a>(
        &'a self,
        fate: Fate,
        message: &'a Message,
        to: To<'a>,
    ) -> BoxFuture<'a, Result<Option<Offset>, BusError>> {
        match fate {
            Fate::Pass => self.inner.publish(message, to),
            Fate::Vanish => Box::pin(async { Ok(None) }),
            Fate::Twice => Box::pin(async move {
                self.inner.publish(message, to).await?;
                self.inner.publish(message, to).await
            }),
            Fate::Refuse => Box::pin(async { Err(BusError::refused("too long")) }),
            Fate::Fail => Box::pin(async { Err(BusError::down("not now")) }),
            Fate::Hang => Box::pin(std::future::pending()),
            Fate::Late(wait) => Box::pin(async move {
                tokio::time::sleep(wait).await;
                self.inner.publish(message, to).await
            }),
            Fate::Slow(wait, says) => Box::pin(async move {
                let place = self.inner.publish(message, to).await?;
                tokio::time::sleep(wait).await;
                if says { Ok(place) } else { Err(BusError::down("not now")) }
            }),
        }
    }
}

impl std::fmt::Debug for Faulty {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Faulty")
    }
}

impl Bus for Faulty {
    fn open<'a>(
        &'a self,
        namespace: &'a str,
        node: &'a str,
        inbox: Inbox,
    ) -> BoxFuture<'a, Result<(), BusError>> {
        let deaf = self.deaf.clone();
        let filtered = Inbox::new(move |incoming| match incoming {
            Ok(_) if deaf.load(Ordering::Relaxed) => {}
            Ok(incoming) => inbox.message(incoming),
            Err(error) => inbox.fail(error),
        });
        Box::pin(async move {
            tokio::time::sleep(self.opening).await;
            self.inner.open(namespace, node, filtered).await
        })
    }

    fn publish<'a>(
        &'a self,
        message: &'a Message,
        to: To<'a>,
    ) -> BoxFuture<'a, Result<Option<Offset>, BusError>> {
        self.meets((self.fate)(message), message, to)
    }

    fn publish_all<'a>(
        &'a self,
        postings: &'a [Posting<'a>],
    ) -> BoxFuture<'a, Vec<Result<Option<Offset>, BusError>>> {
        Box::pin(async move {
            let mut results = Vec::new();
            for posting in postings {
                match (self.fate)(posting.message) {
                    Fate::Late(wait) if self.tells => tokio::time::sleep(wait).await,
                    Fate::Pass if self.tells => {}
                    fate => {
                        results.push(self.meets(fate, posting.message, posting.to).await);
                        continue;
                    }
                }
                results.extend(self.inner.publish_all(&[*posting]).await);
            }
            results
        })
    }

    fn close<'a>(&'a self, namespace: &'a str, node: &'a str) -> BoxFuture<'a, ()> {
        self.inner.close(namespace, node)
    }

    fn membership(&self) -> Membership {
        self.inner.membership()
    }

    fn count<'a>(&'a self, namespace: &'a str) -> BoxFuture<'a, Result<usize, BusError>> {
        Box::pin(async move {
            tokio::time::sleep(self.counting).await;
            self.inner.count(namespace).await
        })
    }

    fn sessions(&self) -> Option<&dyn Sessions> {
        self.inner.sessions()
    }

    fn room_opened(&self, namespace: &str, _: &str, room: &str) {
        self.rooms.push(format!("+{namespace}#{room}"));
    }

    fn room_closed(&self, namespace: &str, _: &str, room: &str) {
        self.rooms.push(format!("-{namespace}#{room}"));
    }
}

/// A node of another kind, which says what the test lets it say and hears everything.
pub(crate) struct Stranger {
    bus: LocalBus,
    id: &'static str,
    heard: Arc<Mutex<Vec<Message>>>,
}

impl Stranger {
    pub(crate) async fn new(bus: &LocalBus, id: &'static str) -> Self {
        let heard = Arc::new(Mutex::new(Vec::new()));
        let hear = heard.clone();
        let inbox = Inbox::new(move |incoming: Result<Incoming, BusError>| {
            hear.lock().unwrap().extend(incoming.ok().map(|incoming| incoming.message));
        });
        bus.open("/", id, inbox).await.unwrap();
        Self { bus: bus.clone(), id, heard }
    }

    pub(crate) async fn say(&self, kind: MessageKind, data: impl Into<Bytes>) {
        self.say_as(self.id, kind, data).await;
    }

    pub(crate) async fn say_as(&self, id: &str, kind: MessageKind, data: impl Into<Bytes>) {
        let message = Message::new(kind, Some("/".into()), id.into(), data.into(), Vec::new());
        self.bus.publish(&message, To::All).await.unwrap();
        settle().await;
    }

    /// What others have said since the last time: the kind's number and the data, with the ids replaced.
    pub(crate) fn heard(&self) -> Vec<String> {
        let heard = std::mem::take(&mut *self.heard.lock().unwrap());
        let others = heard.into_iter().filter(|message| &*message.node != self.id);
        others.map(|message| shown(&message)).collect()
    }

    /// The same as messages.
    pub(crate) fn messages(&self) -> Vec<Message> {
        std::mem::take(&mut *self.heard.lock().unwrap())
    }
}

fn shown(message: &Message) -> String {
    let data = String::from_utf8_lossy(&message.data).into_owned();
    match request_of(&data) {
        Some(id) => format!("{} {}", message.kind.number(), data.replace(&id, "ID")),
        None => format!("{} {data}", message.kind.number()),
    }
}

/// The id of the request in this data.
pub(crate) fn request_of(data: &str) -> Option<String> {
    let (_, rest) = data.split_once(r#""requestId":""#)?;
    Some(rest.split_once('"')?.0.to_owned())
}
