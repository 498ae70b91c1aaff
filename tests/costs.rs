//! What a connection and an event cost the allocator of a server that is reached by TCP: bounds that hold on any machine.
//!
//! The server's runtime has one thread, so that all that is counted there is the server's; clients are threads' own.
#![cfg(feature = "axum")]

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use allocation_counter::AllocationInfo;
use tower_socketio::{Data, Namespace, Socket, SocketIo};

#[test]
fn an_echo_costs_at_most_three_allocations() {
    let server = Server::start();
    let mut client = server.client();
    client.echo(100);
    let counted = server.count(|| client.echo(EVENTS));
    let each = counted.count_total as f64 / EVENTS as f64;
    println!("{each} allocations for each echo");
    assert!(each <= 3.0, "{each} allocations for each echo of a string");
    assert!(each >= 1.0, "nothing was counted");
}

#[test]
fn a_delivery_of_a_broadcast_costs_at_most_one_allocation() {
    const CLIENTS: usize = 200;
    let server = Server::start();
    let mut clients: Vec<_> = (0..CLIENTS).map(|_| server.client()).collect();
    let broadcast = |clients: &mut Vec<Client>, times: usize| {
        for _ in 0..times {
            clients[0].send(r#"42["shout","0123456789"]"#);
            clients.iter_mut().for_each(|client| client.expect(r#"42["shout","0123456789"]"#));
        }
    };
    broadcast(&mut clients, 20);
    let counted = server.count(|| broadcast(&mut clients, 200));
    let each = counted.count_total as f64 / 200.0;
    println!("{each} allocations for a broadcast to {CLIENTS}");
    // The event's own, its packet and its frame; and a buffer for each connection beyond those that are pooled.
    assert!(each <= CLIENTS as f64, "{each} allocations for a broadcast to {CLIENTS}");
    assert!(each >= 1.0, "nothing was counted");
}

#[test]
fn an_idle_connection_keeps_few_allocations_and_little_memory() {
    const CLIENTS: usize = 1000;
    let server = Server::start();
    let first = server.client();
    let mut clients = Vec::new();
    let counted = server.count(|| clients.extend((0..CLIENTS).map(|_| server.client())));
    let live = counted.count_current as f64 / CLIENTS as f64;
    let bytes = counted.bytes_current as f64 / CLIENTS as f64;
    println!("{live} live allocations and {bytes} bytes for each idle connection");
    assert!(live <= LIVE, "{live} live allocations for each idle connection");
    assert!(bytes <= BYTES, "{bytes} bytes for each idle connection");
    assert!(bytes >= 100.0, "nothing was counted");
    drop((first, clients));
}

const EVENTS: usize = 1000;
/// The task and what tokio keeps for its socket, the connection and its id, the socket and its id, the URL, and the
/// list of namespaces; tables grow by leaps, which is the rest.
const LIVE: f64 = 8.2;
const BYTES: f64 = 2150.0;

/// A server on a thread of its own, which counts on demand.
struct Server {
    address: SocketAddr,
    orders: tokio::sync::mpsc::UnboundedSender<Order>,
}

enum Order {
    Begin(mpsc::Sender<()>),
    End(mpsc::Sender<AllocationInfo>),
}

impl Server {
    fn start() -> Self {
        let (orders, mut ordered) = tokio::sync::mpsc::unbounded_channel();
        let (tell, told) = mpsc::channel();
        thread::spawn(move || {
            let runtime =
                tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
            let io = SocketIo::builder().namespace("/", namespace()).build().expect("it fits");
            runtime.block_on(async {
                let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a free port");
                tell.send(listener.local_addr().expect("an address")).expect("the test waits");
                let app = axum::Router::new().layer(io.layer());
                tokio::spawn(async move { axum::serve(listener, app).await });
            });
            // Everything else runs while one of these waits.
            while let Some(Order::Begin(begun)) = runtime.block_on(ordered.recv()) {
                begun.send(()).expect("the test waits");
                let mut end = None;
                let counted = allocation_counter::measure(|| end = runtime.block_on(ordered.recv()));
                if let Some(Order::End(ended)) = end {
                    ended.send(counted).expect("the test waits");
                }
            }
        });
        Self { address: told.recv().expect("the server starts"), orders }
    }

    /// What the server allocates while something is done.
    fn count(&self, what: impl FnOnce()) -> AllocationInfo {
        let (tell, told) = mpsc::channel();
        assert!(self.orders.send(Order::Begin(tell)).is_ok());
        told.recv().expect("the server runs");
        what();
        let (tell, told) = mpsc::channel();
        assert!(self.orders.send(Order::End(tell)).is_ok());
        told.recv().expect("the server runs")
    }

    fn client(&self) -> Client {
        Client::connect(self.address)
    }
}

fn namespace() -> Namespace {
    Namespace::new()
        .on("echo", async |socket: Socket, Data(text): Data<String>| socket.emit("echo", text))
        .on("shout", async |socket: Socket, Data(text): Data<String>| socket.namespace().emit("shout", text))
        .on("ready", async || {})
}

/// A client that needs nothing of the library's.
struct Client {
    tcp: TcpStream,
    /// What was read and not yet looked at.
    buffer: Vec<u8>,
}

impl Client {
    fn connect(address: SocketAddr) -> Self {
        let tcp = TcpStream::connect(address).expect("the server listens");
        tcp.set_nodelay(true).expect("an option of TCP");
        tcp.set_read_timeout(Some(Duration::from_secs(30))).expect("an option of TCP");
        let mut client = Self { tcp, buffer: Vec::new() };
        let request = "GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nHost: localhost\r\n\
            Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
            Sec-WebSocket-Key: MDEyMzQ1Njc4OWFiY2RlZg==\r\n\r\n";
        client.tcp.write_all(request.as_bytes()).expect("the server reads");
        let end = loop {
            if let Some(end) = client.buffer.windows(4).position(|end| end == b"\r\n\r\n") {
                break end + 4;
            }
            client.fill();
        };
        assert!(client.buffer.starts_with(b"HTTP/1.1 101"), "no WebSocket");
        client.buffer.drain(..end);
        assert!(client.read().starts_with('0'));
        client.send("40");
        assert!(client.read().starts_with("40"));
        // What is let go of once it is in, is.
        client.send(r#"420["ready"]"#);
        client.expect("430[]");
        client
    }

    fn echo(&mut self, times: usize) {
        for _ in 0..times {
            self.send(r#"42["echo","0123456789abcdef"]"#);
            self.expect(r#"42["echo","0123456789abcdef"]"#);
        }
    }

    /// Sends a short text, masked with zeros.
    fn send(&mut self, text: &str) {
        let length = u8::try_from(text.len()).expect("a short text");
        assert!(length < 126);
        let mut frame = vec![0x81, 0x80 | length, 0, 0, 0, 0];
        frame.extend_from_slice(text.as_bytes());
        self.tcp.write_all(&frame).expect("the server reads");
    }

    fn expect(&mut self, text: &str) {
        assert_eq!(self.read(), text);
    }

    fn read(&mut self) -> String {
        while self.buffer.len() < 2 || self.buffer.len() < 2 + self.length() {
            self.fill();
        }
        let end = 2 + self.length();
        let text = String::from_utf8(self.buffer[2..end].to_vec()).expect("text");
        self.buffer.drain(..end);
        text
    }

    fn length(&self) -> usize {
        assert!(self.buffer[1] < 126, "a short text");
        self.buffer[1].into()
    }

    fn fill(&mut self) {
        let mut bytes = [0; 1024];
        let read = self.tcp.read(&mut bytes).expect("the server writes");
        assert!(read > 0, "the server hung up");
        self.buffer.extend_from_slice(&bytes[..read]);
    }
}
