//! Attacks on a server over loopback.
