use std::collections::{HashMap, HashSet};
use std::fmt;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use tower_socketio_adapter::Adapter;
use tower_socketio_proto::socketio::Arguments;

use super::doors::NoDoors;
use super::home::SpaceHome;
use super::{BoxFuture, ConfigError, Doors, Hub, Matched, Mount, NamePattern, Space};

/// The longest name of a namespace that a pattern may bring into being, in bytes.
const MAX_NAME: usize = 255;

/// The namespaces of a server: declared ones, and those that patterns brought into being, with the number of these.
#[derive(Default)]
pub(crate) struct Registry(RwLock<Inner>, AtomicUsize);

#[derive(Default)]
struct Inner {
    declared: HashMap<Arc<str>, Arc<Space>>,
    parents: Vec<Arc<Parent>>,
    /// The names or patterns of namespaces by what programs call them.
    names: HashMap<Box<str>, Arc<str>>,
    /// Where EIO3 clients are while no `/` is declared: they enter it without asking.
    empty_root: Option<Arc<Space>>,
    /// Its doors, if layers of the server stand in front of it.
    root_doors: Option<Arc<dyn Doors>>,
}

struct Parent {
    pattern: Arc<dyn NamePattern>,
    doors: Arc<dyn Doors>,
    children: RwLock<HashMap<Arc<str>, Arc<Space>>>,
}

/// What a client's CONNECT leads to.
pub(crate) enum Resolved {
    Unknown,
    Found(Lease),
    Later(BoxFuture<Option<Lease>>),
}

/// What a name or a pattern means to those who emit.
pub(super) struct Addressed {
    pub(super) spaces: Vec<Arc<Space>>,
    pub(super) lease: Option<Arc<Lease>>,
}

/// Keeps a namespace in being; a dynamic one ends with its last lease.
pub(crate) struct Lease {
    hub: Arc<Hub>,
    parent: Option<Arc<Parent>>,
    space: Arc<Space>,
}

impl Registry {
    /// Declares all of these, or none.
    pub(super) fn declare(hub: &Arc<Hub>, mounts: Vec<Mount>) -> Result<(), ConfigError> {
        let checked = mounts
            .into_iter()
            .map(|Mount { pattern, names, doors }| Ok((pattern?, names, doors(&hub.config)?)));
        let checked = checked.collect::<Result<Vec<_>, ConfigError>>()?;
        let mut inner = hub.registry.0.write().unwrap_or_else(PoisonError::into_inner);
        let (mut declared, mut called) = (HashSet::new(), HashMap::new());
        for (pattern, names, _) in &checked {
            let pattern = pattern.as_str();
            // Clients of one name would be in two namespaces.
            let lives = inner.parents.iter().any(|parent| parent.children().contains_key(pattern));
            if lives || inner.is_declared(pattern) || !declared.insert(pattern) {
                return Err(ConfigError::DuplicateNamespace(pattern.to_owned()));
            }
            for name in names {
                if inner.names.contains_key(name)
                    || called.insert(name, pattern).is_some_and(|other| other != pattern)
                {
                    return Err(ConfigError::DuplicateName(name.to_string()));
                }
            }
        }
        for (pattern, names, doors) in checked {
            let text = pattern.as_str();
            inner.names.extend(names.into_iter().map(|name| (name, text.into())));
            if pattern.is_exact() {
                let space = space(hub, text, &doors, Vec::new());
                inner.declared.insert(text.into(), space);
            } else {
                inner.parents.push(Arc::new(Parent { pattern, doors, children: RwLock::default() }));
            }
        }
        Ok(())
    }

    /// Whether a namespace was declared with this name or pattern.
    pub(super) fn is_declared(&self, name: &str) -> bool {
        self.0.read().unwrap_or_else(PoisonError::into_inner).is_declared(name)
    }

