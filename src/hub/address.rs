use std::net::{IpAddr, Ipv6Addr};

use ipnet::{IpNet, Ipv4Net};

/// The request header in which a proxy says whom it speaks for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum ProxyHeader {
    /// `X-Forwarded-For`, and `X-Forwarded-Proto` for the scheme.
    #[default]
    XForwardedFor,
    /// `Forwarded` of RFC 7239, with `for=` and `proto=`.
    Forwarded,
}

/// A request's extension by which whoever accepted its connection says whether that has TLS.
///
/// Layers outside of [`SocketIoLayer`](crate::SocketIoLayer) insert it where the server itself unwraps TLS;
/// [`Conn::is_secure`](crate::Conn::is_secure) tells handlers. The word of a trusted proxy counts for more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Secure(pub bool);

/// Whose word about a client's address is taken.
#[derive(Clone, Debug, Default)]
pub(crate) struct Proxies {
    nets: Vec<IpNet>,
    pub(crate) header: ProxyHeader,
}

impl Proxies {
    pub(crate) fn trust(&mut self, nets: impl IntoIterator<Item = IpNet>) {
        self.nets = nets.into_iter().map(unmapped).collect();
    }

    /// Whether the machine at this address, which must not be an IPv4 address in the form of an IPv6 one, is one of ours.
    pub(crate) fn trusts(&self, address: IpAddr) -> bool {
        self.nets.iter().any(|net| net.contains(&address))
    }
}

/// A net of IPv4 addresses in the form of IPv6 ones is a net of IPv4 addresses.
fn unmapped(net: IpNet) -> IpNet {
    if let IpNet::V6(v6) = net
        && let (Some(v4), Some(prefix)) = (v6.addr().to_ipv4_mapped(), v6.prefix_len().checked_sub(96))
        && let Ok(v4) = Ipv4Net::new(v4, prefix)
    {
        return v4.into();
    }
    net
}

/// What is counted as one address: of IPv6 the /64, of which one subscriber has all.
pub(crate) fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(v6) => Ipv6Addr::from_bits(v6.to_bits() >> 64 << 64).into(),
        v4 => v4,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neighbours_in_a_64_are_one_and_ipv4_addresses_are_not() {
        let network = |text: &str| network(text.parse().expect("an address")).to_string();
        assert_eq!(network("2001:db8:1:2:3:4:5:6"), "2001:db8:1:2::");
        assert_eq!(network("2001:db8:1:2::"), "2001:db8:1:2::");
        assert_eq!(network("2001:db8:1:3::1"), "2001:db8:1:3::");
        assert_eq!(network("192.0.2.1"), "192.0.2.1");
        assert_eq!(network("::ffff:192.0.2.1"), "192.0.2.1");
    }

    #[test]
    fn a_net_of_mapped_addresses_is_one_of_ipv4() {
        let mut proxies = Proxies::default();
        proxies.trust(["::ffff:10.0.0.0/104".parse().expect("a net"), "::/0".parse().expect("a net")]);
        let trusts = |text: &str| proxies.trusts(text.parse().expect("an address"));
        assert!(trusts("10.1.2.3") && trusts("2001:db8::1"));
        assert!(!trusts("11.1.2.3"));
    }
}
