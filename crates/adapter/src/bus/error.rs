use std::error::Error;

/// Why a carrier did not carry.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BusError {
    /// The carrier cannot be reached, or has lost what was subscribed to.
    #[error("the bus is down")]
    Down(#[source] Box<dyn Error + Send + Sync>),
    /// The carrier takes other messages but not this one, which is too long for example.
    #[error("the bus does not take the message")]
    Refused(#[source] Box<dyn Error + Send + Sync>),
}

impl BusError {
    /// The carrier cannot be reached.
    pub fn down(reason: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self::Down(reason.into())
    }

    /// The carrier does not take the message.
    pub fn refused(reason: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self::Refused(reason.into())
    }
}

/// Why bytes are no [`Message`](super::Message).
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum MessageError {
    /// The text is not the JSON of an envelope.
    #[error("not an envelope")]
    Malformed(#[source] Box<dyn Error + Send + Sync>),
    /// No kind of message has this number.
    #[error("{0} is no kind of message")]
    UnknownKind(u64),
}
