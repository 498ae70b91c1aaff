use tower_socketio::Cluster;

use crate::Error;
use crate::options::Options;

/// The adapter that the options name, once its engine is reached.
pub(crate) async fn connect(options: &Options) -> Result<Cluster, Error> {
    Err("later".into())
}
