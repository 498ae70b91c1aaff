//! The test server of `CONTRACT.md`, with tower-socketio: `cargo run -p interop-server -- --port 3000`.

mod broadcasts;
mod events;
mod journal;
mod namespaces;
mod options;
mod tap;
mod watch;

use std::io::{Read, stdin};
use std::net::SocketAddr;
use std::process::ExitCode;
use std::time::Duration;

use axum::Router;
use axum::http::StatusCode;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::oneshot;
use tower_socketio::SocketIo;

use crate::journal::Journal;
use crate::options::Options;

type Error = Box<dyn std::error::Error + Send + Sync>;

#[tokio::main]
async fn main() -> ExitCode {
    let options = match Options::parse(std::env::args().skip(1)) {
        Ok(options) => options,
        Err(error) => {
            eprintln!("{error}");
            return ExitCode::from(2);
        }
    };
    let parent_gone = end_of_stdin(options.watch_stdin);
    tokio::select! {
        served = serve(options) => match served {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => {
                eprintln!("{error}");
                ExitCode::FAILURE
            }
        },
        Ok(()) = parent_gone => ExitCode::FAILURE,
    }
}

async fn serve(options: Options) -> Result<(), Error> {
    let listener = TcpListener::bind(("127.0.0.1", options.port)).await?;
    let address = listener.local_addr()?;
    let journal = Journal { node: address.port(), file: options.record };
    let io = namespaces::declare(options.server, journal).build()?;
    let inner = Router::new().fallback(async || (StatusCode::NOT_FOUND, "inner"));
    let app = inner.layer(io.layer());

    let stop = drain_on_sigterm(io, options.drain)?;
    println!("listening on http://{address}");
    axum::serve(listener, app.into_make_service_with_connect_info::<SocketAddr>())
        .with_graceful_shutdown(stop)
        .await?;
    Ok(())
}

/// Catches the signal from now on.
fn drain_on_sigterm(io: SocketIo, within: Duration) -> Result<impl Future<Output = ()>, Error> {
    let mut terminate = signal(SignalKind::terminate())?;
    Ok(async move {
        terminate.recv().await;
        io.drain(within).await;
    })
}

/// Resolves when standard input ends; an error if it is not watched.
fn end_of_stdin(watched: bool) -> oneshot::Receiver<()> {
    let (ended, end) = oneshot::channel();
    if watched {
        // A thread of its own: the runtime would wait for one of its blocking threads when it is shut down.
        std::thread::spawn(move || {
            while matches!(stdin().read(&mut [0; 64]), Ok(1..)) {}
            ended.send(())
        });
    }
    end
}
