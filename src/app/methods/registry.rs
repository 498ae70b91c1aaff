use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use super::Methods;

static TABLES: Mutex<Option<HashMap<Box<str>, Methods>>> = Mutex::new(None);

impl Methods {
    /// The table of this name in the whole process; it is made when it is first asked for, and is there from then on.
    pub fn named(name: &str) -> Self {
        let mut tables = TABLES.lock().unwrap_or_else(PoisonError::into_inner);
        tables.get_or_insert_default().entry(name.into()).or_default().clone()
    }
}
