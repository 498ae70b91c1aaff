use std::fmt;
use std::future::Future;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde::de::DeserializeOwned;
use tower_socketio_proto::socketio as parser;

use crate::handler::{Arguments, Handler, bind};
use crate::hub::{
    BoxFuture, ConnectRequest, Disconnect, Endpoint, IntoReply, PublicError, Socket, WireError, next_number,
};

/// How long a client has by default.
const TIMEOUT: Duration = Duration::from_secs(3);

/// A gate in front of namespaces, which clients pass by an event with their credentials.
///
/// `U` is the user that the authentication finds out. Clones share the hooks of
/// [`on_connected`](Self::on_connected); the other settings are of the clone they are made on.
///
/// It is given to [`Namespace::event_auth`](crate::Namespace::event_auth) or
/// [`Builder::event_auth`](crate::Builder::event_auth); one gate at most for a namespace. It is a
/// [`ConnectLayer`](crate::ConnectLayer) as well, which as such does not keep handlers from its event.
///
/// ```
/// use tower_socketio::{EventAuth, Namespace, Socket, WireError};
///
/// let gate = EventAuth::new(async |_: Socket, name: String| Ok::<_, WireError>(Some(name)));
/// let namespace: Namespace = Namespace::new().event_auth(gate);
/// ```
#[must_use = "a gate does nothing before a server or a namespace has it"]
pub struct EventAuth<U>(pub(super) Arc<Gate<U>>);

/// What one authentication opens.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum GateScope {
    /// The namespace it was made in; a refusal ends the client's being there.
    // Were it called `Namespace`, the compiler would have two of the name, and write out paths in all its messages.
    #[default]
    EachNamespace,
    /// All namespaces of the client's connection that have this gate; a refusal ends the connection.
    Connection,
}

/// A hook that was added to a gate, to be removed by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct HookId(u64);

/// What tells the user of credentials.
pub(super) type Authenticate<U> =
    dyn Fn(Socket, parser::Arguments) -> BoxFuture<Result<U, WireError>> + Send + Sync;

type UserKey<U> = dyn Fn(&U) -> Option<String> + Send + Sync;
type Hook = Arc<dyn Endpoint<ConnectRequest>>;

pub(super) struct Gate<U> {
    pub(super) number: u64,
    /// Under which a connection keeps how often it has failed.
    pub(super) failures: u64,
    pub(super) authenticate: Arc<Authenticate<U>>,
    pub(super) user: Option<Arc<UserKey<U>>>,
    pub(super) timeout: Option<Duration>,
    pub(super) max_attempts: usize,
    pub(super) scope: GateScope,
    pub(super) authentication: Arc<str>,
    pub(super) authenticated: Arc<str>,
    pub(super) unauthorized: Arc<str>,
    pub(super) closed: Vec<Arc<dyn Endpoint<Disconnect>>>,
    connected: Arc<Mutex<Vec<(HookId, Hook)>>>,
}

