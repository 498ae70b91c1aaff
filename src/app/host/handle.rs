use std::fmt;
use std::future::Future;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::{Arc, PoisonError, RwLock};

use tokio::sync::watch;

use super::service::AnyService;
use super::{Health, HostService};

/// Tells how a host is, and ends it. Clones are of the same host; dropping them changes nothing.
#[derive(Clone)]
pub struct HostHandle(Arc<Shared>);

struct Shared {
    state: watch::Sender<State>,
    services: RwLock<Vec<Arc<dyn AnyService>>>,
}

#[derive(Clone, Copy, Debug, Default)]
struct State {
    stage: Stage,
    /// How often it was told to end.
    told: u32,
    code: i32,
    address: Option<SocketAddr>,
    secure: bool,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Stage {
    #[default]
    New,
    Starting,
    /// It listens, or has come so far if it listens nowhere.
    Serving,
    /// Every `on_ready` has ended.
    Ready,
    /// It listens no longer.
    Closing,
    Ended,
}

impl HostHandle {
    pub(super) fn new() -> Self {
        Self(Arc::new(Shared { state: watch::Sender::default(), services: RwLock::default() }))
    }

    /// Where it can be reached, `http://127.0.0.1:3001` or `https://[::1]:3001`, while it listens.
    ///
    /// Of a host that listens at every address this is the loopback one.
    pub fn url(&self) -> Option<String> {
        let State { address, secure, .. } = *self.0.state.borrow();
        let mut address = address?;
        if address.ip().is_unspecified() {
            address.set_ip(match address.ip() {
                IpAddr::V4(_) => Ipv4Addr::LOCALHOST.into(),
                IpAddr::V6(_) => Ipv6Addr::LOCALHOST.into(),
            });
        }
        let scheme = if secure { "https" } else { "http" };
        // A scope has no place in a URL, and a socket's address made anew has none.
        Some(format!("{scheme}://{}", SocketAddr::new(address.ip(), address.port())))
    }

    /// The address at which it listens, while it does.
    pub fn local_addr(&self) -> Option<SocketAddr> {
        self.0.state.borrow().address
    }

    /// Whether it listens; never, if it is to listen nowhere.
    pub fn is_listening(&self) -> bool {
        self.local_addr().is_some()
    }

    /// The health of the host and of all its services together.
    pub fn health(&self) -> Health {
        let State { stage, told, .. } = *self.0.state.borrow();
        let live = (Stage::Serving..Stage::Ended).contains(&stage);
        let own = Health { healthy: stage != Stage::Ended, ready: live && told == 0, live };
        self.services().iter().fold(own, |health, service| health & service.health())
    }

    /// Tells the host to end with this exit code, and does not wait for it.
    ///
    /// A host that has not begun to start, or was told already, is not changed by it.
    pub fn shutdown(&self, code: i32) {
        self.tell(|state| {
            if state.told == 0 {
                (state.told, state.code) = (1, code);
            }
        });
    }

    /// Tells the host to end, with exit code 0 unless it was told another before, and waits until it has.
    ///
    /// For a host that has not begun to start this does nothing. In an `on_exit`, which the host waits for, it would wait
    /// for itself: [`shutdown`](Self::shutdown) is for hooks.
    ///
    /// # Cancel safety
    ///
    /// The host ends, whether or not this is awaited to its end.
    pub async fn stop(&self) {
        self.shutdown(0);
        if self.0.state.borrow().stage != Stage::New {
            self.wait().await;
        }
    }

    /// Waits until the host has ended, and gives its exit code: 1, if it failed to start or was dropped.
    ///
    /// # Cancel safety
    ///
    /// It can be dropped and called again.
    pub async fn wait(&self) -> i32 {
        self.until(|state| state.stage == Stage::Ended).await;
        self.0.state.borrow().code
    }

    /// A signal came.
    pub(super) fn signalled(&self) {
        self.tell(|state| state.told = state.told.saturating_add(1));
    }

    fn tell(&self, change: impl FnOnce(&mut State)) {
        self.0.state.send_modify(|state| {
            if (Stage::Starting..Stage::Ended).contains(&state.stage) {
                change(state);
            }
        });
    }

    pub(super) fn enter(&self, stage: Stage) {
        self.0.state.send_modify(|state| state.stage = stage);
    }

    pub(super) fn listening(&self, address: Option<SocketAddr>, secure: bool) {
        self.0.state.send_modify(|state| (state.address, state.secure) = (address, secure));
    }

    /// Waits for a stage.
    pub(super) fn reached(&self, stage: Stage) -> impl Future<Output = ()> + Send + 'static {
        self.until(move |state| state.stage >= stage)
    }

    /// Waits until the host was told so often to end.
    pub(super) fn told(&self, times: u32) -> impl Future<Output = ()> + Send + 'static {
        self.until(move |state| state.told >= times)
    }

    fn until(
        &self,
        mut is_so: impl FnMut(&State) -> bool + Send + 'static,
    ) -> impl Future<Output = ()> + Send + 'static {
        let mut state = self.0.state.subscribe();
        // A host that nobody has any more becomes nothing else.
        async move { drop(state.wait_for(|state| is_so(state)).await) }
    }

    /// The exit code, if it was told to end.
    pub(super) fn code(&self) -> Option<i32> {
        let State { told, code, .. } = *self.0.state.borrow();
        (told > 0).then_some(code)
    }

    pub(super) fn add(&self, service: impl HostService) {
        self.0.services.write().unwrap_or_else(PoisonError::into_inner).push(Arc::new(service));
    }

    pub(super) fn services(&self) -> Vec<Arc<dyn AnyService>> {
        self.0.services.read().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl fmt::Debug for HostHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("HostHandle").field(&*self.0.state.borrow()).finish()
    }
}

/// Ends with its host, whichever way that ends.
#[derive(Debug)]
pub(super) struct End(pub(super) HostHandle);

impl Drop for End {
    fn drop(&mut self) {
        let Shared { state, services } = &*self.0.0;
        // Services may have handles.
        let gone = std::mem::take(&mut *services.write().unwrap_or_else(PoisonError::into_inner));
        state.send_modify(|state| {
            (state.stage, state.address) = (Stage::Ended, None);
            if state.told == 0 {
                state.code = 1;
            }
        });
        drop(gone);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_url_is_one_that_can_be_connected_to() {
        let host = HostHandle::new();
        assert_eq!((host.url(), host.is_listening()), (None, false));
        for (address, secure, url) in [
            ("0.0.0.0:3001", false, "http://127.0.0.1:3001"),
            ("192.0.2.1:80", false, "http://192.0.2.1:80"),
            ("[::]:3001", false, "http://[::1]:3001"),
            ("[2001:db8::1]:443", true, "https://[2001:db8::1]:443"),
            ("[fe80::1%2]:1", true, "https://[fe80::1]:1"),
        ] {
            host.listening(Some(address.parse().expect("an address")), secure);
            assert_eq!((host.url().as_deref(), host.is_listening()), (Some(url), true));
        }
        host.listening(None, false);
        assert_eq!((host.url(), host.is_listening()), (None, false));
    }
}
