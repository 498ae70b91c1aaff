//! Connections over memory: what a client sends is there to be read, what a server writes is counted.

use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use hyper::server::conn::http1;
use hyper_util::rt::TokioIo;
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadBuf};
use tokio::runtime::Runtime;
use tower_socketio::{Builder, Namespace, SocketIo, SocketIoService};
use tower_socketio_proto::websocket::{TEXT, write_header};

/// A server, its thread, and what all its connections have written.
pub(crate) struct Server {
    pub(crate) io: SocketIo,
    runtime: Runtime,
    meter: Arc<Meter>,
}

/// How many bytes were written, and who waits for how many.
#[derive(Default)]
pub(crate) struct Meter(Mutex<Reading>);

#[derive(Default)]
struct Reading {
    written: usize,
    goal: usize,
    waits: Option<Waker>,
}

/// One end of a connection; the other end is the benchmark.
#[derive(Clone)]
pub(crate) struct Wire {
    way_in: Arc<Mutex<WayIn>>,
    meter: Arc<Meter>,
}

#[derive(Default)]
struct WayIn {
    bytes: Vec<u8>,
    read: usize,
    reader: Option<Waker>,
}

impl Server {
    pub(crate) fn new(namespace: Namespace) -> Self {
        Self::with(|builder| builder.namespace("/", namespace))
    }

    pub(crate) fn with(build: impl FnOnce(Builder) -> Builder) -> Self {
        // No clock runs out while something is measured.
        let hour = Duration::from_secs(3600);
        let builder = SocketIo::builder().ping_interval(hour).connect_timeout(hour);
        let io = build(builder).build().expect("the namespaces fit");
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().expect("a runtime");
        Self { io, runtime, meter: Arc::default() }
    }

    /// A client that has connected.
    pub(crate) fn client(&self) -> Wire {
        let wire = self.wire();
        let service = TowerToHyperService::new(SocketIoService::not_found(self.io.clone()));
        let connection =
            http1::Builder::new().serve_connection(TokioIo::new(wire.clone()), service).with_upgrades();
        self.runtime.spawn(connection);
        self.settle(&wire, HANDSHAKE.as_bytes());
        self.settle(&wire, &frame("40"));
        wire
    }

    /// Sends something and lets everything run that then can: there is an answer, of whatever length.
    pub(crate) fn settle(&self, wire: &Wire, bytes: &[u8]) -> usize {
        let before = self.meter.lock().written;
        wire.send(bytes);
        let mut after = before;
        for _ in 0..1000 {
            // More than a connection's task wakes others in one turn.
            self.runtime.block_on(async {
                for _ in 0..8 {
                    tokio::task::yield_now().await;
                }
            });
            let now = self.meter.lock().written;
            if now == after && now > before {
                return now - before;
            }
            after = now;
        }
        panic!("there is no answer");
    }

    /// Does something and runs until so many bytes more are written.
    pub(crate) fn run(&self, bytes: usize, what: impl FnOnce()) {
        self.meter.lock().goal += bytes;
        what();
        self.runtime.block_on(poll_fn(|cx| {
            let mut reading = self.meter.lock();
            if reading.written >= reading.goal {
                return Poll::Ready(());
            }
            reading.waits = Some(cx.waker().clone());
            Poll::Pending
        }));
    }

    /// Forgets what was written so far: what is done next is measured.
    pub(crate) fn reset(&self) {
        *self.meter.lock() = Reading::default();
    }

    /// A connection whose task only gives back what it reads.
    pub(crate) fn floor(&self) -> Wire {
        let wire = self.wire();
        let mut theirs = wire.clone();
        self.runtime.spawn(async move {
            let mut buffer = vec![0; 64 * 1024];
            while let Ok(read) = theirs.read(&mut buffer).await
                && theirs.write_all(&buffer[..read]).await.is_ok()
            {}
        });
        wire
    }

    fn wire(&self) -> Wire {
        Wire { way_in: Arc::default(), meter: self.meter.clone() }
    }
}

impl Meter {
    fn lock(&self) -> MutexGuard<'_, Reading> {
        self.0.lock().expect("nothing panics with the lock held")
    }
}

impl Wire {
    pub(crate) fn send(&self, bytes: &[u8]) {
        let mut way_in = self.way_in.lock().expect("nothing panics with the lock held");
        way_in.bytes.extend_from_slice(bytes);
        if let Some(reader) = way_in.reader.take() {
            reader.wake();
        }
    }
}

impl AsyncRead for Wire {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let mut way_in = self.way_in.lock().expect("nothing panics with the lock held");
        if way_in.read == way_in.bytes.len() {
            way_in.reader = Some(cx.waker().clone());
            return Poll::Pending;
        }
        let rest = &way_in.bytes[way_in.read..];
        let part = rest.len().min(buf.remaining());
        buf.put_slice(&rest[..part]);
        way_in.read += part;
        if way_in.read == way_in.bytes.len() {
            way_in.bytes.clear();
            way_in.read = 0;
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Wire {
    fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let mut reading = self.meter.lock();
        reading.written += buf.len();
        if reading.written >= reading.goal
            && let Some(waits) = reading.waits.take()
        {
            waits.wake();
        }
        Poll::Ready(Ok(buf.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

const HANDSHAKE: &str = "GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nHost: localhost\r\n\
    Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
    Sec-WebSocket-Key: MDEyMzQ1Njc4OWFiY2RlZg==\r\n\r\n";

/// A client's text message. Its mask is of zeros, which are xored like any other.
pub(crate) fn frame(text: &str) -> Vec<u8> {
    let mut frame = Vec::new();
    write_header(&mut frame, TEXT, text.len());
    frame[1] |= 0x80;
    frame.extend_from_slice(&[0; 4]);
    frame.extend_from_slice(text.as_bytes());
    frame
}
