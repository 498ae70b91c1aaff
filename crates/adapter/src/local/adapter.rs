use std::fmt;
use std::future::ready;
use std::sync::{Arc, Mutex, MutexGuard, RwLock, RwLockReadGuard, RwLockWriteGuard, TryLockError};

use super::picked::Picked;
use super::table::Table;
use crate::{
    Action, Adapter, AdapterError, Answers, BoxFuture, Handle, Member, Outgoing, RemoteSocket, Room, Target,
};

/// The rooms of one node, in memory.
///
/// No lock is held while a packet is delivered: a member that leaves during a broadcast may still get it, one that
/// joins may not.
#[derive(Default)]
pub struct LocalAdapter {
    table: RwLock<Table>,
    watch: Option<Watch>,
}

type Tell = dyn Fn(&Room, bool) + Send + Sync;

/// Is told of rooms that come into being (`true`) or end, in order.
struct Watch {
    tell: Box<Tell>,
    /// Held by whoever tells.
    turn: Mutex<()>,
}

impl LocalAdapter {
    /// Creates an adapter without members.
    pub fn new() -> Self {
        Self::default()
    }

    /// Creates an adapter without members that says when a room comes into being (`true`) and when it ends, sockets' own
    /// rooms included: in order, and without a lock for which anybody waits.
    pub(crate) fn watched(tell: impl Fn(&Room, bool) + Send + Sync + 'static) -> Self {
        let watch = Watch { tell: Box::new(tell), turn: Mutex::default() };
        Self { table: RwLock::new(Table::watched()), watch: Some(watch) }
    }

    /// Describes the targets.
    pub(crate) fn describe(&self, to: &Target) -> Vec<RemoteSocket> {
        let mut found = Vec::new();
        {
            let table = self.read();
            table.select(to, |at, member| found.push((Arc::clone(member), table.rooms_of(at))));
        }
        found.into_iter().map(|(member, rooms)| member.describe(rooms)).collect()
    }

    /// The number of the member that came last.
    pub(crate) fn latest(&self) -> u32 {
        self.read().latest()
    }

    /// The targets that came no later than the member with this number, and those that came since.
    pub(crate) fn members_around(&self, to: &Target, latest: u32) -> [Vec<Arc<dyn Member>>; 2] {
        let ([mut before, mut since], table) = (<[Vec<_>; 2]>::default(), self.read());
        table.select(to, |at, member| {
            let list = if table.is_later(at, latest) { &mut since } else { &mut before };
            list.push(Arc::clone(member));
        });
        [before, since]
    }

    fn pick(&self, to: &Target) -> Picked {
        let mut picked = Picked::default();
        self.read().select(to, |_, member| picked.push(Arc::clone(member)));
        picked
    }

    fn change<R>(&self, change: impl FnOnce(&mut Table) -> R) -> R {
        let mut table = self.write();
        let result = change(&mut table);
        if table.has_news()
            && let Some(watch) = &self.watch
            && let Some(turn) = watch.turn()
        {
            self.tell(watch, turn, table);
        }
        result
    }

    /// Tells the news, and those that come meanwhile, in order. The turn ends with the table locked, so that whoever has
    /// news then sees that.
    fn tell<'a>(&'a self, watch: &Watch, turn: MutexGuard<'_, ()>, mut table: RwLockWriteGuard<'a, Table>) {
        loop {
            let news = table.take_news();
            if news.is_empty() {
                return drop(turn);
            }
            drop(table);
            news.iter().for_each(|(room, opened)| (watch.tell)(room, *opened));
            table = self.write();
        }
    }

    fn read(&self) -> RwLockReadGuard<'_, Table> {
        self.table.read().expect("nothing panics with the lock held")
    }

    fn write(&self) -> RwLockWriteGuard<'_, Table> {
        self.table.write().expect("nothing panics with the lock held")
    }
}

impl Watch {
    /// The turn to tell, unless another thread has it, or this one further up: that will find the news.
    fn turn(&self) -> Option<MutexGuard<'_, ()>> {
        match self.turn.try_lock() {
            Ok(turn) => Some(turn),
            Err(TryLockError::Poisoned(turn)) => Some(turn.into_inner()),
            Err(TryLockError::WouldBlock) => None,
        }
    }
}

impl Adapter for LocalAdapter {
    fn add(&self, member: Arc<dyn Member>) -> Handle {
        self.change(|table| table.add(member))
    }

    fn remove(&self, at: Handle) {
        // Without the lock: it may be the last reference to the member.
        drop(self.change(|table| table.remove(at)));
    }

    fn join(&self, at: Handle, rooms: &[Room]) {
        self.change(|table| {
            if table.contains(at) {
                table.join(&[at.index()], rooms);
            }
        });
    }

    fn leave(&self, at: Handle, rooms: &[Room]) {
        self.change(|table| {
            if table.contains(at) {
                table.leave(&[at.index()], rooms);
            }
        });
    }

    fn leave_all(&self, at: Handle) {
        self.change(|table| table.leave_all(at));
    }

    fn rooms(&self, at: Handle) -> Vec<Room> {
        let table = self.read();
        if table.contains(at) { table.rooms_of(at.index()) } else { Vec::new() }
    }

    fn find(&self, id: &str) -> Option<Arc<dyn Member>> {
        self.read().find(id).cloned()
    }

    fn broadcast(&self, packet: &Arc<Outgoing>, to: &Target) -> usize {
        self.pick(to).iter().filter(|member| member.deliver(packet, to.flags)).count()
    }

    fn broadcast_with_ack(&self, packet: &Arc<Outgoing>, to: &Target, answers: &Arc<dyn Answers>) -> usize {
        self.pick(to).iter().filter(|member| member.ask(packet, to.flags, answers)).count()
    }

    fn act(&self, action: Action, to: &Target) {
        match action {
            Action::Join(rooms) => self.change(|table| {
                let members = table.indices(to);
                table.join(&members, &rooms);
            }),
            Action::Leave(rooms) => self.change(|table| {
                let members = table.indices(to);
                table.leave(&members, &rooms);
            }),
            Action::Disconnect { close } => {
                self.pick(to).iter().for_each(|member| member.disconnect(close));
            }
        }
    }

    fn members(&self, to: &Target) -> Vec<Arc<dyn Member>> {
        let mut members = Vec::new();
        self.read().select(to, |_, member| members.push(Arc::clone(member)));
        members
    }

    fn room_names(&self) -> Vec<Room> {
        self.read().room_names().cloned().collect()
    }

    fn fetch(&self, to: &Target) -> BoxFuture<'_, Result<Vec<RemoteSocket>, AdapterError>> {
        Box::pin(ready(Ok(self.describe(to))))
    }
}

impl fmt::Debug for LocalAdapter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let table = self.read();
        f.debug_struct("LocalAdapter")
            .field("members", &table.member_count())
            .field("rooms", &table.room_count())
            .finish_non_exhaustive()
    }
}
