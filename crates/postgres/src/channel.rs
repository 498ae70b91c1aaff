use std::fmt::Write;

/// How many bytes a name in Postgres may have; `LISTEN` cuts what is longer, and `pg_notify` refuses it.
const LONGEST: usize = 63;

/// The channel of a namespace.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Channel {
    name: Box<str>,
    exact: bool,
}

impl Channel {
    /// The channel `socket.io#/chat` of the namespace `/chat`.
    ///
    /// Where the name is too long for Postgres it is cut as `LISTEN` cuts it, so that Node's servers, which can publish
    /// nothing in such a namespace, hear of it. What Postgres cannot have in a name is replaced.
    pub(crate) fn new(prefix: &str, namespace: &str) -> Self {
        let whole = format!("{prefix}#{namespace}");
        let mut name = whole.replace('\0', "\u{fffd}");
        name.truncate(name.floor_char_boundary_of(LONGEST));
        Self { exact: name == whole, name: name.into() }
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// Whether no other namespace has this channel, too.
    pub(crate) fn is_exact(&self) -> bool {
        self.exact
    }

    /// The name as it stands in SQL.
    pub(crate) fn quoted(&self) -> String {
        quote(&self.name)
    }
}

trait FloorCharBoundary {
    fn floor_char_boundary_of(&self, length: usize) -> usize;
}

impl FloorCharBoundary for str {
    /// The last boundary of a character up to `length`.
    fn floor_char_boundary_of(&self, length: usize) -> usize {
        if self.len() <= length {
            return self.len();
        }
        (0..=length).rev().find(|at| self.is_char_boundary(*at)).unwrap_or_default()
    }
}

fn quote(name: &str) -> String {
    let mut quoted = String::with_capacity(name.len() + 2);
    let _ = write!(quoted, "\"{}\"", name.replace('"', "\"\""));
    quoted
}

/// Whether this names a table as it would in SQL: `socket_io_attachments`, `chat.attachments`, `"Chat"."Attachments"`.
///
/// Node's adapter puts the name into its statements as it is, so that the same name must be the same table here.
pub(crate) fn is_table(name: &str) -> bool {
    let mut rest = name;
    for part in 0..3 {
        let Some(behind) = identifier(rest) else { return false };
        if behind.is_empty() {
            return true;
        }
        let Some(next) = behind.strip_prefix('.').filter(|_| part < 2) else { return false };
        rest = next;
    }
    false
}

/// Returns what stands behind the identifier that `sql` begins with.
fn identifier(sql: &str) -> Option<&str> {
    if let Some(mut rest) = sql.strip_prefix('"') {
        let start = rest.len();
        loop {
            let end = rest.find(['"', '\0'])?;
            if rest.as_bytes()[end] == 0 {
                return None;
            }
            let is_empty = rest.len() == start && end == 0;
            rest = &rest[end + 1..];
            match rest.strip_prefix('"') {
                Some(escaped) => rest = escaped,
                None => return (!is_empty).then_some(rest),
            }
        }
    }
    let begins = |first: char| first == '_' || first.is_ascii_alphabetic() || !first.is_ascii();
    let continues = |next: char| begins(next) || next == '$' || next.is_ascii_digit();
    let behind = sql.strip_prefix(begins)?;
    Some(behind.trim_start_matches(continues))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn name(namespace: &str) -> String {
        Channel::new("socket.io", namespace).name().to_owned()
    }

    #[test]
    fn a_channel_is_named_as_node_names_it() {
        let channel = Channel::new("socket.io", "/");
        assert_eq!((channel.name(), channel.is_exact()), ("socket.io#/", true));
        assert_eq!(channel.quoted(), "\"socket.io#/\"");
        assert_eq!(Channel::new("chat", "/admin").name(), "chat#/admin");
    }

    #[test]
    fn quotes_in_a_name_end_no_identifier() {
        let channel = Channel::new("socket.io", "/a\"; DROP TABLE users; --");
        assert_eq!(channel.name(), "socket.io#/a\"; DROP TABLE users; --");
        assert_eq!(channel.quoted(), "\"socket.io#/a\"\"; DROP TABLE users; --\"");
    }

    #[test]
    fn a_long_name_is_cut_as_postgres_cuts_it() {
        let fits = "x".repeat(52);
        assert_eq!(name(&format!("/{fits}")), format!("socket.io#/{fits}"));
        assert!(Channel::new("socket.io", &format!("/{fits}")).is_exact());
        let long = Channel::new("socket.io", &format!("/{fits}y"));
        assert_eq!((long.name(), long.is_exact()), (&*format!("socket.io#/{fits}"), false));
        // `ü` has two bytes, of which one would fit.
        let umlaut = Channel::new("socket.io", &format!("/{}ü", &fits[1..]));
        assert_eq!((umlaut.name(), umlaut.is_exact()), (&*format!("socket.io#/{}", &fits[1..]), false));
    }

    #[test]
    fn a_zero_byte_is_replaced_as_postgres_has_none() {
        let channel = Channel::new("socket.io", "/a\0b");
        assert_eq!((channel.name(), channel.is_exact()), ("socket.io#/a\u{fffd}b", false));
    }

    #[test]
    fn tables_are_named_as_in_sql() {
        for table in [
            "socket_io_attachments",
            "chat.attachments",
            "db.chat.attachments",
            "\"Chat\".\"Attach\"\"ments\"",
            "_a1$",
            "größe",
            "\"a b; DROP\"",
        ] {
            assert!(is_table(table), "{table}");
        }
        for table in [
            "", ".", "a.", ".a", "1a", "a b", "a;", "a-b", "\"a", "\"\"", "\"a\"b", "a.b.c.d", "a\0", "\"a\0\"", "$a",
            "a'b", "a--", "a/**/",
        ] {
            assert!(!is_table(table), "{table}");
        }
    }

    proptest! {
        #[test]
        fn every_namespace_has_a_channel_that_postgres_takes(prefix in ".{0,30}", namespace in ".{0,90}") {
            let channel = Channel::new(&prefix, &namespace);
            let whole = format!("{prefix}#{namespace}");
            prop_assert!(channel.name().len() <= LONGEST && !channel.name().contains('\0'));
            prop_assert_eq!(channel.is_exact(), channel.name() == whole);
            if !whole.contains('\0') {
                prop_assert!(whole.starts_with(channel.name()));
                prop_assert!(whole.len() <= LONGEST || channel.name().len() > LONGEST - 4);
            }
        }

        #[test]
        fn a_quoted_channel_is_one_identifier(namespace in ".*") {
            let channel = Channel::new("socket.io", &namespace);
            prop_assert_eq!(identifier(&channel.quoted()), Some(""));
        }

        #[test]
        fn any_text_is_a_table_or_not(text in ".*") {
            let _ = is_table(&text);
        }
    }
}
