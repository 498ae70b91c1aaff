//! The blocks of a page.

use super::{Error, pictures, tables};
use crate::results::{Results, Scenario};

const BEGIN: &str = "<!-- bench:";
const END: &str = "<!-- end -->";

/// What stands in place of scenarios of clusters where there are none.
const UNMEASURED: &str = "Nothing of this has been measured on this machine yet.\n";

/// The page with its blocks written anew; pictures are in `folder`, which is relative to the page.
pub(super) fn rewritten(page: &str, results: &Results, folder: &str) -> Result<String, Error> {
    let (mut out, mut seen) = (String::with_capacity(page.len()), Vec::new());
    let mut lines = page.lines();
    while let Some(line) = lines.next() {
        out.push_str(line);
        out.push('\n');
        let Some(name) = name(line) else { continue };
        let ended =
            lines.by_ref().take_while(|line| self::name(line).is_none()).any(|line| line.trim() == END);
        if !ended {
            return Err(Error::NoEnd(name.to_owned()));
        }
        let block = block(name, results, folder).ok_or_else(|| Error::Unknown(name.to_owned()))?;
        out.push_str(&format!("\n{block}\n{END}\n"));
        seen.push(name);
    }
    match needed(results).find(|name| !seen.contains(name)) {
        Some(missing) => Err(Error::Missing(missing.to_owned())),
        None => Ok(out),
    }
}

fn name(line: &str) -> Option<&str> {
    line.trim().strip_prefix(BEGIN)?.strip_suffix("-->").map(str::trim)
}

/// What must be on the page, so that nothing that was measured is kept back.
fn needed(results: &Results) -> impl Iterator<Item = &str> {
    let curves = results.scenarios.iter().filter(|scenario| scenario.axis.is_some());
    let cluster = results.scenarios.iter().any(|scenario| scenario.cluster).then_some("cluster");
    let always = ["machine", "table"].into_iter().chain(cluster);
    always.chain(curves.map(|scenario| scenario.name.as_str()))
}

fn block(name: &str, results: &Results, folder: &str) -> Option<String> {
    let picture = |name: &str, title: &str| {
        format!("![{}]({folder}{})\n", tables::escaped(title), pictures::file(name))
    };
    let scenario = |scenario: &Scenario| {
        let title = format!("{}: {}", scenario.title, scenario.unit);
        format!("{}\n{}", picture(&scenario.name, &title), tables::scenario(scenario))
    };
    Some(match name {
        "machine" => tables::machine(results),
        "table" => tables::comparison(results),
        "overview" => picture(name, "What it costs, as a multiple of the floor"),
        "cluster" => {
            let all: Vec<_> = results.scenarios.iter().filter(|it| it.cluster).map(scenario).collect();
            if all.is_empty() { UNMEASURED.to_owned() } else { all.join("\n") }
        }
        name => scenario(results.scenario(name)?),
    })
}
