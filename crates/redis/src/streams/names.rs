use std::num::NonZeroU32;

/// Which streams and channels a namespace has.
#[derive(Clone, Debug)]
pub(super) struct Names {
    pub(super) stream: String,
    pub(super) streams: NonZeroU32,
    pub(super) channel: String,
}

/// A stream by its number; Node writes to negative ones, too.
pub(super) type Number = i64;

impl Names {
    /// The name of a stream: without its number if there is one stream only.
    pub(super) fn stream(&self, number: Number) -> String {
        if self.streams.get() == 1 { self.stream.clone() } else { format!("{}-{number}", self.stream) }
    }

    /// The stream that a namespace's messages are written to; all servers read it.
    pub(super) fn home(&self, namespace: &str) -> Number {
        self.node_home(namespace).abs()
    }

    /// The stream that Node writes a namespace's messages to though it does not read it, if it does that.
    pub(super) fn stray(&self, namespace: &str) -> Option<Number> {
        let number = self.node_home(namespace);
        (number < 0).then_some(number)
    }

    /// All streams from which messages of a namespace may come: like Node's, an emitter may write to any of them.
    pub(super) fn sources(&self, namespace: &str) -> impl Iterator<Item = Number> + use<> {
        (0..Number::from(self.streams.get())).chain(self.stray(namespace))
    }

    /// The channel for what concerns all nodes of a namespace.
    pub(super) fn public_channel(&self, namespace: &str) -> String {
        format!("{}#{namespace}#", self.channel)
    }

    /// The channel for what concerns one node.
    pub(super) fn private_channel(&self, namespace: &str, node: &str) -> String {
        format!("{}#{namespace}#{node}#", self.channel)
    }

    fn node_home(&self, namespace: &str) -> Number {
        Number::from(hash(namespace)) % Number::from(self.streams.get())
    }
}

/// Java's hash of a string, over its UTF-16 code units; half of all strings have a negative one.
fn hash(text: &str) -> i32 {
    text.encode_utf16().fold(0, |hash: i32, unit| hash.wrapping_mul(31).wrapping_add(unit.into()))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn names(streams: u32) -> Names {
        let streams = NonZeroU32::new(streams).unwrap();
        Names { stream: "socket.io".to_owned(), streams, channel: "socket.io".to_owned() }
    }

    #[test]
    fn hashes_are_those_of_node() {
        for (namespace, expected) in [
            ("", 0),
            ("/", 47),
            ("/admin", 1_438_238_848),
            ("/my-namespace", -1_403_629_527),
            ("/chat", 46_457_863),
            ("/ünï", 1_645_998),
            ("/😀", 1_818_066),
            ("/namespace-with-a-rather-long-name-1234567890", 1_293_351_895),
        ] {
            assert_eq!(hash(namespace), expected, "{namespace}");
        }
    }

    #[test]
    fn a_single_stream_has_no_number() {
        let names = names(1);
        assert_eq!(names.stream(names.home("/my-namespace")), "socket.io");
        assert_eq!(names.sources("/my-namespace").collect::<Vec<_>>(), [0]);
        assert_eq!(names.public_channel("/admin"), "socket.io#/admin#");
        assert_eq!(names.private_channel("/admin", "41e7c4b94158eb66"), "socket.io#/admin#41e7c4b94158eb66#");
    }

    #[test]
    fn a_namespace_with_a_negative_hash_is_written_where_node_reads_and_read_where_node_writes() {
        let names = names(2);
        assert_eq!(names.stream(names.home("/my-namespace")), "socket.io-1");
        let sources: Vec<_> = names.sources("/my-namespace").map(|number| names.stream(number)).collect();
        assert_eq!(sources, ["socket.io-0", "socket.io-1", "socket.io--1"]);
        let sources: Vec<_> = names.sources("/").map(|number| names.stream(number)).collect();
        assert_eq!(sources, ["socket.io-0", "socket.io-1"]);
    }

    #[test]
    fn a_negative_hash_without_remainder_is_the_first_stream() {
        let names = names(3);
        assert_eq!(names.stream(names.home("/my-namespace")), "socket.io-0");
        assert_eq!(names.stray("/my-namespace"), None);
    }

    proptest! {
        #[test]
        fn every_namespace_is_written_to_a_stream_that_all_servers_read(namespace: String, streams in 1u32..10) {
            let names = names(streams);
            let home = names.home(&namespace);
            prop_assert!((0..i64::from(streams)).contains(&home));
            prop_assert!(names.sources(&namespace).any(|number| number == home));
        }
    }
}
