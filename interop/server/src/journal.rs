use std::fs::OpenOptions;
use std::io::Write;
use std::path::PathBuf;

use serde::Serialize;
use tower_socketio::{Ack, Data, Namespace, Socket, State, WireError};

/// Which node this is, and the file that all nodes write to.
#[derive(Clone)]
pub(crate) struct Journal {
    /// The port.
    pub(crate) node: u16,
    pub(crate) file: Option<PathBuf>,
}

impl Journal {
    /// The events of section 3 of the contract that are about several nodes, and proxies before them.
    pub(crate) fn events(&self) -> Namespace {
        Namespace::new().on("connection", connection).on("record", record).with_state(self.clone())
    }
}

#[derive(Serialize)]
struct Connection {
    node: u16,
    address: Option<String>,
    secure: bool,
    transport: &'static str,
}

async fn connection(socket: Socket, State(Journal { node, .. }): State<Journal>) -> Ack<Connection> {
    let connection = socket.conn();
    let address = connection.client_ip().map(|address| address.to_string());
    Ack(Connection {
        node,
        address,
        secure: connection.is_secure(),
        transport: connection.transport().as_str(),
    })
}

async fn record(
    State(Journal { node, file }): State<Journal>,
    Data((client, number)): Data<(String, u64)>,
) -> Result<(), WireError> {
    let file = file.ok_or_else(|| WireError::new("there is no record"))?;
    let mut file = OpenOptions::new().create(true).append(true).open(file)?;
    // One write: lines of several nodes do not mix.
    Ok(file.write_all(format!("{node} {client} {number}\n").as_bytes())?)
}
