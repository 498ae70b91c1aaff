use std::sync::Arc;
use std::time::Duration;

use axum::Extension;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::http::{HeaderName, Method, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodRouter, get};

use super::TicketStore;

const NO_STORE: [(HeaderName, &str); 1] = [(CACHE_CONTROL, "no-store")];

/// The route that hands out tickets: `GET` answers `{"token": ".."}`, not to be cached.
///
/// The ticket is for the `Extension<P>` that a login layer in front of it has left in the request. Without one the
/// answer is 401, and nothing is stored; if the store fails it is 503.
pub fn route<P, T, S>(store: T, ttl: Duration) -> MethodRouter<S>
where
    P: Clone + Send + Sync + 'static,
    T: TicketStore<P>,
    S: Clone + Send + Sync + 'static,
{
    let store = Arc::new(store);
    get(async move |method: Method, user: Option<Extension<P>>| hand_out(&*store, ttl, &method, user).await)
}

async fn hand_out<P, T>(store: &T, ttl: Duration, method: &Method, user: Option<Extension<P>>) -> Response
where
    T: TicketStore<P>,
{
    let Some(Extension(user)) = user else { return (NO_STORE, StatusCode::UNAUTHORIZED).into_response() };
    if method == Method::HEAD {
        return (NO_STORE, StatusCode::OK).into_response();
    }
    match store.create(user, ttl).await {
        Ok(ticket) => {
            let json = format!(r#"{{"token":"{}"}}"#, ticket.as_str());
            (NO_STORE, [(CONTENT_TYPE, "application/json")], json).into_response()
        }
        Err(error) => {
            tracing::error!(target: "socketio::http", %error, "no ticket can be made");
            (NO_STORE, StatusCode::SERVICE_UNAVAILABLE).into_response()
        }
    }
}
