use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Weak};
use std::time::Duration;

use bytes::Bytes;
use serde::de::IgnoredAny;
use tower_socketio_adapter::{Home, Offset, Outgoing, ServerAnswer, Target};
use tower_socketio_proto::socketio::{Any, Arguments, Encoded, Kind, Packet};

use super::{Hub, Reply, ReplyKind, ServerEvent, SocketIo, Space, WireError};

/// A namespace as its adapter knows it.
pub(super) struct SpaceHome {
    hub: Weak<Hub>,
    space: Weak<Space>,
    /// Whether it was logged that another node sends what is no event; there may be thousands of them.
    told: AtomicBool,
}

impl SpaceHome {
    pub(super) fn new(hub: &Arc<Hub>, space: &Arc<Space>) -> Self {
        Self { hub: Arc::downgrade(hub), space: Arc::downgrade(space), told: AtomicBool::new(false) }
    }
}

impl Home for SpaceHome {
    fn broadcast(
        &self,
        args: Bytes,
        attachments: Vec<Bytes>,
        to: &Target,
        offset: Option<Offset>,
        deliver: &mut dyn FnMut(&Arc<Outgoing>),
    ) {
        let Some(space) = self.space.upgrade() else { return };
        if self.read(&args, &attachments).is_some() {
            let place = offset.filter(|_| space.is_shared());
            space.share(args, attachments, to, place, |packet| deliver(packet));
        }
    }

    fn history(&self) -> Option<Duration> {
        self.hub.upgrade()?.config.keep.as_ref().map(|keep| keep.age())
    }

    fn begin(&self, offset: Offset) {
        if let Some(space) = self.space.upgrade()
            && let Some(log) = space.log()
        {
            log.begin(offset);
        }
    }

    fn past(&self, args: Bytes, attachments: Vec<Bytes>, to: &Target, offset: Offset) {
        if let Some(space) = self.space.upgrade()
            && space.is_shared()
            && self.read(&args, &attachments).is_some()
        {
            space.keep(args, &attachments, to, offset);
        }
    }

    fn question(&self, args: Bytes, attachments: Vec<Bytes>) -> Option<Arc<Outgoing>> {
        let space = self.space.upgrade()?;
        self.read(&args, &attachments)?;
        Some(space.outgoing(args, attachments, Some(space.next_ack())))
    }

    fn forget(&self, ack: u64) {
        if let Some(space) = self.space.upgrade() {
            space.asks().forget(ack);
        }
    }

    fn server_event(&self, args: Bytes, attachments: Vec<Bytes>, answer: Option<ServerAnswer>) {
        let (Some(space), Some(hub)) = (self.space.upgrade(), self.hub.upgrade()) else { return };
        let Some(arguments) = self.read(&args, &attachments) else { return };
        let expose = hub.config.expose_errors;
        let event = ServerEvent::new(SocketIo::from(hub.clone()), space.clone(), arguments);
        let handlers = space.doors().server_event(event);
        hub.spawn(async move {
            let Reply(reply) = handlers.await;
            let Some(answer) = answer else { return };
            match reply {
                ReplyKind::Empty => answer(Bytes::from_static(b"[]"), Vec::new()),
                ReplyKind::Ack(Encoded { json, attachments }) => answer(json.into(), attachments),
                ReplyKind::Error(error) => answer(error.to_ack(expose).into(), Vec::new()),
                ReplyKind::Taken => {}
            }
        });
    }
}

impl SpaceHome {
    /// What another node sent, if that is an event: clients and handlers are to get no text that is not JSON.
    fn read(&self, args: &Bytes, attachments: &[Bytes]) -> Option<Arguments> {
        let read = || {
            let json = std::str::from_utf8(args).map_err(WireError::from)?;
            serde_json::from_str::<Vec<IgnoredAny>>(json)?;
            let packet = Packet::json(Kind::Event, json, attachments.to_vec());
            let arguments = Arguments::event(&packet)?;
            let is_json = self.hub.upgrade().is_none_or(|hub| hub.config.parser.is_json());
            if !attachments.is_empty() || !is_json {
                // A client whose decoder finds no attachment for a placeholder closes its connection, and a parser that
                // is not JSON's encodes what is nested only so deep.
                arguments.deserialize_all::<Vec<Any>>()?;
            }
            Ok::<_, WireError>(arguments)
        };
        read()
            .inspect_err(|error| {
                if self.told.swap(true, Ordering::Relaxed) {
                    tracing::debug!(target: "socketio::adapter", %error, "another node sent what is no event");
                } else {
                    tracing::warn!(
                        target: "socketio::adapter", %error,
                        "another node sent what is no event; further ones are ignored silently"
                    );
                }
            })
            .ok()
    }
}
