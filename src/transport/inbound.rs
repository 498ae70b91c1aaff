use std::sync::Arc;
use std::task::Context;

use tower_socketio_proto::engineio::{self, Input, Packet, Version};
use tower_socketio_proto::socketio::{self, Decoder};

use super::connection::{CONTROL_LIMIT, Connection};
use super::dispatch::{Dispatch, Violation};
use super::websocket::{Message, Receive};

/// How a client's messages ended its session.
#[derive(Clone, Copy)]
pub(super) enum End {
    Invalid,
    Violation,
    Closed,
}

/// Leads messages from the wire to the session and the dispatcher.
pub(super) struct Inbound<'a, 'cx, 'w> {
    pub(super) cx: &'cx mut Context<'w>,
    pub(super) connection: &'a Arc<Connection>,
    pub(super) dispatch: &'a mut Dispatch,
    pub(super) decoder: &'a mut Decoder,
    pub(super) end: Option<End>,
}

impl Inbound<'_, '_, '_> {
    /// `false` if nothing more is wanted.
    pub(super) fn packet(&mut self, packet: Packet<'_>) -> bool {
        let result = match packet {
            Packet::Text { kind: engineio::Kind::Message, data } => self.text(data),
            Packet::Binary(data) => self.binary(&data),
            Packet::Text { kind, data } => {
                let mut shared = self.connection.lock();
                shared.feed(self.connection, Input::Packet { kind, data });
                if shared.session.is_closed() {
                    self.end = Some(End::Closed);
                    return false;
                }
                return true;
            }
        };
        if result.is_err() {
            self.end = Some(End::Violation);
            return false;
        }
        !self.dispatch.is_full()
    }

    fn text(&mut self, data: &str) -> Result<(), Violation> {
        tracing::trace!(target: "socketio::parser", bytes = data.len(), "text");
        let limits = self.connection.packet_limits();
        match self.decoder.text(data, &limits)? {
            Some(packet) => self.dispatch.packet(self.cx, &packet),
            None => Ok(()),
        }
    }

    fn binary(&mut self, data: &[u8]) -> Result<(), Violation> {
        tracing::trace!(target: "socketio::parser", bytes = data.len(), "binary");
        let limits = self.connection.packet_limits();
        if let Some(packet) = self.decoder.binary(data, &limits)? {
            self.dispatch.packet(self.cx, &packet)?;
            drop(packet);
            self.decoder.release();
        }
        Ok(())
    }
}

impl Receive for Inbound<'_, '_, '_> {
    fn max_payload(&self) -> usize {
        self.connection.hub().config.max_payload
    }

    fn message(&mut self, message: Message<'_>) -> bool {
        let version: Version = self.connection.protocol.version;
        let packet = match message {
            Message::Text(text) => engineio::decode_text(version, text),
            Message::Binary(bytes) => engineio::decode_binary(version, bytes),
        };
        match packet {
            Ok(packet) => self.packet(packet),
            Err(error) => {
                tracing::debug!(target: "socketio::engine", %error, "invalid packet");
                self.end = Some(End::Invalid);
                false
            }
        }
    }

    fn control(&mut self, frames: &[u8]) {
        let mut shared = self.connection.lock();
        if shared.queue.bytes() < CONTROL_LIMIT {
            shared.queue.push_raw(frames);
        }
    }
}

impl Connection {
    pub(super) fn limits(&self) -> engineio::Limits {
        let mut limits = engineio::Limits::default();
        limits.max_packets = self.hub().config.max_packets;
        limits
    }

    fn packet_limits(&self) -> socketio::Limits {
        let mut limits = socketio::Limits::default();
        limits.max_attachments = self.hub().config.max_attachments;
        limits.max_payload = self.hub().config.max_payload;
        limits
    }
}
