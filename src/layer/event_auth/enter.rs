use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use futures_util::FutureExt;
use tokio::sync::watch;

use super::GateScope;
use super::door::{Door, Knocks};
use super::gate::Gate;
use crate::extract::Claims;
use crate::hub::{
    Accepted, AckSender, ConnectRequest, Disconnect, Reply, ReplyKind, Socket, WireError, panicked,
};
use crate::layer::connect::Next;
use crate::service::each;

/// The user of a connection, as soon as there is one.
type Pass<U> = Arc<watch::Sender<Option<U>>>;

/// How a client passes the gate.
impl<U: Clone + Send + Sync + 'static> Gate<U> {
    pub(super) async fn enter(
        self: Arc<Self>,
        request: ConnectRequest,
        next: Next,
    ) -> Result<Accepted, WireError> {
        let socket = request.socket().clone();
        if self.failures(&socket).load(Ordering::Acquire) >= self.max_attempts {
            return Err(too_many());
        }
        self.tell_when_closed(&socket);
        let closed = socket.closed();
        let (door, knocks) = Door::new(self.authentication.clone());
        if !request.greet(move |event| door.hear(event)) {
            let why = "the client has left, or another layer has greeted it: a namespace can have one gate";
            return Err(std::io::Error::other(why).into());
        }
        tokio::select! {
            biased;
            () = closed => Err(WireError::new("the client left").code("gone")),
            result = self.decide(request, next, knocks) => result,
        }
    }

    async fn decide(
        &self,
        request: ConnectRequest,
        next: Next,
        mut knocks: Knocks,
    ) -> Result<Accepted, WireError> {
        let socket = request.socket().clone();
        let pass: Option<Pass<U>> = (self.scope == GateScope::Connection)
            .then(|| socket.conn().slot(self.number, || watch::Sender::new(None)));
        let mut ack = None;
        let user = self.authenticated(&socket, pass.as_ref(), &mut knocks, &mut ack).await;
        let time = socket.io().hub().config.connect_timeout;
        let result = match user {
            Err(error) => Err(self.refusal(error)),
            Ok(user) => within(time, self.admit(&request, user, pass, next)).await,
        };
        match &result {
            // As everything that is emitted now, it leaves when the client is in.
            Ok(_) => {
                socket.emit(&self.authenticated, true);
                if let Some(ack) = ack {
                    ack.send_when_in(true);
                }
            }
            Err(error) => self.tell(&socket, error, ack),
        }
        result
    }

    /// Waits for the user: by the client's attempts, or by what it has shown in another namespace.
    async fn authenticated(
        &self,
        socket: &Socket,
        pass: Option<&Pass<U>>,
        knocks: &mut Knocks,
        ack: &mut Option<AckSender>,
    ) -> Result<U, WireError> {
        let passed = async {
            match pass.map(|pass| pass.subscribe()) {
                Some(mut pass) => match pass.wait_for(Option::is_some).await {
                    Ok(user) => user.clone(),
                    Err(_) => None,
                },
                None => None,
            }
        };
        let passed = async {
            match passed.await {
                Some(user) => user,
                None => std::future::pending().await,
            }
        };
        let attempts = async {
            let attempts = self.attempts(socket, knocks, ack);
            match self.timeout {
                None => attempts.await,
                Some(time) => tokio::time::timeout(time, attempts)
                    .await
                    .unwrap_or_else(|_| Err(WireError::new("Authentication timeout"))),
            }
        };
        tokio::select! {
            biased;
            user = passed => Ok(user),
            user = attempts => user,
        }
    }

    /// How often the connection has failed, in whichever namespace: leaving and coming again gives no further attempt.
    fn failures(&self, socket: &Socket) -> Arc<AtomicUsize> {
        socket.conn().slot(self.failures, AtomicUsize::default)
    }

    async fn attempts(
        &self,
        socket: &Socket,
        knocks: &mut Knocks,
        ack: &mut Option<AckSender>,
    ) -> Result<U, WireError> {
        let failures = self.failures(socket);
        loop {
            let knock = knocks.next().await;
            *ack = Some(knock.ack);
            // Of another namespace, meanwhile.
            if failures.load(Ordering::Acquire) >= self.max_attempts {
                return Err(too_many());
            }
            let authenticate = async { (self.authenticate)(socket.clone(), knock.credentials).await };
            let error = match caught(authenticate).await {
                Ok(user) => return Ok(user),
                Err(error) => error,
            };
            if failures.fetch_add(1, Ordering::AcqRel) + 1 >= self.max_attempts {
                return Err(error);
            }
            self.tell(socket, &error, ack.take());
            socket.report(Some(&self.authentication), error);
            knocks.again();
        }
    }

    /// Runs the hooks, then everything inside of the gate.
    async fn admit(
        &self,
        request: &ConnectRequest,
        user: U,
        pass: Option<Pass<U>>,
        next: Next,
    ) -> Result<Accepted, WireError> {
        let socket = request.socket();
        let hooks = async {
            if let Some(key) = self.user.as_ref().and_then(|key| key(&user)) {
                socket.set_user(key);
            }
            socket.extensions().insert(Claims(user.clone()));
            for hook in self.connected() {
                if let Reply(ReplyKind::Error(error)) = hook.call(request.clone()).await {
                    return Err(error);
                }
            }
            Ok(())
        };
        caught(hooks).await.map_err(|error| self.refusal(error))?;
        if let Some(pass) = pass {
            pass.send_replace(Some(user));
        }
        caught(next.run(request.clone())).await
    }

    /// What a refusal is to the connection.
    fn refusal(&self, error: WireError) -> WireError {
        match self.scope {
            GateScope::EachNamespace => error,
            GateScope::Connection => error.close_after(Duration::ZERO),
        }
    }

    /// Tells the client that it is not authenticated; that it is disconnected for it is the affair of the connection.
    fn tell(&self, socket: &Socket, error: &WireError, ack: Option<AckSender>) {
        let told = error.to_value(socket.io().hub().config.expose_errors);
        let _ = socket.emit_early(&self.unauthorized, told);
        if let Some(ack) = ack {
            ack.error(error.clone());
        }
    }

    fn tell_when_closed(&self, socket: &Socket) {
        if self.closed.is_empty() {
            return;
        }
        let hooks = self.closed.clone();
        socket.at_end(move |moment: Disconnect| {
            Box::pin(async move { each(hooks, &moment, |socket, error| socket.report(None, error)).await })
        });
    }
}

fn too_many() -> WireError {
    WireError::new("too many attempts").code("too_many_attempts")
}

/// A panic is an error like another.
async fn caught<T>(future: impl Future<Output = Result<T, WireError>>) -> Result<T, WireError> {
    AssertUnwindSafe(future).catch_unwind().await.unwrap_or_else(|panic| Err(panicked(&*panic)))
}

async fn within<T>(
    time: Duration,
    future: impl Future<Output = Result<T, WireError>>,
) -> Result<T, WireError> {
    tokio::time::timeout(time, future)
        .await
        .unwrap_or_else(|_| Err(WireError::new("the server took too long").code("timeout")))
}
