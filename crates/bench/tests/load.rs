//! Every scenario in small, counted by operations and not by time: what must come out does, on any machine.

#![cfg(target_os = "linux")]

use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener};
use std::process::{Child, Command, Stdio};

use tower_socketio_bench::load::{Figures, Options, Place, Span, run};
use tower_socketio_bench::results::Results;

const CLIENTS: usize = 10;
const OPERATIONS: u64 = 50;

const OURS: &str = env!("CARGO_BIN_EXE_serve");
const FLOOR: &str = env!("CARGO_BIN_EXE_serve-floor");
const AXUM: &str = env!("CARGO_BIN_EXE_serve-axum");
#[cfg(feature = "peers")]
const SOCKETIOXIDE: &str = env!("CARGO_BIN_EXE_serve-socketioxide");

/// A server's process, which ends with the test.
struct Server {
    child: Child,
    address: String,
}

impl Server {
    fn start(program: &str, words: &[&str]) -> Self {
        let mut command = Command::new(program);
        command.arg("0").args(words).stdout(Stdio::piped());
        let mut child = command.spawn().expect("the server was built");
        let mut line = String::new();
        let output = child.stdout.take().expect("it is a pipe");
        BufReader::new(output).read_line(&mut line).expect("the server says where it listens");
        let address = line.trim().strip_prefix("listening on ").expect("it is an address").to_owned();
        Self { child, address }
    }

    /// Runs a scenario and gives its figures; one that counts has done at least what it was asked for.
    fn load(&self, scenario: &str, set: impl FnOnce(&mut Options)) -> Figures {
        let mut options = Options::new(scenario);
        options.address = self.address.parse().expect("it is an address");
        options.pid = self.child.id();
        options.connections = CLIENTS;
        options.span = Span::Operations(OPERATIONS);
        set(&mut options);
        run(&options).unwrap_or_else(|error| panic!("{scenario}: {error}"))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.child.kill().expect("it is ours");
        self.child.wait().expect("it is ours");
    }
}

fn figure(figures: &Figures, name: &str) -> f64 {
    figures.get(name).unwrap_or_else(|| panic!("no {name} in {figures}"))
}

fn done(figures: &Figures) -> f64 {
    figure(figures, "operations")
}

/// What every server answers.
fn answers_everything(program: &str) {
    let server = Server::start(program, &["--max-payload", "200000"]);
    let all = OPERATIONS as f64;
    for scenario in ["echo", "ack"] {
        assert!(done(&server.load(scenario, |_| {})) >= all);
        assert!(done(&server.load(scenario, |options| options.in_flight = 16)) >= all);
        assert!(done(&server.load(scenario, |options| options.size = 100_000)) >= all);
    }
    assert!(done(&server.load("churn", |_| {})) >= all);
    assert!(done(&server.load("latency", |options| options.rate = 10_000.0)) >= all);
}

/// What is delivered is not more than what was broadcast: no connection of another scenario may be in the room.
fn delivers_to_everybody(program: &str) {
    for in_flight in [1, 8] {
        let server = Server::start(program, &[]);
        let figures = server.load("broadcast", |options| options.in_flight = in_flight);
        assert_eq!(done(&figures), OPERATIONS as f64, "{in_flight} in flight");
    }
}

fn keeps_idle_connections(program: &str) {
    let server = Server::start(program, &["--keep-headers"]);
    let figures = server.load("idle", |options| {
        options.browser = true;
        options.spread = true;
    });
    assert_eq!(done(&figures), CLIENTS as f64);
    assert!(figure(&figures, "resident_kib_all") > 0.0);
}

/// What real servers of Socket.IO answer.
fn answers_the_rest(program: &str) {
    let server = Server::start(program, &["2", "--namespaces", "3"]);
    let all = OPERATIONS as f64;
    assert!(done(&server.load("polling", |_| {})) >= all);
    assert!(done(&server.load("sum", |options| options.size = 10_000)) >= all);
    assert!(done(&server.load("rooms", |options| options.rooms = 5)) >= all);
    assert!(done(&server.load("echo", |options| options.namespaces = 3)) >= all);
    assert!(done(&server.load("echo", |options| options.idle = 20)) >= all);
}

