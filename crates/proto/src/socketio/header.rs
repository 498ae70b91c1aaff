use bytes::Bytes;

use super::{
    Data, DecodeError, Kind, Packet,
    payload::{Role, Shape, trim},
};

/// Appends `<type>[<attachments>-][<namespace>,][<id>]`, the head of a JSON packet.
///
/// Events and acknowledgements with attachments become the binary types 5 and 6. The payload follows it directly.
pub fn write_header(out: &mut Vec<u8>, kind: Kind, namespace: &str, id: Option<u64>, attachments: usize) {
    out.push(match (kind, attachments) {
        (Kind::Connect, _) => b'0',
        (Kind::Disconnect, _) => b'1',
        (Kind::Event, 0) => b'2',
        (Kind::Ack, 0) => b'3',
        (Kind::ConnectError, _) => b'4',
        (Kind::Event, _) => b'5',
        (Kind::Ack, _) => b'6',
    });
    if attachments > 0 && matches!(kind, Kind::Event | Kind::Ack) {
        write_decimal(out, attachments as u64);
        out.push(b'-');
    }
    if namespace != "/" {
        out.extend_from_slice(namespace.as_bytes());
        out.push(b',');
    }
    if let Some(id) = id {
        write_decimal(out, id);
    }
}

/// Appends a number in decimal digits.
pub(super) fn write_decimal(out: &mut Vec<u8>, mut number: u64) {
    let mut digits = [0; 20];
    let mut start = digits.len();
    loop {
        start -= 1;
        digits[start] = b'0' + (number % 10) as u8;
        number /= 10;
        if number == 0 {
            break;
        }
    }
    out.extend_from_slice(&digits[start..]);
}

/// A text message taken apart, its payload checked for its outer shape only.
pub(super) struct Header<'a> {
    pub(super) kind: Kind,
    /// How many binary messages follow, `0` for text packets.
    pub(super) attachments: usize,
    namespace: &'a str,
    id: Option<u64>,
    payload: &'a str,
    /// Where the payload starts in the message.
    pub(super) payload_start: usize,
}

impl<'a> Header<'a> {
    pub(super) fn parse(message: &'a str, role: Role) -> Result<Self, DecodeError> {
        let (kind, binary) = match message.as_bytes().first() {
            Some(b'0') => (Kind::Connect, false),
            Some(b'1') => (Kind::Disconnect, false),
            Some(b'2') => (Kind::Event, false),
            Some(b'3') => (Kind::Ack, false),
            Some(b'4') if role == Role::Client => (Kind::ConnectError, false),
            Some(b'5') => (Kind::Event, true),
            Some(b'6') => (Kind::Ack, true),
            _ => return Err(DecodeError::UnknownType),
        };
        let mut rest = &message[1..];

        let mut attachments = 0;
        if binary {
            let (digits, after) = split_digits(rest);
            rest = after.strip_prefix('-').ok_or(DecodeError::IllegalAttachments)?;
            attachments = match digits.parse() {
                // Node's parser once waited forever for the attachments of `50-`.
                Ok(0) => return Err(DecodeError::IllegalAttachments),
                Ok(count) => count,
                Err(_) if digits.is_empty() => return Err(DecodeError::IllegalAttachments),
                Err(_) => return Err(DecodeError::TooManyAttachments),
            };
        }

        // A namespace ends at the comma or with the message: `0/admin` joins like `0/admin,`.
        let mut namespace = "/";
        if rest.starts_with('/') {
            (namespace, rest) = match memchr::memchr(b',', rest.as_bytes()) {
                Some(comma) => (&rest[..comma], &rest[comma + 1..]),
                None => (rest, ""),
            };
        }

        let (digits, rest) = split_digits(rest);
        let id = match digits {
            "" => None,
            digits => Some(digits.parse().map_err(|_| DecodeError::InvalidId)?),
        };

        let payload = trim(rest);
        Shape::of_json(payload).check(kind, role)?;
        let payload_start = message.len() - rest.len();
        Ok(Self { kind, attachments, namespace, id, payload, payload_start })
    }

    pub(super) fn into_packet(self, attachments: Vec<Bytes>) -> Packet<'a> {
        let (namespace, query) = Packet::split_namespace(self.namespace);
        let data = match self.payload {
            "" => Data::None,
            payload => Data::Json(payload),
        };
        Packet { kind: self.kind, namespace, query, id: self.id, data, attachments }
    }
}

fn split_digits(text: &str) -> (&str, &str) {
    let end = text.bytes().take_while(u8::is_ascii_digit).count();
    text.split_at(end)
}
