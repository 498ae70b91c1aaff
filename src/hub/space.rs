use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::oneshot;
use tokio::time::timeout;
use tower_socketio_adapter::{Adapter, Answers, Encode, Offset, Outgoing, Reach, Target};

use super::ack::Asks;
use super::recovery::{Log, Logged};
use super::wire::SharedEncoder;
use super::{Config, Doors, EmitService, Responder};

/// A namespace that sockets are in: a concrete name, its rooms and its doors.
pub(crate) struct Space {
    name: Arc<str>,
    adapter: Arc<dyn Adapter>,
    doors: Arc<dyn Doors>,
    /// The values of the pattern's parameters, if a pattern brought this namespace into being.
    params: Vec<(Box<str>, Box<str>)>,
    /// The leases on a dynamic namespace; changed under its parent's lock.
    pub(super) users: AtomicUsize,
    /// Acknowledgement ids are unique in the namespace, so that a broadcast asks everybody with one.
    next_ack: AtomicU64,
    asks: Asks,
    encoder: Arc<dyn Encode>,
    emits: Option<EmitService>,
    responder: Option<Arc<dyn Responder>>,
    /// What clients may have missed, where connections that were lost are recovered.
    log: Option<Arc<Log>>,
    max_in_flight: usize,
    closed: AtomicBool,
}

impl Space {
    pub(super) fn new(
        name: &str,
        adapter: Arc<dyn Adapter>,
        doors: Arc<dyn Doors>,
        params: Vec<(Box<str>, Box<str>)>,
        config: &Config,
    ) -> Self {
        let name: Arc<str> = name.into();
        let encoder = Arc::new(SharedEncoder { namespace: name.clone(), parser: config.parser.clone() });
        Self {
            name,
            emits: doors.emits(),
            responder: doors.responder(),
            log: config.keep.as_ref().map(|keep| Log::new(keep, adapter.sessions().is_some())),
            max_in_flight: if doors.sequential() { 1 } else { config.max_in_flight },
            doors,
            params,
            users: AtomicUsize::new(0),
            next_ack: AtomicU64::new(0),
            asks: Asks::default(),
            encoder,
            adapter,
            closed: AtomicBool::new(false),
        }
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    pub(crate) fn adapter(&self) -> &Arc<dyn Adapter> {
        &self.adapter
    }

    pub(crate) fn doors(&self) -> &Arc<dyn Doors> {
        &self.doors
    }

    /// How many events of a socket may be unfinished at a time.
    pub(crate) fn max_in_flight(&self) -> usize {
        self.max_in_flight
    }

    pub(crate) fn params(&self) -> &[(Box<str>, Box<str>)] {
        &self.params
    }

    pub(crate) fn next_ack(&self) -> u64 {
        self.next_ack.fetch_add(1, Ordering::Relaxed)
    }

    pub(crate) fn asks(&self) -> &Asks {
        &self.asks
    }

    /// The layers around emits, if there are any.
    pub(super) fn emits(&self) -> Option<&EmitService> {
        self.emits.as_ref()
    }

    /// What gives acknowledgements their shape, if anything does.
    pub(super) fn responder(&self) -> Option<&dyn Responder> {
        self.responder.as_deref()
    }

    pub(super) fn log(&self) -> Option<&Log> {
        self.log.as_deref()
    }

    /// A packet for many sockets of this namespace.
    pub(super) fn outgoing(&self, args: Bytes, attachments: Vec<Bytes>, ack: Option<u64>) -> Arc<Outgoing> {
        Arc::new(Outgoing::new(args, attachments, ack, self.encoder.clone()))
    }

    /// Whether all nodes have one log of what is emitted here, so that emits wait for their places in it.
    pub(crate) fn is_shared(&self) -> bool {
        self.log.as_ref().is_some_and(|log| log.is_shared())
    }

    /// Makes a packet for many sockets of this node, with its place where all nodes have one log, and has it delivered by
    /// `deliver`.
    pub(super) fn share<R>(
        &self,
        args: Bytes,
        attachments: Vec<Bytes>,
        to: &Target,
        place: Option<Offset>,
        deliver: impl FnOnce(&Arc<Outgoing>) -> R,
    ) -> R {
        let Some(log) = &self.log else { return deliver(&self.outgoing(args, attachments, None)) };
        let is_kept = !to.flags.volatile && (place.is_some() || !log.is_shared());
        let logged = is_kept.then(|| Logged::new(args.clone(), &attachments, to));
        let packet = Outgoing::new(args, attachments, None, self.encoder.clone());
        let mut packets = log.lock();
        let packet = match logged {
            Some(logged) if place.is_none_or(|place| log.continues(&mut packets, place)) => {
                packet.with_offset(log.text(log.append(&mut packets, logged, place)))
            }
            _ => packet.behind_offset(log.text(packets.head())),
        };
        let delivered = deliver(&Arc::new(packet));
        drop(packets);
        log.keep().balance();
        log.keep().watch();
        delivered
    }

    /// Keeps a packet that clients may have missed, and which is not delivered any more.
    pub(super) fn keep(&self, args: Bytes, attachments: &[Bytes], to: &Target, place: Offset) {
        let Some(log) = self.log.as_ref().filter(|_| !to.flags.volatile) else { return };
        let logged = Logged::new(args, attachments, to);
        log.append(&mut log.lock(), logged, Some(place));
        log.keep().balance();
        log.keep().watch();
    }

    /// Emits to many sockets, and says how many on this node it reached.
    pub(super) fn broadcast(&self, args: &[u8], attachments: Vec<Bytes>, to: &Target) -> usize {
        let (args, deliver) = (Bytes::copy_from_slice(args), |packet: &_| self.adapter.broadcast(packet, to));
        if to.flags.reach == Reach::Elsewhere || self.is_shared() {
            return deliver(&self.outgoing(args, attachments, None));
        }
        self.share(args, attachments, to, None, deliver)
    }

    /// Asks many sockets, and says how many on this node it reached.
    pub(super) fn ask(
        &self,
        args: &[u8],
        attachments: Vec<Bytes>,
        to: &Target,
        (id, answers): (u64, &Arc<dyn Answers>),
    ) -> usize {
        let packet = self.outgoing(Bytes::copy_from_slice(args), attachments, Some(id));
        self.adapter.broadcast_with_ack(&packet, to, answers)
    }

    /// Resolves when everything that was emitted before is on its way to the clients, or after two seconds.
    pub(super) async fn caught_up(&self) {
        if self.is_shared() {
            let (done, turn) = oneshot::channel();
            self.adapter.in_turn(Box::new(move || {
                let _ = done.send(());
            }));
            let _ = timeout(Duration::from_secs(2), turn).await;
        }
    }

    /// Lets go of what the adapter holds outside of itself, once.
    pub(super) async fn close(&self) {
        if !self.closed.swap(true, Ordering::AcqRel) {
            self.adapter.close().await;
        }
    }
}

impl fmt::Debug for Space {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Namespace").field("name", &self.name).finish_non_exhaustive()
    }
}
