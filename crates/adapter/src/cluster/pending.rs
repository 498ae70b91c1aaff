use std::collections::HashSet;
use std::sync::Arc;

use bytes::Bytes;

use crate::{Adapter, Home, LocalAdapter, Member, Offset, Target};

/// How broadcasts reach the sockets of this node.
#[derive(Clone, Copy)]
pub(super) struct Way<'a> {
    pub(super) home: &'a Arc<dyn Home>,
    pub(super) local: &'a LocalAdapter,
}

/// A broadcast of this node.
pub(super) struct Pending {
    pub(super) args: Bytes,
    pub(super) attachments: Vec<Bytes>,
    pub(super) to: Target,
    /// Who was meant on this node when it was broadcast; `None` if this node was not.
    pub(super) members: Option<Vec<Arc<dyn Member>>>,
}

impl Pending {
    /// Delivers it to those who were meant when it was broadcast, and to those who have come since: they may have been at
    /// another node, and take it for what they would get here. Says who had come last by then.
    pub(super) fn deliver(self, way: Way<'_>, offset: Option<Offset>) -> u32 {
        let Self { args, attachments, to, members, .. } = self;
        let mut latest = way.local.latest();
        let Some(before) = members else {
            // Clients of other nodes may have missed it and come here.
            if let Some(offset) = offset {
                way.home.past(args, attachments, &to, offset);
            }
            return latest;
        };
        way.home.broadcast(args, attachments, &to, offset, &mut |packet| {
            latest = way.local.latest();
            let now = way.local.members(&to);
            let is_same = now.len() == before.len()
                && now.iter().zip(&before).all(|(now, before)| Arc::ptr_eq(now, before));
            let is_there: HashSet<_> =
                if is_same { HashSet::new() } else { now.iter().map(address).collect() };
            let gone = before.iter().filter(|member| !is_same && !is_there.contains(&address(member)));
            for member in now.iter().chain(gone) {
                member.deliver(packet, to.flags);
            }
        });
        latest
    }
}

fn address(member: &Arc<dyn Member>) -> *const () {
    Arc::as_ptr(member).cast()
}
