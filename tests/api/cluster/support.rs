use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tower_socketio::adapter::{BoxFuture, Bus, BusError, Cluster, Inbox, LocalBus, Message, Offset, To};
use tower_socketio::{Namespace, SocketIo, TestClient};

use crate::support::{Test, idle};

/// Nodes that know each other, with what `namespace` makes for each of them as `/`.
pub(super) async fn nodes<const N: usize>(namespace: impl Fn(usize) -> Namespace) -> [SocketIo; N] {
    let bus = LocalBus::new();
    let nodes = std::array::from_fn(|at| node(&Cluster::new(bus.clone()), namespace(at)));
    idle().await;
    nodes
}

pub(super) fn node(cluster: &Cluster, namespace: Namespace) -> SocketIo {
    let builder = SocketIo::builder().adapter(cluster.clone());
    builder.namespace("/", namespace).build().expect("a namespace that fits")
}

/// Nothing has come to a client but this, which the server sends now.
pub(super) async fn nothing_came(io: &SocketIo, client: &mut TestClient) -> Test {
    idle().await;
    io.to(client.id()).local().emit("the end", ());
    Ok(client.next::<()>("the end").await?)
}

/// A connection to a bus that can be cut, without the other nodes being told, is slow for one namespace, or takes
/// messages and does not come back.
#[derive(Clone, Debug)]
pub(super) struct Cable {
    bus: LocalBus,
    cut: Arc<AtomicBool>,
    slow: Option<&'static str>,
    stuck: bool,
}

impl Cable {
    pub(super) fn new(bus: &LocalBus) -> Self {
        Self { bus: bus.clone(), cut: Arc::default(), slow: None, stuck: false }
    }

    pub(super) fn slow(self, namespace: &'static str) -> Self {
        Self { slow: Some(namespace), ..self }
    }

    pub(super) fn stuck(self) -> Self {
        Self { stuck: true, ..self }
    }

    pub(super) fn cut(&self) {
        self.cut.store(true, Ordering::Relaxed);
    }
}

impl Bus for Cable {
    fn open<'a>(
        &'a self,
        namespace: &'a str,
        node: &'a str,
        inbox: Inbox,
    ) -> BoxFuture<'a, Result<(), BusError>> {
        let cut = self.cut.clone();
        let filtered = Inbox::new(move |incoming| match incoming {
            Ok(_) if cut.load(Ordering::Relaxed) => {}
            Ok(incoming) => inbox.message(incoming),
            Err(error) => inbox.fail(error),
        });
        self.bus.open(namespace, node, filtered)
    }

    fn publish<'a>(
        &'a self,
        message: &'a Message,
        to: To<'a>,
    ) -> BoxFuture<'a, Result<Option<Offset>, BusError>> {
        if self.cut.load(Ordering::Relaxed) {
            return Box::pin(async { Ok(None) });
        }
        if self.stuck {
            return Box::pin(std::future::pending());
        }
        let is_slow = self.slow.is_some() && self.slow == message.namespace.as_deref();
        Box::pin(async move {
            if is_slow {
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
            self.bus.publish(message, to).await
        })
    }

    fn close<'a>(&'a self, namespace: &'a str, node: &'a str) -> BoxFuture<'a, ()> {
        self.bus.close(namespace, node)
    }
}
