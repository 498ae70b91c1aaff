//! WebSocket frames: those of a client written with a mask of zeros, those of a server read.

use std::io;

const TEXT: u8 = 1;
const CLOSE: u8 = 8;

/// A whole text frame as a client sends it; with zeros as its mask the payload stands there as it is.
pub(super) fn text(payload: &str) -> Vec<u8> {
    let mut frame = vec![0x80 | TEXT];
    let length = payload.len();
    match (u8::try_from(length), u16::try_from(length)) {
        (Ok(short @ ..126), _) => frame.push(0x80 | short),
        (_, Ok(middle)) => {
            frame.push(0x80 | 126);
            frame.extend_from_slice(&middle.to_be_bytes());
        }
        _ => {
            frame.push(0x80 | 127);
            frame.extend_from_slice(&(length as u64).to_be_bytes());
        }
    }
    frame.extend_from_slice(&[0; 4]);
    frame.extend_from_slice(payload.as_bytes());
    frame
}

/// Gives the payload of each whole text frame and says how many bytes all whole frames have.
///
/// # Errors
///
/// If the server closes, or sends what none of the servers here does.
pub(super) fn read(bytes: &[u8], each: &mut impl FnMut(&[u8])) -> io::Result<usize> {
    let mut used = 0;
    while let Some((opcode, start, length)) = header(&bytes[used..]) {
        let Some(payload) = bytes[used..].get(start..start + length) else { break };
        match opcode {
            TEXT => each(payload),
            CLOSE => return Err(io::Error::new(io::ErrorKind::ConnectionAborted, "the server closed")),
            _ => return Err(io::Error::other(format!("a frame of opcode {opcode}"))),
        }
        used += start + length;
    }
    Ok(used)
}

/// The opcode, and where the payload begins and how long it is.
fn header(bytes: &[u8]) -> Option<(u8, usize, usize)> {
    let opcode = bytes.first()? & 0x0f;
    Some(match bytes.get(1)? {
        126 => (opcode, 4, u16::from_be_bytes(*bytes.get(2..)?.first_chunk()?).into()),
        127 => (opcode, 10, usize::try_from(u64::from_be_bytes(*bytes.get(2..)?.first_chunk()?)).ok()?),
        &short => (opcode, 2, short.into()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A client's frame as the server would send it: without the mask.
    fn served(payload: &str) -> Vec<u8> {
        let mut frame = text(payload);
        let mask = frame.len() - payload.len() - 4;
        frame.drain(mask..mask + 4);
        frame[1] &= 0x7f;
        frame
    }

    #[test]
    fn what_is_written_is_read_whatever_its_length() {
        for length in [0, 1, 125, 126, 65_535, 65_536] {
            let payload = "x".repeat(length);
            let frame = served(&payload);
            let mut seen = Vec::new();
            assert_eq!(read(&frame, &mut |payload| seen.push(payload.to_vec())).unwrap(), frame.len());
            assert_eq!(seen, [payload.into_bytes()]);
        }
    }

    #[test]
    fn a_frame_that_is_not_whole_waits() {
        let mut frames = served("one");
        let first = frames.len();
        frames.extend(served(&"two".repeat(100)));
        for end in first..frames.len() {
            let mut seen = 0;
            assert_eq!(read(&frames[..end], &mut |_| seen += 1).unwrap(), first, "{end}");
            assert_eq!(seen, 1);
        }
    }

    #[test]
    fn a_close_frame_is_an_error() {
        assert_eq!(read(&[0x88, 0], &mut |_| {}).unwrap_err().kind(), io::ErrorKind::ConnectionAborted);
    }
}
