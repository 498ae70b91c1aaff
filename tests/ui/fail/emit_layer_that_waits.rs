//! tower's rate limit waits, and an emit cannot.
use std::time::Duration;

use tower::limit::RateLimitLayer;
use tower_socketio::Namespace;

fn main() {
    let _: Namespace = Namespace::new().emit_layer(RateLimitLayer::new(5, Duration::from_secs(1)));
}
