//! Run with `cargo run --features rate-limit --example rate_limit`: limits per socket, user and address, behind a proxy
//! or not, and pages of another site.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::time::Duration;

use axum::http::{HeaderValue, Method};
use tower_http::cors::CorsLayer;
use tower_socketio::{
    Ack, Auth, Beyond, ClientIp, Data, Handler, Namespace, Query, RateLimitLayer, SizeLimitLayer, Socket,
    SocketIo,
};

const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_secs(60);
/// Where the pages are, if they are elsewhere.
const PAGES: &str = "https://example.com";

type Pairs = HashMap<String, String>;

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    // One message in ten seconds from each user, from however many devices.
    let shout = shout.layer(RateLimitLayer::per_user(1, 10 * SECOND));
    let namespace = Namespace::new()
        .packet_layer(RateLimitLayer::per_socket(5, SECOND))
        .on_connect(login)
        .on("echo", async |Data(text): Data<String>| Ack(text))
        .on("note", (async |Data(text): Data<String>| Ack(text.len())).layer(SizeLimitLayer::new(1000)))
        .on("shout", shout)
        .on("who", who);
    let uploads = Namespace::new()
        .packet_layer(RateLimitLayer::per_socket(1 << 20, SECOND).bytes().beyond(Beyond::Disconnect))
        .on("upload", async |Data(file): Data<bytes::Bytes>| Ack(file.len()));
    let io = SocketIo::builder()
        // The reverse proxy on this machine says whom it speaks for; nobody else is believed.
        .trust_proxies(["127.0.0.0/8".parse()?, "::1/128".parse()?])
        .max_connections_per_address(100)
        .allow_eio3(true)
        .connect_layer(RateLimitLayer::per_address(200, MINUTE))
        .namespace("/", namespace)
        .namespace("/connection2", Namespace::new().on_connect(second))
        .namespace("/uploads", uploads)
        .build()?;
    let cors = CorsLayer::new()
        .allow_origin([HeaderValue::from_static(PAGES)])
        .allow_methods([Method::GET, Method::POST])
        .allow_credentials(true);
    let app = axum::Router::new().layer(io.layer()).layer(cors);
    let port: u16 = std::env::var("PORT").map_or(Ok(3000), |port| port.parse())?;
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", port)).await?;
    println!("listening on http://localhost:{}", listener.local_addr()?.port());
    // Without the peers' addresses nothing could be counted by them.
    Ok(axum::serve(listener, app.into_make_service_with_connect_info::<SocketAddr>()).await?)
}

/// A demonstration: everybody is whom they say they are.
async fn login(socket: Socket, Query(query): Query<Pairs>) {
    if let Some(user) = query.get("user") {
        socket.set_user(user);
    }
}

/// The query is the connection's, `auth` the namespace's own (with old clients the query they ask it with).
async fn second(socket: Socket, Query(query): Query<Pairs>, auth: Option<Auth<Pairs>>) {
    let own = auth.and_then(|Auth(auth)| auth.get("token").cloned());
    socket.emit("seen", (query.get("token"), own));
}

async fn shout(socket: Socket, Data(text): Data<String>) {
    socket.broadcast().emit("shout", text);
}

async fn who(socket: Socket, ClientIp(address): ClientIp) -> Ack<(String, bool)> {
    Ack((address.to_string(), socket.conn().is_secure()))
}
