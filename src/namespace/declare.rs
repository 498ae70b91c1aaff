use std::sync::Arc;

use super::Namespace;
use super::table::Source;
use crate::handler::{Arguments, Handler};
use crate::hub::{IntoReply, PacketRequest, Responder};

/// One handler for many events, and what a namespace is called.
impl<S: Clone + Send + Sync + 'static> Namespace<S> {
    /// Handles several events by one handler, as [`on`](Self::on) does each of them; [`Event`](crate::Event) is which.
    ///
    /// ```
    /// use tower_socketio::{Event, Namespace, Socket};
    ///
    /// let namespace: Namespace = Namespace::new()
    ///     .on_each(["up", "down"], async |socket: Socket, Event(name): Event| socket.broadcast().emit(&name, ()));
    /// ```
    pub fn on_each<T, E: AsRef<str>>(
        self,
        events: impl IntoIterator<Item = E>,
        handler: impl Handler<T, Output: IntoReply, Future: Send>,
    ) -> Self
    where
        T: Arguments<PacketRequest, S> + Send + 'static,
    {
        events.into_iter().fold(self, |on, event| on.on(event.as_ref(), handler.clone()))
    }

    /// Handles the events whose name the expression matches, wherever in the name unless it is anchored; with the feature
    /// `regex`.
    ///
    /// It is called after the handlers of the very name, without waiting for them or they for it, and has the same
    /// arguments and the same right to answer: the first answer is the acknowledgement. To hear everything and answer
    /// nothing there is [`any`](Self::any).
    ///
    /// ```
    /// use regex::Regex;
    /// use tower_socketio::{Ack, Data, Event, Namespace};
    ///
    /// let namespace: Namespace = Namespace::new()
    ///     .on_match(Regex::new("^get[A-Z]")?, async |Event(name): Event, Data(id): Data<u32>| Ack((name, id)));
    /// # Ok::<(), regex::Error>(())
    /// ```
    #[cfg(feature = "regex")]
    pub fn on_match<T>(
        mut self,
        expression: regex::Regex,
        handler: impl Handler<T, Output: IntoReply, Future: Send>,
    ) -> Self
    where
        T: Arguments<PacketRequest, S> + Send + 'static,
    {
        let endpoint = crate::handler::bind(handler);
        self.matching.push((Box::new(move |event| expression.is_match(event)), endpoint));
        self
    }

    /// A name for the program's own use, by which [`SocketIo::named`](crate::SocketIo::named) finds the namespace.
    ///
    /// It may have several. One that another namespace has is a
    /// [`ConfigError::DuplicateName`](crate::ConfigError::DuplicateName) when it is declared.
    pub fn name(mut self, name: &str) -> Self {
        self.fixed.names.push(name.into());
        self
    }

    /// Has further handlers from somewhere else.
    pub(crate) fn source(mut self, source: Arc<dyn Source>) -> Self {
        self.fixed.sources.push(source);
        self
    }

    /// Gives acknowledgements this shape, unless they have one.
    pub(crate) fn respond_with_default(mut self, responder: impl Responder) -> Self {
        self.fixed.responder.get_or_insert_with(|| Arc::new(responder));
        self
    }
}

impl Namespace {
    /// What it is called besides its pattern.
    pub(crate) fn names(&self) -> &[Box<str>] {
        &self.fixed.names
    }
}
