//! The public API as a program uses it, through [`TestClient`](tower_socketio::TestClient) and, where a client has to
//! misbehave, through raw packets over bytes in memory.

mod support;

mod data;
