use std::path::PathBuf;
use std::str::FromStr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use axum::http::{HeaderName, HeaderValue};
use tower_socketio::{Builder, Cookie, Parser, Recovery, SocketIo, Transport};

use crate::Error;

/// The header that the event `handshake` shows.
pub(crate) const X_INTEROP: HeaderName = HeaderName::from_static("x-interop");

/// The command line of section 1 of the contract.
pub(crate) struct Options {
    pub(crate) port: u16,
    pub(crate) watch_stdin: bool,
    pub(crate) drain: Duration,
    pub(crate) record: Option<PathBuf>,
    pub(crate) server: Builder,
}

impl Options {
    pub(crate) fn parse(mut words: impl Iterator<Item = String>) -> Result<Self, Error> {
        let mut options = Self {
            port: 0,
            watch_stdin: false,
            drain: Duration::from_millis(200),
            record: None,
            server: SocketIo::builder().allow_eio3(true).keep_headers([X_INTEROP]),
        };
        while let Some(name) = words.next() {
            let value = words.next().ok_or_else(|| format!("{name} needs a value"))?;
            options = options.set(&name, &value).map_err(|error| format!("{name} {value}: {error}"))?;
        }
        Ok(options)
    }

    fn set(mut self, name: &str, value: &str) -> Result<Self, Error> {
        let server = self.server;
        self.server = match name {
            "--port" => {
                self.port = value.parse()?;
                server
            }
            "--watch-stdin" => {
                self.watch_stdin = value.parse()?;
                server
            }
            "--drain" => {
                self.drain = millis(value)?;
                server
            }
            "--record" => {
                self.record = Some(value.into());
                server
            }
            "--trust-proxies" => {
                server.trust_proxies(value.split(',').map(str::parse).collect::<Result<Vec<_>, _>>()?)
            }
            "--path" => server.path(value),
            "--transports" => {
                server.transports(value.split(',').map(transport).collect::<Result<Vec<_>, _>>()?)
            }
            "--allow-eio3" => server.allow_eio3(value.parse()?),
            "--ping-interval" => server.ping_interval(millis(value)?),
            "--ping-timeout" => server.ping_timeout(millis(value)?),
            "--upgrade-timeout" => server.upgrade_timeout(millis(value)?),
            "--connect-timeout" => server.connect_timeout(millis(value)?),
            "--max-payload" => server.max_payload(value.parse()?),
            "--parser" => server.parser(parser(value)?),
            "--cookie" => server.cookie(Cookie::new(value)),
            "--sid-prefix" => numbered(server, value.to_owned()),
            "--initial-header" => {
                let (name, value) = header(value)?;
                server.initial_headers(move |headers, _| drop(headers.insert(name.clone(), value.clone())))
            }
            "--header" => {
                let (name, value) = header(value)?;
                server.headers(move |headers, _| drop(headers.insert(name.clone(), value.clone())))
            }
            "--client-dir" => server.serve_client(value),
            "--recovery" => server.recovery(Recovery::new().window(millis(value)?)),
            _ => return Err("no such option".into()),
        };
        Ok(self)
    }
}

fn millis(value: &str) -> Result<Duration, Error> {
    Ok(Duration::from_millis(u64::from_str(value)?))
}

fn transport(name: &str) -> Result<Transport, Error> {
    match name {
        "polling" => Ok(Transport::Polling),
        "websocket" => Ok(Transport::WebSocket),
        _ => Err("no such transport".into()),
    }
}

fn parser(name: &str) -> Result<Parser, Error> {
    match name {
        "json" => Ok(Parser::Json),
        "msgpack" => Ok(Parser::MsgPack),
        _ => Err("no such parser".into()),
    }
}

/// Session ids that are easy to recognise, and to guess: for tests only.
fn numbered(server: Builder, prefix: String) -> Builder {
    let made = AtomicU64::new(0);
    server.id_generator(move |_| format!("{prefix}{}", made.fetch_add(1, Ordering::Relaxed)))
}

fn header(option: &str) -> Result<(HeaderName, HeaderValue), Error> {
    let (name, value) = option.split_once(':').ok_or("not `name:value`")?;
    Ok((name.parse()?, value.parse()?))
}
