//! Turn an async fn into a service.

mod bound;
mod layered;
mod with_state;

pub(crate) use bound::{Bind, bind};
pub use layered::Layered;
pub use with_state::{Moment, WithState};

use std::future::Future;

use crate::extract::FromContext;
use crate::hub::{Occasion, PacketLayer, PublicError, Reply};

/// An async fn or closure of at most 8 arguments, each an [extractor](crate::extract).
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not an async fn of at most 8 arguments",
    label = "not a handler"
)]
pub trait Handler<T>: Clone + Send + Sync + Sized + 'static {
    /// What it returns.
    type Output;
    /// The future that returns it.
    type Future: Future<Output = Self::Output>;

    /// Calls it.
    fn call(self, arguments: T) -> Self::Future;

    /// As the handler of one more event: what it keeps for a socket is not shared with its clones at other events.
    #[doc(hidden)]
    fn bound(self) -> Self {
        self
    }

    /// Binds a state of its own, so that it fits where handlers have none: `io.of("/").on(..)`, `socket.on(..)`.
    fn with_state<S>(self, state: S) -> WithState<Self, T, S> {
        WithState::new(self, state)
    }

    /// Puts a tower layer around this one event handler, inside of those of its namespace.
    ///
    /// Each socket has a service of its own, made at the first event. Handlers that declare further layers are wrapped
    /// from the inside out: in `h.layer(a).layer(b)` `b` has its turn first.
    fn layer(self, layer: impl PacketLayer) -> Layered<Self, T> {
        Layered::new(self, layer)
    }
}

/// The arguments of a handler, extracted from the moment it serves, one after the other.
pub trait Arguments<C, S>: Sized {
    /// Extracts them; the first rejection is the reply.
    fn extract(cx: &mut C, state: &S) -> impl Future<Output = Result<Self, Reply>> + Send;
}

macro_rules! handler {
    ($($argument:ident),*) => {
        impl<F, R, $($argument,)*> Handler<($($argument,)*)> for F
        where
            F: FnOnce($($argument),*) -> R + Clone + Send + Sync + 'static,
            R: Future,
        {
            type Output = R::Output;
            type Future = R;

            #[allow(non_snake_case)]
            fn call(self, ($($argument,)*): ($($argument,)*)) -> R {
                self($($argument),*)
            }
        }

        impl<C, S, $($argument,)*> Arguments<C, S> for ($($argument,)*)
        where
            C: Occasion,
            S: Sync,
            $($argument: FromContext<C, S> + Send,)*
        {
            #[allow(unused_variables)]
            async fn extract(cx: &mut C, state: &S) -> Result<Self, Reply> {
                Ok(($(
                    $argument::from_context(cx, state)
                        .await
                        .map_err(|rejection| Reply::error(rejection.into_wire()))?,
                )*))
            }
        }
    };
}

handler!();
handler!(A1);
handler!(A1, A2);
handler!(A1, A2, A3);
handler!(A1, A2, A3, A4);
handler!(A1, A2, A3, A4, A5);
handler!(A1, A2, A3, A4, A5, A6);
handler!(A1, A2, A3, A4, A5, A6, A7);
handler!(A1, A2, A3, A4, A5, A6, A7, A8);
