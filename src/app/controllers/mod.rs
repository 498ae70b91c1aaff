//! Values of one socket each, whose methods handle its events.

mod extract;
mod mount;
mod set;

pub use set::ControllerSet;

use std::future::Future;

use crate::hub::{ConnectRequest, WireError};
use crate::namespace::{Namespace, Pattern};

/// A value that each socket has one of, and whose methods are its handlers.
///
/// It is made by [`open`](Self::open) while a client connects, and refuses the client if that fails. From then on
/// `Arc<Self>` is an argument of every handler of that socket, so a method takes `self: Arc<Self>` and any extractors
/// behind it. It is dropped when the disconnect hooks have run, or at once if the client is refused or leaves before it is
/// accepted, whoever keeps the [`Socket`](crate::Socket); handlers that are still running keep it until they have ended.
///
/// [`Namespace::controller`] adds one to a namespace, and [`ControllerSet`] adds many where they say they live. Several
/// in one namespace each have their own value, and are opened in their order; one may ask for those before it. The
/// hooks of [`on_connect`](Namespace::on_connect) in [`events`](Self::events) run after `open`, in order, and events
/// wait for all of them. A client that comes back, also one whose connection state was recovered, has new values.
///
/// What all sockets share is no controller but the namespace's state: with `Arc<Service>` for `S`, the methods of the one
/// service have `State(service): State<Arc<Service>>` for an argument, in every namespace that it is given to.
///
/// # Example
///
/// ```
/// use std::sync::Arc;
/// use std::sync::atomic::{AtomicU32, Ordering};
/// use tower_socketio::{
///     Ack, ConnectRequest, Controller, Data, DisconnectReason, Namespace, Path, Socket, SocketIo, WireError,
/// };
///
/// struct Visit {
///     room: String,
///     said: AtomicU32,
/// }
///
/// impl Controller for Visit {
///     async fn open(cx: &mut ConnectRequest, state: &()) -> Result<Self, WireError> {
///         let Path(room) = cx.extract(state).await?;
///         Ok(Self { room, said: AtomicU32::new(0) })
///     }
///
///     fn events(on: Namespace) -> Namespace {
///         on.on("say", Self::say).on_disconnect(Self::leave)
///     }
/// }
///
/// impl Visit {
///     async fn say(self: Arc<Self>, socket: Socket, Data(text): Data<String>) -> Ack<u32> {
///         socket.namespace().emit("said", (&self.room, text));
///         Ack(self.said.fetch_add(1, Ordering::Relaxed) + 1)
///     }
///
///     async fn leave(self: Arc<Self>, reason: DisconnectReason) {
///         println!("{} after {} words: {reason}", self.room, self.said.load(Ordering::Relaxed));
///     }
/// }
///
/// let io = SocketIo::builder().namespace("/chat/{room}", Namespace::new().controller::<Visit>()).build()?;
/// # Ok::<(), tower_socketio::ConfigError>(())
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a controller of a namespace with the state `{S}`",
    note = "a value of each socket: `impl Controller<{S}> for {Self}`",
    note = "a value that all sockets share is the namespace's state, and an argument as `State<Arc<..>>`"
)]
pub trait Controller<S = ()>: Send + Sync + Sized + 'static {
    /// Makes the value for a socket that is to be; an error refuses its client.
    fn open(cx: &mut ConnectRequest, state: &S) -> impl Future<Output = Result<Self, WireError>> + Send;

    /// Adds its handlers, hooks and layers to a namespace.
    fn events(on: Namespace<S>) -> Namespace<S>;

    /// Where it lives (default: `/`), unless it is mounted elsewhere.
    fn namespace() -> Pattern {
        Pattern::from("/")
    }

    /// A [name](Namespace::name) for where it lives (default: none), unless it is mounted elsewhere.
    fn name() -> Option<&'static str> {
        None
    }
}
