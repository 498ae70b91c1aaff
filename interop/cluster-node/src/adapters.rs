use std::fs;

use tower_socketio::Cluster;
use tower_socketio_postgres::PostgresAdapter;
use tower_socketio_redis::{RedisAdapter, RedisServer, ShardedAdapter, StreamsAdapter, SubscriptionMode};

use crate::Error;
use crate::options::Options;

/// The cluster that the options describe, once its engine is reached.
pub(crate) async fn connect(options: &Options) -> Result<Cluster, Error> {
    let mut cluster = match &*options.adapter {
        "sharded" => sharded(options, SubscriptionMode::Dynamic)?.connect().await?,
        "sharded-static" => sharded(options, SubscriptionMode::Static)?.connect().await?,
        "sharded-dynamic-private" => sharded(options, SubscriptionMode::DynamicPrivate)?.connect().await?,
        "streams" => streams(options)?.connect().await?,
        "streams-sharded" => streams(options)?.sharded_pub_sub(true).connect().await?,
        "postgres" => postgres(options)?.connect().await?,
        name => return Err(format!("no adapter {name}").into()),
    };
    if let Some(timeout) = options.request_timeout {
        cluster = cluster.request_timeout(timeout);
    }
    if let Some(interval) = options.heartbeat_interval {
        cluster = cluster.heartbeat_interval(interval);
    }
    if let Some(timeout) = options.heartbeat_timeout {
        cluster = cluster.heartbeat_timeout(timeout);
    }
    Ok(cluster)
}

fn sharded(options: &Options, mode: SubscriptionMode) -> Result<ShardedAdapter, Error> {
    let adapter = RedisAdapter::sharded(redis(options)?).subscription_mode(mode);
    Ok(set(adapter, &options.prefix, |adapter, prefix| adapter.channel_prefix(prefix)))
}

fn streams(options: &Options) -> Result<StreamsAdapter, Error> {
    let mut adapter = RedisAdapter::streams(redis(options)?);
    adapter = set(adapter, &options.prefix, |adapter, prefix| {
        adapter.stream_name(prefix.clone()).channel_prefix(prefix)
    });
    adapter = set(adapter, &options.streams, StreamsAdapter::stream_count);
    Ok(set(adapter, &options.max_length, StreamsAdapter::max_len))
}

fn postgres(options: &Options) -> Result<PostgresAdapter, Error> {
    let mut adapter = PostgresAdapter::new(&options.url);
    if let Some(file) = &options.ca {
        adapter = adapter.tls_authorities(fs::read(file)?);
    }
    adapter = set(adapter, &options.prefix, PostgresAdapter::channel_prefix);
    adapter = set(adapter, &options.payload_threshold, PostgresAdapter::payload_threshold);
    Ok(set(adapter, &options.cleanup_interval, PostgresAdapter::cleanup_interval))
}

fn redis(options: &Options) -> Result<RedisServer, Error> {
    let urls: Vec<_> = options.url.split(',').collect();
    let mut server = match (&options.sentinel, &*urls) {
        (Some(name), _) => RedisServer::sentinel(name, urls),
        (None, [url]) => RedisServer::from(*url),
        (None, _) => RedisServer::cluster(urls),
    };
    if let Some(file) = &options.ca {
        server = server.certificate_authority(fs::read(file)?);
    }
    Ok(server)
}

/// With the option, if it was given.
fn set<A, T: Clone>(adapter: A, option: &Option<T>, with: impl FnOnce(A, T) -> A) -> A {
    match option {
        Some(value) => with(adapter, value.clone()),
        None => adapter,
    }
}
