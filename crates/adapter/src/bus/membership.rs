/// How nodes know of each other, and so who has yet to answer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Membership {
    /// They say regularly that they are there. Who falls silent is waited for no more.
    #[default]
    Heartbeat,
    /// The carrier [counts](super::Bus::count) them at each request. A node that ends without a word is waited for until the
    /// time is up.
    Counted,
}
