use std::sync::Arc;

use super::Methods;
use super::table::{Method, Table};
use crate::hub::{BoxFuture, ConfigError, Endpoint, PacketRequest, Reply, WireError};
use crate::namespace::{Shared, Source};

/// How often a method may lead to another name: those that lead to each other lead nowhere.
const MOST_STEPS: usize = 32;

impl Source for Table {
    fn find(&self, event: &str) -> Option<Shared<PacketRequest>> {
        let mut found = Some(self.get(event)?);
        let mut table = None;
        for _ in 0..MOST_STEPS {
            match found {
                None => break,
                Some(Method::Handler(handler)) => return Some(handler),
                Some(Method::Late(other, name)) => {
                    table = other.or(table);
                    found = table.as_ref().map_or(self, |Methods(table)| table).get(&name);
                }
            }
        }
        Some(Arc::new(Invalid))
    }

    fn serve(&self, reserved: &Arc<Vec<Arc<str>>>) -> Result<(), ConfigError> {
        self.write().reserve(reserved)
    }
}

/// Stands in for a method that is nowhere.
struct Invalid;

impl Endpoint<PacketRequest> for Invalid {
    fn call(&self, _: PacketRequest) -> BoxFuture<Reply> {
        Box::pin(std::future::ready(Reply::error(WireError::new("invalid method"))))
    }
}
