use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, ReadHalf, WriteHalf};
use tokio::sync::{mpsc, oneshot};
use tower_socketio_proto::engineio;
use tower_socketio_proto::socketio::{
    Any, Arguments, Decoder, Encoded, Kind, Limits, Message, OutPacket, Packet, Parser,
};
use tower_socketio_proto::websocket::{BINARY, Header, TEXT};

/// What has come, but for events.
#[derive(Default)]
pub(super) struct Got {
    pub(super) next: u64,
    pub(super) pending: HashMap<u64, oneshot::Sender<Arguments>>,
    /// What an official client would give as its offset.
    pub(super) offset: Option<String>,
    /// The connection is lost: what comes now does not come.
    pub(super) lost: bool,
}

pub(super) enum Incoming {
    Event(Arguments, Option<u64>),
    Accepted { id: String, pid: Option<String> },
    Refused(Value),
}

/// Writes packets as frames with a mask of zeros until the client is dropped.
pub(super) async fn write(
    mut io: WriteHalf<DuplexStream>,
    mut packets: mpsc::UnboundedReceiver<(Kind, Option<u64>, Option<Encoded>)>,
    mut pongs: mpsc::UnboundedReceiver<()>,
    namespace: String,
    parser: Parser,
) {
    loop {
        let mut out = Vec::new();
        tokio::select! {
            packet = packets.recv() => {
                let Some((kind, id, encoded)) = packet else { break };
                let encoded = encoded.as_ref();
                let json = encoded.map(|encoded| std::str::from_utf8(&encoded.json).expect("JSON is UTF-8"));
                let attachments = encoded.map_or(&[][..], |encoded| &encoded.attachments);
                let packet = OutPacket { kind, namespace: &namespace, id, json, attachments };
                for message in parser.encode(&packet).expect("the packet can be encoded") {
                    match message {
                        Message::Text(text) => frame(&mut out, TEXT, format!("4{text}").as_bytes()),
                        Message::Binary(bytes) => frame(&mut out, BINARY, &bytes),
                    }
                }
            }
            Some(()) = pongs.recv() => frame(&mut out, TEXT, b"3"),
        }
        if io.write_all(&out).await.is_err() {
            break;
        }
    }
    let _ = io.shutdown().await;
}

fn frame(out: &mut Vec<u8>, opcode: u8, payload: &[u8]) {
    out.extend_from_slice(&[0x80 | opcode, 0xff]);
    out.extend_from_slice(&(payload.len() as u64).to_be_bytes());
    out.extend_from_slice(&[0; 4]);
    out.extend_from_slice(payload);
}

/// Reads frames until the server ends the connection.
pub(super) async fn read(
    mut io: ReadHalf<DuplexStream>,
    events: mpsc::UnboundedSender<Incoming>,
    pongs: mpsc::UnboundedSender<()>,
    got: Arc<Mutex<Got>>,
    parser: Parser,
) {
    let mut decoder = Decoder::for_client(&parser);
    let mut limits = Limits::default();
    (limits.max_attachments, limits.max_payload) = (usize::MAX, usize::MAX);
    let mut buffer = Vec::new();
    'connected: while io.read_buf(&mut buffer).await.is_ok_and(|read| read > 0) {
        while let Some((opcode, payload)) = take_frame(&mut buffer) {
            let packet = match opcode {
                TEXT => {
                    let text = std::str::from_utf8(&payload).expect("a server's text is UTF-8");
                    match engineio::decode_text(engineio::Version::V4, text) {
                        Ok(engineio::Packet::Text { kind: engineio::Kind::Message, data }) => {
                            decoder.text(data, &limits)
                        }
                        Ok(engineio::Packet::Text { kind: engineio::Kind::Ping, .. }) => {
                            let _ = pongs.send(());
                            continue;
                        }
                        _ => continue,
                    }
                }
                BINARY => decoder.binary(&payload, &limits),
                _ => break 'connected,
            };
            match packet {
                Ok(Some(packet)) if receive(&packet, &events, &got) => {}
                Ok(Some(_)) | Err(_) => break 'connected,
                Ok(None) => {}
            }
        }
    }
    got.lock().unwrap_or_else(PoisonError::into_inner).pending.clear();
}

fn take_frame(buffer: &mut Vec<u8>) -> Option<(u8, Bytes)> {
    let header = Header::parse(buffer)?;
    let end = header.size + usize::try_from(header.length).ok()?;
    let payload = Bytes::copy_from_slice(buffer.get(header.size..end)?);
    buffer.drain(..end);
    Some((header.opcode, payload))
}

/// What official clients take for the offset: any event's last part, if it is a string.
fn offset(event: &Arguments) -> Option<String> {
    match event.deserialize_all::<Vec<Any>>().ok()?.pop() {
        None => Some(event.name().to_owned()),
        Some(Any::String(text)) => Some(text),
        Some(_) => None,
    }
}

/// `false` when the namespace is over.
fn receive(packet: &Packet<'_>, events: &mpsc::UnboundedSender<Incoming>, got: &Mutex<Got>) -> bool {
    let mut got = got.lock().unwrap_or_else(PoisonError::into_inner);
    if got.lost {
        return false;
    }
    let payload = || Arguments::auth(packet).ok().flatten().and_then(|data| data.deserialize::<Value>().ok());
    let incoming = match packet.kind {
        Kind::Connect => {
            let payload = payload().unwrap_or_default();
            let text = |key: &str| payload.get(key).and_then(Value::as_str).map(str::to_owned);
            Incoming::Accepted { id: text("sid").unwrap_or_default(), pid: text("pid") }
        }
        Kind::ConnectError => Incoming::Refused(payload().unwrap_or_default()),
        Kind::Event => match Arguments::event(packet) {
            Ok(event) => {
                if packet.id.is_none()
                    && let Some(offset) = offset(&event)
                {
                    got.offset = Some(offset);
                }
                Incoming::Event(event, packet.id)
            }
            Err(_) => return false,
        },
        Kind::Ack => {
            let pending = packet.id.and_then(|id| got.pending.remove(&id));
            if let (Some(pending), Ok(answer)) = (pending, Arguments::ack(packet)) {
                let _ = pending.send(answer);
            }
            return true;
        }
        Kind::Disconnect => return false,
    };
    events.send(incoming).is_ok()
}
