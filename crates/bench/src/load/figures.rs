//! What a scenario found out, by name.

use std::fmt;

use serde_json::{Map, Value};

/// Numbers by their names; as text one line of JSON.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Figures(Map<String, Value>);

impl Figures {
    /// Sets a figure.
    pub fn set(&mut self, name: &str, value: f64) {
        // Six digits behind the point are more than any of these is exact to.
        let value = (value * 1e6).round() / 1e6;
        self.0.insert(name.to_owned(), value.into());
    }

    /// Takes over all figures of others.
    pub fn extend(&mut self, others: &Self) {
        self.0.extend(others.0.clone());
    }

    /// The figure of this name, if there is one.
    pub fn get(&self, name: &str) -> Option<f64> {
        self.0.get(name)?.as_f64()
    }

    /// All of them, in the order of their names.
    pub fn iter(&self) -> impl Iterator<Item = (&str, f64)> {
        self.0.iter().filter_map(|(name, value)| Some((name.as_str(), value.as_f64()?)))
    }

    /// Reads what was printed.
    ///
    /// # Errors
    ///
    /// If it is not an object of JSON.
    pub fn parse(text: &str) -> serde_json::Result<Self> {
        serde_json::from_str(text).map(Self)
    }
}

impl fmt::Display for Figures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = serde_json::to_string(&self.0).map_err(|_| fmt::Error)?;
        f.write_str(&text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_printed_is_read_again() {
        let mut figures = Figures::default();
        figures.set("echoes", 3.0);
        figures.set("each_us", 1.0 / 3.0);
        let read = Figures::parse(&figures.to_string()).unwrap();
        assert_eq!(read, figures);
        assert_eq!(read.get("each_us"), Some(0.333_333));
        assert_eq!(read.iter().map(|(name, _)| name).collect::<Vec<_>>(), ["each_us", "echoes"]);
    }
}
