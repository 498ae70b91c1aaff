//! Where a token may come from.
