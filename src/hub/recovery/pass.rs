use serde_json::{Map, Value};
use tower_socketio_adapter::Offset;
use tower_socketio_proto::socketio::{Arguments, Kind, Packet};

/// Characters of an id, and of a secret.
const HALF: usize = 20;

/// By what a client says that it was here: its pid, and the place of the last packet that it got.
#[derive(Clone)]
pub(crate) struct Pass {
    pid: Box<str>,
    pub(super) claim: Claim,
}

/// Which packet was the last that a client got.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Claim {
    /// It has got no packet yet.
    Absent,
    /// The one with this number in the log of one node.
    Number(u64),
    /// The one at this place in the log of all nodes.
    Place(Offset),
    /// It is not of a log's making.
    Foreign,
}

impl Pass {
    /// Takes the pass out of what a client gives as `auth`: layers and hooks get what they get of other clients. Where
    /// Node servers are among the nodes, it may be one of theirs.
    pub(crate) fn split(auth: Option<Arguments>, is_clustered: bool) -> (Option<Arguments>, Option<Self>) {
        let Some(given) = &auth else { return (None, None) };
        let Ok(mut object) = given.deserialize::<Map<String, Value>>() else { return (auth, None) };
        // Another pid is the program's own, by which the client has overridden its.
        let pid = match object.get("pid") {
            Some(Value::String(pid)) if is_pid(pid, is_clustered) => Box::from(&**pid),
            _ => return (auth, None),
        };
        let claim = match object.get("offset") {
            None | Some(Value::Null) => Claim::Absent,
            Some(Value::String(offset)) => parse(offset),
            Some(_) => Claim::Foreign,
        };
        let pass = Some(Self { pid, claim });
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

    /// The place that the client goes on to give until it gets another one.
    pub(crate) fn place(&self) -> Option<Offset> {
        match self.claim {
            Claim::Number(number) => Some(Offset::new(number, 0)),
            Claim::Place(place) => Some(place),
            Claim::Absent | Claim::Foreign => None,
        }
    }

    pub(super) fn pid(&self) -> &str {
        &self.pid
    }

    /// The id of the socket that it was; a pid of Node's says nothing of that.
    pub(super) fn id(&self) -> Option<&str> {
        (self.pid.len() > HALF).then(|| &self.pid[..HALF])
    }

    /// By what its session is known.
    pub(super) fn key(&self) -> &str {
        self.id().unwrap_or(&self.pid)
    }

    pub(super) fn secret(&self) -> &str {
        self.pid.get(HALF..).filter(|secret| !secret.is_empty()).unwrap_or(&self.pid)
    }
}

/// Two halves, or one of Node's making.
fn is_pid(text: &str, is_clustered: bool) -> bool {
    (text.len() == 2 * HALF || is_clustered && text.len() == HALF)
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-".contains(&byte))
}

/// Only what a log writes.
fn parse(text: &str) -> Claim {
    match text.parse::<u64>() {
        Ok(number) if number.to_string() == text => Claim::Number(number),
        _ => text.parse().map_or(Claim::Foreign, Claim::Place),
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
        let (rest, pass) =
            Pass::split(auth(&format!(r#"{{"pid":"{PID}","offset":"7","user":"ada"}}"#)), false);
        let pass = pass.expect("a pass");
        assert_eq!((pass.id(), pass.secret()), (Some(&PID[..20]), &PID[20..]));
        assert_eq!(pass.claim, Claim::Number(7));
        let rest = rest.expect("something is left").deserialize::<Value>().expect("JSON");
        assert_eq!(rest, serde_json::json!({ "user": "ada" }));
        let (rest, pass) = Pass::split(auth(&format!(r#"{{"pid":"{PID}"}}"#)), false);
        assert!(rest.is_none() && pass.is_some_and(|pass| pass.claim == Claim::Absent));
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
            let (rest, pass) = Pass::split(auth(&format!(r#"{{"pid":{pid},"offset":"7"}}"#)), true);
            assert!(pass.is_none(), "{pid}");
            let rest = rest.expect("it stays").deserialize::<Value>().expect("JSON");
            assert_eq!(rest["offset"], "7", "{pid}");
        }
        assert!(matches!(Pass::split(None, true), (None, None)));
    }

    #[test]
    fn a_pid_of_nodes_is_a_pass_among_several_nodes_alone() {
        let json = format!(r#"{{"pid":"{}","offset":"1700000000000-1"}}"#, &PID[..20]);
        assert!(Pass::split(auth(&json), false).1.is_none());
        let pass = Pass::split(auth(&json), true).1.expect("a pass");
        assert_eq!((pass.id(), pass.key(), pass.secret()), (None, &PID[..20], &PID[..20]));
        assert_eq!(pass.claim, Claim::Place(Offset::new(1_700_000_000_000, 1)));
    }

    #[test]
    fn an_offset_is_decimal_and_nothing_else() {
        assert_eq!(parse("0"), Claim::Number(0));
        assert_eq!(parse("18446744073709551615"), Claim::Number(u64::MAX));
        assert_eq!(parse("5-0"), Claim::Place(Offset::new(5, 0)));
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
            assert_eq!(parse(foreign), Claim::Foreign, "{foreign:?}");
        }
    }
}
