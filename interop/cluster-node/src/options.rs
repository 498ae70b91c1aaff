use std::path::PathBuf;
use std::str::FromStr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use axum::http::request::Parts;

use crate::Error;

/// The command line of section 1 of the contract.
#[derive(Default)]
pub(crate) struct Options {
    pub(crate) adapter: String,
    pub(crate) url: String,
    pub(crate) ca: Option<PathBuf>,
    pub(crate) sentinel: Option<String>,
    pub(crate) prefix: Option<String>,
    pub(crate) number: i64,
    pub(crate) namespaces: Vec<String>,
    pub(crate) request_timeout: Option<Duration>,
    pub(crate) recovery: Option<Duration>,
    pub(crate) streams: Option<u32>,
    pub(crate) max_length: Option<u64>,
    pub(crate) payload_threshold: Option<usize>,
    pub(crate) heartbeat_interval: Option<Duration>,
    pub(crate) heartbeat_timeout: Option<Duration>,
    pub(crate) cleanup_interval: Option<Duration>,
    pub(crate) specific_responses: bool,
    pub(crate) emitter: bool,
    pub(crate) id_prefix: Option<String>,
}

impl Options {
    pub(crate) fn parse(mut words: impl Iterator<Item = String>) -> Result<Self, Error> {
        let mut options = Self { namespaces: vec!["/".to_owned()], ..Self::default() };
        while let Some(name) = words.next() {
            let value = words.next().ok_or_else(|| format!("{name} needs a value"))?;
            options.set(&name, value).map_err(|error| format!("{name}: {error}"))?;
        }
        Ok(options)
    }

    fn set(&mut self, name: &str, value: String) -> Result<(), Error> {
        match name {
            "--adapter" => self.adapter = value,
            "--url" => self.url = value,
            "--ca" => self.ca = Some(value.into()),
            "--sentinel" => self.sentinel = Some(value),
            "--prefix" => self.prefix = Some(value),
            "--number" => self.number = value.parse()?,
            "--namespaces" => self.namespaces = serde_json::from_str(&value)?,
            "--request-timeout" => self.request_timeout = Some(millis(&value)?),
            "--recovery" => self.recovery = Some(millis(&value)?),
            "--streams" => self.streams = Some(value.parse()?),
            "--max-length" => self.max_length = Some(value.parse()?),
            "--payload-threshold" => self.payload_threshold = Some(value.parse()?),
            "--heartbeat-interval" => self.heartbeat_interval = Some(millis(&value)?),
            "--heartbeat-timeout" => self.heartbeat_timeout = Some(millis(&value)?),
            "--cleanup-interval" => self.cleanup_interval = Some(millis(&value)?),
            "--specific-responses" => self.specific_responses = value.parse()?,
            "--emitter" => self.emitter = value.parse()?,
            "--id-prefix" => self.id_prefix = Some(value),
            _ => return Err("no such option".into()),
        }
        Ok(())
    }
}

fn millis(value: &str) -> Result<Duration, Error> {
    Ok(Duration::from_millis(u64::from_str(value)?))
}

/// Session ids that are easy to guess: for tests only.
pub(crate) fn numbered(prefix: String) -> impl Fn(&Parts) -> String {
    let made = AtomicU64::new(0);
    move |_| format!("{prefix}{}", made.fetch_add(1, Ordering::Relaxed))
}
