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
