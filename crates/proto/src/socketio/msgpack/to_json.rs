use bytes::Bytes;

use super::read::{Reader, Token};
use crate::socketio::{DecodeError, header::write_decimal, json::PLACEHOLDER};

/// How deep arrays and maps may be nested; serde_json would read no deeper either.
const MAX_DEPTH: usize = 128;

/// Transcodes one value to JSON as `JSON.stringify` writes it, with binary values as attachments.
///
/// So `undefined` becomes `null`, and a `Date` its ISO 8601 text.
pub(in crate::socketio) fn to_json(value: &[u8]) -> Result<(String, Vec<Bytes>), DecodeError> {
    let mut reader = Reader::new(value);
    let mut transcoder = Transcoder { json: Vec::with_capacity(value.len() * 2), attachments: Vec::new() };
    transcoder.value(&mut reader, 0)?;
    reader.end()?;
    let json = String::from_utf8(transcoder.json).expect("only text and ASCII is written");
    Ok((json, transcoder.attachments))
}

struct Transcoder {
    json: Vec<u8>,
    attachments: Vec<Bytes>,
}

impl Transcoder {
    fn value(&mut self, reader: &mut Reader<'_>, depth: usize) -> Result<(), DecodeError> {
        if depth > MAX_DEPTH {
            return Err(DecodeError::MsgPack("nested too deep"));
        }
        match reader.token()? {
            Token::Array(length) => {
                self.json.push(b'[');
                for index in 0..length {
                    self.comma(index);
                    self.value(reader, depth + 1)?;
                }
                self.json.push(b']');
            }
            Token::Map(length) => {
                self.json.push(b'{');
                for index in 0..length {
                    self.comma(index);
                    self.key(reader.token()?)?;
                    self.json.push(b':');
                    self.value(reader, depth + 1)?;
                }
                self.json.push(b'}');
            }
            scalar => self.scalar(scalar),
        }
        Ok(())
    }

    fn comma(&mut self, index: usize) {
        if index > 0 {
            self.json.push(b',');
        }
    }

    /// JavaScript has no other keys than text.
    fn key(&mut self, key: Token<'_>) -> Result<(), DecodeError> {
        match key {
            Token::Text(_) => self.scalar(key),
            Token::Unsigned(_) | Token::Signed(_) => {
                self.json.push(b'"');
                self.scalar(key);
                self.json.push(b'"');
            }
            _ => return Err(DecodeError::MsgPack("a key is not text")),
        }
        Ok(())
    }

    fn scalar(&mut self, token: Token<'_>) {
        match token {
            Token::Bool(value) => self.json.extend_from_slice(if value { b"true" } else { b"false" }),
            Token::Unsigned(number) => write_decimal(&mut self.json, number),
            Token::Signed(number) => self.signed(number),
            Token::Float(number) => self.float(number),
            Token::Text(text) => self.text(text),
            Token::Binary(binary) => self.binary(binary),
            Token::Date(time) => self.date(time),
            Token::Nil => self.json.extend_from_slice(b"null"),
            // notepack gives extensions it does not know as a pair.
            Token::Extension(kind, binary) => {
                self.json.push(b'[');
                self.signed(kind.into());
                self.json.push(b',');
                self.binary(binary);
                self.json.push(b']');
            }
            Token::Array(_) | Token::Map(_) => unreachable!("containers are no scalars"),
        }
    }

    fn signed(&mut self, number: i64) {
        if number < 0 {
            self.json.push(b'-');
        }
        write_decimal(&mut self.json, number.unsigned_abs());
    }

    fn float(&mut self, number: f64) {
        const EXACT: f64 = 9_007_199_254_740_992.0;
        if number.fract() == 0.0 && number.abs() <= EXACT {
            // JavaScript knows one kind of number and writes `5` for 5.0.
            #[allow(clippy::cast_possible_truncation)]
            self.signed(number as i64);
        } else {
            serde_json::to_writer(&mut self.json, &number).expect("a float has a JSON form");
        }
    }

    fn text(&mut self, text: &str) {
        serde_json::to_writer(&mut self.json, text).expect("a string has a JSON form");
    }

    fn binary(&mut self, binary: &[u8]) {
        self.json.extend_from_slice(PLACEHOLDER);
        write_decimal(&mut self.json, self.attachments.len() as u64);
        self.json.push(b'}');
        self.attachments.push(Bytes::copy_from_slice(binary));
    }

    /// Writes milliseconds since 1970 as `Date.prototype.toJSON` does.
    fn date(&mut self, time: i64) {
        const RANGE: u64 = 8_640_000_000_000_000;
        if time.unsigned_abs() > RANGE {
            return self.json.extend_from_slice(b"null");
        }
        let (days, time) = (time.div_euclid(86_400_000), time.rem_euclid(86_400_000));
        let (year, month, day) = civil(days);
        let year = match year {
            0..=9999 => format!("{year:04}"),
            _ => format!("{year:+07}"),
        };
        let (hours, minutes) = (time / 3_600_000, time / 60_000 % 60);
        let (seconds, millis) = (time / 1000 % 60, time % 1000);
        let text =
            format!("\"{year}-{month:02}-{day:02}T{hours:02}:{minutes:02}:{seconds:02}.{millis:03}Z\"");
        self.json.extend_from_slice(text.as_bytes());
    }
}

/// The date in the Gregorian calendar, from days since 1970-01-01.
///
/// It counts in eras of 400 years that begin on 1 March, so that the leap day is the last of its year.
fn civil(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let (era, day) = (days.div_euclid(146_097), days.rem_euclid(146_097));
    let year = (day - day / 1460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day + 2) / 153;
    let day = day - (153 * month + 2) / 5 + 1;
    let (month, carry) = if month < 10 { (month + 3, 0) } else { (month - 9, 1) };
    (era * 400 + year + carry, month, day)
}
