use super::{Broadcast, Registry, SocketIo};

/// What the patterns above address that one namespace's broadcasts do not.
impl SocketIo {
    /// The sockets of every namespace that exists on this node.
    pub(crate) fn everywhere(&self) -> Broadcast {
        Broadcast::new(self, "*".into(), self.hub().registry.all().into())
    }

    /// Nobody, whatever it is told.
    pub(crate) fn nowhere(&self) -> Broadcast {
        Broadcast::new(self, "".into(), Vec::new().into())
    }

    /// As [`of`](Self::of); `None` if no namespace and no pattern of this name was declared, and no namespace of this
    /// name exists.
    pub(crate) fn known(&self, namespace: &str) -> Option<Broadcast> {
        let named = Registry::named(self.hub(), namespace)?;
        Some(Broadcast::new(self, namespace.into(), named))
    }
}
