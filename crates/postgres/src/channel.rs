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
    /// Where Postgres cannot have that name, a hash of it stands behind what it can have. Node's adapter listens to the
    /// name cut short and fails to publish; if it heard others it would wait for answers that cannot come.
    pub(crate) fn new(prefix: &str, namespace: &str) -> Self {
        let whole = format!("{prefix}#{namespace}");
        if whole.len() <= LONGEST && !whole.contains('\0') {
            return Self { name: whole.into(), exact: true };
        }
        let hash = format!("~{:016x}", hash(&whole));
        let mut name = whole.replace('\0', "");
        name.truncate(boundary(&name, LONGEST - hash.len()));
        Self { name: (name + &hash).into(), exact: false }
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// Whether the channel says which namespace it is.
    pub(crate) fn is_exact(&self) -> bool {
        self.exact
    }

    /// The name as it stands in SQL.
    pub(crate) fn quoted(&self) -> String {
        quote(&self.name)
    }
}

/// The last boundary between characters up to this place.
fn boundary(text: &str, at: usize) -> usize {
    (0..=at.min(text.len())).rev().find(|at| text.is_char_boundary(*at)).unwrap_or_default()
}

/// FNV-1a, which is the same in every version and on every machine.
fn hash(text: &str) -> u64 {
    text.bytes()
        .fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
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
    fn a_name_that_postgres_cannot_have_ends_in_a_hash() {
        let fits = "x".repeat(52);
        assert_eq!(name(&format!("/{fits}")), format!("socket.io#/{fits}"));
        assert!(Channel::new("socket.io", &format!("/{fits}")).is_exact());
        let long = Channel::new("socket.io", &format!("/{fits}y"));
        assert_eq!(long.name(), format!("socket.io#/{}~72d68c7c404ca6bb", &fits[..35]));
        assert!(!long.is_exact());
        assert_ne!(long, Channel::new("socket.io", &format!("/{fits}z")));
        // `ü` has two bytes, of which one would fit.
        let umlauts = name(&format!("/{}{fits}", "ü".repeat(20)));
        assert!(umlauts.starts_with(&format!("socket.io#/{}~", "ü".repeat(17))), "{umlauts}");
    }

    #[test]
    fn a_zero_byte_is_in_no_name() {
        let channel = Channel::new("socket.io", "/a\0b");
        assert!(channel.name().starts_with("socket.io#/ab~") && !channel.is_exact());
        assert_ne!(channel, Channel::new("socket.io", "/ab\0"));
    }

    #[test]
    fn the_hash_is_fnv_1a() {
        assert_eq!(hash(""), 0xcbf2_9ce4_8422_2325);
        assert_eq!(hash("foobar"), 0x8594_4171_f739_67e8);
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
            "", ".", "a.", ".a", "1a", "a b", "a;", "a-b", "\"a", "\"\"", "\"a\"b", "a.b.c.d", "a\0",
            "\"a\0\"", "$a", "a'b", "a--", "a/**/",
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
        }

        #[test]
        fn a_quoted_channel_is_one_identifier(namespace in ".*") {
            let channel = Channel::new("socket.io", &namespace);
            let quoted = channel.quoted();
            prop_assert_eq!(identifier(&quoted), Some(""));
        }

        #[test]
        fn any_text_is_a_table_or_not(text in ".*") {
            let _ = is_table(&text);
        }
    }
}
