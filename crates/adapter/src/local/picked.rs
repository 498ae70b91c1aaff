use std::cell::Cell;
use std::mem;
use std::ops::{Deref, DerefMut};
use std::sync::Arc;

use crate::Member;

/// The recipients of one fan-out, in a buffer that the thread keeps for its next one.
///
/// A fan-out from inside of a delivery finds no buffer and takes a new one.
pub(super) struct Picked {
    members: Vec<Arc<dyn Member>>,
}

impl Default for Picked {
    fn default() -> Self {
        Self { members: BUFFER.try_with(Cell::take).unwrap_or_default() }
    }
}

impl Deref for Picked {
    type Target = Vec<Arc<dyn Member>>;

    fn deref(&self) -> &Self::Target {
        &self.members
    }
}

impl DerefMut for Picked {
    fn deref_mut(&mut self) -> &mut Self::Target {
        &mut self.members
    }
}

impl Drop for Picked {
    fn drop(&mut self) {
        self.members.clear();
        if self.members.capacity() <= KEPT {
            let members = mem::take(&mut self.members);
            // Fails only while the thread ends, when nobody needs the buffer.
            let _ = BUFFER.try_with(|buffer| buffer.set(members));
        }
    }
}

thread_local! {
    static BUFFER: Cell<Vec<Arc<dyn Member>>> = const { Cell::new(Vec::new()) };
}

/// The largest buffer a thread keeps: 64 KiB.
const KEPT: usize = 4096;
