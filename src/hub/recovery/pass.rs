use serde_json::{Map, Value};
use tower_socketio_proto::socketio::{Arguments, Kind, Packet};

/// Characters of an id, and of a secret.
const HALF: usize = 20;

/// By what a client says that it was here: its pid, and the number of the last packet that it got.
pub(crate) struct Pass {
    pid: Box<str>,
    pub(super) offset: Offset,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Offset {
    /// It has got no packet yet.
    Absent,
    At(u64),
    /// It is not of a log's making.
    Foreign,
}

impl Pass {
    /// Takes the pass out of what a client gives as `auth`: layers and hooks get what they get of other clients.
    pub(crate) fn split(auth: Option<Arguments>) -> (Option<Arguments>, Option<Self>) {
        let Some(given) = &auth else { return (None, None) };
        let Ok(mut object) = given.deserialize::<Map<String, Value>>() else { return (auth, None) };
        // Another pid is the program's own, by which the client has overridden its.
        let pid = match object.get("pid") {
            Some(Value::String(pid)) if is_pid(pid) => Box::from(&**pid),
            _ => return (auth, None),
        };
        let offset = match object.get("offset") {
            None | Some(Value::Null) => Offset::Absent,
            Some(Value::String(offset)) => parse(offset),
            Some(_) => Offset::Foreign,
        };
        let pass = Some(Self { pid, offset });
        if !given.attachments().is_empty() {
            return (auth, pass);
        }
        object.remove("pid");
        object.remove("offset");
        if object.is_empty() {
            return (None, pass);
        }
        let json = Value::Object(object).to_string();
        let packet = Packet::json(Kind::Connect, &json, Vec::new());
        (Arguments::auth(&packet).ok().flatten(), pass)
    }

    /// The number that the client goes on to give until it gets another one.
    pub(crate) fn number(&self) -> Option<u64> {
        match self.offset {
            Offset::At(number) => Some(number),
            Offset::Absent | Offset::Foreign => None,
        }
    }

    /// The id of the socket that it was.
    pub(super) fn id(&self) -> &str {
        &self.pid[..HALF]
    }

    pub(super) fn secret(&self) -> &str {
        &self.pid[HALF..]
    }
}

fn is_pid(text: &str) -> bool {
    text.len() == 2 * HALF && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-".contains(&byte))
}

/// Only what `to_string` writes.
fn parse(text: &str) -> Offset {
    match text.parse::<u64>() {
        Ok(number) if number.to_string() == text => Offset::At(number),
        _ => Offset::Foreign,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn auth(json: &str) -> Option<Arguments> {
        let packet = Packet::json(Kind::Connect, json, Vec::new());
        Arguments::auth(&packet).expect("an object")
    }

    const PID: &str = "abcdefghijklmnopqrstABCDEFGHIJKLMNOPQRST";

    #[test]
    fn a_pass_is_taken_out_and_the_rest_stays() {
        let (rest, pass) = Pass::split(auth(&format!(r#"{{"pid":"{PID}","offset":"7","user":"ada"}}"#)));
        let pass = pass.expect("a pass");
        assert_eq!((pass.id(), pass.secret()), (&PID[..20], &PID[20..]));
        assert_eq!(pass.offset, Offset::At(7));
        let rest = rest.expect("something is left").deserialize::<Value>().expect("JSON");
        assert_eq!(rest, serde_json::json!({ "user": "ada" }));
        let (rest, pass) = Pass::split(auth(&format!(r#"{{"pid":"{PID}"}}"#)));
        assert!(rest.is_none() && pass.is_some_and(|pass| pass.offset == Offset::Absent));
    }

    #[test]
    fn what_is_no_pass_is_left_alone() {
        for pid in [
            r#""""#,
            "7",
            "null",
            r#"["a"]"#,
            r#""patient-1""#,
            r#""äbcdefghijklmnopqrstABCDEFGHIJKLMNOPQRS""#,
        ] {
            let (rest, pass) = Pass::split(auth(&format!(r#"{{"pid":{pid},"offset":"7"}}"#)));
            assert!(pass.is_none(), "{pid}");
            let rest = rest.expect("it stays").deserialize::<Value>().expect("JSON");
            assert_eq!(rest["offset"], "7", "{pid}");
        }
        assert!(matches!(Pass::split(None), (None, None)));
    }

    #[test]
    fn an_offset_is_decimal_and_nothing_else() {
        assert_eq!(parse("0"), Offset::At(0));
        assert_eq!(parse("18446744073709551615"), Offset::At(u64::MAX));
        for foreign in [
            "",
            "00",
            "01",
            "+1",
            "-1",
            " 1",
            "1 ",
            "1.0",
            "1e3",
            "0x1",
            "१",
            "18446744073709551616",
            "Q7w5OoW",
        ] {
            assert_eq!(parse(foreign), Offset::Foreign, "{foreign:?}");
        }
    }
}
