use std::sync::Arc;

use tower::{BoxError, Layer, Service};
use tower_socketio_proto::socketio::is_reserved;

use super::EventAuth;
use super::gate::Gate;
use crate::hub::{Accepted, Builder, ConnectRequest, ConnectService};
use crate::layer::connect;
use crate::namespace::Namespace;

impl<S: Clone + Send + Sync + 'static> Namespace<S> {
    /// Puts a gate in front of this namespace, inside of the connect layers that were added before.
    ///
    /// Its event belongs to the gate: a handler for it is a
    /// [`ConfigError::ReservedEvent`](crate::ConfigError::ReservedEvent), and a client that is in gets an error for it.
    pub fn event_auth<U: Clone + Send + Sync + 'static>(self, gate: EventAuth<U>) -> Self {
        self.reserve(gate.0.reserved()).connect_layer(gate)
    }
}

impl Builder {
    /// Puts a gate in front of every namespace, also of those that are declared later, as
    /// [`Namespace::event_auth`](crate::Namespace::event_auth) does for one.
    pub fn event_auth<U: Clone + Send + Sync + 'static>(mut self, gate: EventAuth<U>) -> Self {
        self.config.reserved.extend(gate.0.reserved());
        self.connect_layer(gate)
    }
}

impl<U> Gate<U> {
    /// The event of clients; and those of the server that Socket.IO would not emit, for which the namespace is refused.
    fn reserved(&self) -> impl Iterator<Item = Arc<str>> {
        let ours = [&self.authenticated, &self.unauthorized].into_iter().filter(|event| is_reserved(event));
        std::iter::once(&self.authentication).chain(ours).cloned().collect::<Vec<_>>().into_iter()
    }
}

impl<U, N> Layer<N> for EventAuth<U>
where
    U: Clone + Send + Sync + 'static,
    N: Service<ConnectRequest, Response = Accepted, Error: Into<BoxError>, Future: Send + 'static>
        + Send
        + 'static,
{
    type Service = ConnectService;

    fn layer(&self, inner: N) -> ConnectService {
        let gate = self.0.clone();
        let layer = connect::from_fn(move |request, next| gate.clone().enter(request, next));
        ConnectService::new(layer.layer(inner))
    }
}
