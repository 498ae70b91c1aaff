//! Know sockets, namespaces and pending acks; emit and broadcast.

mod ack;
mod address;
mod alarms;
mod broadcast;
mod builder;
mod claims;
mod config;
mod connection;
mod date;
mod doors;
mod error;
mod everywhere;
mod extensions;
mod home;
mod id;
mod io;
mod kept;
mod life;
mod link;
mod links;
mod member;
mod moment;
mod name;
mod operators;
mod origins;
mod places;
mod recovery;
mod registry;
mod reply;
mod responder;
mod rooms;
mod sent;
mod server_event;
mod servers;
mod slots;
mod socket;
mod space;
mod stack;
mod wire;

pub(crate) use ack::AckSlot;
pub use ack::{AckSender, AckStream};
pub(crate) use address::Proxies;
#[cfg(feature = "rate-limit")]
pub(crate) use address::network;
pub use address::{ProxyHeader, Secure};
pub use broadcast::Broadcast;
pub use builder::Builder;
pub use claims::Claims;
use config::Alone;
pub(crate) use config::{Config, FOR_EVER};
pub use config::{Cookie, Overflow, SameSite, Transport};
pub use connection::Conn;
pub(crate) use doors::{Doors, Endpoint, Matched, Mount, NamePattern};
pub use error::{AckError, ConfigError, EmitError, PublicError, WireError};
pub use extensions::Extensions;
pub(crate) use id::{is_id, new_id, next_number};
pub(crate) use io::Hub;
pub use io::SocketIo;
pub(crate) use life::panicked;
pub(crate) use link::{Departure, Handshake, Link, LinkFacts, Outbound, Protocol, downcast};
pub(crate) use links::Due;
pub use moment::{
    Accepted, ConnectRequest, Connected, Context, Disconnect, DisconnectReason, Failure, Occasion,
    PacketRequest,
};
pub(crate) use name::Name;
pub use operators::SocketEmit;
pub(crate) use origins::Origins;
pub(crate) use places::{Place, Places};
pub use recovery::Recovery;
pub(crate) use recovery::{Acceptance, Keep, Pass};
pub(crate) use registry::{Lease, Registry, Resolved};
pub(crate) use reply::ReplyKind;
pub use reply::{Ack, IntoReply, Reply};
pub use responder::{Responder, ResultEnvelope};
pub use sent::Sent;
pub use server_event::ServerEvent;
pub(crate) use socket::Listener;
pub use socket::Socket;
pub(crate) use space::Space;
pub use stack::{
    ConnectLayer, ConnectService, Connecting, EmitLayer, EmitRequest, EmitService, PacketLayer,
    PacketService, Replying,
};
pub(crate) use stack::{
    Making, PacketStack, Stale, Turn, Turns, WrapConnect, WrapEmit, WrapPacket, reply_of,
};
pub(crate) use wire::{form_of, frames, write_frames};

use std::future::Future;
use std::pin::Pin;

pub(crate) type BoxFuture<T> = Pin<Box<dyn Future<Output = T> + Send + 'static>>;
