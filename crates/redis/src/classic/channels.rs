/// The names of channels.
#[derive(Clone, Debug)]
pub(crate) struct Channels {
    pub(super) prefix: String,
}

impl Channels {
    pub(crate) fn new(prefix: impl Into<String>) -> Self {
        Self { prefix: prefix.into() }
    }

    /// The channel of broadcasts to a whole namespace, or to none or several of its rooms.
    pub(crate) fn broadcasts(&self, namespace: &str) -> String {
        format!("{}#{namespace}#", self.prefix)
    }

    /// The channel of broadcasts to one room.
    pub(crate) fn room(&self, namespace: &str, room: &str) -> String {
        format!("{}#{namespace}#{room}#", self.prefix)
    }

    /// What matches the channels of all broadcasts in a namespace, and those alone: the names are taken literally.
    pub(super) fn pattern(&self, namespace: &str) -> String {
        let mut pattern = String::new();
        for character in self.broadcasts(namespace).chars() {
            if matches!(character, '*' | '?' | '[' | ']' | '\\') {
                pattern.push('\\');
            }
            pattern.push(character);
        }
        pattern.push('*');
        pattern
    }

    pub(crate) fn requests(&self, namespace: &str) -> String {
        format!("{}-request#{namespace}#", self.prefix)
    }

    /// The channel of answers, which all nodes hear.
    pub(super) fn responses(&self, namespace: &str) -> String {
        format!("{}-response#{namespace}#", self.prefix)
    }

    /// The channel of answers to one node.
    pub(super) fn responses_to(&self, namespace: &str, node: &str) -> String {
        format!("{}-response#{namespace}#{node}#", self.prefix)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn channels_are_called_as_node_calls_them() {
        let channels = Channels::new("socket.io");
        assert_eq!(channels.broadcasts("/"), "socket.io#/#");
        assert_eq!(channels.room("/", "room1"), "socket.io#/#room1#");
        assert_eq!(channels.pattern("/admin"), "socket.io#/admin#*");
        assert_eq!(channels.requests("/"), "socket.io-request#/#");
        assert_eq!(channels.responses("/"), "socket.io-response#/#");
        assert_eq!(channels.responses_to("/", "KiRiSG"), "socket.io-response#/#KiRiSG#");
    }

    #[test]
    fn glob_characters_in_names_stand_for_themselves() {
        assert_eq!(Channels::new("a*").pattern("/b?[c]\\d"), "a\\*#/b\\?\\[c\\]\\\\d#*");
        assert_eq!(Channels::new("a*").room("/b?", "[c]"), "a*#/b?#[c]#");
    }
}
