#![doc = include_str!("../docs/front.md")]

mod app;
pub mod extract;
mod handler;
mod hub;
mod layer;
mod namespace;
mod service;
mod transport;

pub use app::{TestClient, TestError};
pub use extract::{
    Any, Args, Auth, Data, Event, Extension, FromContext, FromRef, Http, OptionalFromContext, Path, State,
};
pub use handler::{Arguments, Handler, Moment, WithState};
pub use hub::{
    Accepted, Ack, AckError, AckSender, AckStream, Broadcast, Builder, ConfigError, Conn, ConnectRequest,
    Connected, Context, Cookie, Disconnect, DisconnectReason, EmitError, Extensions, IntoReply, Overflow,
    PacketRequest, PublicError, Reply, SameSite, Sent, Socket, SocketEmit, SocketIo, Transport, WireError,
};
pub use layer::SocketIoLayer;
pub use namespace::{HandlerId, Namespace, Pattern};
pub use service::{
    ConnectService, NotFound, PacketService, Replying, ResponseBody, ResponseFuture, SocketIoService,
};
#[doc(inline)]
pub use tower_socketio_adapter as adapter;
#[doc(inline)]
pub use tower_socketio_adapter::{Adapter, AdapterError, IntoRooms, LocalAdapter, RemoteSocket, Room};
#[doc(inline)]
pub use tower_socketio_proto::socketio as parser;
#[doc(inline)]
pub use tower_socketio_proto::socketio::Parser;

#[cfg(fuzzing)]
pub mod fuzzing {
    //! What fuzz targets reach into; no part of the API.
    pub use crate::transport::fuzzing::{Outcome, read_messages};
}

#[cfg(all(doctest, feature = "axum"))]
#[doc = include_str!("../README.md")]
struct Readme;
