//! Holds `src` to its plan: imports go down the ladder of rooms only, a room's front holds no code, files stay short.

use std::fs;
use std::path::{Path, PathBuf};

/// The rooms of `src` and the rungs they stand on. Rooms of one rung do not know each other.
const LADDER: [(&str, u8); 8] = [
    ("app", 7),
    ("layer", 6),
    ("service", 5),
    ("namespace", 4),
    ("handler", 3),
    ("extract", 2),
    ("transport", 2),
    ("hub", 1),
];

/// The most lines of code in a file: neither blank, nor comment, nor tests.
const LONGEST: usize = 400;

#[test]
fn imports_only_go_down_the_ladder() {
    let mut faults = Vec::new();
    for file in Source::all() {
        faults.extend(file.imports_that_go_up());
    }
    assert!(faults.is_empty(), "a room may only use rooms on lower rungs:\n{}\n", faults.join("\n"));
}

#[test]
fn every_folder_is_a_room() {
    let rooms: Vec<_> = LADDER.iter().map(|(room, _)| (*room).to_owned()).collect();
    for file in Source::all() {
        let room = file.module.first();
        assert!(room.is_none_or(|room| rooms.contains(room)), "{} is in no room of the ladder", file.name);
    }
}

#[test]
fn the_front_of_a_folder_says_its_job_and_holds_no_types_and_no_functions() {
    let mut faults = Vec::new();
    for file in Source::all().iter().filter(|file| file.name.ends_with("mod.rs")) {
        let first = file.text.lines().next().unwrap_or_default();
        if !(first.starts_with("//! ") && first.ends_with('.')) {
            faults.push(format!("{}:1: does not open with one line that says its job", file.name));
        }
        for (word, line) in file.items() {
            if ["struct", "enum", "union", "fn", "const", "static"].contains(&word) {
                faults.push(format!("{}:{line}: a `{word}` belongs into a file of its own", file.name));
            }
        }
        let traits = file.items().iter().filter(|(word, _)| *word == "trait").count();
        if traits > 2 {
            faults
                .push(format!("{}: {traits} traits; one, and one that belongs to it, are enough", file.name));
        }
    }
    assert!(faults.is_empty(), "\n{}\n", faults.join("\n"));
}

#[test]
fn no_file_is_too_long() {
    let lengths = Source::all().into_iter().map(|file| (file.lines_of_code(), file.name));
    let long: Vec<_> = lengths.filter(|(lines, _)| *lines > LONGEST).collect();
    assert!(long.is_empty(), "split these, at most {LONGEST} lines of code are wanted: {long:#?}");
}

#[test]
fn this_test_finds_what_it_looks_for() {
    let up = |text: &str| {
        let file = Source::new("src/extract/data.rs", text.to_owned());
        file.imports_that_go_up().len()
    };
    assert_eq!(up("use crate::hub::Socket; use super::{FromContext, axum}; pub(crate) fn f() {}"), 0);
    assert_eq!(up("use crate::transport::serve;"), 1);
    assert_eq!(up("use crate::{hub::{Ack, Reply}, app, service::{http::X, body::Y}};"), 3);
    assert_eq!(up("use crate::Data;"), 1);
    assert_eq!(up("use super::super::{hub::Socket, namespace};"), 1);
    assert_eq!(up("fn f() -> crate::layer::X<crate::hub::Y> { crate::app::z() }"), 2);
    assert_eq!(up("mod tests { use super::super::Data; use super::super::super::handler::Handler; }"), 1);
    assert_eq!(
        up("// crate::app::x\n/* crate::app /* */ crate::app::y */ const A: &str = \"crate::app::z\";"),
        0
    );
    assert_eq!(up("const A: char = '\"'; fn f<'a>(_: &'a str) { crate::app::x() }"), 1);
    assert_eq!(up("const A: &str = r#\"\" crate::app::x \"#;"), 0);
    assert_eq!(up("pub(in crate::app) struct A;"), 0);

    let file =
        Source::new("src/hub/x.rs", "//! A\n\nfn a() {}\n/* b\n */\n#[cfg(test)]\nmod tests {\n}".to_owned());
    assert_eq!(file.lines_of_code(), 1);
}

