use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use http::{HeaderMap, HeaderName};

use crate::hub::{Proxies, ProxyHeader};

/// The longest address or scheme that anybody writes; more is not looked at.
const LONGEST: usize = 128;

/// Whom a proxy speaks for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Origin {
    /// The client's address, where it is not the peer's.
    pub(super) client: Option<IpAddr>,
    /// Whether the client came by TLS, if a proxy says so.
    pub(super) secure: Option<bool>,
}

/// Reads what trusted proxies say. The last entry is the nearest proxy's; what is left of the first address that is not
/// trusted is the client's own invention.
pub(super) fn origin(proxies: &Proxies, peer: IpAddr, headers: &HeaderMap) -> Origin {
    let peer = peer.to_canonical();
    if !proxies.trusts(peer) {
        return Origin::default();
    }
    match proxies.header {
        ProxyHeader::XForwardedFor => {
            let (client, hops) = walk(proxies, peer, entries(headers, "x-forwarded-for").map(node));
            // Each proxy adds the scheme by which it was reached, or one speaks for all of them.
            let schemes = entries(headers, "x-forwarded-proto");
            let scheme = schemes.take(hops.max(1)).last();
            Origin { client, secure: scheme.and_then(is_secure) }
        }
        ProxyHeader::Forwarded => {
            let mut secure = None;
            let said = entries(headers, "forwarded").map(|entry| {
                let (address, scheme) = element(entry);
                if address.is_some() {
                    secure = scheme;
                }
                address
            });
            let (client, _) = walk(proxies, peer, said);
            Origin { client, secure }
        }
    }
}

/// Goes from the peer to the client; returns its address and how many entries were good.
fn walk(
    proxies: &Proxies,
    peer: IpAddr,
    said: impl Iterator<Item = Option<IpAddr>>,
) -> (Option<IpAddr>, usize) {
    let (mut last, mut hops) = (peer, 0);
    for address in said.map_while(|address| address) {
        (last, hops) = (address, hops + 1);
        if !proxies.trusts(address) {
            break;
        }
    }
    (Some(last).filter(|last| *last != peer), hops)
}

/// The entries of a list that may be spread over several headers, from the last to the first, one at a time.
fn entries<'a>(headers: &'a HeaderMap, name: &'static str) -> impl Iterator<Item = &'a [u8]> {
    let values = headers.get_all(HeaderName::from_static(name)).into_iter().rev();
    values.flat_map(|value| Backwards { rest: Some(value.as_bytes()), separator: b',' })
}

/// Splits from the right, and not inside of quotes: whatever a client has put in front, it cannot hide what our proxies
/// have added behind.
struct Backwards<'a> {
    rest: Option<&'a [u8]>,
    separator: u8,
}

impl<'a> Iterator for Backwards<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        let rest = self.rest?;
        let (mut at, mut quoted) = (rest.len(), false);
        while at > 0 {
            at -= 1;
            if rest[at] == b'"' {
                let before = &rest[..at];
                let escapes = before.iter().rev().take_while(|byte| **byte == b'\\').count();
                if escapes % 2 == 0 {
                    quoted = !quoted;
                }
                at -= escapes;
            } else if rest[at] == self.separator && !quoted {
                self.rest = Some(&rest[..at]);
                return Some(rest[at + 1..].trim_ascii());
            }
        }
        self.rest = None;
        Some(rest.trim_ascii())
    }
}

/// An element of `Forwarded`: the address of `for`, if it is one and there is one `for`, and what `proto` says.
fn element(entry: &[u8]) -> (Option<IpAddr>, Option<bool>) {
    let (mut address, mut secure, mut several) = (None, None, false);
    for pair in (Backwards { rest: Some(entry), separator: b';' }) {
        let Some(at) = pair.iter().position(|byte| *byte == b'=') else { continue };
        let (name, value) = (pair[..at].trim_ascii(), unquoted(pair[at + 1..].trim_ascii()));
        if name.eq_ignore_ascii_case(b"for") {
            several |= address.is_some();
            address = Some(node(value));
        } else if name.eq_ignore_ascii_case(b"proto") {
            secure = is_secure(value);
        }
    }
    (address.flatten().filter(|_| !several), secure)
}

fn unquoted(value: &[u8]) -> &[u8] {
    value.strip_prefix(b"\"").and_then(|value| value.strip_suffix(b"\"")).unwrap_or(value)
}

