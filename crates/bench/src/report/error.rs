use std::io;
use std::path::PathBuf;

use crate::results::ResultsError;

/// Why there is no report.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// There are no results.
    #[error("{path}: {source}")]
    Results {
        /// The file of results.
        path: PathBuf,
        /// What is wrong with it.
        source: ResultsError,
    },
    /// The page or a plot cannot be read or written.
    #[error("{path}: {source}")]
    Io {
        /// Which file.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// Pages and plots stand together; the page names its plots by a relative path.
    #[error("the plots have to be in the page's folder or below")]
    Apart,
    /// A block has no `<!-- end -->`.
    #[error("`<!-- bench:{0} -->` has no `<!-- end -->` before the next block")]
    NoEnd(String),
    /// The page has a block for which there are no results.
    #[error("`<!-- bench:{0} -->`: nothing was measured that is called so")]
    Unknown(String),
    /// There are results for which the page has no block.
    #[error("the page has no `<!-- bench:{0} -->`")]
    Missing(String),
}
