use std::time::Duration;

use bytes::Bytes;
use redis::{Cmd, ErrorKind, RedisError, RedisResult, Value, cmd};
use tower_socketio_adapter::{Message, Offset};

use super::entry::{CodecError, Entry, fields};
use super::id;

/// Appends a message to a stream, which is cut to about `max_len` entries.
pub(super) fn append(stream: &str, max_len: u64, message: &Message) -> Result<Cmd, CodecError> {
    let mut command = cmd("XADD");
    command.arg(stream).arg("MAXLEN").arg("~").arg(max_len).arg("*");
    for (name, value) in fields(message)? {
        command.arg(name).arg(&value[..]);
    }
    Ok(command)
}

/// Reads what is behind an entry, waiting for it if there is nothing.
pub(super) fn read(stream: &str, behind: Offset, count: usize, block: Option<Duration>) -> Cmd {
    let mut command = cmd("XREAD");
    if let Some(block) = block {
        command.arg("BLOCK").arg(millis(block));
    }
    command.arg("COUNT").arg(count).arg("STREAMS").arg(stream).arg(behind.to_string());
    command
}

/// Reads the entries from one to another.
pub(super) fn range(stream: &str, from: Offset, to: Offset, count: usize) -> Cmd {
    let mut command = cmd("XRANGE");
    command.arg(stream).arg(from.to_string()).arg(to.to_string()).arg("COUNT").arg(count);
    command
}

/// Reads the first entry.
pub(super) fn first(stream: &str) -> Cmd {
    range(stream, Offset::ZERO, Offset::MAX, 1)
}

/// Reads the last entry.
pub(super) fn last(stream: &str) -> Cmd {
    let mut command = cmd("XREVRANGE");
    command.arg(stream).arg("+").arg("-").arg("COUNT").arg(1);
    command
}

/// The place of now by Redis' clock, and of so long ago, in the answer to `TIME`.
pub(super) fn now(answer: Value, ago: Duration) -> RedisResult<(Offset, Offset)> {
    let (seconds, micros): (u64, u64) = redis::from_redis_value(answer)?;
    let now = seconds.saturating_mul(1000).saturating_add(micros / 1000);
    Ok((id::before_millis(now), id::before_millis(now.saturating_sub(millis(ago)))))
}

/// A time in whole milliseconds, of which Redis takes no part and no zero.
pub(super) fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX).clamp(1, i64::MAX.unsigned_abs() >> 1)
}

/// The entries in the answer to `XREAD` of one stream.
pub(super) fn entries_read(answer: Value) -> RedisResult<Vec<Entry>> {
    match answer {
        Value::Nil => Ok(Vec::new()),
        Value::Map(streams) => streams.into_iter().next().map_or(Ok(Vec::new()), |(_, list)| entries(list)),
        Value::Array(streams) => match streams.into_iter().next() {
            Some(Value::Array(mut stream)) if stream.len() == 2 => entries(stream.swap_remove(1)),
            None => Ok(Vec::new()),
            _ => Err(unexpected()),
        },
        _ => Err(unexpected()),
    }
}

/// The entries in the answer to `XRANGE` and `XREVRANGE`.
pub(super) fn entries(answer: Value) -> RedisResult<Vec<Entry>> {
    let Value::Array(list) = answer else { return Err(unexpected()) };
    list.into_iter().map(|item| entry(item).ok_or_else(unexpected)).collect()
}

fn entry(item: Value) -> Option<Entry> {
    let Value::Array(parts) = item else { return None };
    let [Value::BulkString(id), fields]: [Value; 2] = parts.try_into().ok()? else { return None };
    let Value::Array(fields) = fields else { return None };
    let mut fields = fields.into_iter().map(|field| match field {
        Value::BulkString(field) => Bytes::from(field),
        _ => Bytes::new(),
    });
    let pairs = std::iter::from_fn(|| Some((fields.next()?, fields.next()?)));
    Some(Entry::new(id::parse(&id)?, pairs))
}

fn unexpected() -> RedisError {
    RedisError::from((ErrorKind::UnexpectedReturnType, "no list of entries"))
}
