//! What JSON cannot say, said in JSON: section 2 of the contract.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;
use tower_socketio::Any;

/// From a command to values.
pub(crate) fn read(value: Any) -> Any {
    match value {
        Any::Array(elements) => Any::Array(elements.into_iter().map(read).collect()),
        Any::Object(entries) => match &*entries {
            [(key, Any::String(text))] => match &**key {
                "$bytes" => Any::Binary(STANDARD.decode(text).unwrap_or_default().into()),
                "$date" => Any::String(text.clone()),
                "$integer" => text.parse().map_or(Any::Null, Any::Number),
                _ => nested(entries),
            },
            [(key, Any::Bool(true))] if key == "$undefined" => Any::Null,
            _ => nested(entries),
        },
        other => other,
    }
}

fn nested(entries: Vec<(String, Any)>) -> Any {
    Any::Object(entries.into_iter().map(|(key, value)| (key, read(value))).collect())
}

/// From values to an answer.
pub(crate) fn write(value: &Any) -> Value {
    match value {
        Any::Null => Value::Null,
        Any::Bool(value) => Value::Bool(*value),
        Any::Number(number) => Value::Number(number.clone()),
        Any::String(text) => Value::String(text.clone()),
        Any::Binary(bytes) => serde_json::json!({ "$bytes": STANDARD.encode(bytes) }),
        Any::Array(elements) => elements.iter().map(write).collect(),
        Any::Object(entries) => {
            Value::Object(entries.iter().map(|(key, value)| (key.clone(), write(value))).collect())
        }
    }
}
