//! Postgres as far as tests need it, in memory.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};
use tokio::sync::mpsc;
use tokio_postgres::{Config, NoTls};

use crate::deliver::Notified;
use crate::link::Link;

/// What the test does to the server, and what the server was told.
#[derive(Clone, Debug, Default)]
pub(crate) struct Fake(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    heard: Vec<String>,
    silent: bool,
    refused: Vec<(String, &'static str)>,
    /// Whether what comes up to the next sync is passed over.
    failed: bool,
    answer: Vec<u8>,
}

impl Fake {
    /// Connects to a server of its own; time should be paused.
    pub(crate) async fn link(
        &self,
        probe_interval: Duration,
        notes: Option<mpsc::Sender<Notified>>,
    ) -> Arc<Link> {
        let (client, server) = duplex(1 << 16);
        tokio::spawn(serve(server, self.clone()));
        let (client, connection) = Config::new().user("u").connect_raw(client, NoTls).await.unwrap();
        Link::new(client, connection, notes, probe_interval)
    }

    /// Reads on but answers nothing any more.
    pub(crate) fn silence(&self) {
        self.0.lock().unwrap().silent = true;
    }

    /// Refuses whatever contains this text, with this code.
    pub(crate) fn refuse(&self, text: &str, code: &'static str) {
        self.0.lock().unwrap().refused.push((text.to_owned(), code));
    }

    /// Notifies with the next answer.
    pub(crate) fn notify(&self, channel: &str, payload: &str) {
        let body = [&[0; 4], channel.as_bytes(), b"\0", payload.as_bytes(), b"\0"].concat();
        let mut state = self.0.lock().unwrap();
        message(&mut state.answer, b'A', &body);
    }

    /// What was asked since the last time.
    pub(crate) fn heard(&self) -> Vec<String> {
        std::mem::take(&mut self.0.lock().unwrap().heard)
    }

    /// Takes a message; returns what is answered.
    fn answer(&self, tag: u8, body: &[u8]) -> Vec<u8> {
        let mut state = self.0.lock().unwrap();
        let text = String::from_utf8_lossy(body).replace(|letter: char| letter.is_control(), " ");
        let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
        match tag {
            b'Q' | b'P' | b'B' => state.heard.push(format!("{} {text}", char::from(tag))),
            b'S' if state.answer.is_empty() => state.heard.push("S".to_owned()),
            b'S' => {}
            _ => return Vec::new(),
        }
        let refused = state.refused.iter().find(|(word, _)| text.contains(word)).map(|(_, code)| *code);
        let mut answer = Vec::new();
        match (tag, refused) {
            (b'S', _) => {
                answer = std::mem::take(&mut state.answer);
                state.failed = false;
                message(&mut answer, b'Z', b"I");
            }
            _ if state.failed => {}
            (_, Some(code)) => {
                state.failed = true;
                let fields = [b"SERROR\0VERROR\0C", code.as_bytes(), b"\0Mno\0\0"].concat();
                message(&mut state.answer, b'E', &fields);
            }
            (b'P', None) => {
                message(&mut state.answer, b'1', b"");
                let types = text.matches('$').count();
                let count = u16::try_from(types).unwrap().to_be_bytes();
                // They are asked for by the client, which knows them.
                let known = [count.to_vec(), body[body.len() - 4 * types..].to_vec()].concat();
                message(&mut state.answer, b't', &known);
                message(&mut state.answer, b'n', b"");
            }
            (b'B', None) => {
                message(&mut state.answer, b'2', b"");
                message(&mut state.answer, b'C', b"SELECT 1\0");
            }
            _ => {
                answer = std::mem::take(&mut state.answer);
                message(&mut answer, b'I', b"");
                message(&mut answer, b'Z', b"I");
            }
        }
        if state.silent { Vec::new() } else { answer }
    }
}

async fn serve(mut stream: DuplexStream, fake: Fake) -> std::io::Result<()> {
    let length = stream.read_u32().await?;
    stream.read_exact(&mut vec![0; usize::try_from(length).unwrap() - 4]).await?;
    let mut welcome = Vec::new();
    message(&mut welcome, b'R', &[0; 4]);
    message(&mut welcome, b'Z', b"I");
    stream.write_all(&welcome).await?;
    loop {
        let tag = stream.read_u8().await?;
        let length = stream.read_u32().await?;
        let mut body = vec![0; usize::try_from(length).unwrap() - 4];
        stream.read_exact(&mut body).await?;
        stream.write_all(&fake.answer(tag, &body)).await?;
    }
}

fn message(out: &mut Vec<u8>, tag: u8, body: &[u8]) {
    out.push(tag);
    out.extend_from_slice(&u32::try_from(body.len() + 4).unwrap().to_be_bytes());
    out.extend_from_slice(body);
}
