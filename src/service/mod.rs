//! The three doors: an HTTP request, a CONNECT to a namespace, a packet with an event.

mod body;
mod connect;
mod doors;
mod files;
mod http;
mod mount;
mod packet;
mod returns;

pub use body::ResponseBody;
pub(crate) use doors::each;
pub use http::{NotFound, ResponseFuture, SocketIoService};
pub(crate) use mount::mount;
