use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard, Weak};

use tower_socketio_proto::socketio::is_reserved;

use crate::handler::{Arguments, Handler, bind};
use crate::hub::{ConfigError, IntoReply, PacketRequest, ResultEnvelope};
use crate::namespace::{Namespace, Shared};

/// Methods that clients call by name: handlers that can be defined, replaced and removed while they serve.
///
/// Clones share everything. [`Namespace::methods`] gives a namespace its methods, and one table can serve many. What is
/// defined or removed counts for the next call of every client, also of those that are connected.
///
/// A method is a handler as any other: its arguments are extractors, and of the namespace's state it knows nothing;
/// [`with_state`](Handler::with_state) gives it one of its own. Its answer is `{"result": value}` or
/// `{"error": {message, code?, data?}}`, and for an error of [`WireError::text`](crate::WireError::text)
/// `{"error": "the text"}`. A call without an acknowledgement runs, and nothing is sent. A call of what is not defined is an
/// error, as an event that nobody handles.
///
/// # Example
///
/// ```
/// use serde_json::{Value, json};
/// use tower_socketio::{Ack, Data, Methods, Namespace, SocketIo, TestClient, WireError};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let methods = Methods::named("calculator");
/// methods.define("half", async |Data(n): Data<u32>| match n % 2 {
///     0 => Ok(Ack(n / 2)),
///     _ => Err(WireError::text("odd")),
/// })?;
/// let io = SocketIo::builder().namespace("/", Namespace::new().methods(&methods)).build()?;
///
/// let client = TestClient::new(&io).connect("/").await?;
/// assert_eq!(client.emit_with_ack::<Value>("half", 8).await?, json!({ "result": 4 }));
/// methods.define("half", async |Data(n): Data<f64>| Ack(n / 2.0))?;
/// assert_eq!(client.emit_with_ack::<Value>("half", 9).await?, json!({ "result": 4.5 }));
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Default)]
pub struct Methods(pub(super) Arc<Table>);

#[derive(Default)]
pub(super) struct Table(RwLock<Inner>);

#[derive(Default)]
pub(super) struct Inner {
    methods: HashMap<Box<str>, Method>,
    /// What the namespaces that serve them keep for themselves, as long as they are there.
    reserved: Vec<Weak<Vec<Arc<str>>>>,
}

#[derive(Clone)]
pub(super) enum Method {
    Handler(Shared<PacketRequest>),
    /// Looked up when it is called: in another table, or in this one, and by which name.
    Late(Option<Methods>, Box<str>),
}

impl Methods {
    /// A table without methods.
    pub fn new() -> Self {
        Self::default()
    }

    /// Defines a method, or replaces the one of this name.
    ///
    /// # Errors
    ///
    /// [`ConfigError::ReservedEvent`] if Socket.IO keeps the name for itself, or a namespace that serves these methods
    /// does: as the event of an [`EventAuth`](crate::EventAuth).
    pub fn define<T>(
        &self,
        name: &str,
        handler: impl Handler<T, Output: IntoReply, Future: Send>,
    ) -> Result<(), ConfigError>
    where
        T: Arguments<PacketRequest, ()> + Send + 'static,
    {
        self.put(name, Method::Handler(bind(handler)(&())))
    }

    /// Defines a method by the name that it has in a table, which may be this one, or replaces the one of this name.
    ///
    /// The table is asked whenever it is called, so the method can be defined there later; as long as it is not, a call is
    /// the error `invalid method`. Two tables that have methods of each other keep each other for ever.
    ///
    /// # Errors
    ///
    /// As [`define`](Self::define).
    pub fn define_late(&self, name: &str, table: &Self, method: &str) -> Result<(), ConfigError> {
        // A table that kept itself would never be freed.
        let table = (!Arc::ptr_eq(&self.0, &table.0)).then(|| table.clone());
        self.put(name, Method::Late(table, method.into()))
    }

    /// Removes a method; `false` if there is none of this name.
    pub fn remove(&self, name: &str) -> bool {
        let removed = self.0.write().methods.remove(name);
        removed.is_some()
    }

    /// How many methods there are.
    pub fn len(&self) -> usize {
        self.0.read().methods.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn put(&self, name: &str, method: Method) -> Result<(), ConfigError> {
        let mut table = self.0.write();
        if is_reserved(name) || table.reserves(name) {
            return Err(ConfigError::ReservedEvent(name.to_owned()));
        }
        let replaced = table.methods.insert(name.into(), method);
        drop(table);
        // What it has captured may ask for the table as it ends.
        drop(replaced);
        Ok(())
    }
}

impl<S: Clone + Send + Sync + 'static> Namespace<S> {
    /// Serves these methods beside its own handlers, and answers as [`ResultEnvelope`] does, unless it has
    /// [another shape](Self::respond_with).
    ///
    /// A method whose name the namespace keeps for itself is a [`ConfigError::ReservedEvent`] when it is declared.
    pub fn methods(self, methods: &Methods) -> Self {
        self.source(methods.0.clone()).respond_with_default(ResultEnvelope)
    }
}

impl Table {
    pub(super) fn get(&self, name: &str) -> Option<Method> {
        self.read().methods.get(name).cloned()
    }

    fn read(&self) -> RwLockReadGuard<'_, Inner> {
        self.0.read().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn write(&self) -> RwLockWriteGuard<'_, Inner> {
        self.0.write().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    fn reserves(&self, name: &str) -> bool {
        self.reserved
            .iter()
            .filter_map(Weak::upgrade)
            .any(|names| names.iter().any(|reserved| **reserved == *name))
    }

    /// Keeps these names free as long as somebody has them.
    pub(super) fn reserve(&mut self, names: &Arc<Vec<Arc<str>>>) -> Result<(), ConfigError> {
        if let Some(taken) = names.iter().find(|name| self.methods.contains_key(&***name)) {
            return Err(ConfigError::ReservedEvent((**taken).to_owned()));
        }
        self.reserved.retain(|names| names.strong_count() > 0);
        if !names.is_empty() {
            self.reserved.push(Arc::downgrade(names));
        }
        Ok(())
    }
}

impl fmt::Debug for Methods {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut names: Vec<_> = self.0.read().methods.keys().cloned().collect();
        names.sort_unstable();
        f.debug_tuple("Methods").field(&names).finish()
    }
}
