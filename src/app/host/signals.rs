use std::io;

use tokio::task::JoinSet;

use super::HostHandle;

/// Tells the host of every signal to end, until the task is dropped.
pub(super) fn watch(host: HostHandle) -> io::Result<JoinSet<()>> {
    let mut signals = Signals::catch()?;
    let mut task = JoinSet::new();
    task.spawn(async move {
        loop {
            signals.next().await;
            tracing::info!(target: "socketio::host", "a signal to end");
            host.signalled();
        }
    });
    Ok(task)
}

#[cfg(unix)]
struct Signals([tokio::signal::unix::Signal; 3]);

#[cfg(unix)]
impl Signals {
    fn catch() -> io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        Ok(Self([
            signal(SignalKind::terminate())?,
            signal(SignalKind::interrupt())?,
            signal(SignalKind::hangup())?,
        ]))
    }

    async fn next(&mut self) {
        use std::task::Poll;
        std::future::poll_fn(|cx| match self.0.iter_mut().any(|signal| signal.poll_recv(cx).is_ready()) {
            true => Poll::Ready(()),
            false => Poll::Pending,
        })
        .await;
    }
}

#[cfg(not(unix))]
struct Signals;

#[cfg(not(unix))]
impl Signals {
    fn catch() -> io::Result<Self> {
        Ok(Self)
    }

    async fn next(&mut self) {
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending().await
        }
    }
}
