use axum_core::extract::FromRef;

use super::FromContext;
use crate::hub::{Occasion, WireError};

/// The namespace's state, or a part of it that [`FromRef`] gives; checked at compile time, as axum's.
#[derive(Clone, Copy, Debug, Default)]
pub struct State<T>(pub T);

impl<C: Occasion, S: Sync, T: FromRef<S>> FromContext<C, S> for State<T> {
    type Rejection = WireError;

    async fn from_context(_: &mut C, state: &S) -> Result<Self, WireError> {
        Ok(Self(T::from_ref(state)))
    }
}
