use std::sync::Arc;

use super::outbox::{Address, Posted, Waiter};
use super::pending::Pending;
use super::read;
use super::shared::Shared;
use super::write::Numbered;
use crate::{Adapter, Answers, Message, MessageKind, Offset, Outgoing, Reach, Target};

/// What waits for what was broadcast before.
impl Shared {
    /// Broadcasts what is delivered here when it has its place; returns how many sockets of this node it is for.
    pub(super) fn broadcast_in_turn(&self, packet: &Outgoing, to: &Target) -> usize {
        let is_here = to.flags.reach != Reach::Elsewhere;
        let members = is_here.then(|| self.local.members(to));
        let reached = members.as_ref().map_or(0, Vec::len);
        let (args, attachments) = (packet.args().clone(), packet.attachments().to_vec());
        let goes_out = to.flags.reach != Reach::Here && self.outbox.is_open();
        let out = goes_out.then(|| (Numbered::broadcast(&args, to), attachments.clone()));
        let pending = Pending { args, attachments, to: to.clone(), members };
        let mut posted = None;
        let is_first = self.turns.wait(pending, !goes_out || self.health.is_down(), |ticket| {
            let Some((data, attachments)) = out else { return false };
            let (kind, waiter) = (MessageKind::Broadcast, Waiter::Turn(ticket));
            let letter = self.letter(kind, data.number(ticket), attachments, Address::of(to), waiter);
            *posted.insert(self.post(letter)) == Posted::Queued
        });
        if is_first {
            self.wake.notify_one();
        }
        // Only now: who hears of it by `tracing` may emit.
        if let Some(posted) = posted {
            self.posted(posted);
        }
        self.turns.deliver(self.way());
        reached
    }

    /// Asks the sockets of this node behind all that was broadcast before; returns how many are asked.
    pub(super) fn ask_in_turn(
        &self,
        packet: &Arc<Outgoing>,
        to: &Target,
        answers: &Arc<dyn Answers>,
    ) -> usize {
        if !self.turns.is_waiting() {
            return self.local.broadcast_with_ack(packet, to, answers);
        }
        let promised = self.local.members(to).len();
        let (shared, packet, to, answers) = (self.me.clone(), packet.clone(), to.clone(), answers.clone());
        let ask = move || {
            let asked =
                shared.upgrade().map(|shared| shared.local.broadcast_with_ack(&packet, &to, &answers));
            let asked = asked.unwrap_or_default();
            if asked > promised {
                answers.asked_elsewhere(asked - promised);
            } else if asked < promised {
                answers.lost_elsewhere(promised - asked);
            }
        };
        self.turns.then(Box::new(ask), self.way());
        promised
    }

    /// A broadcast of this node has come back.
    pub(super) fn back(&self, message: Message, offset: Offset) {
        if self.turns.is_on()
            && let Some(way) = self.way()
            && let Err(latest) = self.turns.back(read::number(&message.data), offset, way)
        {
            // Clients that were away have missed it, and so have those who have come since.
            self.remember(message, offset, latest);
        }
    }
}
