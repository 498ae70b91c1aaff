use std::sync::Arc;

use bytes::Bytes;
use tokio::time::Instant;

use super::nodes::Node;
use super::outbox::{Address, Waiter};
use super::questions::Verdict;
use super::read::{self, LONGEST_ID, read};
use super::relay::Relay;
use super::request::Request;
use super::shared::Shared;
use super::write;
use crate::{
    Action, Adapter, Answers, Home, Incoming, Membership, Message, MessageKind, Offset, RemoteSocket,
    ServerAnswer, Target,
};

impl Shared {
    /// Does what a message says. What cannot be understood is counted, and otherwise ignored.
    pub(super) fn receive(&self, Incoming { message, offset, past }: Incoming) {
        if message.node == self.line.node {
            let place = offset.filter(|_| message.kind == MessageKind::Broadcast);
            if past {
                // It has come before, or nobody waits for it any more.
                if let Some(place) = place {
                    self.remember(message, place, None);
                }
                return;
            }
            self.echo();
            if let Some(place) = place {
                self.back(message, place);
            }
            return;
        }
        if message.namespace.as_ref().is_some_and(|namespace| *namespace != self.line.namespace) {
            return;
        }
        if message.size() > self.options.max_message || message.node.len() > LONGEST_ID {
            return self.vitals.ignored();
        }
        if past {
            if offset.is_some_and(|offset| self.remember(message, offset, None).is_none()) {
                self.vitals.ignored();
            }
            return;
        }
        let is_node = !message.node.is_empty() && *message.node != *Message::EMITTER;
        if is_node && self.membership == Membership::Heartbeat {
            let new = self.nodes.spoke(&message.node, Instant::now());
            if new {
                // There is one more to expire.
                self.wake.notify_one();
            }
            // Who says hello has come too late for what was asked before.
            if new && message.kind != MessageKind::InitialHeartbeat {
                self.requests.node(&message.node);
            }
        }
        if self.obey(message, is_node, offset).is_none() {
            self.vitals.ignored();
        }
    }

    /// Has a broadcast kept that is delivered only to those who have come since another one, if to anybody.
    pub(super) fn remember(&self, message: Message, offset: Offset, since: Option<u32>) -> Option<()> {
        if message.kind == MessageKind::Broadcast {
            let broadcast: read::Broadcast<'_> = read(&message.data)?;
            let args = broadcast.args(&message.data)?;
            if broadcast.request.is_some() {
                return Some(());
            }
            let (home, target) = (self.home.get()?, broadcast.opts.into_target());
            let Some(since) = since else {
                home.past(args, message.attachments, &target, offset);
                return Some(());
            };
            home.broadcast(args, message.attachments, &target, Some(offset), &mut |packet| {
                let [before, since] = self.local.members_around(&target, since);
                before.iter().for_each(|member| member.placed(packet));
                for member in since {
                    member.deliver(packet, target.flags);
                }
            });
        }
        Some(())
    }

