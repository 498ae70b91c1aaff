use std::time::Duration;

use futures_util::StreamExt;
use futures_util::future::BoxFuture;
use serde::Deserialize;
use serde_json::{Value, json};
use tower_socketio::{
    AckError, AckStream, Any, Args, Cluster, MessageClient, PublishMessage, Publisher, RemoteSocket, SocketIo,
};

use crate::Error;
use crate::target::{Whom, names};
use crate::values::{read, write};

/// A command of section 2 of the contract.
#[derive(Deserialize)]
pub(crate) struct Command {
    pub(crate) id: u64,
    #[serde(rename = "do")]
    pub(crate) name: String,
    #[serde(flatten)]
    pub(crate) whom: Whom,
    #[serde(default)]
    pub(crate) event: String,
    #[serde(default)]
    pub(crate) args: Vec<Value>,
    #[serde(default)]
    pub(crate) rooms: Vec<Value>,
    #[serde(default)]
    pub(crate) close: bool,
    #[serde(default)]
    socket: String,
    #[serde(default)]
    users: Vec<String>,
    /// Not in one namespace, but in all.
    #[serde(default)]
    everywhere: bool,
    message: Option<PublishMessage>,
    /// Milliseconds.
    #[serde(default)]
    timeout: u64,
}

/// What commands are told to.
pub(crate) struct Node {
    pub(crate) io: SocketIo,
    pub(crate) cluster: Cluster,
}

type Answer = Result<Value, Error>;

impl Node {
    /// Begins at once; the answer may take its time.
    pub(crate) fn obey(&self, command: Command) -> BoxFuture<'static, Answer> {
        let Command {
            name,
            whom,
            event,
            args,
            rooms,
            socket,
            close,
            users,
            everywhere,
            message,
            timeout,
            ..
        } = command;
        let (target, timeout) = (whom.target(&self.io), Duration::from_millis(timeout));
        let client = MessageClient::new(&self.io);
        let messages = if everywhere { client } else { client.in_namespace(&*whom.of) };
        let args = Args(args.into_iter().map(|value| read(value.into())).collect::<Vec<_>>());
        let answer = match &*name {
            "emit" => done(target.emit(&event, args).into_result()),
            "ask" => return Box::pin(answers(target.timeout(timeout).emit_with_ack(&event, args))),
            "fetch" => {
                return Box::pin(async move { target.fetch_sockets().await?.iter().map(describe).collect() });
            }
            "ask-one" => {
                return Box::pin(async move {
                    let found = target.clone().to(socket).fetch_sockets().await?;
                    let one = target.to(found.first().ok_or("no such socket")?);
                    let mut answer = one.timeout(timeout).emit_with_ack::<Any>(&event, args);
                    Ok(write(&answer.next().await.ok_or("nobody was asked")??))
                });
            }
            "join" => {
                target.join(names(&rooms));
                Ok(Value::Null)
            }
            "leave" => {
                target.leave(names(&rooms));
                Ok(Value::Null)
            }
            "disconnect" => {
                target.disconnect(close);
                Ok(Value::Null)
            }
            "server-emit" => target.server_side_emit(&event, args).map(|()| Value::Null).map_err(Into::into),
            "server-ask" => {
                return Box::pin(answers(target.timeout(timeout).server_side_emit_with_ack(&event, args)));
            }
            "servers" => return Box::pin(async move { Ok(target.server_count().await?.into()) }),
            "rooms" => {
                let mut names: Vec<_> =
                    target.rooms().iter().map(|room| room.wire_name().into_owned()).collect();
                names.sort_unstable();
                Ok(names.into())
            }
            "count" => Ok(target.count().into()),
            "users" => done(messages.emit_to_users(users, &event, args).into_result()),
            "everyone" => done(messages.emit_to_everyone(&event, args).into_result()),
            "disconnect-users" => {
                messages.disconnect_users(users, close);
                Ok(Value::Null)
            }
            "publish" | "publish-all" => self.publish(message, name == "publish-all"),
            "stats" => {
                let cluster = &self.cluster;
                let (unpublished, ignored) = (cluster.unpublished(), cluster.ignored());
                Ok(json!({
                    "down": cluster.is_down(),
                    "outages": cluster.outages(),
                    "unpublished": unpublished,
                    "ignored": ignored,
                }))
            }
            "close" => {
                let io = self.io.clone();
                return Box::pin(async move {
                    io.close().await;
                    Ok(Value::Null)
                });
            }
            _ => Err(format!("no command {name}").into()),
        };
        Box::pin(std::future::ready(answer))
    }

    fn publish(&self, message: Option<PublishMessage>, to_all: bool) -> Answer {
        let (publisher, message) = (Publisher::new(&self.io), message.ok_or("no message")?);
        let sent = if to_all { publisher.publish_all(&message)? } else { publisher.publish(&message)? };
        done(sent.into_result())
    }
}

fn done<E: Into<Error>>(result: Result<(), E>) -> Answer {
    result.map(|()| Value::Null).map_err(Into::into)
}

/// Reads a stream of answers to its end.
async fn answers(mut stream: AckStream<Any>) -> Answer {
    let (mut answers, mut missing) = (Vec::new(), 0);
    while let Some(answer) = stream.next().await {
        match answer {
            Ok(answer) => answers.push(write(&answer)),
            Err(AckError::Timeout { missing: silent }) => missing = silent,
            Err(error) => return Err(error.into()),
        }
    }
    Ok(json!({ "answers": answers, "complete": missing == 0, "missing": missing }))
}

fn describe(socket: &RemoteSocket) -> Answer {
    let mut rooms: Vec<_> = socket.rooms.iter().map(|room| room.wire_name().into_owned()).collect();
    rooms.sort_unstable();
    let handshake: Value = serde_json::from_slice(&socket.handshake)?;
    let data: Value = serde_json::from_slice(&socket.data)?;
    Ok(json!({ "id": socket.id, "rooms": rooms, "data": data, "handshake": handshake }))
}
