//! Run with `cargo run --example chat` and open <http://localhost:3000> in two windows; `PORT` names another port.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, SystemTime};

use axum::routing::{MethodRouter, get};
use http::header::CONTENT_TYPE;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tower_socketio::{
    Ack, AckSender, Context, Data, Extension, FromContext, Namespace, PublicError, Socket, SocketIo, State,
};

type Error = Box<dyn std::error::Error>;

const HOMES: [&str; 3] = ["general", "help", "random"]; // the rooms that are always there
const MAX_ROOMS: usize = 100;
const MAX_HISTORY: usize = 50;
const MAX_NAME: usize = 32;
const MAX_TEXT: usize = 2000;

#[tokio::main]
async fn main() -> Result<(), Error> {
    let chat = Namespace::new()
        .on_connected(async |socket: Socket, State(chat): State<Chat>| {
            socket.emit("rooms", chat.lock().list(&socket))
        })
        .on("join", join)
        .on("message", message)
        .on("typing", typing)
        .on("rename", rename)
        .on_disconnect(gone)
        .with_state(Chat::default());
    let io = SocketIo::builder()
        .ping_interval(millis("CHAT_PING_INTERVAL_MS", 25_000)?)
        .ping_timeout(millis("CHAT_PING_TIMEOUT_MS", 20_000)?)
        .max_payload(100_000)
        .namespace("/", chat)
        .build()?;
    let app = axum::Router::new()
        .route("/", file("text/html", include_str!("chat/index.html")))
        .route("/style.css", file("text/css", include_str!("chat/style.css")))
        .route("/app.js", file("text/javascript", include_str!("chat/app.js")))
        .route("/socket.js", file("text/javascript", include_str!("chat/socket.js")))
        .layer(io.layer());
    let port: u16 = std::env::var("PORT").map_or(Ok(3000), |port| port.parse())?;
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", port)).await?;
    println!("listening on http://localhost:{}", listener.local_addr()?.port());
    let stop = async move {
        tokio::signal::ctrl_c().await.ok();
        io.drain(Duration::from_secs(1)).await; // pages are told to go, and come back as soon as a server does
    };
    Ok(axum::serve(listener, app).with_graceful_shutdown(stop).await?)
}

fn file(kind: &str, text: &'static str) -> MethodRouter {
    get(([(CONTENT_TYPE, format!("{kind}; charset=utf-8"))], text))
}

fn millis(variable: &str, default: u64) -> Result<Duration, Error> {
    Ok(Duration::from_millis(std::env::var(variable).map_or(Ok(default), |millis| millis.parse())?))
}

/// The rooms, each with what was said in it. Handlers hold the lock while they tell of a change, so that everybody hears
/// of all changes in the same order; no emit ever waits.
#[derive(Clone)]
struct Chat(Arc<Mutex<Rooms>>);

struct Rooms(BTreeMap<String, VecDeque<Line>>);

#[derive(Clone, Serialize)]
struct Line {
    id: u64,
    room: String,
    author: String,
    from: String,
    text: String,
    at: u64,
}

/// A person in a room; the extension of a socket that has joined one.
#[derive(Clone, Serialize)]
struct Seat {
    #[serde(skip)]
    room: String,
    id: String,
    name: String,
}

/// What is not possible, in words for the user.
#[derive(Debug, thiserror::Error)]
enum Refusal {
    #[error("{0} has 1 to {1} characters.")]
    Length(&'static str, usize),
    #[error("There are enough rooms already. Please join one of them.")]
    TooManyRooms,
    #[error("Please join a room first.")]
    NoSeat,
}

impl PublicError for Refusal {}

/// An extractor of our own: most events are for those who are in a room.
impl<C: Context, S: Sync> FromContext<C, S> for Seat {
    type Rejection = Refusal;

