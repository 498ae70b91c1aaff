use axum::extract::{FromRef, Path as AxumPath, Query as AxumQuery, State as AxumState};
use serde::de::DeserializeOwned;

use super::extension::{find, missing};
use super::{FromContext, OptionalFromContext, Path, Query};
use crate::hub::{Context, Occasion, WireError};

impl<C: Occasion, S: Sync, T: FromRef<S>> FromContext<C, S> for AxumState<T> {
    type Rejection = WireError;

    async fn from_context(_: &mut C, state: &S) -> Result<Self, WireError> {
        Ok(Self(T::from_ref(state)))
    }
}

impl<C: Context, S: Sync, T: Clone + Send + Sync + 'static> FromContext<C, S> for axum::Extension<T> {
    type Rejection = WireError;

    async fn from_context(cx: &mut C, _: &S) -> Result<Self, WireError> {
        find(cx).map(Self).ok_or_else(missing::<T>)
    }
}

impl<C: Context, S: Sync, T: Clone + Send + Sync + 'static> OptionalFromContext<C, S> for axum::Extension<T> {
    type Rejection = WireError;

    async fn from_context(cx: &mut C, _: &S) -> Result<Option<Self>, WireError> {
        Ok(find(cx).map(Self))
    }
}

impl<C: Context, S: Sync, T: DeserializeOwned> FromContext<C, S> for AxumPath<T> {
    type Rejection = WireError;

    async fn from_context(cx: &mut C, state: &S) -> Result<Self, WireError> {
        Path::from_context(cx, state).await.map(|Path(value)| Self(value))
    }
}

impl<C: Context, S: Sync, T: DeserializeOwned> FromContext<C, S> for AxumQuery<T> {
    type Rejection = WireError;

    async fn from_context(cx: &mut C, state: &S) -> Result<Self, WireError> {
        Query::from_context(cx, state).await.map(|Query(value)| Self(value))
    }
}
