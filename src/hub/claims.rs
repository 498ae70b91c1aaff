use std::any::type_name;

/// What a layer around CONNECTs has verified of the client: its user, never what the client says of itself.
///
/// `JwtLayer` (with the feature `jwt`) gives them, and so does any layer that calls
/// `socket.extensions().insert(Claims(value))`. `Option<Claims<T>>` is `None` for a guest.
///
/// If no layer gives claims of this type, that is an error of the server: the client reads "internal error" and the log
/// says what is missing. For a guest of a layer that lets guests in it is "a token is needed", with the code `no_token`.
///
/// # Example
///
/// ```
/// use tower_socketio::{Ack, Claims, ConnectRequest, Namespace, WireError, connect};
///
/// #[derive(Clone)]
/// struct User(String);
///
/// let namespace: Namespace = Namespace::new()
///     .connect_layer(connect::from_fn(async |request: ConnectRequest, next: connect::Next| {
///         let Some("open sesame") = request.query("password") else {
///             return Err(WireError::new("who are you?").code("unauthorized"));
///         };
///         request.socket().extensions().insert(Claims(User("Ali Baba".into())));
///         next.run(request).await
///     }))
///     .on("who", async |Claims(User(name)): Claims<User>| Ack(name));
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Claims<T>(pub T);

/// Whether this is the type of claims of whatever kind: no trait can say so of every type, but its name does.
pub(super) fn are_claims<T>() -> bool {
    let Some((claims, _)) = type_name::<Claims<()>>().split_once("<") else { return false };
    type_name::<T>().strip_prefix(claims).is_some_and(|rest| rest.starts_with('<'))
}

#[cfg(test)]
mod tests {
    use super::*;

    mod others {
        pub(super) struct Claims<T>(pub(super) T);
        pub(super) struct ClaimsOf<T>(pub(super) T);
    }

    #[test]
    fn claims_of_every_type_are_told_from_whatever_else_there_is() {
        assert!(are_claims::<Claims<()>>());
        assert!(are_claims::<Claims<String>>());
        assert!(are_claims::<Claims<Vec<Option<&'static str>>>>());
        assert!(are_claims::<Claims<Claims<u8>>>());
        assert!(!are_claims::<String>());
        assert!(!are_claims::<Vec<Claims<()>>>());
        assert!(!are_claims::<others::Claims<()>>());
        assert!(!are_claims::<others::ClaimsOf<Claims<()>>>());
        let _ = (others::Claims(()), others::ClaimsOf(()));
    }
}
