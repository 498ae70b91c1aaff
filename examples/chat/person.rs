//! Who is in a room, and what is refused.

use serde::Serialize;
use tower_socketio::{Context, FromContext, PublicError};

use crate::rooms::tag;

/// A person in a room; the extension of a socket that has joined one.
#[derive(Clone, Serialize)]
pub(crate) struct Seat {
    #[serde(skip)]
    pub(crate) room: String,
    pub(crate) id: String,
    pub(crate) name: String,
}

/// What is not possible, in words for the user.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Refusal {
    #[error("{0} has 1 to {1} characters.")]
    Length(&'static str, usize),
    #[error("There are enough rooms already. Please join one of them.")]
    TooManyRooms,
    #[error("Please join a room first.")]
    NoSeat,
}

impl PublicError for Refusal {}

/// An extractor of our own: most events are for those who are in a room.
impl<C: Context, S: Sync> FromContext<C, S> for Seat {
    type Rejection = Refusal;

    async fn from_context(cx: &mut C, _: &S) -> Result<Self, Refusal> {
        cx.socket().extensions().get().ok_or(Refusal::NoSeat)
    }
}

impl Seat {
    pub(crate) fn tag(&self) -> String {
        tag(&self.room)
    }
}

pub(crate) fn checked(what: &'static str, text: &str, most: usize) -> Result<String, Refusal> {
    let text = text.trim();
    let fits = !text.is_empty() && text.chars().count() <= most;
    if fits { Ok(text.into()) } else { Err(Refusal::Length(what, most)) }
}
