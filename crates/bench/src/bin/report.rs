//! Draws `docs/performance/results.json` and writes its tables into `docs/performance.md`: `report`, at the repository's
//! root, or `report RESULTS PAGE FOLDER-OF-PLOTS`.

use std::path::Path;

type Error = Box<dyn std::error::Error>;

fn main() -> Result<(), Error> {
    let arguments: Vec<_> = std::env::args_os().skip(1).collect();
    let paths = match arguments.as_slice() {
        [] => ["docs/performance/results.json", "docs/performance.md", "docs/performance"].map(Path::new),
        [results, page, plots] => [results, page, plots].map(Path::new),
        _ => return Err("usage: report [RESULTS PAGE FOLDER-OF-PLOTS]".into()),
    };
    let [results, page, plots] = paths;
    Ok(tower_socketio_bench::report::write(results, page, plots)?)
}
