//! Where controllers live, and what their namespaces are called.

use std::sync::Arc;

use tower_socketio::{
    Ack, ConfigError, ConnectRequest, Controller, ControllerSet, Namespace, Pattern, Socket, SocketIo,
    TestClient, TestError, WireError,
};

use crate::support::{Test, join};

/// A controller that says where it lives and what that is called, and answers `which` by its own name.
macro_rules! controllers {
    ($($name:ident $pattern:expr, $called:expr;)*) => { $(
        struct $name;

        impl Controller for $name {
            async fn open(_: &mut ConnectRequest, _: &()) -> Result<Self, WireError> {
                Ok(Self)
            }

            fn events(on: Namespace) -> Namespace {
                on.on("which", Self::which).on(stringify!($name), Self::which)
            }

            fn namespace() -> Pattern {
                $pattern.into()
            }

            fn name() -> Option<&'static str> {
                $called
            }
        }

        impl $name {
            async fn which(self: Arc<Self>, socket: Socket) -> Ack<(&'static str, String)> {
                Ack((stringify!($name), socket.namespace().name().to_owned()))
            }
        }
    )* };
}

controllers! {
    Root "", None;
    Sample "/sample/ws", Some("sample");
    Decorated "/decorators/ws", None;
    Rooms "/rooms/{room}", Some("rooms");
    Guests "/rooms/{room}", None;
    Impostor "/impostor", Some("sample");
    Malformed "no slash", None;
}

/// Lives where it does not say.
struct Silent;

impl Controller<u32> for Silent {
    async fn open(_: &mut ConnectRequest, _: &u32) -> Result<Self, WireError> {
        Ok(Self)
    }

    fn events(on: Namespace<u32>) -> Namespace<u32> {
        on.on("state", async |tower_socketio::State(n): tower_socketio::State<u32>| Ack(n))
    }
}

async fn which(io: &SocketIo, namespace: &str) -> Test<(String, String)> {
    let client = TestClient::new(io).connect(namespace).await?;
    Ok(client.emit_with_ack("which", ()).await?)
}

async fn is_unknown(io: &SocketIo, namespace: &str) -> bool {
    let result = TestClient::new(io).connect(namespace).await;
    matches!(result, Err(TestError::Refused(error)) if error.message() == "Invalid namespace")
}

#[tokio::test]
async fn every_controller_of_a_set_is_reachable_where_it_says_and_no_other_is() -> Test {
    let set = ControllerSet::new().add::<Root>().add::<Sample>().add::<Decorated>().add::<Rooms>();
    let io = SocketIo::builder().mount(set).build()?;
    for (namespace, name) in
        [("/", "Root"), ("/sample/ws", "Sample"), ("/decorators/ws", "Decorated"), ("/rooms/1", "Rooms")]
    {
        assert_eq!(which(&io, namespace).await?, (name.to_owned(), namespace.to_owned()));
    }
    assert!(is_unknown(&io, "/impostor").await, "it is not listed");
    io.mount(ControllerSet::new().add_at::<Impostor>("/impostor"))?;
    assert_eq!(which(&io, "/impostor").await?.0, "Impostor", "it was added while serving");
    Ok(())
}

#[tokio::test]
async fn a_controller_that_says_nothing_lives_in_the_root_and_the_set_gives_states() -> Test {
    let io = SocketIo::builder().mount(ControllerSet::new().add::<Silent>().with_state(7)).build()?;
    assert_eq!(join(&io).await.emit_with_ack::<u32>("state", ()).await?, 7);
    assert!(io.named("").is_none());
    Ok(())
}

#[tokio::test]
async fn a_given_namespace_overrides_the_declared_one() -> Test {
    let io = SocketIo::builder().build()?;
    io.mount(ControllerSet::new().add_at::<Sample>("/elsewhere"))?;
    assert_eq!(which(&io, "/elsewhere").await?, ("Sample".into(), "/elsewhere".into()));
    assert_eq!(io.of("/elsewhere").name(), "/elsewhere");
    assert!(is_unknown(&io, "/sample/ws").await);
    assert!(io.named("sample").is_none(), "the name belongs to the declared place");
    // Without a set it is the same.
    io.namespace("/third", Namespace::new().controller::<Sample>())?;
    assert_eq!(which(&io, "/third").await?.1, "/third");
    Ok(())
}

