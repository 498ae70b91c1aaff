use std::error::Error;
use std::fmt::Write;
use std::io;

use tokio_postgres::error::SqlState;
use tower_socketio_adapter::BusError;

/// Why a program did not get its connections to Postgres.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConnectError {
    /// The connection string is none, or has options that are not known. It is not shown, as it may have a password.
    #[error("the connection string is not valid")]
    ConnectionString,
    /// The name of the table is none.
    #[error("`{0}` names no table")]
    TableName(String),
    /// TLS cannot be used as it was asked for.
    #[error("TLS cannot be used")]
    Tls(#[source] Box<dyn Error + Send + Sync>),
    /// The database cannot be reached, or lets nobody in by this name and password.
    #[error("the database cannot be reached")]
    Unreachable(#[source] Box<dyn Error + Send + Sync>),
    /// The database takes too long to answer.
    #[error("the database does not answer in time")]
    Timeout,
    /// The table for attachments cannot be made.
    #[error("the table for attachments cannot be made")]
    Table(#[source] Box<dyn Error + Send + Sync>),
}

/// What the database said of a message or a subscription that it did not take.
///
/// It is the message's own fault, unless nobody's would be taken now.
pub(crate) fn bus_error(error: &tokio_postgres::Error) -> BusError {
    let reason = whole(error);
    match error.code() {
        Some(code) if is_outage(code) => BusError::down(reason),
        None if is_lost(error) => BusError::down(reason),
        _ => BusError::refused(reason),
    }
}

/// Whether a new connection may do better: that the server leaves, or has become a standby.
pub(crate) fn is_end(error: &tokio_postgres::Error) -> bool {
    error.is_closed()
        || error.code().is_some_and(|code| {
            *code == SqlState::READ_ONLY_SQL_TRANSACTION || code.code().starts_with("57P")
        })
}

/// Whether the database is not to be written to, though it is there: its disk may be full, for example.
pub(crate) fn is_read_only(error: &tokio_postgres::Error) -> bool {
    error.code() == Some(&SqlState::READ_ONLY_SQL_TRANSACTION)
}

/// The full queue of notifications (54000) hits everybody.
fn is_outage(code: &SqlState) -> bool {
    let classes = ["08", "53", "57P", "58", "XX"];
    classes.iter().any(|class| code.code().starts_with(class))
        || [SqlState::READ_ONLY_SQL_TRANSACTION, SqlState::PROGRAM_LIMIT_EXCEEDED].contains(code)
}

/// Whether the connection is at fault, and not what was to be sent over it.
fn is_lost(error: &tokio_postgres::Error) -> bool {
    error.is_closed() || error.source().is_some_and(|source| source.is::<io::Error>())
}

/// The error with what it came from, in one line, as its own text says little.
pub(crate) fn whole(error: &(dyn Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        let _ = write!(text, ": {error}");
        source = error.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_everybody_would_be_told_is_an_outage() {
        for code in ["08006", "53300", "57P01", "57P03", "58030", "XX000", "25006", "54000"] {
            assert!(is_outage(&SqlState::from_code(code)), "{code}");
        }
    }

    #[test]
    fn what_is_wrong_with_one_message_is_no_outage() {
        for code in ["22023", "42P01", "42501", "57014", "22P05", "40001"] {
            assert!(!is_outage(&SqlState::from_code(code)), "{code}");
        }
    }

    #[test]
    fn an_error_is_told_with_its_sources_in_one_line() {
        let error = ConnectError::Unreachable("no route".into());
        assert_eq!(whole(&error), "the database cannot be reached: no route");
    }
}
