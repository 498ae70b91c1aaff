use serde_json::Value;
use tower_socketio::Args;
use tower_socketio_postgres::PostgresEmitter;
use tower_socketio_redis::RedisEmitter;

use crate::Error;
use crate::commands::Command;
use crate::target::names;
use crate::values::read;

/// What obeys commands where nothing is served.
pub(crate) enum Emitter {
    Redis(RedisEmitter),
    Postgres(PostgresEmitter),
}

/// The emitters have the same methods and no trait in common.
macro_rules! obey {
    ($emitter:expr, $command:expr) => {{
        let Command { name, whom, event, args, rooms, close, .. } = $command;
        let mut target = $emitter.of(&whom.of).to(names(&whom.to)).except(names(&whom.except));
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
    }};
}

impl Emitter {
    pub(crate) async fn obey(&self, command: Command) -> Result<Value, Error> {
        match self {
            Self::Redis(emitter) => obey!(emitter, command),
            Self::Postgres(emitter) => obey!(emitter, command),
        }
        Ok(Value::Null)
    }
}