#[tokio::test]
async fn a_name_leads_to_the_namespace_also_in_methods() -> Test {
    let announce =
        async |io: SocketIo| Ack(io.named("rooms").map_or(0, |all| all.emit("news", ()).reached()));
    let io = SocketIo::builder()
        .mount(ControllerSet::new().add::<Sample>().add::<Rooms>())
        .namespace("/", Namespace::new().name("start").name("home").on("announce", announce))
        .build()?;
    let names =
        ["sample", "rooms", "start", "home"].map(|name| io.named(name).map(|all| all.name().to_owned()));
    assert_eq!(names, ["/sample/ws", "/rooms/{room}", "/", "/"].map(|name| Some(name.to_owned())));
    assert!(io.named("no").is_none());
    let mut one = TestClient::new(&io).connect("/rooms/1").await?;
    let mut two = TestClient::new(&io).connect("/rooms/2").await?;
    assert_eq!(join(&io).await.emit_with_ack::<usize>("announce", ()).await?, 2);
    one.next::<()>("news").await?;
    two.next::<()>("news").await?;
    Ok(())
}

#[tokio::test]
async fn a_name_that_another_namespace_has_is_an_error() -> Test {
    let twice = SocketIo::builder().mount(ControllerSet::new().add::<Sample>().add::<Impostor>()).build();
    assert!(matches!(twice, Err(ConfigError::DuplicateName(name)) if name == "sample"));
    let io = SocketIo::builder().mount(ControllerSet::new().add::<Sample>()).build()?;
    let later = io.mount(ControllerSet::new().add::<Impostor>());
    assert!(matches!(later, Err(ConfigError::DuplicateName(name)) if name == "sample"));
    let by_hand = io.namespace("/x", Namespace::new().name("sample"));
    assert!(matches!(by_hand, Err(ConfigError::DuplicateName(_))));
    assert!(is_unknown(&io, "/impostor").await);
    io.namespace("/x", Namespace::new().name("x").name("x"))?;
    Ok(())
}

#[tokio::test]
async fn a_set_is_mounted_whole_or_not_at_all() -> Test {
    let io = SocketIo::builder().namespace("/decorators/ws", Namespace::new()).build()?;
    let taken = io.mount(ControllerSet::new().add::<Sample>().add::<Decorated>());
    assert!(matches!(taken, Err(ConfigError::DuplicateNamespace(name)) if name == "/decorators/ws"));
    let malformed = io.mount(ControllerSet::new().add::<Sample>().add::<Malformed>());
    assert!(matches!(malformed, Err(ConfigError::MalformedNamespace(_))));
    assert!(is_unknown(&io, "/sample/ws").await);
    assert!(io.named("sample").is_none());
    io.mount(ControllerSet::new().add::<Sample>())?;
    assert_eq!(which(&io, "/sample/ws").await?.0, "Sample");
    Ok(())
}

#[tokio::test]
async fn controllers_of_one_pattern_share_its_namespaces() -> Test {
    let set = ControllerSet::new().add::<Rooms>().add::<Guests>().add_at::<Sample>("/rooms/{room}");
    let io = SocketIo::builder().mount(set).build()?;
    let client = TestClient::new(&io).connect("/rooms/1").await?;
    for name in ["Rooms", "Guests", "Sample"] {
        let (which, namespace): (String, String) = client.emit_with_ack(name, ()).await?;
        assert_eq!((&*which, &*namespace), (name, "/rooms/1"));
    }
    assert_eq!(io.named("rooms").map(|all| all.count()), Some(1));
    // Predicates are code, which nobody can compare.
    let predicate = || Pattern::predicate("/odd", async |_, _| true);
    let two = ControllerSet::new().add_at::<Rooms>(predicate()).add_at::<Guests>(predicate());
    assert!(matches!(io.mount(two), Err(ConfigError::DuplicateNamespace(_))));
    Ok(())
}
