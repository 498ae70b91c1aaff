use std::future::poll_fn;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::{Buf, Bytes};
use http_body::Body as HttpBody;
use tower_socketio_proto::engineio::{ContentType, Input, Refusal, Version, decode_payload};

use super::connection::{Body, Connection};

/// What a GET or POST of a polling session is answered with.
#[derive(Debug)]
pub(super) enum Outcome {
    Payload(ContentType, Bytes),
    Ok,
    TooLarge,
    /// The session is gone, or went while the request waited.
    Unknown,
    /// The session has another transport.
    Mismatch,
    /// A second request of its kind, or a body that is no payload.
    Bad,
}

impl From<Refusal> for Outcome {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::TransportMismatch => Self::Mismatch,
            _ => Self::Bad,
        }
    }
}

/// A GET, answered as soon as something is there to send; dropped before its answer, its peer has left.
pub(super) struct Get {
    connection: Arc<Connection>,
    /// The session was over before.
    late: bool,
    answered: bool,
}

impl Get {
    pub(super) fn open(connection: Arc<Connection>) -> Result<Self, Outcome> {
        let late = connection.lock().session.is_closed();
        if !late && let Some(refusal) = connection.feed(Input::PollOpened) {
            return Err(refusal.into());
        }
        Ok(Self { connection, late, answered: late })
    }

    pub(super) fn poll(&mut self, cx: &Context<'_>) -> Poll<Outcome> {
        let outcome = std::task::ready!(self.look(cx));
        if !std::mem::replace(&mut self.answered, true) {
            self.connection.feed(Input::PollAnswered);
        }
        if self.late {
            // The task waits for nothing but this.
            self.connection.wake();
        }
        Poll::Ready(outcome)
    }

    fn look(&self, cx: &Context<'_>) -> Poll<Outcome> {
        let connection = &self.connection;
        let mut shared = connection.lock();
        let closed = shared.session.is_closed();
        if !shared.queue.is_empty() && shared.polling.is_some() && (closed || !shared.is_corked()) {
            let version = connection.protocol.version;
            let (base64, most) = (connection.protocol.base64, connection.hub().config.max_payload);
            let (content, payload) = shared.queue.payload(version, base64, most);
            return Poll::Ready(Outcome::Payload(content, payload));
        }
        match &mut shared.polling {
            Some(polling) if !closed => {
                polling.poll = Some(cx.waker().clone());
                Poll::Pending
            }
            // Upgraded meanwhile: the noop that ends the poll went with the rest of the queue.
            None if !closed => Poll::Ready(noop(connection.protocol.version)),
            _ => Poll::Ready(Outcome::Unknown),
        }
    }
}

impl Drop for Get {
    fn drop(&mut self) {
        if !self.answered {
            if let Some(polling) = &mut self.connection.lock().polling {
                polling.poll = None;
            }
            self.connection.feed(Input::PollAborted);
        }
    }
}

fn noop(version: Version) -> Outcome {
    let payload: &'static [u8] = match version {
        Version::V3 => b"1:6",
        Version::V4 => b"6",
    };
    Outcome::Payload(ContentType::Text, Bytes::from_static(payload))
}

/// Takes a POST's packets in.
pub(super) async fn post<B>(
    connection: Arc<Connection>,
    body: B,
    length: Option<u64>,
    binary: bool,
) -> Outcome
where
    B: HttpBody,
{
    let connection = &*connection;
    let max_payload = connection.hub().config.max_payload;
    if let Some(refusal) = connection.feed(Input::PostOpened) {
        return refusal.into();
    }
    let mut receiving = Receiving { connection, end: Input::PostAborted };
    if connection.lock().session.is_closed() {
        return Outcome::Unknown;
    }
    if binary && connection.protocol.version == Version::V4 {
        // Only version 3 has binary payloads.
        connection.feed(Input::TransportFailed);
        return Outcome::Bad;
    }
    if length.is_some_and(|length| length > max_payload as u64) {
        receiving.end = Input::PostFinished;
        return Outcome::TooLarge;
    }
    let mut body = pin!(body);
    let mut bytes = Vec::new();
    // A session that ends meanwhile ends the request as well, however slowly its body comes.
    let mut next = async || {
        poll_fn(|cx| {
            let frame = body.as_mut().poll_frame(cx);
            if frame.is_pending() && connection.is_over_for_post(cx) {
                return Poll::Ready(None);
            }
            frame.map(Some)
        })
        .await
    };
    loop {
        let frame = match next().await {
            Some(Some(Ok(frame))) => frame,
            Some(None) => break,
            Some(Some(Err(_))) | None => return Outcome::Bad,
        };
        let Ok(mut data) = frame.into_data() else { continue };
        if bytes.len() + data.remaining() > max_payload {
            receiving.end = Input::PostFinished;
            return Outcome::TooLarge;
        }
        // Most bodies come in one piece; one in many is not to be copied for each.
        if bytes.is_empty() {
            bytes.reserve_exact(data.remaining());
        }
        while data.has_remaining() {
            let chunk = data.chunk();
            bytes.extend_from_slice(chunk);
            let read = chunk.len();
            data.advance(read);
        }
    }
    receiving.end = Input::PostFinished;
    let version = connection.protocol.version;
    if let Err(error) = decode_payload(version, binary, &bytes, &connection.limits()) {
        tracing::debug!(target: "socketio::polling", %error, "invalid payload");
        connection.feed(Input::Invalid);
        return Outcome::Bad;
    }
    // The next body waits while the task has not taken the one before, which it does not while it reads nothing.
    let mut body = Some(Body { bytes: Bytes::from(bytes), binary });
    poll_fn(|cx| connection.poll_offer(cx, &mut body)).await;
    drop(receiving);
    Outcome::Ok
}

/// A POST that is being read, or waits for its turn.
struct Receiving<'a> {
    connection: &'a Connection,
    end: Input<'static>,
}

impl Drop for Receiving<'_> {
    fn drop(&mut self) {
        self.connection.feed(self.end);
    }
}
