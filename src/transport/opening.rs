use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::request::Parts;
use hyper::upgrade::{OnUpgrade, Upgraded};
use pin_project_lite::pin_project;
use tower_socketio_proto::engineio::Version;

use super::driver::Driver;
use super::handshake::{self, Opener, TooMany};
use super::http::missing_upgrade;
use super::io::Io;
use super::probe::Probe;
use crate::hub::Hub;

pin_project! {
    /// The one task of a connection that begins with a WebSocket: it waits for the upgrade, and then is the driver.
    #[project = Projected]
    pub(super) enum Opening {
        Waiting { upgrade: OnUpgrade, open: Option<Open> },
        Open { #[pin] driver: Driver },
    }
}

/// What opens the session.
pub(super) struct Open {
    hub: Arc<Hub>,
    parts: Arc<Parts>,
    opener: Opener,
}

impl Opening {
    pub(super) fn new(hub: Arc<Hub>, upgrade: OnUpgrade, parts: Arc<Parts>, opener: Opener) -> Self {
        Self::Waiting { upgrade, open: Some(Open { hub, parts, opener }) }
    }
}

impl Future for Opening {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        loop {
            let driver = match self.as_mut().project() {
                Projected::Open { driver } => return driver.poll(cx),
                Projected::Waiting { upgrade, open } => {
                    let upgraded = std::task::ready!(Pin::new(upgrade).poll(cx));
                    open.take().and_then(|open| open.over(cx, upgraded))
                }
            };
            match driver {
                Some(driver) => self.set(Self::Open { driver }),
                None => return Poll::Ready(()),
            }
        }
    }
}

impl Open {
    fn over(self, cx: &mut Context<'_>, upgraded: hyper::Result<Upgraded>) -> Option<Driver> {
        let Self { hub, parts, mut opener } = self;
        let (io, early) = match upgraded {
            Ok(upgraded) => Io::from_upgraded(upgraded),
            Err(error) => {
                missing_upgrade(&error);
                return None;
            }
        };
        if opener.peer.is_none() {
            opener.peer = io.peer();
            match handshake::place(&hub, &parts.headers, opener.peer) {
                Ok(place) => opener.place = place,
                Err(TooMany) => {
                    turn_away(&hub, io, &early);
                    return None;
                }
            }
        }
        let version = opener.version;
        match handshake::open(&hub, parts, opener, Some((io, &early))) {
            Ok((_, mut driver)) => {
                if version == Version::V3 {
                    driver.enter_root(cx);
                }
                Some(driver)
            }
            Err(error) => {
                tracing::warn!(target: "socketio::engine", ?error, "no session");
                None
            }
        }
    }
}

fn turn_away(hub: &Arc<Hub>, io: Io, early: &Bytes) {
    let config = &hub.config;
    let probe = Probe::new(io, early, config.max_payload);
    hub.spawn(probe.turn_away(config.close_grace));
}
