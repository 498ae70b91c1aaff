use std::fmt;

use super::Controller;
use crate::hub::Mount;
use crate::namespace::{Namespace, Pattern};
use crate::service::mount;

/// Controllers and where they live, to be mounted in one call.
///
/// Those of one name or pattern share a namespace, which is the set's alone.
///
/// # Example
///
/// ```
/// use std::sync::Arc;
/// use tower_socketio::{ConnectRequest, Controller, ControllerSet, Namespace, Pattern, SocketIo, WireError};
///
/// struct Chat;
///
/// impl Controller for Chat {
///     async fn open(_: &mut ConnectRequest, _: &()) -> Result<Self, WireError> {
///         Ok(Self)
///     }
///
///     fn events(on: Namespace) -> Namespace {
///         on
///     }
///
///     fn namespace() -> Pattern {
///         "/chats/{room}".into()
///     }
///
///     fn name() -> Option<&'static str> {
///         Some("chats")
///     }
/// }
///
/// let io = SocketIo::builder().build()?;
/// io.mount(ControllerSet::new().add::<Chat>().add_at::<Chat>("/lobby"))?;
/// assert_eq!(io.named("chats").expect("it is mounted").name(), "/chats/{room}");
/// # Ok::<(), tower_socketio::ConfigError>(())
/// ```
#[must_use = "a set does nothing before it is mounted"]
pub struct ControllerSet<S = ()>(Vec<(Pattern, Namespace<S>)>);

impl<S> Default for ControllerSet<S> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<S: Clone + Send + Sync + 'static> ControllerSet<S> {
    /// A set of none.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a controller where it says it [lives](Controller::namespace), under the [name](Controller::name) it says.
    pub fn add<T: Controller<S>>(self) -> Self {
        self.put(T::namespace(), |namespace| {
            let namespace = namespace.controller::<T>();
            match T::name() {
                Some(name) => namespace.name(name),
                None => namespace,
            }
        })
    }

    /// Adds a controller elsewhere, under no name.
    pub fn add_at<T: Controller<S>>(self, pattern: impl Into<Pattern>) -> Self {
        self.put(pattern.into(), Namespace::controller::<T>)
    }

    /// Gives the controllers and their handlers their state.
    pub fn with_state(self, state: S) -> ControllerSet {
        let with_state =
            |(pattern, namespace): (Pattern, Namespace<S>)| (pattern, namespace.with_state(state.clone()));
        ControllerSet(self.0.into_iter().map(with_state).collect())
    }

    fn put(mut self, pattern: Pattern, add: impl FnOnce(Namespace<S>) -> Namespace<S>) -> Self {
        match self.0.iter_mut().find(|(other, _)| other.is_same(&pattern)) {
            Some((_, namespace)) => *namespace = add(std::mem::take(namespace)),
            None => self.0.push((pattern, add(Namespace::new()))),
        }
        self
    }
}

impl ControllerSet {
    pub(super) fn into_mounts(self) -> Vec<Mount> {
        self.0.into_iter().map(|(pattern, namespace)| mount(pattern, namespace)).collect()
    }
}

impl<S> fmt::Debug for ControllerSet<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.0.iter().map(|(pattern, _)| pattern)).finish()
    }
}