    async fn from_context(cx: &mut C, _: &S) -> Result<Self, Refusal> {
        cx.socket().extensions().get().ok_or(Refusal::NoSeat)
    }
}

impl Seat {
    fn tag(&self) -> String {
        tag(&self.room)
    }
}

#[derive(Deserialize)]
struct Wish {
    room: String,
    name: String,
}

/// Answers by hand: what is said after the list of members and the history was made must arrive after it, too.
async fn join(
    socket: Socket,
    before: Option<Extension<Seat>>,
    State(chat): State<Chat>,
    Data(Wish { room, name }): Data<Wish>,
    ack: AckSender,
) -> Result<(), Refusal> {
    let room = checked("A room's name", &room, MAX_NAME)?;
    let seat = Seat { room, id: socket.id().into(), name: checked("A name", &name, MAX_NAME)? };
    let mut rooms = chat.lock();
    let history = rooms.open(&seat.room, &socket)?.clone();
    socket.extensions().insert(seat.clone());
    match before {
        Some(Extension(before)) if before.room == seat.room => {
            drop(socket.to(seat.tag()).emit("renamed", &seat))
        }
        before => {
            if let Some(Extension(before)) = before {
                socket.leave(before.tag());
                socket.to(before.tag()).emit("left", before);
            }
            socket.join(seat.tag());
            socket.to(seat.tag()).emit("joined", &seat);
            socket.namespace().emit("rooms", rooms.list(&socket));
        }
    }
    let sockets = socket.within(seat.tag()).sockets().into_iter();
    let members: Vec<Seat> = sockets.filter_map(|socket| socket.extensions().get()).collect();
    ack.send(json!({ "room": seat.room, "members": members, "history": history }));
    Ok(())
}

async fn message(
    socket: Socket,
    seat: Seat,
    State(chat): State<Chat>,
    Data(text): Data<String>,
) -> Result<Ack<Value>, Refusal> {
    let text = checked("A message", &text, MAX_TEXT)?;
    let since_1970 = SystemTime::UNIX_EPOCH.elapsed().unwrap_or_default();
    let at = u64::try_from(since_1970.as_millis()).unwrap_or(u64::MAX);
    let mut rooms = chat.lock();
    let history = rooms.open(&seat.room, &socket)?;
    let id = history.back().map_or(1, |last| last.id + 1);
    socket.namespace().except(seat.tag()).emit("activity", &seat.room);
    let line =
        Line { id, room: seat.room.clone(), author: seat.name.clone(), from: seat.id.clone(), text, at };
    socket.to(seat.tag()).emit("message", &line);
    history.push_back(line);
    history.drain(..history.len().saturating_sub(MAX_HISTORY));
    Ok(Ack(json!({ "id": id, "at": at })))
}

async fn typing(socket: Socket, seat: Seat, Data(typing): Data<bool>) {
    socket.to(seat.tag()).emit("typing", json!({ "id": seat.id, "name": seat.name, "typing": typing }));
}

async fn rename(
    socket: Socket,
    mut seat: Seat,
    State(chat): State<Chat>,
    Data(name): Data<String>,
) -> Result<(), Refusal> {
    seat.name = checked("A name", &name, MAX_NAME)?;
    let _rooms = chat.lock();
    socket.extensions().insert(seat.clone());
    socket.within(seat.tag()).emit("renamed", seat);
    Ok(())
}

async fn gone(socket: Socket, seat: Option<Extension<Seat>>, State(chat): State<Chat>) {
    let Some(Extension(seat)) = seat else { return };
    let rooms = chat.lock();
    socket.to(seat.tag()).emit("left", seat);
    socket.namespace().emit("rooms", rooms.list(&socket));
}

fn checked(what: &'static str, text: &str, most: usize) -> Result<String, Refusal> {
    let text = text.trim();
    let fits = !text.is_empty() && text.chars().count() <= most;
    if fits { Ok(text.into()) } else { Err(Refusal::Length(what, most)) }
}

/// The server's name for a room. As it stands, a user's choice could be a socket's id, which is a room as well.
fn tag(room: &str) -> String {
    format!("room:{room}")
}

impl Default for Chat {
    fn default() -> Self {
        Self(Arc::new(Mutex::new(Rooms(HOMES.map(|name| (name.into(), VecDeque::new())).into()))))
    }
}

impl Chat {
    fn lock(&self) -> MutexGuard<'_, Rooms> {
        self.0.lock().expect("no handler panics while it holds the lock")
    }
}

impl Rooms {
    /// A room's history; of a new room, for which those that everybody has left make place where there are too many.
    fn open(&mut self, name: &str, socket: &Socket) -> Result<&mut VecDeque<Line>, Refusal> {
        if self.0.len() >= MAX_ROOMS && !self.0.contains_key(name) {
            let people = |name: &str| socket.within(tag(name)).count();
            self.0.retain(|name, _| HOMES.contains(&&**name) || people(name) > 0);
            if self.0.len() >= MAX_ROOMS {
                return Err(Refusal::TooManyRooms);
            }
        }
        Ok(self.0.entry(name.into()).or_default())
    }

    fn list(&self, socket: &Socket) -> Vec<Value> {
        let entry = |name: &String| json!({ "name": name, "members": socket.within(tag(name)).count() });
        self.0.keys().map(entry).collect()
    }
}