/// A file of `src`.
struct Source {
    name: String,
    text: String,
    /// The names of the modules that lead to it.
    module: Vec<String>,
    tokens: Vec<Token>,
}

struct Token {
    text: String,
    line: usize,
}

impl Source {
    fn all() -> Vec<Self> {
        fn visit(folder: &Path, files: &mut Vec<PathBuf>) {
            for entry in fs::read_dir(folder).expect("a folder of `src`") {
                let path = entry.expect("an entry").path();
                if path.is_dir() {
                    visit(&path, files);
                } else if path.extension().is_some_and(|extension| extension == "rs") {
                    files.push(path);
                }
            }
        }
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let mut files = Vec::new();
        visit(&root.join("src"), &mut files);
        files.sort();
        assert!(files.len() > LADDER.len(), "`src` was not found");
        let read = |path: PathBuf| {
            let name = path.strip_prefix(root).expect("a file of this package").display().to_string();
            Self::new(&name.replace('\\', "/"), fs::read_to_string(&path).expect("source is UTF-8"))
        };
        files.into_iter().map(read).collect()
    }

    fn new(name: &str, text: String) -> Self {
        let path = name.trim_start_matches("src/").trim_end_matches(".rs");
        let mut module: Vec<_> = path.split('/').map(str::to_owned).collect();
        module.pop_if(|last| *last == "mod" || *last == "lib");
        let tokens = tokens(&text);
        Self { name: name.to_owned(), text, module, tokens }
    }

    fn imports_that_go_up(&self) -> Vec<String> {
        let Some(room) = self.module.first() else { return Vec::new() };
        let Some(own) = rung(room) else { return Vec::new() };
        let mut faults = Vec::new();
        for (path, line) in self.paths() {
            let fault = match path.first().and_then(|room| rung(room)) {
                _ if path.first() == Some(room) => continue,
                Some(rung) if rung < own => continue,
                Some(rung) => format!("which is on rung {rung}"),
                None => "which is the front page's".to_owned(),
            };
            let (name, path) = (&self.name, path.join("::"));
            faults.push(format!("{name}:{line}: `{room}`, on rung {own}, uses `crate::{path}`, {fault}"));
        }
        faults
    }

    /// Every path that starts with `crate`, `super` or `self`, from the crate's root.
    fn paths(&self) -> Vec<(Vec<String>, usize)> {
        let mut paths = Vec::new();
        let mut modules = self.module.clone();
        let mut braces = Vec::new();
        for at in 0..self.tokens.len() {
            match self.token(at) {
                "{" => {
                    let named = at >= 2 && self.token(at - 2) == "mod";
                    braces.push(named);
                    if named {
                        modules.push(self.token(at - 1).to_owned());
                    }
                }
                "}" if braces.pop() == Some(true) => drop(modules.pop()),
                head @ ("crate" | "super" | "self") => {
                    let inside = at >= 1 && self.token(at - 1) == "::";
                    let scope = at >= 3 && self.token(at - 1) == "in" && self.token(at - 3) == "pub";
                    if self.token(at + 1) == "::" && !inside && !scope {
                        let base = if head == "crate" { Vec::new() } else { modules.clone() };
                        self.tree(if head == "crate" { at + 2 } else { at }, base, &mut paths);
                    }
                }
                _ => {}
            }
        }
        paths
    }

    /// Reads a path or a tree of paths, and returns where it ends.
    fn tree(&self, mut at: usize, mut path: Vec<String>, paths: &mut Vec<(Vec<String>, usize)>) -> usize {
        loop {
            match self.token(at) {
                "super" => drop(path.pop()),
                "self" => {}
                "{" => {
                    at += 1;
                    while self.token(at) != "}" {
                        at = self.tree(at, path.clone(), paths);
                        while !matches!(self.token(at), "," | "}") {
                            at += 1;
                        }
                        at += usize::from(self.token(at) == ",");
                    }
                    return at + 1;
                }
                name => path.push(name.to_owned()),
            }
            if self.token(at + 1) != "::" {
                paths.push((path, self.tokens[at].line));
                return at + 1;
            }
            at += 2;
        }
    }

