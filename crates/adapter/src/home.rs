use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;

use crate::{Offset, Outgoing, Target};

/// What a namespace does for its adapter, which hears from other nodes; the server implements it.
///
/// It holds the namespace weakly, so an adapter may keep it. All data is the text of a JSON array with a placeholder for
/// each attachment. An event's array starts with its name. Text that is no such array is ignored, and so is everything
/// once the namespace has ended.
pub trait Home: Send + Sync + 'static {
    /// Makes a packet of an event that is broadcast to `to`, and calls `deliver` with it at most once, before it returns.
    ///
    /// Only what is delivered inside of `deliver` is in order with what this node emits itself. `offset` is the place that
    /// a carrier with [sessions](crate::Sessions) has given it; they come in order.
    fn broadcast(
        &self,
        args: Bytes,
        attachments: Vec<Bytes>,
        to: &Target,
        offset: Option<Offset>,
        deliver: &mut dyn FnMut(&Arc<Outgoing>),
    );

    /// How far back broadcasts are wanted that were published before, so that clients can come back to this node which
    /// were at others; `None` by default.
    fn history(&self) -> Option<Duration> {
        None
    }

    /// No broadcast behind this offset is missing from what comes.
    fn begin(&self, offset: Offset) {
        let _ = offset;
    }

    /// Keeps an event that was broadcast to `to`, and is not delivered any more.
    fn past(&self, args: Bytes, attachments: Vec<Bytes>, to: &Target, offset: Offset) {
        drop((args, attachments, to, offset));
    }

    /// Makes a packet of an event by which another node asks sockets of this one.
    fn question(&self, args: Bytes, attachments: Vec<Bytes>) -> Option<Arc<Outgoing>>;

    /// Nobody waits any more for what sockets answer to the packet with this acknowledgement id.
    fn forget(&self, ack: u64);

    /// Gives the program an event that the program of another node emitted, and whoever waits there the answer.
    fn server_event(&self, args: Bytes, attachments: Vec<Bytes>, answer: Option<ServerAnswer>);
}

/// Sends the answer to an event between servers: the text of a JSON array with placeholders, and the attachments.
pub type ServerAnswer = Box<dyn FnOnce(Bytes, Vec<Bytes>) + Send>;
