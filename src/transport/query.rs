use std::borrow::Cow;

/// The query parameters that mean something to us; of one that comes twice the last counts.
#[derive(Debug, Default)]
pub(super) struct Query<'a> {
    pub(super) eio: Option<Cow<'a, str>>,
    pub(super) transport: Option<Cow<'a, str>>,
    pub(super) sid: Option<Cow<'a, str>>,
    pub(super) base64: bool,
}

impl<'a> Query<'a> {
    pub(super) fn parse(query: &'a str) -> Self {
        Self::plain(query).unwrap_or_else(|| {
            let mut found = Self::default();
            form_urlencoded::parse(query.as_bytes()).for_each(|(key, value)| found.take(&key, value));
            found
        })
    }

    /// What a query says in which nothing is to be decoded, as in nearly all; one pass over it.
    fn plain(query: &'a str) -> Option<Self> {
        let mut found = Self::default();
        let (mut start, mut equals) = (0, None);
        for (at, byte) in query.bytes().enumerate() {
            match byte {
                // Most are.
                b'>'.. => {}
                b'&' => {
                    found.take_pair(query, start, equals.take(), at);
                    start = at + 1;
                }
                b'=' => equals = equals.or(Some(at)),
                b'%' | b'+' => return None,
                _ => {}
            }
        }
        found.take_pair(query, start, equals, query.len());
        Some(found)
    }

    fn take_pair(&mut self, query: &'a str, start: usize, equals: Option<usize>, end: usize) {
        match equals {
            Some(equals) => self.take(&query[start..equals], query[equals + 1..end].into()),
            None => self.take(&query[start..end], "".into()),
        }
    }

    fn take(&mut self, key: &str, value: Cow<'a, str>) {
        match key {
            "EIO" => self.eio = Some(value),
            "transport" => self.transport = Some(value),
            "sid" => self.sid = Some(value).filter(|sid| !sid.is_empty()),
            "b64" => self.base64 = !matches!(&*value, "" | "0" | "false"),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_query_means_the_same_with_and_without_anything_to_decode() {
        for query in [
            "EIO=4&transport=polling&sid=a-b_c&b64=1",
            "&&EIO=3&EIO=4&transport&transport=polling&&sid=a-b_c&b64=true&x",
            "%45IO=4&transport=poll%69ng&sid=a-b_c&b64=+",
            "EIO=4&transport=polling&sid=a-b_c&b64=1&x=%",
        ] {
            let query = Query::parse(query);
            assert_eq!(query.eio.as_deref(), Some("4"));
            assert_eq!(query.transport.as_deref(), Some("polling"));
            assert_eq!(query.sid.as_deref(), Some("a-b_c"));
            assert!(query.base64);
        }
        let query = Query::parse("sid=a&sid=&b64=false&transport=a=b");
        assert!(query.sid.is_none() && !query.base64 && query.eio.is_none());
        assert_eq!(query.transport.as_deref(), Some("a=b"));
    }
}
