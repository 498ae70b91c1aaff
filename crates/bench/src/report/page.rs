//! The blocks of a page.

use super::{Error, pictures, tables};
use crate::results::Results;

const BEGIN: &str = "<!-- bench:";
const END: &str = "<!-- end -->";

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
    ["machine", "table"].into_iter().chain(curves.map(|scenario| scenario.name.as_str()))
}

fn block(name: &str, results: &Results, folder: &str) -> Option<String> {
    let picture = |name: &str, title: &str| {
        format!("![{}]({folder}{})\n", tables::escaped(title), pictures::file(name))
    };
    Some(match name {
        "machine" => tables::machine(results),
        "table" => tables::comparison(results),
        "overview" => picture(name, "What it costs, as a multiple of the floor"),
        name => {
            let scenario = results.scenario(name)?;
            let title = format!("{}: {}", scenario.title, scenario.unit);
            format!("{}\n{}", picture(name, &title), tables::scenario(scenario))
        }
    })
}
