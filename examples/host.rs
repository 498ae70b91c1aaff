//! Run with `cargo run --example host --features tls`: a server of its own at port 3001, with hooks, health routes and an
//! orderly end by Ctrl-C. `PORT` is another port, `GRACE` the seconds that clients have to go, and with `CERTIFICATE` and
//! `KEY`, which are files in PEM, it speaks TLS.

use std::net::{Ipv4Addr, SocketAddr};
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::Duration;

use tower_socketio::{
    Ack, ConfigError, Data, Health, Host, HostHandle, HostService, Namespace, Socket, SocketIo,
};

type BoxError = Box<dyn std::error::Error + Send + Sync>;

#[tokio::main]
async fn main() -> Result<ExitCode, BoxError> {
    let seconds = std::env::var("GRACE").map_or(Ok(2), |seconds| seconds.parse())?;
    let mut host = Host::new(SocketIo::builder().allow_eio3(true).build()?)
        .grace(Duration::from_secs(seconds))
        .service(Counter::default())
        .on_ready(async |host: HostHandle| {
            println!("listening on {}", host.url().unwrap_or_default().replace("127.0.0.1", "localhost"));
        })
        .on_exit(async |code| println!("ended with {code}"));
    if let Ok(port) = std::env::var("PORT") {
        host = host.listen(SocketAddr::from((Ipv4Addr::LOCALHOST, port.parse()?)));
    }
    if let (Ok(certificate), Ok(key)) = (std::env::var("CERTIFICATE"), std::env::var("KEY")) {
        host = host.tls_pem(&std::fs::read(certificate)?, &std::fs::read(key)?)?;
    }
    Ok(ExitCode::from(u8::try_from(host.run().await?)?))
}

/// A service: one instance for all sockets.
#[derive(Default)]
struct Counter {
    count: AtomicU32,
    broken: AtomicBool,
}

impl HostService for Counter {
    fn mount(self: Arc<Self>, io: &SocketIo) -> Result<(), ConfigError> {
        let me = self.clone();
        let count = async move || Ack(me.count.fetch_add(1, Ordering::Relaxed) + 1);
        let break_down = async move |Data(broken): Data<bool>| self.broken.store(broken, Ordering::Relaxed);
        let secure = async |socket: Socket| Ack(socket.conn().is_secure());
        io.namespace(
            "/",
            Namespace::new().on("count", count).on("break down", break_down).on("secure", secure),
        )
    }

    async fn on_init(&self, _: &HostHandle) -> Result<(), BoxError> {
        self.count.store(100, Ordering::Relaxed); // as if it came from a database; the host waits for it
        Ok(())
    }

    async fn on_exit(&self, _: i32) {
        println!("counted to {}", self.count.load(Ordering::Relaxed));
    }

    fn health(&self) -> Health {
        Health { ready: !self.broken.load(Ordering::Relaxed), ..Health::default() }
    }
}
