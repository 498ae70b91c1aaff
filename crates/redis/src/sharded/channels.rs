use redis::cmd;
use tower_socketio_adapter::{BusError, Message, To};

use crate::connection::Job;

/// Which rooms have a channel of their own, so that a broadcast to one of them goes only to the nodes with members of it.
///
/// It must be the same on all servers, Node's (`subscriptionMode`) included.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum SubscriptionMode {
    /// None: two channels for each namespace on each node. Every node hears of every broadcast.
    Static,
    /// Rooms that are not sockets' own, which is told by their length: names of 20 characters have none.
    #[default]
    Dynamic,
    /// All rooms, also those of single sockets: one more subscription for each socket.
    DynamicPrivate,
}

/// The length of the socket ids that servers make themselves.
const ID_LENGTH: usize = 20;

/// The names of channels.
#[derive(Clone, Debug)]
pub(crate) struct Channels {
    pub(super) prefix: String,
    pub(super) mode: SubscriptionMode,
}

impl Channels {
    /// The channel of a namespace.
    pub(super) fn main(&self, namespace: &str) -> String {
        format!("{}#{namespace}#", self.prefix)
    }

    /// The channel of a node in a namespace.
    pub(super) fn node(&self, namespace: &str, node: &str) -> String {
        format!("{}#{namespace}#{node}#", self.prefix)
    }

    /// The channel of a room, if it has one.
    ///
    /// By the same rule for those who publish and those who subscribe: a socket's own room whose id is not of the usual
    /// length is a room like others.
    pub(super) fn room(&self, namespace: &str, room: &str) -> Option<String> {
        let has_one = match self.mode {
            SubscriptionMode::Static => false,
            // As JavaScript counts.
            SubscriptionMode::Dynamic => room.encode_utf16().count() != ID_LENGTH,
            SubscriptionMode::DynamicPrivate => true,
        };
        has_one.then(|| format!("{}#{namespace}#{room}#", self.prefix))
    }

    /// Makes the command that publishes a message.
    pub(super) fn publish(&self, message: &Message, to: To<'_>) -> Result<Job, BusError> {
        let channel = self.of(message, to);
        let payload = message.encode().map_err(BusError::refused)?;
        let mut publish = cmd("SPUBLISH");
        publish.arg(&channel).arg(&payload[..]);
        Ok(Job::new(channel, publish))
    }

    fn of(&self, message: &Message, to: To<'_>) -> String {
        let namespace = message.namespace.as_deref().unwrap_or("/");
        match to {
            To::Node(node) => self.node(namespace, node),
            To::Room(room) => self.room(namespace, room).unwrap_or_else(|| self.main(namespace)),
            _ => self.main(namespace),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn channels(mode: SubscriptionMode) -> Channels {
        Channels { prefix: "socket.io".to_owned(), mode }
    }

    #[test]
    fn channels_are_called_as_node_calls_them() {
        let channels = channels(SubscriptionMode::Dynamic);
        assert_eq!(channels.main("/"), "socket.io#/#");
        assert_eq!(channels.node("/", "41e7c4b94158eb66"), "socket.io#/#41e7c4b94158eb66#");
        assert_eq!(channels.room("/admin", "room1").as_deref(), Some("socket.io#/admin#room1#"));
        assert_eq!(channels.room("/", "5").as_deref(), Some("socket.io#/#5#"));
    }

    #[test]
    fn by_default_rooms_of_20_characters_have_no_channel_and_all_others_have() {
        let dynamic = channels(SubscriptionMode::Dynamic);
        assert_eq!(dynamic.room("/", "gNlN0lBPPeI94-2hAAAA"), None);
        assert!(dynamic.room("/", "/admin#gNlN0lBPPeI94-2hAAAA").is_some());
        assert!(dynamic.room("/", "").is_some());
        // 20 bytes, but not 20 characters; and 20 of JavaScript's characters that are 10 of ours.
        assert!(dynamic.room("/", "ääääääääää").is_some());
        assert_eq!(dynamic.room("/", &"\u{1f600}".repeat(10)), None);
    }

    #[test]
    fn other_modes_have_channels_for_all_rooms_or_for_none() {
        for room in ["gNlN0lBPPeI94-2hAAAA", "room1"] {
            assert_eq!(channels(SubscriptionMode::Static).room("/", room), None);
            assert!(channels(SubscriptionMode::DynamicPrivate).room("/", room).is_some());
        }
    }
}
