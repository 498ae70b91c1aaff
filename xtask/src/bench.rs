//! How the library compares: servers in turn under the same load.

use crate::chores::{Chores, Result};
use crate::tools::Node;

/// Builds the servers and the generator as one would for production, and has them compared.
///
/// The options are those of the program that compares, which says so if it does not know one. Without Node.js its
/// server is left out.
pub(crate) fn run(chores: &mut Chores, options: &[&str]) -> Result {
    chores.step("servers and generator", |chores| {
        let build =
            ["build", "--profile", "bench", "--package", "tower-socketio-bench", "--features", "peers"];
        chores.run(chores.cargo(&build).arg("--bins"))
    })?;
    let mut node = None;
    chores.step("npm's server", |chores| {
        match Node::require(chores) {
            Ok(found) => {
                found.packages(chores)?;
                node = Some(found);
            }
            Err(error) => println!("left out: {error}"),
        }
        Ok(())
    })?;
    chores.step("comparison", |chores| {
        let compare = chores.target()?.join("release/compare");
        let compare = compare.to_str().ok_or("the folder of builds has a name that is no text")?;
        match node {
            Some(node) => chores.run(node.program(chores, compare, options).current_dir(chores.path(""))),
            None => chores.run(&mut chores.program(compare, options)),
        }
    })?;
    if options.iter().any(|option| ["--out", "--quick"].contains(option)) {
        return Ok(());
    }
    chores.step("plots and tables", |chores| {
        let report = chores.target()?.join("release/report");
        let report = report.to_str().ok_or("the folder of builds has a name that is no text")?;
        chores.run(&mut chores.program(report, &[]))
    })
}
