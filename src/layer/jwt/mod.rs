//! JSON Web Tokens: who may come in, for how long, and who it is.
//!
//! ```
//! use tower_socketio::{Claims, JwtLayer, Namespace, Socket, SocketIo};
//!
//! #[derive(Clone, serde::Deserialize)]
//! struct User {
//!     sub: String,
//! }
//!
//! async fn message(socket: Socket, Claims(user): Claims<User>) {
//!     socket.broadcast().emit("message", user.sub);
//! }
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let jwt = JwtLayer::<User>::hs256("a secret of 32 bytes or more ....")
//!     .audience("chat")
//!     .user(|user| &user.sub)
//!     .disconnect_on_expiry(true);
//! let chat = Namespace::new().connect_layer(jwt.clone()).on("message", message);
//! let lobby = Namespace::new().connect_layer(jwt.optional());
//! let io = SocketIo::builder().namespace("/", chat).namespace("/lobby", lobby).build()?;
//! # Ok(())
//! # }
//! ```
//!
//! **Keys.** [`JwtLayer::hs256`] takes a secret, [`JwtLayer::new`] any key of [`jsonwebtoken`], [`JwtLayer::jwks`] the
//! document of an identity provider, which [`JwtLayer::refresh`] keeps up to date. A key is used with one algorithm
//! alone, its own: what a token's header says cannot make a public key a secret, nor do without a signature.
//!
//! **Checks.** The signature, `exp` (which must be there), `nbf`, with a leeway of 60 s, and the length. An audience and
//! an issuer must be the ones that are set; where no audience is set, a token that has one is refused, because it is for
//! somebody else. `crit` is refused, as no extension is understood, and `iat` and `typ` are not looked at. The payload
//! must be of the type `C`.
//!
//! **Sources.** `auth.token`, the query's `token` and a Bearer header, or those of [`JwtLayer::sources`]. Exactly one
//! token must be there; only where clients of Socket.IO 2 repeat the query of their connection as that of a namespace,
//! the same one twice is one. What came in a header counts for the namespaces that the client enters later as well, when
//! headers are gone, as long as it is neither expired nor revoked: as far as they have the same layer or a clone of it,
//! whether [optional](JwtLayer::optional) or not.
//!
//! **Refusals** are a `connect_error` with one of the codes of [`JwtError`] in `data.code`, and no handler runs. No part
//! of a token reaches a client or the log.
//!
//! **Ageing.** [`JwtLayer::disconnect_on_expiry`], [`JwtLayer::warn_before`], [`JwtLayer::revocation`] with
//! [`JwtLayer::recheck`], and the extractor [`Renewal`], which replaces a token while its socket is connected.
//!
//! The cryptography is that of the RustCrypto project, by way of `jsonwebtoken`. Of its crate `rsa`, whose operations
//! with private keys can leak by their timing (RUSTSEC-2023-0071), only the verification is used, which has none to leak.

mod error;
mod key_set;
mod keys;
mod layer;
mod renewal;
mod service;
mod session;
mod verify;

pub use error::{JwtError, JwtKeyError};
#[doc(no_inline)]
pub use jsonwebtoken;
#[doc(no_inline)]
pub use jsonwebtoken::{Algorithm, DecodingKey, jwk::JwkSet};
pub use layer::JwtLayer;
pub use renewal::Renewal;
pub use service::Jwt;

pub use super::token::TokenSource;
use super::token::{Unfound, find};
