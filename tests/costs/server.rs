use std::net::SocketAddr;
use std::sync::mpsc;
use std::thread;

use allocation_counter::AllocationInfo;
use tower_socketio::Builder;

use crate::client::Client;

/// A server on a thread of its own, which counts on demand.
pub(crate) struct Server {
    address: SocketAddr,
    orders: tokio::sync::mpsc::UnboundedSender<Order>,
}

enum Order {
    Begin(mpsc::Sender<()>),
    End(mpsc::Sender<AllocationInfo>),
}

impl Server {
    pub(crate) fn start(builder: Builder) -> Self {
        let (orders, mut ordered) = tokio::sync::mpsc::unbounded_channel();
        let (tell, told) = mpsc::channel();
        thread::spawn(move || {
            let runtime =
                tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
            let io = builder.build().expect("it fits");
            runtime.block_on(async {
                let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a free port");
                tell.send(listener.local_addr().expect("an address")).expect("the test waits");
                let app = axum::Router::new().layer(io.layer());
                tokio::spawn(async move { axum::serve(listener, app).await });
            });
            // Everything else runs while one of these waits.
            while let Some(Order::Begin(begun)) = runtime.block_on(ordered.recv()) {
                begun.send(()).expect("the test waits");
                let mut end = None;
                let counted = allocation_counter::measure(|| end = runtime.block_on(ordered.recv()));
                if let Some(Order::End(ended)) = end {
                    ended.send(counted).expect("the test waits");
                }
            }
        });
        Self { address: told.recv().expect("the server starts"), orders }
    }

    /// What the server allocates while something is done.
    pub(crate) fn count(&self, what: impl FnOnce()) -> AllocationInfo {
        let (tell, told) = mpsc::channel();
        assert!(self.orders.send(Order::Begin(tell)).is_ok());
        told.recv().expect("the server runs");
        what();
        let (tell, told) = mpsc::channel();
        assert!(self.orders.send(Order::End(tell)).is_ok());
        told.recv().expect("the server runs")
    }

    pub(crate) fn client(&self) -> Client {
        Client::connect(self.address, "")
    }

    /// A client whose request has these headers, too.
    pub(crate) fn client_with(&self, headers: &str) -> Client {
        Client::connect(self.address, headers)
    }
}
