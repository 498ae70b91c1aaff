use std::fs;

use tower_socketio::Cluster;
use tower_socketio::adapter::Emitter;
use tower_socketio_postgres::PostgresAdapter;
use tower_socketio_redis::{
    ClassicAdapter, RedisAdapter, RedisServer, ShardedAdapter, StreamsAdapter, SubscriptionMode,
};

use crate::Error;
use crate::options::Options;

/// An adapter before it is connected.
enum Adapter {
    Classic(ClassicAdapter),
    Sharded(ShardedAdapter),
    Streams(StreamsAdapter),
    Postgres(PostgresAdapter),
}

/// The cluster that the options describe, once its engine is reached.
pub(crate) async fn connect(options: &Options) -> Result<Cluster, Error> {
    let mut cluster = match adapter(options)? {
        Adapter::Classic(adapter) => adapter.connect().await?,
        Adapter::Sharded(adapter) => adapter.connect().await?,
        Adapter::Streams(adapter) => adapter.connect().await?,
        Adapter::Postgres(adapter) => adapter.connect().await?,
    };
    cluster = set(cluster, &options.request_timeout, Cluster::request_timeout);
    cluster = set(cluster, &options.heartbeat_interval, Cluster::heartbeat_interval);
    Ok(set(cluster, &options.heartbeat_timeout, Cluster::heartbeat_timeout))
}

/// The emitter that the options describe.
pub(crate) async fn emitter(options: &Options) -> Result<Emitter, Error> {
    Ok(match adapter(options)? {
        Adapter::Classic(adapter) => adapter.emitter().await?,
        Adapter::Sharded(adapter) => adapter.emitter().await?,
        Adapter::Streams(adapter) => adapter.emitter().await?,
        Adapter::Postgres(adapter) => adapter.emitter().await?,
    })
}

fn adapter(options: &Options) -> Result<Adapter, Error> {
    Ok(match &*options.adapter {
        "classic" => Adapter::Classic(classic(options)?),
        "sharded" => Adapter::Sharded(sharded(options)?),
        "sharded-static" => Adapter::Sharded(sharded(options)?.subscription_mode(SubscriptionMode::Static)),
        "sharded-dynamic-private" => {
            Adapter::Sharded(sharded(options)?.subscription_mode(SubscriptionMode::DynamicPrivate))
        }
        "streams" => Adapter::Streams(streams(options)?),
        "streams-sharded" => Adapter::Streams(streams(options)?.sharded_pub_sub(true)),
        "postgres" => Adapter::Postgres(postgres(options)?),
        name => return Err(format!("no adapter {name}").into()),
    })
}

fn classic(options: &Options) -> Result<ClassicAdapter, Error> {
    let adapter = RedisAdapter::classic(redis(options)?)
        .publish_on_specific_response_channel(options.specific_responses);
    Ok(set(adapter, &options.prefix, ClassicAdapter::channel_prefix))
}

fn sharded(options: &Options) -> Result<ShardedAdapter, Error> {
    Ok(set(RedisAdapter::sharded(redis(options)?), &options.prefix, ShardedAdapter::channel_prefix))
}

fn streams(options: &Options) -> Result<StreamsAdapter, Error> {
    let mut adapter = RedisAdapter::streams(redis(options)?);
    adapter = set(adapter, &options.prefix, StreamsAdapter::stream_name);
    adapter = set(adapter, &options.prefix, StreamsAdapter::channel_prefix);
    adapter = set(adapter, &options.streams, StreamsAdapter::stream_count);
    Ok(set(adapter, &options.max_length, StreamsAdapter::max_len))
}

fn postgres(options: &Options) -> Result<PostgresAdapter, Error> {
    let mut adapter = PostgresAdapter::new(&options.url);
    if let Some(file) = &options.ca {
        adapter = adapter.certificate_authority(fs::read(file)?);
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
