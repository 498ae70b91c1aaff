use std::ops::Range;

/// Copies a message and turns each `{"num":0,"_placeholder":true}` of its payload into the order JavaScript writes.
///
/// Clients that build placeholders from unordered dictionaries (Swift, Java) write either. With the marker first, the
/// deserialiser knows a placeholder by its first key and never has to give keys back.
pub(in crate::socketio) fn marker_first(message: &str, payload_start: usize) -> String {
    let bytes = message.as_bytes();
    let mut ordered = String::with_capacity(message.len());
    let mut copied = 0;
    let mut at = payload_start;
    while let Some(offset) = memchr::memchr2(b'"', b'{', &bytes[at..]) {
        at += offset;
        if bytes[at] == b'"' {
            at = end_of_string(bytes, at);
        } else if let Some(Swapped { number, marker }) = swapped(bytes, at) {
            ordered.push_str(&message[copied..number.start]);
            ordered.push_str(&message[marker.clone()]);
            ordered.push_str(&message[number.end..marker.start]);
            ordered.push_str(&message[number]);
            copied = marker.end;
            at = marker.end;
        } else {
            at += 1;
        }
    }
    ordered.push_str(&message[copied..]);
    ordered
}

fn end_of_string(bytes: &[u8], quote: usize) -> usize {
    let mut at = quote + 1;
    while let Some(offset) = memchr::memchr2(b'"', b'\\', bytes.get(at..).unwrap_or_default()) {
        at += offset;
        if bytes[at] == b'"' {
            return at + 1;
        }
        at += 2;
    }
    bytes.len()
}

/// The two entries of a placeholder whose marker comes last.
struct Swapped {
    number: Range<usize>,
    marker: Range<usize>,
}

fn swapped(bytes: &[u8], brace: usize) -> Option<Swapped> {
    let mut cursor = Cursor { bytes, at: brace };
    cursor.token(b"{")?;
    let number_start = cursor.token(b"\"num\"")?;
    cursor.token(b":")?;
    cursor.digits()?;
    let number = number_start..cursor.at;
    cursor.token(b",")?;
    let marker_start = cursor.token(b"\"_placeholder\"")?;
    cursor.token(b":")?;
    cursor.token(b"true")?;
    let marker = marker_start..cursor.at;
    cursor.token(b"}")?;
    Some(Swapped { number, marker })
}

struct Cursor<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl Cursor<'_> {
    /// Passes whitespace and then a token, and returns where the token starts.
    fn token(&mut self, token: &[u8]) -> Option<usize> {
        let start = self.skip_whitespace();
        self.bytes[start..].starts_with(token).then(|| {
            self.at = start + token.len();
            start
        })
    }

    fn digits(&mut self) -> Option<()> {
        let start = self.skip_whitespace();
        let count = self.bytes[start..].iter().take_while(|byte| byte.is_ascii_digit()).count();
        self.at = start + count;
        (count > 0).then_some(())
    }

    fn skip_whitespace(&self) -> usize {
        crate::socketio::name::skip_whitespace(self.bytes, self.at)
    }
}

#[cfg(test)]
mod tests {
    use super::marker_first;

    #[test]
    fn a_marker_behind_the_number_comes_first() {
        assert_eq!(
            marker_first(r#"51-["a",{ "num" : 12 , "_placeholder":true }]"#, 3),
            r#"51-["a",{ "_placeholder":true , "num" : 12 }]"#
        );
        assert_eq!(
            marker_first(r#"[{"num":0,"_placeholder":true},{"num":1,"_placeholder":true}]"#, 0),
            r#"[{"_placeholder":true,"num":0},{"_placeholder":true,"num":1}]"#
        );
    }

    #[test]
    fn everything_else_stays_as_it_is() {
        for text in [
            r#"["a",{"_placeholder":true,"num":0}]"#,
            r#"["{\"num\":0,\"_placeholder\":true}"]"#,
            r#"["\\",{"num":0,"_placeholder":false}]"#,
            r#"[{"num":{"num":0},"_placeholder":true}]"#,
            r#"[{"num":0,"_placeholder":true,"x":1}]"#,
            r#"["unterminated {"num":0,"_placeholder":true}"#,
            r#"["\"#,
            r#"[{"num"#,
        ] {
            assert_eq!(marker_first(text, 0), text);
        }
    }

    #[test]
    fn a_quote_in_the_namespace_does_not_disturb() {
        let message = r#"51-/a"b,[{"num":0,"_placeholder":true}]"#;
        assert_eq!(marker_first(message, 8), r#"51-/a"b,[{"_placeholder":true,"num":0}]"#);
    }
}
