//! One test for every protocol version, every transport, or both.
//!
//! A check is an ordinary function; a list at the top of its file says what it is checked with, and the tests take its
//! name: `in_every_way![an_event_is_answered]` makes `an_event_is_answered::engine_io_4_polling` and three more.

/// Makes tests of functions of a [`Version`](crate::client::Version), one for each.
macro_rules! in_both_versions {
    ($($name:ident),+ $(,)?) => {
        $(mod $name {
            use $crate::client::Version;

            #[tokio::test]
            async fn engine_io_4() {
                super::$name(Version::Four).await;
            }

            #[tokio::test]
            async fn engine_io_3() {
                super::$name(Version::Three).await;
            }
        })+
    };
}

/// Makes tests of functions of a [`Way`](crate::client::Way), one for each transport of Engine.IO 4.
macro_rules! in_both_ways_of_engine_io_4 {
    ($($name:ident),+ $(,)?) => {
        $(mod $name {
            use $crate::client::Way;

            #[tokio::test]
            async fn polling() {
                super::$name(Way::POLLING_4).await;
            }

            #[tokio::test]
            async fn websocket() {
                super::$name(Way::WEBSOCKET_4).await;
            }
        })+
    };
}

/// Makes tests of functions of a [`Way`](crate::client::Way), one for each transport of Engine.IO 3.
macro_rules! in_both_ways_of_engine_io_3 {
    ($($name:ident),+ $(,)?) => {
        $(mod $name {
            use $crate::client::Way;

            #[tokio::test]
            async fn polling() {
                super::$name(Way::POLLING_3).await;
            }

            #[tokio::test]
            async fn websocket() {
                super::$name(Way::WEBSOCKET_3).await;
            }
        })+
    };
}

/// Makes tests of functions of a [`Way`](crate::client::Way), one for each transport of both versions.
macro_rules! in_every_way {
    ($($name:ident),+ $(,)?) => {
        $(mod $name {
            use $crate::client::Way;

            #[tokio::test]
            async fn engine_io_4_polling() {
                super::$name(Way::POLLING_4).await;
            }

            #[tokio::test]
            async fn engine_io_4_websocket() {
                super::$name(Way::WEBSOCKET_4).await;
            }

            #[tokio::test]
            async fn engine_io_3_polling() {
                super::$name(Way::POLLING_3).await;
            }

            #[tokio::test]
            async fn engine_io_3_websocket() {
                super::$name(Way::WEBSOCKET_3).await;
            }
        })+
    };
}

pub(crate) use {in_both_versions, in_both_ways_of_engine_io_3, in_both_ways_of_engine_io_4, in_every_way};
