use std::{fmt, mem};

use bytes::Bytes;

use super::{
    CustomDecoder, Data, DecodeError, OwnedPacket, Packet, Parser,
    binary::marker_first,
    header::Header,
    payload::{Role, Shape, trim},
};

/// Assembles packets from the messages of one connection.
///
/// It is a few words large while no packet waits for its attachments. After an error the connection has to be closed.
pub struct Decoder {
    role: Role,
    state: State,
}

/// What one incoming packet may cost.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Limits {
    /// How many attachments a JSON packet may announce. The default is 10, as in the JavaScript server.
    pub max_attachments: usize,
    /// How many bytes the attachments of one packet may have together. The default is 1 000 000.
    pub max_payload: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { max_attachments: 10, max_payload: 1_000_000 }
    }
}

enum State {
    Json(Option<Box<Assembly>>),
    #[cfg(feature = "msgpack")]
    MsgPack,
    Custom(Box<Custom>),
}

struct Custom {
    decoder: Box<dyn CustomDecoder>,
    /// What the last packet borrows from.
    packet: Option<OwnedPacket>,
}

/// A packet on its way; kept once complete until the packet that borrows from it is done with.
struct Assembly {
    text: String,
    missing: usize,
    size: usize,
    attachments: Vec<Bytes>,
}

impl Decoder {
    /// Creates the decoder of a server's connection.
    pub fn new(parser: &Parser) -> Self {
        Self::with_role(parser, Role::Server)
    }

    /// Creates the decoder of a client, which also takes CONNECT_ERROR.
    pub fn for_client(parser: &Parser) -> Self {
        Self::with_role(parser, Role::Client)
    }

    fn with_role(parser: &Parser, role: Role) -> Self {
        let state = match parser {
            Parser::Json => State::Json(None),
            #[cfg(feature = "msgpack")]
            Parser::MsgPack => State::MsgPack,
            Parser::Custom(parser) => {
                State::Custom(Box::new(Custom { decoder: parser.decoder(), packet: None }))
            }
        };
        Self { role, state }
    }

    /// Takes a text message and returns the packet it completes, `None` if attachments are to follow.
    ///
    /// # Errors
    ///
    /// The message breaks the protocol or a limit; the connection has to be closed.
    pub fn text<'a>(
        &'a mut self,
        message: &'a str,
        limits: &Limits,
    ) -> Result<Option<Packet<'a>>, DecodeError> {
        match &mut self.state {
            State::Json(assembly) => {
                if assembly.as_ref().is_some_and(|assembly| assembly.missing > 0) {
                    return Err(DecodeError::MissingAttachment);
                }
                *assembly = None;
                let header = Header::parse(message, self.role)?;
                if header.attachments == 0 {
                    return Ok(Some(header.into_packet(Vec::new())));
                }
                if header.attachments > limits.max_attachments {
                    return Err(DecodeError::TooManyAttachments);
                }
                *assembly = Some(Box::new(Assembly::new(message, &header)));
                Ok(None)
            }
            #[cfg(feature = "msgpack")]
            State::MsgPack => Err(DecodeError::UnexpectedMessage),
            State::Custom(custom) => {
                custom.packet = custom.decoder.text(message, limits)?;
                custom.packet.as_ref().map(|packet| lend(packet, self.role)).transpose()
            }
        }
    }

    /// Takes a binary message and returns the packet it completes, `None` if more attachments are to follow.
    ///
    /// # Errors
    ///
    /// The message breaks the protocol or a limit; the connection has to be closed.
    pub fn binary<'a>(
        &'a mut self,
        message: &'a [u8],
        limits: &Limits,
    ) -> Result<Option<Packet<'a>>, DecodeError> {
        match &mut self.state {
            State::Json(assembly) => {
                let Some(assembly) = assembly.as_mut().filter(|assembly| assembly.missing > 0) else {
                    return Err(DecodeError::UnexpectedAttachment);
                };
                assembly.push(message, limits)?;
                if assembly.missing > 0 {
                    return Ok(None);
                }
                let attachments = mem::take(&mut assembly.attachments);
                Ok(Some(Header::parse(&assembly.text, self.role)?.into_packet(attachments)))
            }
            #[cfg(feature = "msgpack")]
            State::MsgPack => super::msgpack::decode(message, self.role).map(Some),
            State::Custom(custom) => {
                custom.packet = custom.decoder.binary(message, limits)?;
                custom.packet.as_ref().map(|packet| lend(packet, self.role)).transpose()
            }
        }
    }

    /// Returns whether no packet waits for attachments.
    pub fn is_idle(&self) -> bool {
        match &self.state {
            State::Json(assembly) => assembly.as_ref().is_none_or(|assembly| assembly.missing == 0),
            #[cfg(feature = "msgpack")]
            State::MsgPack => true,
            State::Custom(custom) => custom.decoder.is_idle(),
        }
    }

    /// Frees what the last packet borrowed from the decoder, which otherwise stays until the next message.
    ///
    /// Only packets that [`binary`](Self::binary) or a custom decoder returned borrow from it.
    pub fn release(&mut self) {
        match &mut self.state {
            State::Json(assembly) => {
                assembly.take_if(|assembly| assembly.missing == 0);
            }
            #[cfg(feature = "msgpack")]
            State::MsgPack => {}
            State::Custom(custom) => custom.packet = None,
        }
    }
}

impl fmt::Debug for Decoder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Decoder").field("idle", &self.is_idle()).finish_non_exhaustive()
    }
}

impl Assembly {
    fn new(message: &str, header: &Header<'_>) -> Self {
        let text = marker_first(message, header.payload_start);
        Self { text, missing: header.attachments, size: 0, attachments: Vec::new() }
    }

    fn push(&mut self, attachment: &[u8], limits: &Limits) -> Result<(), DecodeError> {
        self.size = self.size.saturating_add(attachment.len());
        if self.size > limits.max_payload {
            return Err(DecodeError::AttachmentsTooLarge);
        }
        // A copy, so that the attachment does not pin the connection's read buffer.
        self.attachments.push(Bytes::copy_from_slice(attachment));
        self.missing -= 1;
        Ok(())
    }
}

fn lend(packet: &OwnedPacket, role: Role) -> Result<Packet<'_>, DecodeError> {
    let json = trim(packet.json.as_deref().unwrap_or_default());
    let shape = Shape::of_json(json);
    shape.check(packet.kind, role)?;
    let (namespace, query) = Packet::split_namespace(&packet.namespace);
    Ok(Packet {
        kind: packet.kind,
        namespace,
        query,
        id: packet.id,
        data: if shape == Shape::Absent { Data::None } else { Data::Json(json) },
        attachments: packet.attachments.clone(),
    })
}
