//! What the layers of each tier wrap: its services behind one type, and how several callers share one.

mod connect;
mod deliver;
mod emit;
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

use std::any::Any;

/// The service as one whose type is hidden already, if it is that: it need not be boxed again.
fn hidden<N: 'static, H: 'static>(service: N) -> Result<H, N> {
    let mut service = Some(service);
    let any: &mut dyn Any = &mut service;
    match any.downcast_mut::<Option<H>>().and_then(Option::take) {
        Some(hidden) => Ok(hidden),
        None => Err(service.expect("it is of another type")),
    }
}