fn survives_a_storm(program: &str, scenario: &str) {
    let server = Server::start(program, &[]);
    let figures = server.load(scenario, |_| {});
    assert_eq!(figure(&figures, "failures"), 0.0);
    assert_eq!(done(&figures), CLIENTS as f64);
    // And it serves others as before.
    assert!(done(&server.load("echo", |_| {})) >= OPERATIONS as f64);
}

fn serves_a_crowd(program: &str) {
    let server = Server::start(program, &["2"]);
    let figures = server.load("crowd", |options| options.rate = 1000.0);
    assert_eq!(figure(&figures, "joins"), OPERATIONS as f64);
    // Five broadcasts to all members, and what those get who are in the room just then.
    assert!(figure(&figures, "deliveries") >= (CLIENTS * 5) as f64);
}

/// What stands for the Redis between nodes: it takes one connection, and more goes through it each time it is asked.
fn engine() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("it listens");
    std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().expect("a connection");
        let requests = BufReader::new(stream.try_clone().expect("two halves")).lines();
        for (asked, _) in (0_u64..).zip(requests.map_while(Result::ok)) {
            // What asking costs, and what goes through it besides after the second time.
            let (incoming, outgoing) = (10 * asked, 100 * asked + if asked > 1 { OPERATIONS * 6 } else { 0 });
            let stats = format!(
                "total_net_input_bytes:{incoming}\r\ntotal_net_output_bytes:{outgoing}\r\n\
                 pubsubshard_channels:{}\r\n",
                asked * 25
            );
            if write!(stream, "${}\r\n{stats}\r\n", stats.len()).is_err() {
                break;
            }
        }
    });
    address
}

/// The nodes of these clusters are one server: what the generator does with several addresses is the same.
fn is_measured_as_nodes_of_a_cluster(program: &str) {
    let server = Server::start(program, &[]);
    let node = Place { address: server.address.parse().expect("it is an address"), pid: server.child.id() };
    let figures = server.load("broadcast", |options| {
        options.nodes = vec![node];
        options.engine = Some(node);
        options.in_flight = 8;
    });
    assert_eq!(done(&figures), OPERATIONS as f64);
    assert!(figure(&figures, "engine_us") > 0.0 && figure(&figures, "round_p99_us") > 0.0);

    let server = Server::start(program, &[]);
    let node = Place { address: server.address.parse().expect("it is an address"), pid: server.child.id() };
    let figures = server.load("quiet_room", |options| {
        options.nodes = vec![node; 3];
        options.engine = Some(Place { address: engine(), ..node });
    });
    assert_eq!(done(&figures), OPERATIONS as f64);
    assert_eq!((figure(&figures, "in_bytes"), figure(&figures, "out_bytes")), (0.0, 6.0));
    assert!(figure(&figures, "server_us") >= figure(&figures, "quiet_us"));

    let figures = server.load("many_rooms", |options| {
        options.engine = Some(Place { address: engine(), ..node });
        (options.rooms, options.channels) = (250, true);
    });
    for (name, calls) in [("", 1), ("calls_", 3)] {
        let of = |figure_of: &str| figure(&figures, &format!("{name}{figure_of}"));
        assert!(of("settled_ms") >= of("join_ms") && of("join_ms") > 0.0, "{calls} calls: {figures}");
    }
}

#[test]
fn our_server_is_measured_as_nodes_of_a_cluster() {
    is_measured_as_nodes_of_a_cluster(OURS);
}

#[test]
fn every_node_has_a_client() {
    let place = Place { address: ([127, 0, 0, 1], 1).into(), pid: 1 };
    let mut options = Options::new("broadcast");
    (options.connections, options.nodes) = (2, vec![place; 2]);
    assert!(run(&options).unwrap_err().to_string().contains("every node needs a client"));
}

