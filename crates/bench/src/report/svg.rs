//! The little of SVG that plots need.

use std::fmt::Write;

/// How wide every picture is; a column of text on GitHub is about as wide.
pub(super) const WIDTH: f64 = 760.0;
/// Between a picture's edge and what is drawn.
pub(super) const MARGIN: f64 = 20.0;
const TEXT_WIDTH: f64 = WIDTH - MARGIN - MARGIN;

/// Light and dark by the reader's own choice, each on a ground of its own, so that it can be read on any page.
///
/// The colours of servers can be told apart by colour-blind readers, and carry text.
const STYLE: &str = "\
text{font:13px system-ui,-apple-system,'Segoe UI',Roboto,'Helvetica Neue',Arial,sans-serif;fill:#1f2328}\
.card{fill:#fff;stroke:#d1d9e0}.title{font-weight:600;font-size:15px}.dim{fill:#59636e}.strong{font-weight:600}\
.grid{stroke:#e6eaef}.axis{stroke:#818b98}.leader{stroke:#818b98;stroke-width:.75}\
.whisker{stroke:#1f2328;stroke-width:1.25;fill:none}\
.c0{color:#0969b8}.c1{color:#b84a00}.c2{color:#00784f}.c3{color:#59636e}.c4{color:#97487a}\
.fill{fill:currentColor}.stroke{stroke:currentColor;stroke-width:2;fill:none;stroke-linejoin:round}\
.band{fill:currentColor;opacity:.15}.mark{fill:currentColor;stroke:#fff;stroke-width:1}\
@media(prefers-color-scheme:dark){text{fill:#f0f6fc}.card{fill:#0d1117;stroke:#3d444d}.dim{fill:#9198a1}\
.grid{stroke:#262c36}.axis,.leader{stroke:#656c76}.whisker{stroke:#f0f6fc}.mark{stroke:#0d1117}\
.c0{color:#58b5f4}.c1{color:#f0883e}.c2{color:#3fcf9b}.c3{color:#9198a1}.c4{color:#e29bc5}\
.band{opacity:.22}}";

/// A picture that is being drawn, from the top to the bottom.
#[derive(Debug, Default)]
pub(super) struct Svg {
    body: String,
}

/// Which end of a text stands at its place.
#[derive(Clone, Copy, Debug)]
pub(super) enum Anchor {
    Start,
    Middle,
    End,
}

impl Svg {
    /// A picture with the title and what its figures are; gives the height that both take.
    pub(super) fn titled(title: &str, subtitle: &str) -> (Self, f64) {
        let mut svg = Self::default();
        let mut y = MARGIN + 11.0;
        for line in wrapped(title, 15.0, TEXT_WIDTH) {
            svg.text(MARGIN, y, "title", Anchor::Start, &line);
            y += 20.0;
        }
        for line in wrapped(subtitle, 13.0, TEXT_WIDTH) {
            svg.text(MARGIN, y, "dim", Anchor::Start, &line);
            y += 18.0;
        }
        (svg, y)
    }

    pub(super) fn text(&mut self, x: f64, y: f64, class: &str, anchor: Anchor, text: &str) {
        let anchor = match anchor {
            Anchor::Start => "",
            Anchor::Middle => " text-anchor=\"middle\"",
            Anchor::End => " text-anchor=\"end\"",
        };
        self.add(format_args!(
            "<text x=\"{x:.1}\" y=\"{y:.1}\" class=\"{class}\"{anchor}>{}</text>",
            escaped(text)
        ));
    }

    pub(super) fn line(&mut self, from: (f64, f64), to: (f64, f64), class: &str) {
        let ((x1, y1), (x2, y2)) = (from, to);
        self.add(format_args!(
            "<line x1=\"{x1:.1}\" y1=\"{y1:.1}\" x2=\"{x2:.1}\" y2=\"{y2:.1}\" class=\"{class}\"/>"
        ));
    }

