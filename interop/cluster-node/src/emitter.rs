use serde_json::Value;
use tower_socketio::Args;
use tower_socketio::adapter::Emitter;

use crate::Error;
use crate::commands::Command;
use crate::target::names;
use crate::values::read;

/// Obeys a command where nothing is served.
pub(crate) async fn obey(emitter: &Emitter, command: Command) -> Result<Value, Error> {
    let Command { name, whom, event, args, rooms, close, .. } = command;
    let mut target = emitter.of(&whom.of).to(names(&whom.to)).except(names(&whom.except));
    if whom.volatile {
        target = target.volatile();
    }
    let args = Args(args.into_iter().map(|value| read(value.into())).collect::<Vec<_>>());
    match &*name {
        "emit" => target.emit(&event, &args).await?,
        "join" => target.join(names(&rooms)).await?,
        "leave" => target.leave(names(&rooms)).await?,
        "disconnect" => target.disconnect(close).await?,
        "server-emit" => target.server_side_emit(&event, &args).await?,
        _ => return Err(format!("no command {name} of an emitter's").into()),
    }
    Ok(Value::Null)
}
