//! The report as a whole: results in, plots and a page out. The figures of the fixture are invented.

use std::fs;
use std::path::{Path, PathBuf};

use tower_socketio_bench::report::{Error, write};

const RESULTS: &str = include_str!("fixture/results.json");
const PAGE: &str = include_str!("fixture/page.md");

#[test]
fn a_page_gets_its_tables_and_plots() {
    let files = Files::new("whole", RESULTS, PAGE);
    files.write().expect("the page fits");
    let page = files.page();
    for text in [
        "A processor of no make @ 2.50GHz, 2 cores, 23.5 GiB",
        "| `cargo xtask bench` |",
        "| what was done | of what | tower-socketio | socketioxide | socket.io | floor |",
        "| Echo, 1 in flight on each of 100 connections | µs of processor time for each echo | 6.90 (1.08\u{a0}×) |",
        "![Broadcast as the room grows: µs of processor time for each delivery](plots/room.svg)",
        "| Linux 6.18 |",
        "| sockets in the room | tower-socketio | socketioxide | socket.io | floor |",
        "| server | µs from when an echo was due, 99 of 100 | echoes in a second | p50, µs | p99.9, µs |",
        "| 50\u{a0}000 | 9.0",
        "![Broadcast to 4 nodes: µs of processor time for each delivery](plots/nodes.svg)",
        "| tower-socketio, sharded | 5.00 (4.90–5.10) | 21.0 | 9000 | 12\u{a0}000 |",
        "| socketioxide | 8.00 (7.90–8.10) | – | – | – |",
    ] {
        assert!(page.contains(text), "`{text}` is missing:\n{page}");
    }
    assert!(!page.contains("old"), "{page}");
    assert!(
        page.starts_with("# A page\n\nThe figures are invented.\n") && page.ends_with("\nThe end.\n"),
        "{page}"
    );
    for plot in page.split("](").skip(1).filter_map(|link| link.split_once(')')) {
        let drawn = fs::read_to_string(files.folder.join(plot.0)).expect("every plot of the page is there");
        assert!(drawn.starts_with("<svg ") && drawn.ends_with("</svg>\n"), "{drawn}");
    }
    assert_eq!(page.matches("](plots/").count(), 13);
}

#[test]
fn without_clusters_the_page_says_so() {
    let files = Files::new("single", &RESULTS.replace(r#""cluster": true,"#, ""), PAGE);
    files.write().expect("the page fits");
    let page = files.page();
    assert!(page.contains("<!-- bench:cluster -->\n\nNothing of this has been measured"), "{page}");
}

#[test]
fn a_page_that_is_written_twice_stays_as_it_is() {
    let files = Files::new("twice", RESULTS, PAGE);
    files.write().expect("the page fits");
    let once = files.page();
    files.write().expect("the page still fits");
    assert_eq!(files.page(), once);
}

#[test]
fn a_page_that_does_not_fit_the_results_is_left_alone() {
    let without = |what: &str| PAGE.replace(what, "");
    let cases = [
        (without("<!-- bench:room -->"), "the page has no `<!-- bench:room -->`"),
        (without("<!-- bench:cluster -->"), "the page has no `<!-- bench:cluster -->`"),
        (without("<!-- bench:table -->"), "the page has no `<!-- bench:table -->`"),
        (without("<!-- bench:machine -->"), "the page has no `<!-- bench:machine -->`"),
        (without("<!-- end -->"), "`<!-- bench:machine -->` has no `<!-- end -->`"),
        (PAGE.replacen("<!-- end -->", "", 1), "`<!-- bench:machine -->` has no `<!-- end -->`"),
        (PAGE.replace("bench:idle", "bench:sleep"), "`<!-- bench:sleep -->`: nothing was measured"),
    ];
    for (page, expected) in cases {
        let files = Files::new("misfit", RESULTS, &page);
        let error = files.write().expect_err("the page does not fit").to_string();
        assert!(error.starts_with(expected), "{error}");
        assert_eq!(files.page(), page);
        assert!(!files.folder.join("plots").exists());
    }
}

#[test]
fn what_cannot_be_read_says_which_file() {
    let files = Files::new("broken", "{}", PAGE);
    let error = files.write().expect_err("no results").to_string();
    assert!(error.contains("results.json") && error.contains("machine"), "{error}");
    let nowhere = Path::new("/nowhere");
    let error = write(&files.folder.join("results.json"), &files.folder.join("page.md"), nowhere);
    assert!(matches!(error, Err(Error::Apart)));
    let files = Files::new("pageless", RESULTS, PAGE);
    fs::remove_file(files.folder.join("page.md")).expect("it is there");
    let error = files.write().expect_err("no page").to_string();
    assert!(error.contains("page.md"), "{error}");
}

#[test]
fn the_page_of_the_documentation_shows_the_results_that_are_there() {
    let docs = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs");
    let page = fs::read_to_string(docs.join("performance.md")).expect("the page is there");
    let results = docs.join("performance/results.json");
    if !results.exists() {
        let filled: Vec<_> = page.split("<!-- bench:").skip(1).filter(|block| !is_empty(block)).collect();
        assert!(filled.is_empty(), "where do these come from? {filled:?}");
        return;
    }
    let files = Files::new("docs", &fs::read_to_string(results).expect("the results can be read"), &page);
    files.write().expect("the page fits the results");
    assert!(
        files.page() == page.replace("](performance/", "](plots/"),
        "`cargo run --bin report` writes it anew"
    );
    for plot in fs::read_dir(files.folder.join("plots")).expect("the plots are drawn") {
        let plot = plot.expect("its entries, too").path();
        let name = plot.file_name().expect("a file has a name");
        let drawn = fs::read_to_string(&plot).expect("it was drawn");
        let kept = fs::read_to_string(docs.join("performance").join(name)).unwrap_or_default();
        assert!(drawn == kept, "{}: `cargo run --bin report` draws it anew", name.display());
    }
}

/// Whether a block has its marks and nothing between.
fn is_empty(block: &str) -> bool {
    let Some((_, rest)) = block.split_once("-->") else { return false };
    rest.trim_start().starts_with("<!-- end -->")
}

/// A folder of a test's own.
struct Files {
    folder: PathBuf,
}

impl Files {
    fn new(test: &str, results: &str, page: &str) -> Self {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("report").join(test);
        if folder.exists() {
            fs::remove_dir_all(&folder).expect("the folder is the test's own");
        }
        fs::create_dir_all(&folder).expect("a folder");
        fs::write(folder.join("results.json"), results).expect("a file");
        fs::write(folder.join("page.md"), page).expect("a file");
        Self { folder }
    }

    fn write(&self) -> Result<(), Error> {
        write(&self.folder.join("results.json"), &self.folder.join("page.md"), &self.folder.join("plots"))
    }

    fn page(&self) -> String {
        fs::read_to_string(self.folder.join("page.md")).expect("the page is there")
    }
}
