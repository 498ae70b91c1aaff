/// Why an incoming message is no packet: always the peer's fault, and the end of its connection.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DecodeError {
    /// The first character is not the type of a packet this side may receive.
    #[error("unknown packet type")]
    UnknownType,
    /// A binary packet without a count of attachments, or with a count of zero.
    #[error("illegal attachments")]
    IllegalAttachments,
    /// A packet announced more than [`Limits::max_attachments`](super::Limits::max_attachments).
    #[error("too many attachments")]
    TooManyAttachments,
    /// The attachments of one packet are larger than [`Limits::max_payload`](super::Limits::max_payload) together.
    #[error("attachments too large")]
    AttachmentsTooLarge,
    /// A text message came where an attachment was due.
    #[error("text message instead of an attachment")]
    MissingAttachment,
    /// A binary message came without a packet that announced it.
    #[error("unexpected attachment")]
    UnexpectedAttachment,
    /// The acknowledgement number is not a whole number below 2⁶⁴.
    #[error("invalid packet id")]
    InvalidId,
    /// The payload has not the shape its packet type demands.
    #[error("invalid payload")]
    InvalidPayload,
    /// The event's name is neither a string nor a number.
    #[error("invalid event name")]
    InvalidName,
    /// The event's name is one of a socket's own life-cycle events, which no peer may forge.
    #[error("reserved event name")]
    ReservedName,
    /// A message is not valid msgpack, or not a map with the fields of a packet.
    #[error("invalid msgpack: {0}")]
    MsgPack(&'static str),
    /// The messages of this parser are never text (or never binary).
    #[error("unexpected kind of message")]
    UnexpectedMessage,
    /// A custom parser refused the message.
    #[error("{0}")]
    Custom(String),
}

/// Why values could not be serialised: always the sender's fault.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EncodeError {
    /// The event's name is one of a socket's own life-cycle events, which the peer would refuse.
    #[error("reserved event name")]
    ReservedName,
    /// A value's `Serialize` failed, or it has no form in the encoding.
    #[error(transparent)]
    Serialize(#[from] serde_json::Error),
    /// A custom parser refused the packet.
    #[error("{0}")]
    Custom(String),
}

/// Why arguments could not be read into a type.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ArgumentsError {
    /// The peer sent too few arguments; counted from 1.
    #[error("missing argument {0}")]
    Missing(usize),
    /// The arguments are of other types, or not valid JSON.
    #[error(transparent)]
    Deserialize(#[from] serde_json::Error),
}
