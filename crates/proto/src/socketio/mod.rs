//! Socket.IO: packets of protocol versions 4 and 5, and the parsers that carry them.
//!
//! An incoming message goes through a [`Decoder`], which gives a borrowed [`Packet`]; what its event or acknowledgement
//! carries is copied once into [`Arguments`] and stays text until [`Arguments::deserialize`] reads it into a type. The
//! way out is the mirror: [`write_event`] serialises values straight to bytes, and the JSON array it writes is the one
//! form every encoding ([`Parser`]) is made from.
//!
//! ```
//! use tower_socketio_proto::socketio::{Arguments, Decoder, Kind, Limits, Parser, write_event, write_header};
//!
//! let mut decoder = Decoder::new(&Parser::Json);
//! let packet = decoder.text(r#"2["move",1.5,2]"#, &Limits::default())?.expect("no attachments to wait for");
//! let arguments = Arguments::event(&packet)?;
//! assert_eq!(arguments.name(), "move");
//! // A tuple is the argument list; an argument the client left out is `None`.
//! let (x, y, label) = arguments.deserialize::<(f64, f64, Option<String>)>()?;
//!
//! let mut out = Vec::new();
//! write_header(&mut out, Kind::Event, "/", None, 0);
//! write_event(&mut out, "moved", &(x, y, label))?;
//! assert_eq!(out, br#"2["moved",1.5,2.0,null]"#);
//! # Ok::<_, Box<dyn std::error::Error>>(())
//! ```

mod any;
mod args;
mod arguments;
mod binary;
mod decoder;
mod encode;
mod error;
mod first;
mod header;
mod json;
mod list;
#[cfg(feature = "msgpack")]
mod msgpack;
mod name;
mod packet;
mod parser;
mod payload;
mod shape;

pub use any::Any;
pub use args::Args;
pub use arguments::Arguments;
pub use decoder::{Decoder, Limits};
pub use encode::{Encoded, write_arguments, write_event};
pub use error::{ArgumentsError, DecodeError, EncodeError};
pub use header::write_header;
#[cfg(feature = "msgpack")]
pub use msgpack::{json_to_msgpack, msgpack_to_json};
pub use name::is_reserved;
pub use packet::{Data, Kind, Message, OutPacket, OwnedPacket, Packet};
pub use parser::{CustomDecoder, CustomParser, Parser};
