use super::extract::Opened;
use super::{Controller, ControllerSet};
use crate::hub::{Builder, ConfigError, SocketIo};
use crate::namespace::Namespace;

impl<S: Clone + Send + Sync + 'static> Namespace<S> {
    /// Adds a controller: it is opened behind the hooks of `on_connect` that are there, and its own follow.
    ///
    /// What else it sets, layers or a responder, is the whole namespace's. One that is added twice is opened once, and
    /// has its handlers twice.
    pub fn controller<T: Controller<S>>(self) -> Self {
        T::events(self.on_open(async |_: Opened<T>| {}))
    }
}

impl SocketIo {
    /// Declares the namespaces of controllers, before or while serving: all of them, or none if there is an error.
    ///
    /// # Errors
    ///
    /// [`ConfigError`] as for [`namespace`](Self::namespace), also if a namespace of a controller was declared otherwise.
    pub fn mount(&self, controllers: ControllerSet) -> Result<(), ConfigError> {
        self.declare(controllers.into_mounts())
    }
}

impl Builder {
    /// Declares the namespaces of controllers.
    pub fn mount(mut self, controllers: ControllerSet) -> Self {
        self.mounts.extend(controllers.into_mounts());
        self
    }
}
