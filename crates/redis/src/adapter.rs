use crate::{ClassicAdapter, RedisServer, ShardedAdapter, StreamsAdapter};

/// The ways in which nodes talk over Redis; the [crate's page](crate) compares them.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct RedisAdapter;

impl RedisAdapter {
    /// The sharded adapter, for Redis 7, Valkey and their clusters.
    ///
    /// ```no_run
    /// use tower_socketio_redis::{RedisAdapter, SubscriptionMode};
    ///
    /// # async fn connect() -> Result<(), Box<dyn std::error::Error>> {
    /// let cluster = RedisAdapter::sharded(["redis://10.0.0.1:6379", "redis://10.0.0.2:6379"])
    ///     .subscription_mode(SubscriptionMode::DynamicPrivate)
    ///     .connect()
    ///     .await?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn sharded(server: impl Into<RedisServer>) -> ShardedAdapter {
        ShardedAdapter::new(server.into())
    }

    /// The classic adapter, that of most Node clusters.
    ///
    /// ```no_run
    /// use tower_socketio_redis::RedisAdapter;
    ///
    /// # async fn connect() -> Result<(), Box<dyn std::error::Error>> {
    /// let cluster = RedisAdapter::classic("redis://localhost").channel_prefix("chat").connect().await?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn classic(server: impl Into<RedisServer>) -> ClassicAdapter {
        ClassicAdapter::new(server.into())
    }

    /// The adapter over streams, which keep messages: nodes and clients that were away hear them later.
    ///
    /// ```no_run
    /// use tower_socketio_redis::RedisAdapter;
    ///
    /// # async fn connect() -> Result<(), Box<dyn std::error::Error>> {
    /// let cluster = RedisAdapter::streams("redis://localhost").max_len(100_000).connect().await?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn streams(server: impl Into<RedisServer>) -> StreamsAdapter {
        StreamsAdapter::new(server.into())
    }
}

#[cfg(test)]
mod tests {
    use std::error::Error;
    use std::time::Duration;

    use tokio::net::TcpListener;

    use super::*;
    use crate::ConnectError;

    #[tokio::test]
    async fn no_duration_is_too_long() {
        let port = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap().port();
        let server = RedisServer::from(format!("redis://127.0.0.1:{port}"))
            .connect_timeout(Duration::MAX)
            .response_timeout(Duration::MAX);
        let error = RedisAdapter::streams(server).block_time(Duration::MAX).connect().await.unwrap_err();
        assert!(matches!(error, ConnectError::Unreachable(_)), "{error:?}");
    }

    #[tokio::test]
    async fn a_url_that_is_none_is_not_shown() {
        for url in [
            "http://ann:hunter2@localhost",
            "redis://ann:hunter2@localhost:port",
            "redis://ann:hunter2@localhost/hunter2",
            "rediss://ann:hunter2@localhost#hunter2",
            "redis://ann:hunter2@",
            "hunter2",
        ] {
            let error = RedisAdapter::classic(url).connect().await.unwrap_err();
            assert!(matches!(error, ConnectError::Configuration(_)), "{url}: {error:?}");
            let shown = format!("{error:?} {error} {}", error.source().unwrap());
            assert!(!shown.contains("hunter2"), "{url}: {shown}");
        }
    }
}
