//! What the compiler says to typical mistakes, and what must compile.
//!
//! The words are those of one version of rustc and change with every other, so the comparison is made by that version
//! alone: with another one the test shows up as ignored, with the reason. What the compiler lists and how it shortens
//! names depends on the features, too: it is compared with all of them. After a change of the API, or when the pinned
//! version moves, `TRYBUILD=overwrite cargo test --all-features --test ui` writes the expectations anew; read what it
//! wrote.

#[cfg(all(feature = "axum", feature = "jwt", feature = "msgpack", feature = "rate-limit"))]
#[rustversion::attr(not(stable(1.95)), ignore = "the expected messages are those of rustc 1.95")]
#[test]
fn mistakes_are_named_by_the_compiler() {
    let tests = trybuild::TestCases::new();
    tests.compile_fail("tests/ui/fail/*.rs");
}

#[test]
fn what_is_right_compiles() {
    let tests = trybuild::TestCases::new();
    tests.pass("tests/ui/pass/*.rs");
}
