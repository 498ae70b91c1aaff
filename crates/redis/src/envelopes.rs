use tower_socketio_adapter::{Inbox, Message};

use crate::connection::Delivery;
use crate::subscriptions::Seat;

/// Brings the envelope that came on a channel; one that names no namespace is of that of the channel.
pub(crate) fn bring(delivery: &Delivery, seat: &Seat, inbox: &Inbox) {
    match Message::decode(&delivery.payload) {
        Ok(mut message) => {
            message.namespace.get_or_insert_with(|| seat.namespace.clone());
            inbox.message(message.into());
        }
        Err(error) => {
            let namespace = &*seat.namespace;
            tracing::debug!(target: "socketio::adapter", namespace, %error, "no message on a channel");
            inbox.malformed();
        }
    }
}
