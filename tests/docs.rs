//! Holds the pages of documentation to their word: the tests that they name as proof exist.

use std::fs;
use std::path::PathBuf;

#[test]
fn every_test_that_a_page_names_exists() {
    let (mut named, mut missing) = (0, Vec::new());
    for page in pages() {
        let text = fs::read_to_string(&page).expect("a page can be read");
        for (file, test) in proofs(&text) {
            named += 1;
            if !exists(&file, &test) {
                missing.push(format!("{}: `{file}` · `{test}`", page.display()));
            }
        }
    }
    assert!(named > 300, "only {named} tests are named: the pages must have changed their form");
    assert!(missing.is_empty(), "no such tests:\n{}\n", missing.join("\n"));
}

#[test]
fn this_test_finds_what_it_looks_for() {
    let line = "| a | `tests/a.rs` · `one_holds`, `interop/b.test.mjs` · `D1 two holds` | `examples/c.rs` |";
    let pair = |file: &str, test: &str| (file.to_owned(), test.to_owned());
    assert_eq!(proofs(line), [pair("tests/a.rs", "one_holds"), pair("interop/b.test.mjs", "D1 two holds")]);
    assert!(exists("tests/docs.rs", "this_test_finds_what_it_looks_for"));
    assert!(!exists("tests/docs.rs", &["this", "test"].join("_")));
    assert!(!exists("tests/no_such_file.rs", "this_test_finds_what_it_looks_for"));
}

/// File and name of each test on a page: `` `file` · `test` ``.
fn proofs(page: &str) -> Vec<(String, String)> {
    let pieces: Vec<_> = page.split('`').collect();
    let separated = pieces.windows(3).filter(|three| three[1] == " · ");
    separated.map(|three| (three[0].to_owned(), three[2].to_owned())).collect()
}

fn exists(file: &str, test: &str) -> bool {
    let Ok(text) = fs::read_to_string(root().join(file)) else { return false };
    // A function of Rust, or what a test of node is called, before or behind which the client's name may stand.
    if !file.ends_with(".rs") {
        return text.contains(test);
    }
    text.split(|c: char| !c.is_alphanumeric() && c != '_').any(|word| word == test)
}

/// The pages in `docs` and its folders.
fn pages() -> Vec<PathBuf> {
    let (mut folders, mut pages) = (vec![root().join("docs")], Vec::new());
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).expect("the folder can be read") {
            let path = entry.expect("its entries, too").path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "md") {
                pages.push(path);
            }
        }
    }
    pages
}

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}
