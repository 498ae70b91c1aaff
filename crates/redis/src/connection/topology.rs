use std::fmt;
use std::sync::Arc;

use redis::Value;

/// The number of hash slots of a cluster.
const SLOTS: u16 = 16_384;

/// Where a node of a cluster is.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Address {
    pub(super) host: Arc<str>,
    pub(super) port: u16,
}

/// Which node has which keys.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Topology {
    /// The first and the last slot of a range, and its primary; sorted.
    ranges: Vec<(u16, u16, Address)>,
    /// All nodes, replicas included; sorted.
    pub(super) nodes: Vec<Address>,
}

impl Address {
    pub(super) fn new(host: &str, port: u16) -> Self {
        Self { host: host.into(), port }
    }

    /// Reads `host:port` as redirections name it; without a host it is that of the node that said so.
    pub(super) fn parse(text: &str, asked: &Self) -> Option<Self> {
        let (host, port) = text.rsplit_once(':')?;
        let host = if host.is_empty() { &*asked.host } else { host };
        Some(Self::new(host, port.parse().ok()?))
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.host, self.port)
    }
}

impl Topology {
    /// Reads the answer to `CLUSTER SLOTS` of the node `asked`; what is no range is passed over.
    pub(super) fn read(slots: &Value, asked: &Address) -> Self {
        let Value::Array(entries) = slots else { return Self::default() };
        let mut topology = Self::default();
        for entry in entries {
            let Value::Array(entry) = entry else { continue };
            let [Value::Int(first), Value::Int(last), nodes @ ..] = &entry[..] else { continue };
            let (Ok(first), Ok(last)) = (u16::try_from(*first), u16::try_from(*last)) else { continue };
            let nodes: Vec<_> = nodes.iter().filter_map(|node| node_of(node, asked)).collect();
            if let Some(primary) = nodes.first() {
                topology.ranges.push((first, last, primary.clone()));
            }
            topology.nodes.extend(nodes);
        }
        topology.ranges.sort();
        topology.nodes.sort();
        topology.nodes.dedup();
        topology
    }

    /// Returns the primary that has a key or a shard channel.
    pub(super) fn primary(&self, key: &[u8]) -> Option<&Address> {
        let slot = slot(key);
        let after = self.ranges.partition_point(|(first, ..)| *first <= slot);
        let (_, last, primary) = self.ranges.get(after.checked_sub(1)?)?;
        (slot <= *last).then_some(primary)
    }

    /// Returns all primaries that have slots; sorted.
    pub(super) fn primaries(&self) -> Vec<Address> {
        let mut primaries: Vec<_> = self.ranges.iter().map(|(.., primary)| primary.clone()).collect();
        primaries.sort();
        primaries.dedup();
        primaries
    }
}

/// `[host, port, id, …]`; the host is null if it is that of the node that was asked.
fn node_of(node: &Value, asked: &Address) -> Option<Address> {
    let Value::Array(node) = node else { return None };
    let [host, Value::Int(port), ..] = &node[..] else { return None };
    let host: Option<String> = redis::from_redis_value_ref(host).ok()?;
    let host = host.filter(|host| !host.is_empty() && host != "?");
    Some(Address::new(host.as_deref().unwrap_or(&asked.host), u16::try_from(*port).ok()?))
}

/// The slot of a key: CRC-16/XMODEM of what is between the first `{` and the next `}`, if that is not empty.
fn slot(key: &[u8]) -> u16 {
    let tag = key.iter().position(|&byte| byte == b'{').and_then(|open| {
        let rest = &key[open + 1..];
        let close = rest.iter().position(|&byte| byte == b'}')?;
        (close > 0).then(|| &rest[..close])
    });
    crc16(tag.unwrap_or(key)) % SLOTS
}

fn crc16(bytes: &[u8]) -> u16 {
    bytes.iter().fold(0, |crc, &byte| {
        (0..8).fold(crc ^ (u16::from(byte) << 8), |crc, _| {
            if crc & 0x8000 == 0 { crc << 1 } else { (crc << 1) ^ 0x1021 }
        })
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn node(host: Option<&str>, port: i64) -> Value {
        let host = host.map_or(Value::Nil, |host| Value::BulkString(host.as_bytes().to_vec()));
        Value::Array(vec![host, Value::Int(port), Value::BulkString(b"id".to_vec())])
    }

    #[test]
    fn keys_have_the_slots_that_redis_gives_them() {
        assert_eq!(crc16(b"123456789"), 0x31c3);
        assert_eq!(slot(b"foo"), 12182);
        assert_eq!(slot(b"{user1000}.following"), slot(b"user1000"));
        assert_eq!(slot(b"foo{}{bar}"), crc16(b"foo{}{bar}") % SLOTS);
        assert_eq!(slot(b"foo{{bar}}zap"), slot(b"{bar"));
    }

    #[test]
    fn the_primary_of_a_key_is_found_in_what_cluster_slots_says() {
        let slots = Value::Array(vec![
            Value::Array(vec![Value::Int(10923), Value::Int(16383), node(Some("c"), 3), node(Some("d"), 4)]),
            Value::Array(vec![Value::Int(0), Value::Int(5460), node(None, 1)]),
        ]);
        let topology = Topology::read(&slots, &Address::new("asked", 9));
        assert_eq!(topology.primary(b"foo"), Some(&Address::new("c", 3)));
        assert_eq!(topology.primaries(), [Address::new("asked", 1), Address::new("c", 3)]);
        assert_eq!(topology.nodes.len(), 3);
        // 5461 to 10922 belong to nobody.
        let orphan =
            (0..).map(|at| format!("key{at}")).find(|key| (5461..10923).contains(&slot(key.as_bytes())));
        assert_eq!(topology.primary(orphan.unwrap().as_bytes()), None);
    }

    #[test]
    fn a_redirection_without_a_host_stays_on_the_host() {
        let asked = Address::new("10.0.0.1", 7000);
        assert_eq!(Address::parse("10.0.0.2:7001", &asked), Some(Address::new("10.0.0.2", 7001)));
        assert_eq!(Address::parse(":7001", &asked), Some(Address::new("10.0.0.1", 7001)));
        assert_eq!(Address::parse("::1:7001", &asked), Some(Address::new("::1", 7001)));
        assert_eq!(Address::parse("7001", &asked), None);
    }

    proptest! {
        #[test]
        fn any_key_has_a_slot(key in proptest::collection::vec(any::<u8>(), 0..40)) {
            prop_assert!(slot(&key) < SLOTS);
        }
    }
}