    /// The name or pattern of the namespace that the program calls so.
    pub(super) fn named(&self, name: &str) -> Option<Arc<str>> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).names.get(name).cloned()
    }

    pub(crate) fn resolve(hub: &Arc<Hub>, name: &str, auth: Option<&Arguments>) -> Resolved {
        let parents = {
            let inner = hub.registry.0.read().unwrap_or_else(PoisonError::into_inner);
            if let Some(space) = inner.declared.get(name) {
                return Resolved::Found(Lease { hub: hub.clone(), parent: None, space: space.clone() });
            }
            inner.parents.clone()
        };
        if name.len() > MAX_NAME {
            return Resolved::Unknown;
        }
        // A child that exists is no way past its pattern: a predicate may judge each client anew.
        for (at, parent) in parents.iter().enumerate() {
            match parent.pattern.matches(name, auth) {
                Matched::No => {}
                Matched::Yes(params) => return Lease::child(hub, parent, name, params).into(),
                Matched::Later(first) => {
                    let rest = parents[at..].to_vec();
                    let later = later(hub.clone(), name.to_owned(), auth.cloned(), first, rest);
                    return Resolved::Later(Box::pin(later));
                }
            }
        }
        Resolved::Unknown
    }

    /// A `/` in which nothing happens.
    pub(crate) fn empty_root(hub: &Arc<Hub>) -> Lease {
        let mut inner = hub.registry.0.write().unwrap_or_else(PoisonError::into_inner);
        let doors = inner.root_doors.clone().unwrap_or_else(|| Arc::new(NoDoors));
        let root = inner.empty_root.get_or_insert_with(|| space(hub, "/", &doors, Vec::new()));
        Lease { hub: hub.clone(), parent: None, space: root.clone() }
    }

    /// Puts doors before the `/` in which nothing happens: who refuses everywhere refuses there too.
    pub(crate) fn guard_root(&self, doors: Arc<dyn Doors>) {
        self.0.write().unwrap_or_else(PoisonError::into_inner).root_doors = Some(doors);
    }

    /// The namespace of this name, or the children of this pattern; `None` if there is neither.
    pub(super) fn addressed(hub: &Arc<Hub>, name: &str) -> Option<Addressed> {
        let inner = hub.registry.0.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(space) = inner.declared.get(name) {
            return Some(vec![space.clone()].into());
        }
        if let Some(parent) = inner.parents.iter().find(|parent| parent.pattern.as_str() == name) {
            return Some(parent.children().values().cloned().collect::<Vec<_>>().into());
        }
        if let Some(root) = inner.empty_root.as_ref().filter(|_| name == "/") {
            return Some(vec![root.clone()].into());
        }
        let parents = inner.parents.clone();
        drop(inner);
        if !hub.config.adapter.is_clustered() {
            let child = parents.iter().find_map(|parent| parent.children().get(name).cloned())?;
            return Some(vec![child].into());
        }
        // Who emits holds it in being, here where nobody may be in it: somebody may be on another node.
        let leased = parents.iter().filter(|_| name.len() <= MAX_NAME).find_map(|parent| {
            let params = match parent.pattern.matches(name, None) {
                Matched::Yes(params) => params,
                _ if parent.children().contains_key(name) => Vec::new(),
                _ => return None,
            };
            Lease::child(hub, parent, name, params)
        });
        let lease = Arc::new(leased?);
        Some(Addressed { spaces: vec![lease.space().clone()], lease: Some(lease) })
    }

    /// The doors of what was declared under this name or pattern.
    pub(crate) fn doors(&self, name: &str) -> Option<Arc<dyn Doors>> {
        let inner = self.0.read().unwrap_or_else(PoisonError::into_inner);
        let declared = inner.declared.get(name).map(|space| space.doors().clone());
        declared.or_else(|| {
            let parent = inner.parents.iter().find(|parent| parent.pattern.as_str() == name)?;
            Some(parent.doors.clone())
        })
    }

    /// Every namespace that exists.
    pub(super) fn all(&self) -> Vec<Arc<Space>> {
        let inner = self.0.read().unwrap_or_else(PoisonError::into_inner);
        let mut all: Vec<_> = inner.declared.values().chain(&inner.empty_root).cloned().collect();
        for parent in &inner.parents {
            all.extend(parent.children().values().cloned());
        }
        all
    }
}

/// Asks the remaining patterns, of which the first is being asked already.
async fn later(
    hub: Arc<Hub>,
    name: String,
    auth: Option<Arguments>,
    first: BoxFuture<bool>,
    parents: Vec<Arc<Parent>>,
) -> Option<Lease> {
    let mut matched = Matched::Later(first);
    for (at, parent) in parents.iter().enumerate() {
        if at > 0 {
            matched = parent.pattern.matches(&name, auth.as_ref());
        }
        let params = match matched {
            Matched::Yes(params) => Some(params),
            Matched::No => None,
            Matched::Later(answer) => answer.await.then(Vec::new),
        };
        if let Some(params) = params {
            return Lease::child(&hub, parent, &name, params);
        }
        matched = Matched::No;
    }
    None
}

