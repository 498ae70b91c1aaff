use std::fs;
use std::path::Path;

use super::{Error, page, pictures};
use crate::results::Results;

/// Reads results, draws a plot of each scenario into the folder `plots`, and writes the blocks of the page anew.
///
/// Nothing is written if the page does not fit the results.
///
/// # Errors
///
/// If a file cannot be read or written, the results make no sense, a block of the page has no end or no results, or a
/// scenario that has an axis, the `table` or the `machine` has no block.
pub fn write(results: &Path, page: &Path, plots: &Path) -> Result<(), Error> {
    let folder = page.parent().and_then(|parent| plots.strip_prefix(parent).ok()).ok_or(Error::Apart)?;
    let folder: String = folder.iter().map(|part| format!("{}/", part.to_string_lossy())).collect();
    let of = |path: &Path| {
        let path = path.to_owned();
        move |source| Error::Io { path, source }
    };
    let read =
        Results::read(results).map_err(|source| Error::Results { path: results.to_owned(), source })?;
    let text = fs::read_to_string(page).map_err(of(page))?;
    let text = page::rewritten(&text, &read, &folder)?;
    fs::create_dir_all(plots).map_err(of(plots))?;
    for (name, picture) in pictures::all(&read) {
        let path = plots.join(name);
        fs::write(&path, picture).map_err(of(&path))?;
    }
    fs::write(page, text).map_err(of(page))
}
