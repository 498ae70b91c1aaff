use super::{Broadcast, Registry, SocketIo};

/// What the message client and the publisher address beyond one namespace that is declared.
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
        let addressed = Registry::addressed(self.hub(), namespace)?;
        Some(Broadcast::new(self, namespace.into(), addressed))
    }
}