fn space(
    hub: &Arc<Hub>,
    name: &str,
    doors: &Arc<dyn Doors>,
    params: Vec<(Box<str>, Box<str>)>,
) -> Arc<Space> {
    let adapter: Arc<dyn Adapter> = hub.config.adapter.make(name);
    let space = Arc::new(Space::new(name, adapter, doors.clone(), params, &hub.config));
    let home = SpaceHome::new(hub, &space);
    space.adapter().open(Arc::new(home));
    space
}

impl Inner {
    fn is_declared(&self, name: &str) -> bool {
        self.declared.contains_key(name) || self.parents.iter().any(|parent| parent.pattern.as_str() == name)
    }
}

impl Parent {
    fn children(&self) -> std::sync::RwLockReadGuard<'_, HashMap<Arc<str>, Arc<Space>>> {
        self.children.read().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Lease {
    pub(crate) fn space(&self) -> &Arc<Space> {
        &self.space
    }

    /// The server that has it.
    pub(super) fn hub(&self) -> &Arc<Hub> {
        &self.hub
    }

    /// Another lease on the same namespace.
    pub(super) fn again(&self) -> Self {
        if self.parent.is_some() {
            // There is one, so none can be the last meanwhile.
            self.space.users.fetch_add(1, Ordering::Relaxed);
        }
        Self { hub: self.hub.clone(), parent: self.parent.clone(), space: self.space.clone() }
    }

    /// Whether the namespace ends with its last lease.
    pub(crate) fn is_dynamic(&self) -> bool {
        self.parent.is_some()
    }

    /// A lease on a child, which is made if it does not exist; `None` if there are too many.
    fn child(
        hub: &Arc<Hub>,
        parent: &Arc<Parent>,
        name: &str,
        params: Vec<(Box<str>, Box<str>)>,
    ) -> Option<Self> {
        let mut children = parent.children.write().unwrap_or_else(PoisonError::into_inner);
        let space = match children.get(name) {
            Some(space) => space.clone(),
            None => {
                // Who has the registry's lock waits for the children's: here, where those are locked, it is not taken.
                let max = hub.config.max_dynamic;
                let one_more = |dynamic| (dynamic < max).then_some(dynamic + 1);
                if hub.registry.1.fetch_update(Ordering::Relaxed, Ordering::Relaxed, one_more).is_err() {
                    // Without the lock: who hears of it by `tracing` may emit.
                    drop(children);
                    tracing::warn!(target: "socketio::namespace", name, "`max_dynamic` namespaces exist");
                    return None;
                }
                let space = space(hub, name, &parent.doors, params);
                children.insert(name.into(), space.clone());
                space
            }
        };
        space.users.fetch_add(1, Ordering::Relaxed);
        drop(children);
        Some(Self { hub: hub.clone(), parent: Some(parent.clone()), space })
    }
}

impl From<Vec<Arc<Space>>> for Addressed {
    fn from(spaces: Vec<Arc<Space>>) -> Self {
        Self { spaces, lease: None }
    }
}

impl From<Option<Lease>> for Resolved {
    fn from(lease: Option<Lease>) -> Self {
        lease.map_or(Self::Unknown, Self::Found)
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        let Some(parent) = &self.parent else { return };
        let mut children = parent.children.write().unwrap_or_else(PoisonError::into_inner);
        if self.space.users.fetch_sub(1, Ordering::Relaxed) == 1 {
            children.remove(self.space.name());
            drop(children);
            self.hub.registry.1.fetch_sub(1, Ordering::Relaxed);
            let space = self.space.clone();
            self.hub.spawn_awaited(async move { space.close().await });
        }
    }
}

impl fmt::Debug for Registry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let inner = self.0.read().unwrap_or_else(PoisonError::into_inner);
        f.debug_struct("Registry")
            .field("declared", &inner.declared.len())
            .field("dynamic", &self.1.load(Ordering::Relaxed))
            .finish_non_exhaustive()
    }
}