    /// `None` if the message is malformed, or more than is taken.
    fn obey(&self, message: Message, is_node: bool, offset: Option<Offset>) -> Option<()> {
        let Message { kind, node, data, attachments, .. } = message;
        let home = self.home.get()?;
        match kind {
            MessageKind::InitialHeartbeat if is_node && self.membership == Membership::Heartbeat => {
                self.publish(MessageKind::Heartbeat, Bytes::new(), Vec::new(), Address::All, Waiter::Nobody);
            }
            MessageKind::InitialHeartbeat | MessageKind::Heartbeat => {}
            MessageKind::AdapterClose if is_node => self.gone(&node),
            _ if !is_node && kind.is_answer() => {}
            MessageKind::AdapterClose => {}
            MessageKind::Broadcast => {
                let broadcast: read::Broadcast<'_> = read(&data)?;
                let args = broadcast.args(&data)?;
                match broadcast.request.filter(|_| is_node) {
                    Some(request) => {
                        let target = broadcast.opts.into_target();
                        self.question(home, &node, request.get()?.into(), (args, attachments), &target)?;
                    }
                    None => {
                        let target = broadcast.opts.into_target();
                        home.broadcast(args, attachments, &target, offset, &mut |packet| {
                            self.local.broadcast(packet, &target);
                        });
                    }
                }
            }
            MessageKind::SocketsJoin => {
                let (target, rooms) = read::<read::Rooms>(&data)?.into_parts();
                self.local.act(Action::Join(rooms), &target);
            }
            MessageKind::SocketsLeave => {
                let (target, rooms) = read::<read::Rooms>(&data)?.into_parts();
                self.local.act(Action::Leave(rooms), &target);
            }
            MessageKind::DisconnectSockets => {
                let disconnect: read::Disconnect = read(&data)?;
                let close = disconnect.close.unwrap_or_default();
                self.local.act(Action::Disconnect { close }, &disconnect.opts.into_target());
            }
            MessageKind::FetchSockets => {
                let fetch: read::Fetch<'_> = read(&data)?;
                let request = fetch.request.get()?.to_owned();
                if is_node {
                    let sockets: Vec<RemoteSocket> = self.local.describe(&fetch.opts.into_target());
                    let data = write::sockets(&request, &sockets);
                    self.reply(MessageKind::FetchSocketsResponse, &node, data, Vec::new());
                }
            }
            MessageKind::ServerSideEmit => {
                let event: read::Event<'_> = read(&data)?;
                let args = event.args(&data);
                let answer = match event.request.filter(|_| is_node) {
                    Some(request) => Some(self.server_answer(&node, request.get()?)?),
                    None => None,
                };
                home.server_event(args, attachments, answer);
            }
            MessageKind::FetchSocketsResponse => {
                let found: read::Sockets<'_> = read(&data)?;
                let request = found.request.get()?.to_owned();
                self.requests.tell(&request, |request| request.sockets(&node, found.into_sockets(&data)));
            }
            MessageKind::ServerSideEmitResponse => {
                let answer: read::Answer<'_> = read(&data)?;
                let tell = |request: &Request| {
                    request.program_answer(&node, answer.args(), attachments);
                };
                self.requests.tell(answer.request.get()?, tell);
            }
            MessageKind::BroadcastClientCount => {
                let count: read::Count<'_> = read(&data)?;
                self.requests.tell(count.request.get()?, |request| request.clients(&node, count.clients()));
            }
            MessageKind::ClientLost => {
                let lost: read::Answer<'_> = read(&data)?;
                self.requests.tell(lost.request.get()?, |request| request.client_lost(&node));
            }
            MessageKind::BroadcastAck => {
                let answer: read::Answer<'_> = read(&data)?;
                let tell = |request: &Request| {
                    request.client_answer(&node, answer.args(), attachments);
                };
                self.requests.tell(answer.request.get()?, tell);
            }
        }
        Some(())
    }

    /// Asks sockets of this node for another one.
    fn question(
        &self,
        home: &Arc<dyn Home>,
        node: &Node,
        request: Arc<str>,
        (args, attachments): (Bytes, Vec<Bytes>),
        to: &Target,
    ) -> Option<()> {
        let relay = Arc::new(Relay::new(self.me.clone(), node.clone(), request.clone()));
        let within = to.flags.timeout.unwrap_or(self.options.request_timeout);
        match self.questions.begin(node, &request, Instant::now() + within) {
            Verdict::Take => {}
            Verdict::Repeated => return None,
            // Without an answer the asker knows that one is missing.
            Verdict::TooMany => return None,
        }
        self.sweep_soon();
        let mut asked = 0;
        if let Some(packet) = home.question(args, attachments) {
            if let Some(ack) = packet.ack() {
                self.questions.asking(node, &request, ack);
            }
            let answers: Arc<dyn Answers> = relay.clone();
            asked = self.local.broadcast_with_ack(&packet, to, &answers);
            if let Some(ack) = packet.ack().filter(|_| !self.questions.is_open(node, &request)) {
                // It was over before all had been asked, who are to be forgotten again.
                self.forget(vec![ack]);
            }
        }
        relay.count(asked);
        Some(())
    }

    /// Makes the sender of an answer; `None` if it is not to be sent.
    fn server_answer(&self, node: &Node, request: &str) -> Option<ServerAnswer> {
        let until = Instant::now() + self.options.request_timeout;
        if self.questions.begin(node, request, until) != Verdict::Take {
            return None;
        }
        self.sweep_soon();
        let (shared, node, request) = (self.me.clone(), node.clone(), request.to_owned());
        let owed = self.questions.owe();
        Some(Box::new(move |args, attachments| {
            let _owed = owed;
            if let Some(shared) = shared.upgrade()
                && let Some((first, attachments)) = write::first_argument(&args, attachments)
            {
                let data = write::answer(&request, first);
                shared.reply(MessageKind::ServerSideEmitResponse, &node, data, attachments);
                shared.questions.answered(&node, &request, until);
            }
        }))
    }
}
