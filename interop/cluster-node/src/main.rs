//! The cluster node of `../cluster/CONTRACT.md`, with tower-socketio.

mod adapters;
mod commands;
mod emitter;
mod events;
mod options;
mod target;
mod values;

use std::io::{self, BufRead as _};
use std::net::SocketAddr;
use std::process::ExitCode;

use axum::Router;
use axum::http::HeaderName;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tower_socketio::{Recovery, SocketIo};

use crate::commands::{Command, Node};
use crate::options::Options;

type Error = Box<dyn std::error::Error + Send + Sync>;

#[tokio::main]
async fn main() -> ExitCode {
    tracing_subscriber::fmt().with_writer(io::stderr).with_ansi(false).init();
    let options = match Options::parse(std::env::args().skip(1)) {
        Ok(options) => options,
        Err(error) => {
            eprintln!("{error}");
            return ExitCode::from(2);
        }
    };
    let done = if options.emitter { emit(options).await } else { serve(options).await };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let causes =
                std::iter::successors(Some(&*error as &dyn std::error::Error), |error| error.source());
            eprintln!("{}", causes.map(ToString::to_string).collect::<Vec<_>>().join(": "));
            ExitCode::FAILURE
        }
    }
}

/// Serves until it is told to close, or until nobody is there any more who could tell it anything.
async fn serve(options: Options) -> Result<(), Error> {
    let cluster = adapters::connect(&options).await?;
    let mut builder = SocketIo::builder()
        .adapter(cluster.clone())
        .allow_eio3(true)
        .keep_headers([HeaderName::from_static("x-interop")]);
    if let Some(window) = options.recovery {
        builder = builder.recovery(Recovery::new().window(window));
    }
    if let Some(prefix) = options.id_prefix.clone() {
        builder = builder.id_generator(options::numbered(prefix));
    }
    let names = options.namespaces.iter().map(String::as_str).chain(["/dynamic/{name}"]);
    let io = names
        .fold(builder, |builder, name| builder.namespace(name, events::namespace(options.number)))
        .build()?;

    let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
    println!("listening on http://{}", listener.local_addr()?);
    let app = Router::new().layer(io.layer());
    let server = axum::serve(listener, app.into_make_service_with_connect_info::<SocketAddr>());
    tokio::spawn(server.into_future());
    obey(Node { io, cluster }).await
}

/// Obeys as an emitter, one command after the other.
async fn emit(options: Options) -> Result<(), Error> {
    let emitter = adapters::emitter(&options).await?;
    println!("ready");
    let mut lines = lines();
    while let Some(line) = lines.recv().await {
        let command: Command = serde_json::from_str(&line)?;
        answer(command.id, emitter::obey(&emitter, command).await);
    }
    Err("nobody is there any more".into())
}

async fn obey(node: Node) -> Result<(), Error> {
    let mut lines = lines();
    while let Some(line) = lines.recv().await {
        let command: Command = serde_json::from_str(&line)?;
        let (id, last) = (command.id, command.name == "close");
        // What it does at once it does before the next one.
        let done = node.obey(command);
        if last {
            answer(id, done.await);
            return Ok(());
        }
        tokio::spawn(async move { answer(id, done.await) });
    }
    Err("nobody is there any more".into())
}

fn answer(id: u64, done: Result<Value, Error>) {
    say(&match done {
        Ok(ok) => json!({ "id": id, "ok": ok }),
        Err(error) => json!({ "id": id, "error": error.to_string() }),
    });
}

/// Standard input, read by a thread of its own, which the runtime does not wait for.
fn lines() -> mpsc::UnboundedReceiver<String> {
    let (sender, receiver) = mpsc::unbounded_channel();
    std::thread::spawn(move || {
        io::stdin().lock().lines().map_while(Result::ok).try_for_each(|line| sender.send(line))
    });
    receiver
}

/// A line for those who started this program.
fn say(line: &Value) {
    println!("{line}");
}
