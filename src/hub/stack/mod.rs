//! What the layers of each tier wrap: its services behind one type, and how several callers share one.

mod connect;
mod deliver;
mod emit;
mod hidden;
mod making;
mod packet;
mod turns;

pub(crate) use connect::WrapConnect;
pub use connect::{ConnectLayer, ConnectService, Connecting};
pub(crate) use deliver::Destination;
pub use deliver::EmitRequest;
pub(crate) use emit::WrapEmit;
pub use emit::{EmitLayer, EmitService};
pub(crate) use making::Making;
pub use packet::{PacketLayer, PacketService, Replying};
pub(crate) use packet::{PacketStack, WrapPacket, reply_of};
pub(crate) use turns::{Stale, Turn, Turns};
