//! The floor: the least that a server on tokio can do and still satisfy the generator; `serve-floor PORT [WORKER THREADS]`.
//!
//! It is no peer. It skips the request's head, knows one key's answer, tells events apart by their first letter, and
//! checks nothing: no UTF-8, no JSON, no heartbeat, no limit. What a real server costs beyond it is what it does more.

use std::io;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::mpsc;

/// How a handshake with the generator's key is answered, and the session's open packet after it.
const ACCEPTED: &[u8] = b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
    Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n";
const OPEN: &[u8] = br#"0{"sid":"abcdefghijklmnopqrst","upgrades":[],"pingInterval":25000,"pingTimeout":20000,"maxPayload":1000000}"#;
const CONNECTED: &[u8] = br#"40{"sid":"abcdefghijklmnopqrst"}"#;

/// Frames that may wait for one connection.
const QUEUE: usize = 1024;
/// Bytes that were read and used, above which the rest is moved to the buffer's front.
const SHIFT: usize = 16 * 1024;

type Room = Arc<Mutex<Vec<mpsc::Sender<Bytes>>>>;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    tower_socketio_bench::serve(async |listener, _| {
        let room = Room::default();
        let accept = async move {
            loop {
                match listener.accept().await {
                    Ok((stream, _)) => drop(tokio::spawn(connection(stream, room.clone()))),
                    Err(error) => return error,
                }
            }
        };
        Err(tokio::spawn(accept).await?.into())
    })
}

async fn connection(mut stream: TcpStream, room: Room) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let mut input = Vec::with_capacity(1024);
    let mut used = loop {
        if stream.read_buf(&mut input).await? == 0 {
            return Ok(());
        }
        if let Some(end) = input.windows(4).position(|bytes| bytes == b"\r\n\r\n") {
            break end + 4;
        }
    };
    let mut output = ACCEPTED.to_vec();
    frame(&mut output, &[OPEN]);
    stream.write_all(&output).await?;
    output.clear();
    let (sender, mut receiver) = mpsc::channel(QUEUE);
    lock(&room).push(sender);
    let (mut reader, mut writer) = stream.into_split();
    loop {
        tokio::select! {
            biased;
            Some(frame) = receiver.recv() => {
                output.extend_from_slice(&frame);
                while let Ok(frame) = receiver.try_recv() {
                    output.extend_from_slice(&frame);
                }
            }
            read = reader.read_buf(&mut input) => {
                if read? == 0 {
                    return Ok(());
                }
                while let Some((start, end)) = unmask(&mut input[used..]) {
                    answer(&input[used + start..used + end], &mut output, &room);
                    used += end;
                }
                if used == input.len() {
                    input.clear();
                    used = 0;
                } else if used > SHIFT {
                    input.drain(..used);
                    used = 0;
                }
            }
        }
        if !output.is_empty() {
            writer.write_all(&output).await?;
            output.clear();
        }
    }
}

fn answer(packet: &[u8], output: &mut Vec<u8>, room: &Room) {
    if packet == b"40" {
        frame(output, &[CONNECTED]);
    } else if packet.starts_with(b"42[\"e") {
        frame(output, &[packet]);
    } else if let Some(rest) = packet.strip_prefix(b"421[\"ack\",") {
        frame(output, &[b"431[", rest]);
    } else if packet.starts_with(b"42[\"b") {
        let mut bytes = Vec::new();
        frame(&mut bytes, &[packet]);
        let bytes = Bytes::from(bytes);
        for member in lock(room).iter() {
            drop(member.try_send(bytes.clone()));
        }
    }
}

/// Unmasks the first frame, if it is whole, and says where its payload begins and ends.
fn unmask(bytes: &mut [u8]) -> Option<(usize, usize)> {
    let (start, length) = match bytes.get(1)? & 0x7f {
        126 => (8, u16::from_be_bytes(*bytes.get(2..)?.first_chunk()?).into()),
        127 => (14, usize::try_from(u64::from_be_bytes(*bytes.get(2..)?.first_chunk()?)).ok()?),
        short => (6, short.into()),
    };
    let key: [u8; 4] = *bytes.get(start - 4..)?.first_chunk()?;
    let payload = bytes.get_mut(start..start + length)?;
    for (at, byte) in payload.iter_mut().enumerate() {
        *byte ^= key[at & 3];
    }
    Some((start, start + length))
}

/// Appends a text frame whose payload is these parts.
fn frame(output: &mut Vec<u8>, parts: &[&[u8]]) {
    let length: usize = parts.iter().map(|part| part.len()).sum();
    output.push(0x81);
    match (u8::try_from(length), u16::try_from(length)) {
        (Ok(short @ ..126), _) => output.push(short),
        (_, Ok(middle)) => {
            output.push(126);
            output.extend_from_slice(&middle.to_be_bytes());
        }
        _ => {
            output.push(127);
            output.extend_from_slice(&(length as u64).to_be_bytes());
        }
    }
    for part in parts {
        output.extend_from_slice(part);
    }
}

fn lock(room: &Room) -> std::sync::MutexGuard<'_, Vec<mpsc::Sender<Bytes>>> {
    room.lock().unwrap_or_else(PoisonError::into_inner)
}