/// An address, which may have a port, and brackets around IPv6.
fn node(text: &[u8]) -> Option<IpAddr> {
    if text.len() > LONGEST {
        return None;
    }
    let text = std::str::from_utf8(text).ok()?;
    let bare = || text.parse::<IpAddr>().ok();
    let with_port = || text.parse::<SocketAddr>().ok().map(|address| address.ip());
    let bracketed = || {
        let (address, port) = text.strip_prefix('[')?.split_once(']')?;
        // RFC 7239 has ports that are words of the proxy's own.
        (port.is_empty() || port.starts_with(':')).then(|| address.parse::<Ipv6Addr>().ok()).flatten()
    };
    let hidden_port = || text.split_once(":_")?.0.parse::<Ipv4Addr>().ok();
    let address = bare().or_else(with_port).or_else(|| bracketed().map(IpAddr::from));
    Some(address.or_else(|| hidden_port().map(IpAddr::from))?.to_canonical())
}

fn is_secure(scheme: &[u8]) -> Option<bool> {
    let is = |name: &str| scheme.eq_ignore_ascii_case(name.as_bytes());
    if is("https") || is("wss") {
        return Some(true);
    }
    (is("http") || is("ws")).then_some(false)
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use http::HeaderValue;

    use super::*;

    fn proxies(header: ProxyHeader) -> Proxies {
        let mut proxies = Proxies::default();
        let nets = ["10.0.0.0/8", "2001:db8:7::/48"];
        proxies.trust(nets.map(|net| net.parse().expect("a net")));
        proxies.header = header;
        proxies
    }

    fn headers(name: &'static str, values: &[&[u8]]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(name, HeaderValue::from_bytes(value).expect("a header's value"));
        }
        headers
    }

    fn x_forwarded(peer: &str, values: &[&str]) -> String {
        let values: Vec<_> = values.iter().map(|value| value.as_bytes()).collect();
        let headers = headers("x-forwarded-for", &values);
        let peer = peer.parse().expect("an address");
        let origin = origin(&proxies(ProxyHeader::XForwardedFor), peer, &headers);
        origin.client.unwrap_or(peer).to_string()
    }

    fn forwarded(values: &[&str]) -> (String, Option<bool>) {
        let values: Vec<_> = values.iter().map(|value| value.as_bytes()).collect();
        let peer = "10.0.0.1".parse().expect("an address");
        let origin = origin(&proxies(ProxyHeader::Forwarded), peer, &headers("forwarded", &values));
        (origin.client.unwrap_or(peer).to_string(), origin.secure)
    }

    #[test]
    fn the_client_is_the_last_address_that_is_no_proxy() {
        for (values, client) in [
            (&["192.0.2.7"][..], "192.0.2.7"),
            (&["6.6.6.6, 192.0.2.7"], "192.0.2.7"),
            (&["6.6.6.6,192.0.2.7,10.1.1.1 , 10.2.2.2"], "192.0.2.7"),
            (&["6.6.6.6", "192.0.2.7", "10.1.1.1"], "192.0.2.7"),
            (&["192.0.2.7, 2001:db8:7::9"], "192.0.2.7"),
            (&["10.1.1.1, 10.2.2.2"], "10.1.1.1"),
            (&[], "10.0.0.1"),
        ] {
            assert_eq!(x_forwarded("10.0.0.1", values), client, "{values:?}");
        }
    }

    #[test]
    fn ports_brackets_and_mapped_addresses_are_read() {
        for (value, client) in [
            ("192.0.2.7:4711", "192.0.2.7"),
            ("2001:db8::1", "2001:db8::1"),
            ("[2001:db8::1]", "2001:db8::1"),
            ("[2001:db8::1]:4711", "2001:db8::1"),
            ("::ffff:192.0.2.7", "192.0.2.7"),
            ("[::ffff:192.0.2.7]:1", "192.0.2.7"),
            ("192.0.2.7, ::ffff:10.9.9.9", "192.0.2.7"),
        ] {
            assert_eq!(x_forwarded("10.0.0.1", &[value]), client, "{value}");
        }
        assert_eq!(x_forwarded("::ffff:10.0.0.1", &["192.0.2.7"]), "192.0.2.7");
    }

    #[test]
    fn an_untrusted_peer_speaks_for_itself_alone() {
        assert_eq!(x_forwarded("192.0.2.1", &["6.6.6.6"]), "192.0.2.1");
        assert_eq!(x_forwarded("192.0.2.1", &["10.0.0.1"]), "192.0.2.1");
    }

    #[test]
    fn what_is_malformed_ends_the_walk_at_the_last_good_address() {
        for value in
            ["", ",", "x", "192.0.2", "192.0.2.7.8", "1.2.3.4:99999x", "[::1", "unknown", "192.0.2.7;"]
        {
            assert_eq!(x_forwarded("10.0.0.1", &[value]), "10.0.0.1", "{value}");
            let behind = format!("6.6.6.6, {value}, 10.3.3.3");
            assert_eq!(x_forwarded("10.0.0.1", &[&behind]), "10.3.3.3", "{behind}");
        }
    }

    #[test]
    fn forwarded_has_addresses_and_schemes() {
        for (values, client, secure) in [
            (&["for=192.0.2.7"][..], "192.0.2.7", None),
            (&["For=192.0.2.7;Proto=HTTPS;by=10.0.0.1"], "192.0.2.7", Some(true)),
            (&[r#"proto=http; for="[2001:db8::1]:4711""#], "2001:db8::1", Some(false)),
            (&["for=6.6.6.6;proto=https, for=192.0.2.7;proto=http, for=10.1.1.1"], "192.0.2.7", Some(false)),
            (&["for=192.0.2.7;proto=https", "for=10.1.1.1;proto=http"], "192.0.2.7", Some(true)),
            (&[r#"for="192.0.2.7:_port";ext="a,b;c\"d""#], "192.0.2.7", None),
            // Quotes that a client leaves open hide nothing.
            (&[r#"for=6.6.6.6;x=", for=192.0.2.7"#], "192.0.2.7", None),
            (&[r#"x="\, for="192.0.2.7";by="10.0.0.1""#], "192.0.2.7", None),
            (&["for=unknown, for=10.1.1.1;proto=https"], "10.1.1.1", Some(true)),
            (&["for=_hidden"], "10.0.0.1", None),
            (&["for=192.0.2.7;for=6.6.6.6"], "10.0.0.1", None),
            (&["192.0.2.7"], "10.0.0.1", None),
            (&["by=192.0.2.7"], "10.0.0.1", None),
        ] {
            assert_eq!(forwarded(values), (client.to_owned(), secure), "{values:?}");
        }
    }

    #[test]
    fn the_scheme_is_that_of_the_hop_to_the_client() {
        let scheme = |addresses: &str, schemes: &[&str]| {
            let mut headers = headers("x-forwarded-for", &[addresses.as_bytes()]);
            for scheme in schemes {
                headers.append("x-forwarded-proto", scheme.parse().expect("a value"));
            }
            let peer = "10.0.0.1".parse().expect("an address");
            origin(&proxies(ProxyHeader::XForwardedFor), peer, &headers).secure
        };
        assert_eq!(scheme("192.0.2.7", &["https"]), Some(true));
        assert_eq!(scheme("192.0.2.7", &["http"]), Some(false));
        assert_eq!(scheme("192.0.2.7", &["http, https"]), Some(true), "what the client wrote counts");
        assert_eq!(scheme("192.0.2.7, 10.1.1.1", &["https, http"]), Some(true));
        assert_eq!(scheme("192.0.2.7, 10.1.1.1", &["https"]), Some(true));
        assert_eq!(scheme("192.0.2.7", &["gopher"]), None);
        assert_eq!(scheme("192.0.2.7", &[]), None);
    }

    #[test]
    fn hostile_headers_cost_linear_time_and_no_panic() {
        const SIZE: usize = 1 << 20;
        let start = Instant::now();
        let peer = "10.0.0.1".parse().expect("an address");
        let fill = |pattern: &[u8]| pattern.iter().copied().cycle().take(SIZE).collect::<Vec<_>>();
        let mut values = Vec::new();
        for pattern in [
            &b","[..],
            b"\"",
            b"\\",
            b"\\\"",
            b";",
            b"=",
            b"for=",
            b"10.1.1.1,",
            b"for=10.1.1.1,",
            b"\xff,",
            b"a",
            b"[",
            b":",
            b"for=\"10.1.1.1\",",
            b"for=1.1.1.1;",
        ] {
            values.push(fill(pattern));
        }
        for header in [ProxyHeader::XForwardedFor, ProxyHeader::Forwarded] {
            for name in ["x-forwarded-for", "forwarded"] {
                for value in &values {
                    origin(&proxies(header), peer, &headers(name, &[value]));
                }
                // Many values are one list.
                let many = vec![&b"for=10.1.1.1"[..]; 20_000];
                origin(&proxies(header), peer, &headers(name, &many));
            }
        }
        // Anything quadratic takes hours.
        assert!(start.elapsed() < Duration::from_secs(60), "{:?}", start.elapsed());
    }
}
