use serde::Deserialize;
use serde_json::{Value, json};
use tower_socketio::{Ack, Any, Args, Auth, Broadcast, Data, Namespace, Socket, State};

use crate::say;
use crate::target::{Whom, names};
use crate::values::write;

/// Sections 3 and 4 of the contract.
pub(crate) fn namespace(number: i64) -> Namespace {
    Namespace::new()
        .on_connect(remember)
        .on("ack", async |all: Args<Vec<Any>>| Ack(all))
        .on("join", async |socket: Socket, Data(rooms): Data<Vec<Value>>| socket.join(names(&rooms)))
        .on("leave", async |socket: Socket, Data(rooms): Data<Vec<Value>>| socket.leave(names(&rooms)))
        .on("set", async |socket: Socket, Data(data): Data<Value>| drop(socket.extensions().insert(data)))
        .on("login", async |socket: Socket, Data(user): Data<String>| socket.set_user(user))
        .on("cast", cast)
        .on("who", who)
        .on_server("add", async |State(number): State<i64>, Data(n): Data<i64>| Ack(n + number))
        .on_server("same", async |Data(value): Data<Any>| Ack(value))
        .on_server("some", some)
        .on_server("note", note)
        .with_state(number)
}

#[derive(Deserialize)]
struct Given {
    data: Option<Value>,
}

/// Before a socket that comes back has what it had.
async fn remember(socket: Socket, auth: Option<Auth<Given>>) {
    if let Some(Auth(Given { data: Some(data) })) = auth
        && !socket.recovered()
    {
        socket.extensions().insert(data);
    }
}

async fn cast(socket: Socket, Data((whom, event)): Data<(Whom, String)>, Args(mut all): Args<Vec<Any>>) {
    whom.narrow(socket.broadcast()).emit(&event, Args(all.split_off(2)));
}

async fn who(socket: Socket, State(number): State<i64>) -> Ack<Value> {
    let mut rooms: Vec<_> = socket.rooms().iter().map(|room| room.wire_name().into_owned()).collect();
    rooms.sort_unstable();
    let data = socket.extensions().get::<Value>();
    Ack(json!({ "number": number, "recovered": socket.recovered(), "rooms": rooms, "data": data }))
}

async fn some(State(number): State<i64>, Data((numbers, value)): Data<(Vec<i64>, Any)>) -> Ack<Any> {
    if !numbers.contains(&number) {
        std::future::pending::<()>().await;
    }
    Ack(value)
}

async fn note(everybody: Broadcast, Args(args): Args<Vec<Any>>) {
    let text = serde_json::to_string(&args).unwrap_or_default();
    let args: Vec<_> = args.iter().map(write).collect();
    say(&json!({ "heard": { "of": everybody.name(), "args": args, "text": text } }));
}
