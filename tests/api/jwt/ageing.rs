//! How a token ages.
