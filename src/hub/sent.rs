use super::EmitError;

/// What became of an emit.
///
/// It may be ignored: a peer that left is no error of the sender, and what the overflow policy or a bad value dropped
/// is counted, logged and told to `on_error`.
#[derive(Debug)]
pub struct Sent {
    reached: usize,
    error: Option<EmitError>,
}

impl Sent {
    /// How many sockets on this node the packet was queued for.
    pub fn reached(&self) -> usize {
        self.reached
    }

    /// The error, if the packet could not be sent at all.
    ///
    /// # Errors
    ///
    /// [`EmitError::Closed`], [`EmitError::Full`] or [`EmitError::Dropped`] for one socket, [`EmitError::Encode`] also
    /// for many. A broadcast that reached nobody is no error.
    pub fn into_result(self) -> Result<(), EmitError> {
        self.error.map_or(Ok(()), Err)
    }

    pub(crate) fn new(reached: usize, result: Result<(), EmitError>) -> Self {
        Self { reached, error: result.err() }
    }

    /// Nothing was sent, and that is no error: what a layer answers that keeps an emit back.
    pub fn nothing() -> Self {
        Self::to(0)
    }

    pub(crate) fn to(reached: usize) -> Self {
        Self { reached, error: None }
    }
}

impl From<Result<(), EmitError>> for Sent {
    fn from(result: Result<(), EmitError>) -> Self {
        match result {
            Ok(()) => Self::to(1),
            Err(error) => Self::new(0, Err(error)),
        }
    }
}