#[test]
fn without_redis_the_scenarios_of_clusters_are_left_out() {
    let path = std::env::temp_dir().join(format!("tower-socketio-bench-none-{}.json", std::process::id()));
    let mut compare = Command::new(env!("CARGO_BIN_EXE_compare"));
    compare.args(["--quick", "--only", "nodes,nodes8,many_rooms,quiet_room", "--out"]).arg(&path);
    let output = compare.env("PATH", "/nowhere").output().unwrap();
    assert!(output.status.success(), "{output:?}");
    let text = String::from_utf8_lossy(&output.stderr);
    for name in ["nodes", "nodes8", "many_rooms", "quiet_room"] {
        assert!(text.contains(&format!("{name}: left out")), "{text}");
    }
    assert!(!path.exists());
}

#[test]
fn our_server_answers_everything() {
    answers_everything(OURS);
    answers_the_rest(OURS);
}

#[test]
fn our_server_delivers_to_everybody() {
    delivers_to_everybody(OURS);
}

#[test]
fn our_server_keeps_idle_connections() {
    keeps_idle_connections(OURS);
}

#[test]
fn our_server_survives_storms() {
    survives_a_storm(OURS, "storm");
    survives_a_storm(OURS, "storm_closed");
}

#[test]
fn our_server_serves_a_crowd() {
    serves_a_crowd(OURS);
}

#[test]
fn the_floor_satisfies_the_generator() {
    answers_everything(FLOOR);
    delivers_to_everybody(FLOOR);
    keeps_idle_connections(FLOOR);
}

#[test]
fn axum_alone_takes_connections_and_polls() {
    keeps_idle_connections(AXUM);
    let server = Server::start(AXUM, &[]);
    assert!(done(&server.load("churn", |_| {})) >= OPERATIONS as f64);
    assert!(done(&server.load("polling", |_| {})) >= OPERATIONS as f64);
}

#[cfg(feature = "peers")]
#[test]
fn socketioxide_is_measured_alike() {
    answers_everything(SOCKETIOXIDE);
    answers_the_rest(SOCKETIOXIDE);
    delivers_to_everybody(SOCKETIOXIDE);
    keeps_idle_connections(SOCKETIOXIDE);
    survives_a_storm(SOCKETIOXIDE, "storm");
    serves_a_crowd(SOCKETIOXIDE);
    is_measured_as_nodes_of_a_cluster(SOCKETIOXIDE);
}

#[test]
fn the_comparison_writes_what_it_measured() {
    let path = std::env::temp_dir().join(format!("tower-socketio-bench-{}.json", std::process::id()));
    let mut compare = Command::new(env!("CARGO_BIN_EXE_compare"));
    compare.args(["--quick", "--rounds", "1", "--only", "connect", "--out"]).arg(&path);
    let output = compare.output().unwrap();
    assert!(output.status.success(), "{output:?}");
    let results = Results::read(&path).unwrap();
    std::fs::remove_file(&path).unwrap();
    assert_eq!(results.scenarios.len(), 1);
    let series = &results.scenarios[0].series;
    for server in ["floor", "tower-socketio"] {
        let series = series.iter().find(|series| series.server == server).unwrap();
        assert!(series.points[0].median > 0.0);
        assert_eq!(series.points[0].details["operations"], 500.0);
        assert!(String::from_utf8_lossy(&output.stdout).contains(server));
    }
}

#[test]
fn a_comparison_of_something_unknown_is_refused() {
    let output = Command::new(env!("CARGO_BIN_EXE_compare")).args(["--only", "connect,nothing"]).output();
    let output = output.unwrap();
    assert!(!output.status.success());
    assert!(String::from_utf8_lossy(&output.stderr).contains("there is no scenario nothing"));
}

#[test]
fn a_server_that_is_not_there_is_an_error() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let mut options = Options::new("echo");
    options.address = listener.local_addr().unwrap();
    drop(listener);
    run(&options).unwrap_err();
}

#[test]
fn a_scenario_that_there_is_not_is_an_error() {
    assert!(run(&Options::new("nothing")).unwrap_err().to_string().contains("nothing"));
}