    pub(super) fn rect(&mut self, x: f64, y: f64, width: f64, height: f64, class: &str) {
        self.add(format_args!(
            "<rect x=\"{x:.1}\" y=\"{y:.1}\" width=\"{width:.1}\" height=\"{height:.1}\" rx=\"2\" class=\"{class}\"/>"
        ));
    }

    /// A line through these places.
    pub(super) fn path(&mut self, places: &[(f64, f64)], class: &str) {
        self.add(format_args!("<polyline points=\"{}\" class=\"{class}\"/>", joined(places)));
    }

    /// The area between these places.
    pub(super) fn area(&mut self, places: &[(f64, f64)], class: &str) {
        self.add(format_args!("<polygon points=\"{}\" class=\"{class}\"/>", joined(places)));
    }

    pub(super) fn circle(&mut self, (x, y): (f64, f64), radius: f64, class: &str) {
        self.add(format_args!("<circle cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"{radius:.1}\" class=\"{class}\"/>"));
    }

    /// The file, so high; the title is what a screen reader says.
    pub(super) fn finish(self, height: f64, title: &str) -> String {
        let title = escaped(title);
        format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{WIDTH}\" height=\"{height:.0}\" \
             viewBox=\"0 0 {WIDTH} {height:.0}\" role=\"img\" aria-label=\"{title}\">\n\
             <title>{title}</title>\n<style>{STYLE}</style>\n\
             <rect x=\"0.5\" y=\"0.5\" width=\"{}\" height=\"{:.0}\" rx=\"8\" class=\"card\"/>\n{}</svg>\n",
            WIDTH - 1.0,
            height - 1.0,
            self.body
        )
    }

    fn add(&mut self, element: std::fmt::Arguments<'_>) {
        writeln!(self.body, "{element}").expect("a string takes everything");
    }
}

/// About how wide a text of 13 pixels is drawn, rather too wide than too narrow.
pub(super) fn width(text: &str) -> f64 {
    text_width(text, 13.0)
}

fn text_width(text: &str, size: f64) -> f64 {
    let units = |c: char| match c {
        'i' | 'j' | 'l' | 't' | 'f' | 'r' | '.' | ',' | ' ' | '\u{a0}' | '(' | ')' | '-' | ':' => 0.38,
        'm' | 'w' | 'M' | 'W' | '%' => 0.92,
        'A'..='Z' => 0.7,
        c if c.is_ascii() => 0.58,
        '×' | 'µ' | '–' | '·' => 0.62,
        _ => 1.0,
    };
    text.chars().map(units).sum::<f64>() * size
}

/// Lines that are no wider, if no word is.
fn wrapped(text: &str, size: f64, most: f64) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split_whitespace() {
        match lines.last_mut() {
            Some(line) if text_width(line, size) + text_width(word, size) <= most - size => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}

fn joined(places: &[(f64, f64)]) -> String {
    places.iter().map(|(x, y)| format!("{x:.1},{y:.1}")).collect::<Vec<_>>().join(" ")
}

/// Text as it stands in XML; what XML cannot have is left out.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\t' | '\n' | '\r' => out.push(' '),
            '\0'..='\u{1f}' | '\u{fffe}' | '\u{ffff}' => {}
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_escaped() {
        assert_eq!(escaped("a<b & \"c\">\u{0}\n"), "a&lt;b &amp; &quot;c&quot;&gt; ");
    }

    #[test]
    fn long_titles_are_wrapped_between_words() {
        let lines = wrapped(&"twelve characters ".repeat(12), 15.0, 720.0);
        assert!(lines.len() > 1);
        assert!(lines.iter().all(|line| text_width(line, 15.0) <= 720.0));
        assert_eq!(wrapped(&"x".repeat(500), 15.0, 720.0).len(), 1);
        assert!(wrapped("", 15.0, 720.0).is_empty());
    }
}