    /// The words outside of all braces, with their lines.
    fn items(&self) -> Vec<(&str, usize)> {
        let mut depth = 0;
        let mut words = Vec::new();
        for Token { text, line } in &self.tokens {
            match text.as_str() {
                "{" | "(" | "[" => depth += 1,
                "}" | ")" | "]" => depth -= 1,
                word if depth == 0 => words.push((word, *line)),
                _ => {}
            }
        }
        words
    }

    fn lines_of_code(&self) -> usize {
        let text: Vec<_> = self.tokens.iter().map(|token| token.text.as_str()).collect();
        let test = |window: &[&str]| {
            window[..8] == ["#", "[", "cfg", "(", "test", ")", "]", "mod"] && window[9] == "{"
        };
        let end = text.windows(10).position(test).unwrap_or(text.len());
        let mut lines: Vec<_> = self.tokens[..end].iter().map(|token| token.line).collect();
        lines.dedup();
        lines.len()
    }

    /// A token; past the end, nothing.
    fn token(&self, at: usize) -> &str {
        self.tokens.get(at).map_or("}", |token| &token.text)
    }
}

fn rung(room: &str) -> Option<u8> {
    LADDER.iter().find(|(name, _)| *name == room).map(|(_, rung)| *rung)
}

/// Words, `::` and single signs; comments, strings and characters are left out, but for the place of a string.
fn tokens(text: &str) -> Vec<Token> {
    let mut tokens = Vec::new();
    let (mut rest, mut line) = (text, 1);
    while let Some(first) = rest.chars().next() {
        let length = if rest.starts_with("//") {
            rest.find('\n').unwrap_or(rest.len())
        } else if rest.starts_with("/*") {
            comment(rest)
        } else if let Some(length) = string(rest) {
            tokens.push(Token { text: "\"\"".to_owned(), line });
            length
        } else if first == '\'' {
            character(rest)
        } else if first.is_alphanumeric() || first == '_' {
            let length = rest.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(rest.len());
            tokens.push(Token { text: rest[..length].to_owned(), line });
            length
        } else {
            let length = if rest.starts_with("::") { 2 } else { first.len_utf8() };
            if !first.is_whitespace() {
                tokens.push(Token { text: rest[..length].to_owned(), line });
            }
            length
        };
        line += rest[..length].matches('\n').count();
        rest = &rest[length..];
    }
    tokens
}

/// The length of a block comment, which may hold others.
fn comment(text: &str) -> usize {
    let (mut depth, mut at) = (0, 0);
    loop {
        if text[at..].starts_with("/*") {
            (depth, at) = (depth + 1, at + 2);
        } else if text[at..].starts_with("*/") {
            (depth, at) = (depth - 1, at + 2);
        } else {
            at += text[at..].chars().next().map_or(1, char::len_utf8);
        }
        if depth == 0 || at >= text.len() {
            return at.min(text.len());
        }
    }
}

/// The length of a string literal, also a raw one or one of bytes.
fn string(text: &str) -> Option<usize> {
    let body = text.trim_start_matches(['b', 'c', 'r']);
    let prefix = &text[..text.len() - body.len()];
    if !["", "b", "c", "r", "br", "cr"].contains(&prefix) {
        return None;
    }
    if !prefix.ends_with('r') {
        let quoted = body.strip_prefix('"')?;
        let mut escaped = false;
        let end = quoted.find(|c: char| {
            let end = c == '"' && !escaped;
            escaped = c == '\\' && !escaped;
            end
        });
        return Some(prefix.len() + end.map_or(body.len(), |end| end + 2));
    }
    let hashes = body.len() - body.trim_start_matches('#').len();
    let end = format!("\"{}", "#".repeat(hashes));
    let quoted = body[hashes..].strip_prefix('"')?;
    Some(text.len() - quoted.len() + quoted.find(&end).map_or(quoted.len(), |at| at + end.len()))
}

/// The length of a character literal or of a lifetime.
fn character(text: &str) -> usize {
    let mut chars = text.char_indices().skip(1);
    match (chars.next(), chars.next()) {
        (Some((_, '\\')), Some(_)) => text[3..].find('\'').map_or(text.len(), |at| at + 4),
        (Some(_), Some((at, '\''))) => at + 1,
        _ => 1 + text[1..].find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(text.len() - 1),
    }
}