impl<U: Clone + Send + Sync + 'static> EventAuth<U> {
    /// A gate for which this function tells the user of credentials: `Some` accepts the client, `None` refuses it,
    /// and an error refuses it with its message.
    ///
    /// The credentials are the first argument of the event. The function is dropped where it waits when the time is
    /// over or the client leaves.
    pub fn new<C, F, R, E>(authenticate: F) -> Self
    where
        C: DeserializeOwned + Send + 'static,
        F: FnOnce(Socket, C) -> R + Clone + Send + Sync + 'static,
        R: Future<Output = Result<Option<U>, E>> + Send + 'static,
        E: PublicError,
    {
        let authenticate = move |socket: Socket, credentials: parser::Arguments| {
            let authenticate = authenticate.clone();
            let future = async move {
                match authenticate(socket, read(&credentials)?).await {
                    Ok(Some(user)) => Ok(user),
                    Ok(None) => Err(WireError::new("Authentication failure")),
                    Err(error) => Err(error.into_wire()),
                }
            };
            Box::pin(future) as BoxFuture<_>
        };
        Self(Arc::new(Gate {
            number: next_number(),
            failures: next_number(),
            authenticate: Arc::new(authenticate),
            user: None,
            timeout: Some(TIMEOUT),
            max_attempts: 1,
            scope: GateScope::default(),
            authentication: "authentication".into(),
            authenticated: "authenticated".into(),
            unauthorized: "unauthorized".into(),
            closed: Vec::new(),
            connected: Arc::default(),
        }))
    }

    /// How long a client may take to be authenticated (default: 3 s); `None` is for ever.
    pub fn timeout(self, timeout: Option<Duration>) -> Self {
        self.with(|gate| gate.timeout = timeout)
    }

    /// How many attempts a connection may fail at, in all namespaces together, before it is disconnected (default: 1).
    /// Zero counts as one. Where it has none left a further namespace refuses it at once, `too_many_attempts`.
    pub fn max_attempts(self, attempts: usize) -> Self {
        self.with(|gate| gate.max_attempts = attempts.max(1))
    }

    /// The names of the events, by default `authentication`, `authenticated` and `unauthorized`.
    ///
    /// One that Socket.IO reserves is a [`ConfigError::ReservedEvent`](crate::ConfigError::ReservedEvent) when the
    /// namespace is declared.
    pub fn events(self, authentication: &str, authenticated: &str, unauthorized: &str) -> Self {
        self.with(|gate| {
            gate.authentication = authentication.into();
            gate.authenticated = authenticated.into();
            gate.unauthorized = unauthorized.into();
        })
    }

    /// What one authentication opens (default: its namespace).
    pub fn scope(self, scope: GateScope) -> Self {
        self.with(|gate| gate.scope = scope)
    }

    /// Says whom `io.to_user(..)` reaches: a `String`, or an `Option` of one for users who shall not be reached.
    pub fn user<K: Into<Option<String>>>(self, key: impl Fn(&U) -> K + Send + Sync + 'static) -> Self {
        self.with(|gate| gate.user = Some(Arc::new(move |user| key(user).into())))
    }

    /// Runs when a client leaves that the gate has let in or has not yet decided about, once.
    pub fn on_closed<T>(self, handler: impl Handler<T, Output: IntoReply, Future: Send>) -> Self
    where
        T: Arguments<Disconnect, ()> + Send + 'static,
    {
        let hook = bind(handler)(&());
        self.with(|gate| gate.closed.push(hook))
    }

    /// Runs when a client was authenticated, before it hears so; also for clones, and while serving.
    ///
    /// Several run in order, each awaited. One that fails refuses the client with its message, and those after it do
    /// not run. Together with the hooks of `on_connect` they have the `connect_timeout`, and they are dropped where they
    /// wait when the client leaves.
    pub fn on_connected<T>(&self, handler: impl Handler<T, Output: IntoReply, Future: Send>) -> HookId
    where
        T: Arguments<ConnectRequest, ()> + Send + 'static,
    {
        let id = HookId(next_number());
        self.0.hooks().push((id, bind(handler)(&())));
        id
    }

    /// Removes a hook; `false` if there is none of this id.
    pub fn remove_on_connected(&self, id: HookId) -> bool {
        let mut hooks = self.0.hooks();
        let before = hooks.len();
        hooks.retain(|(other, _)| *other != id);
        hooks.len() < before
    }

    /// Sets something on this handle alone.
    fn with(mut self, change: impl FnOnce(&mut Gate<U>)) -> Self {
        change(Arc::make_mut(&mut self.0));
        self
    }
}

impl<U> Gate<U> {
    /// The hooks of the moment.
    pub(super) fn connected(&self) -> Vec<Hook> {
        self.hooks().iter().map(|(_, hook)| hook.clone()).collect()
    }

    fn hooks(&self) -> MutexGuard<'_, Vec<(HookId, Hook)>> {
        self.connected.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The credentials of an event.
fn read<C: DeserializeOwned>(arguments: &parser::Arguments) -> Result<C, WireError> {
    let missing = || WireError::new("Missing credentials");
    if arguments.is_empty() {
        return Err(missing());
    }
    // What is wrong with them is not told: the text would hold a part of them.
    arguments.deserialize().map_err(|_| {
        tracing::debug!(target: "socketio::namespace", "malformed credentials");
        match arguments.deserialize::<parser::Any>() {
            Ok(parser::Any::Null) => missing(),
            _ => WireError::new("Malformed credentials"),
        }
    })
}

impl<U> Clone for Gate<U> {
    fn clone(&self) -> Self {
        Self {
            authenticate: self.authenticate.clone(),
            user: self.user.clone(),
            authentication: self.authentication.clone(),
            authenticated: self.authenticated.clone(),
            unauthorized: self.unauthorized.clone(),
            closed: self.closed.clone(),
            connected: self.connected.clone(),
            ..*self
        }
    }
}

impl<U> Clone for EventAuth<U> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<U> fmt::Debug for EventAuth<U> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EventAuth")
            .field("authentication", &self.0.authentication)
            .field("timeout", &self.0.timeout)
            .field("max_attempts", &self.0.max_attempts)
            .field("scope", &self.0.scope)
            .finish_non_exhaustive()
    }
}
