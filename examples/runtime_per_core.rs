//! Run with `cargo run --example runtime_per_core`: a runtime of one thread for each core, all on one port, and one
//! server behind them whose rooms have members on all of them. It is for Linux, which spreads connections over the
//! listeners of a port (`SO_REUSEPORT`).

use std::net::SocketAddr;
use std::thread;
use std::time::Duration;

use axum::Router;
use tokio::net::{TcpListener, TcpSocket};
use tokio::runtime::{Builder, Runtime};
use tower_socketio::{Ack, Data, Namespace, Socket, SocketIo};

type Error = Box<dyn std::error::Error>;

fn main() -> Result<(), Error> {
    let chat = Namespace::new()
        .on_connect(async |socket: Socket| socket.join("everybody"))
        .on("say", async |io: SocketIo, Data(text): Data<String>| io.to("everybody").emit("said", text))
        .on("where", async || Ack(thread::current().name().map(str::to_owned)));
    let io = SocketIo::builder().namespace("/", chat).build()?;

    let cores: usize = match std::env::var("CORES") {
        Ok(cores) => cores.parse()?,
        Err(_) => thread::available_parallelism()?.get(),
    };
    let port: u16 = std::env::var("PORT").map_or(Ok(3000), |port| port.parse())?;
    let mut address = SocketAddr::from(([127, 0, 0, 1], port));
    for core in 0..cores {
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let listener = listen(&runtime, address)?;
        address = listener.local_addr()?; // port 0 is a free one, the same for all
        let app = Router::new().layer(io.layer());
        thread::Builder::new().name(format!("core-{core}")).spawn(move || {
            // A connection stays with the runtime that accepted it. Nothing of the library is the runtime's but that.
            if let Err(error) = runtime.block_on(async { axum::serve(listener, app).await }) {
                eprintln!("core {core}: {error}");
            }
        })?;
    }
    println!("listening on http://localhost:{}", address.port());

    Builder::new_current_thread().enable_all().build()?.block_on(async {
        tokio::signal::ctrl_c().await?;
        io.drain(Duration::from_secs(1)).await; // on whichever runtimes they are
        Ok(())
    })
}

/// One of several listeners at an address.
fn listen(runtime: &Runtime, address: SocketAddr) -> std::io::Result<TcpListener> {
    let _context = runtime.enter(); // whose driver watches the listener
    let socket = TcpSocket::new_v4()?;
    #[cfg(target_os = "linux")]
    socket.set_reuseport(true)?;
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(4096) // no more than `net.core.somaxconn`
}
