#![doc = include_str!("../docs/front.md")]

mod app;
pub mod extract;
mod handler;
mod hub;
mod layer;
mod namespace;
mod service;
mod transport;

#[cfg(feature = "tls")]
pub use app::host::TlsError;
#[cfg(feature = "host")]
pub use app::host::{self, Health, Host, HostError, HostHandle, HostService, Listen};
pub use app::{
    Controller, ControllerSet, IntoUsers, MessageClient, Methods, PublishError, PublishMessage, Publisher,
    Recipients, TestClient, TestError, UserId,
};
pub use extract::{
    Any, Args, Auth, By, Claims, ClientIp, Data, Event, Extension, FromContext, FromRef, Headers, Http,
    OptionalFromContext, Path, Query, Reconnected, State,
};
pub use handler::{Arguments, Handler, Layered, Moment, WithState};
pub use hub::{
    Accepted, Ack, AckError, AckSender, AckStream, Broadcast, Builder, ConfigError, Conn, ConnectLayer,
    ConnectRequest, ConnectService, Connected, Connecting, Context, Cookie, Disconnect, DisconnectReason,
    EmitError, EmitLayer, EmitRequest, EmitService, Extensions, Failure, IntoReply, Occasion, Overflow,
    PacketLayer, PacketRequest, PacketService, ProxyHeader, PublicError, Recovery, Reply, Replying,
    Responder, ResultEnvelope, SameSite, Secure, Sent, ServerEvent, Socket, SocketEmit, SocketIo, Transport,
    WireError,
};
pub use ipnet::IpNet;
pub use layer::connect::{self, Next as ConnectNext};
pub use layer::emit::{self, Next as EmitNext};
pub use layer::event_auth::{self, EventAuth, GateScope, HookId};
#[cfg(feature = "jwt")]
pub use layer::jwt::{self, JwtError, JwtLayer, Renewal};
pub use layer::packet::{self, Next};
#[cfg(feature = "rate-limit")]
pub use layer::rate_limit::{self, Beyond, Rate, RateLimitLayer, RateStore, Taken};
pub use layer::tickets::{self, MemoryTickets, Ticket, TicketError, TicketLayer, TicketStore};
pub use layer::{
    Deduplicate, DeduplicateLayer, SizeLimit, SizeLimitLayer, SocketIoLayer, TokenSource, Trace, TraceLayer,
    Traced,
};
pub use namespace::{HandlerId, Namespace, Pattern};
pub use service::{NotFound, ResponseBody, ResponseFuture, SocketIoService};
#[cfg_attr(all(feature = "axum", feature = "jwt", feature = "rate-limit"), doc = include_str!("../docs/middleware.md"))]
#[cfg_attr(
    not(all(feature = "axum", feature = "jwt", feature = "rate-limit")),
    doc = "Middleware: which tier for what; shown with the features `axum`, `jwt` and `rate-limit`."
)]
pub mod middleware {}

#[cfg(all(feature = "axum", feature = "jwt", feature = "rate-limit"))]
#[doc = include_str!("../docs/migrating/index.md")]
pub mod migrating {
    #[doc = include_str!("../docs/migrating/loopback_socket.md")]
    pub mod loopback_socket {}
    #[doc = include_str!("../docs/migrating/loopback_socketio.md")]
    pub mod loopback_socketio {}
    #[cfg_attr(feature = "host", doc = include_str!("../docs/migrating/micro_socket.md"))]
    #[cfg_attr(
        not(feature = "host"),
        doc = "Coming from `@pestras/micro-socket`; shown with the feature `host`."
    )]
    pub mod micro_socket {}
    #[doc = include_str!("../docs/migrating/node.md")]
    pub mod node {}
    #[doc = include_str!("../docs/migrating/socketio2.md")]
    pub mod socketio2 {}
    #[doc = include_str!("../docs/migrating/socketioxide.md")]
    pub mod socketioxide {}
    #[doc = include_str!("../docs/migrating/transom.md")]
    pub mod transom {}
}
#[cfg(not(all(feature = "axum", feature = "jwt", feature = "rate-limit")))]
#[doc = "Coming from another server; shown with the features `axum`, `jwt` and `rate-limit`."]
pub mod migrating {}

#[cfg_attr(
    feature = "axum",
    doc = include_str!("../docs/deployment.md"),
    doc = "\n# nginx\n\n```nginx",
    doc = include_str!("../docs/proxies/nginx.conf"),
    doc = "```\n\n# HAProxy\n\n```haproxy",
    doc = include_str!("../docs/proxies/haproxy.cfg"),
    doc = "```\n\n# Caddy\n\n```caddyfile",
    doc = include_str!("../docs/proxies/Caddyfile"),
    doc = "```"
)]
#[cfg_attr(
    not(feature = "axum"),
    doc = "Deployment: several nodes and proxies; shown with the feature `axum`."
)]
pub mod deployment {}

#[cfg_attr(feature = "axum", doc = include_str!("../docs/cluster.md"))]
#[cfg_attr(
    not(feature = "axum"),
    doc = "Clusters of nodes over Redis and Postgres; shown with the feature `axum`."
)]
pub mod cluster {}

#[cfg(feature = "tls")]
#[doc(no_inline)]
pub use tokio_rustls::rustls;
#[doc(inline)]
pub use tower_socketio_adapter as adapter;
#[doc(inline)]
pub use tower_socketio_adapter::{
    Adapter, AdapterError, Cluster, IntoRooms, LocalAdapter, LocalBus, MakeAdapter, RemoteSocket, Room,
};
#[doc(inline)]
pub use tower_socketio_proto::socketio as parser;
#[doc(inline)]
pub use tower_socketio_proto::socketio::Parser;

#[cfg(fuzzing)]
pub mod fuzzing {
    //! What fuzz targets reach into; no part of the API.
    pub use crate::transport::fuzzing::{Outcome, read_messages};
}

#[cfg(all(doctest, feature = "axum", feature = "jwt", feature = "rate-limit"))]
#[doc = include_str!("../README.md")]
struct Readme;
#[cfg(all(doctest, feature = "axum", feature = "jwt", feature = "rate-limit"))]
#[doc = include_str!("../docs/performance.md")]
struct Performance;
