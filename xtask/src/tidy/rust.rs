//! Just enough of Rust's grammar: words and signs with their lines, apart from comments and text.

use std::ops::RangeInclusive;

/// A Rust file, taken apart.
#[derive(Debug)]
pub(crate) struct Source {
    /// Its path from the workspace's root.
    pub(crate) path: String,
    /// Its first line.
    pub(super) first_line: String,
    /// How many lines it has.
    pub(super) lines: usize,
    /// Words, `::` and single signs; literals appear as one `""`.
    pub(crate) tokens: Vec<Token>,
    /// Each line of each comment, with its line number.
    pub(super) comments: Vec<(usize, String)>,
    /// The lines of `mod tests { .. }`, if it has one.
    pub(super) tests: Option<RangeInclusive<usize>>,
}

/// A word or sign of code.
#[derive(Debug)]
pub(crate) struct Token {
    /// The line that it stands on, from 1.
    pub(crate) line: usize,
    /// How it is written.
    pub(crate) text: String,
}

/// A function with a body.
#[derive(Debug)]
pub(super) struct Function<'a> {
    /// Its name without a path.
    pub(super) name: &'a str,
    /// From `fn` to the closing brace.
    pub(super) lines: RangeInclusive<usize>,
}

impl Source {
    /// Takes a file apart.
    pub(super) fn new(path: &str, text: &str) -> Self {
        let (tokens, comments) = split(text);
        let tests = find_tests(&tokens);
        let first_line = text.lines().next().unwrap_or_default().to_owned();
        let lines = text.lines().count();
        Self { path: path.to_owned(), first_line, lines, tokens, comments, tests }
    }

    /// The token at an index, or nothing past the end.
    pub(super) fn text(&self, index: usize) -> &str {
        self.tokens.get(index).map_or("", |token| &token.text)
    }

    /// Whether a line belongs to a test: by the file's place or by `mod tests`.
    pub(super) fn is_test(&self, line: usize) -> bool {
        let in_folder = self.path.split('/').any(|part| part == "tests" || part == "tests.rs");
        in_folder || self.tests.as_ref().is_some_and(|lines| lines.contains(&line))
    }

    /// Every function that has a body, also those inside others.
    pub(super) fn functions(&self) -> Vec<Function<'_>> {
        let starts = (0..self.tokens.len()).filter(|&at| self.text(at) == "fn");
        starts.filter_map(|at| self.function(at)).collect()
    }

    fn function(&self, at: usize) -> Option<Function<'_>> {
        let name = self.tokens.get(at + 1).filter(|token| is_word(&token.text))?;
        let mut depth = 0_i32;
        let open = (at + 2..self.tokens.len()).find(|&index| {
            depth += match self.text(index) {
                "(" | "[" => 1,
                ")" | "]" => -1,
                _ => 0,
            };
            depth == 0 && matches!(self.text(index), "{" | ";")
        })?;
        let first = self.tokens.get(at)?.line;
        let last = self.tokens.get(closing(&self.tokens, open)?)?.line;
        Some(Function { name: &name.text, lines: first..=last })
    }
}

/// The index of the bracket that closes the one at `open`, of whatever kind.
pub(super) fn closing(tokens: &[Token], open: usize) -> Option<usize> {
    let (open_text, close_text) = match tokens.get(open)?.text.as_str() {
        "{" => ("{", "}"),
        "(" => ("(", ")"),
        "[" => ("[", "]"),
        _ => return None,
    };
    let mut depth = 0_u32;
    tokens.iter().enumerate().skip(open).find_map(|(index, token)| {
        if token.text == open_text {
            depth += 1;
        } else if token.text == close_text {
            depth -= 1;
        }
        (depth == 0).then_some(index)
    })
}

fn find_tests(tokens: &[Token]) -> Option<RangeInclusive<usize>> {
    let words = |three: &[Token]| three.iter().map(|token| token.text.clone()).collect::<Vec<_>>();
    let at = tokens.windows(3).position(|three| words(three) == ["mod", "tests", "{"])?;
    let last = closing(tokens, at + 2)?;
    Some(tokens.get(at)?.line..=tokens.get(last)?.line)
}

fn split(text: &str) -> (Vec<Token>, Vec<(usize, String)>) {
    let (mut tokens, mut comments) = (Vec::new(), Vec::new());
    let (mut rest, mut line) = (text, 1);
    while let Some(first) = rest.chars().next() {
        let (kind, length) = piece(rest, first);
        let (text, after) = rest.split_at(length);
        match kind {
            Kind::Code => tokens.push(Token { line, text: text.to_owned() }),
            Kind::Comment => {
                comments.extend((line..).zip(text.lines().map(String::from)));
            }
            Kind::Literal => tokens.push(Token { line, text: "\"\"".to_owned() }),
            Kind::Space => {}
        }
        line += text.matches('\n').count();
        rest = after;
    }
    (tokens, comments)
}

#[derive(Clone, Copy)]
enum Kind {
    Code,
    Comment,
    Literal,
    Space,
}

/// What the text starts with, and how many bytes that takes.
fn piece(rest: &str, first: char) -> (Kind, usize) {
    if rest.starts_with("//") {
        (Kind::Comment, rest.find('\n').unwrap_or(rest.len()))
    } else if rest.starts_with("/*") {
        (Kind::Comment, block_comment(rest))
    } else if let Some(length) = literal(rest) {
        (Kind::Literal, length)
    } else if first.is_alphanumeric() || first == '_' {
        (Kind::Code, rest.find(|next: char| !is_word_sign(next)).unwrap_or(rest.len()))
    } else if first.is_whitespace() {
        (Kind::Space, first.len_utf8())
    } else if rest.starts_with("::") {
        (Kind::Code, 2)
    } else {
        (Kind::Code, first.len_utf8())
    }
}

fn block_comment(rest: &str) -> usize {
    let mut depth = 0_u32;
    for (at, _) in rest.char_indices() {
        let here = rest.split_at(at).1;
        if here.starts_with("/*") {
            depth += 1;
        } else if here.starts_with("*/") {
            depth -= 1;
            if depth == 0 {
                return at + 2;
            }
        }
    }
    rest.len()
}

/// The length of the string or character literal that the text starts with.
fn literal(rest: &str) -> Option<usize> {
    let unprefixed = rest.trim_start_matches(['b', 'c']);
    let prefix = rest.len() - unprefixed.len();
    if prefix > 1 {
        return None;
    }
    if let Some(raw) = unprefixed.strip_prefix('r') {
        let hashes = raw.len() - raw.trim_start_matches('#').len();
        let body = raw.split_at(hashes).1.strip_prefix('"')?;
        let end = format!("\"{}", "#".repeat(hashes));
        let inside = body.find(&end).map_or(body.len(), |at| at + end.len());
        return Some(prefix + 1 + hashes + 1 + inside);
    }
    if let Some(body) = unprefixed.strip_prefix('"') {
        return Some(prefix + 1 + quoted(body, '"'));
    }
    let body = unprefixed.strip_prefix('\'')?;
    // A quote that neither escapes nor closes after one character begins a lifetime.
    let is_char = body.starts_with('\\') || body.chars().nth(1) == Some('\'');
    is_char.then(|| prefix + 1 + quoted(body, '\''))
}

/// How far the closing quote reaches, escapes skipped.
fn quoted(body: &str, quote: char) -> usize {
    let mut escaped = false;
    for (at, sign) in body.char_indices() {
        if escaped {
            escaped = false;
        } else if sign == '\\' {
            escaped = true;
        } else if sign == quote {
            return at + 1;
        }
    }
    body.len()
}

/// Whether a token is a word rather than a sign.
pub(super) fn is_word(text: &str) -> bool {
    text.starts_with(is_word_sign)
}

fn is_word_sign(sign: char) -> bool {
    sign.is_alphanumeric() || sign == '_'
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str) -> String {
        let texts: Vec<_> = split(text).0.into_iter().map(|token| token.text).collect();
        texts.join(" ")
    }

    #[test]
    fn keeps_code_apart_from_text_and_comments() {
        assert_eq!(words("a /* b /* c */ d */ e // f\ng"), "a e g");
        assert_eq!(words(r##"x = r#"a"b"# + "\"c" + b"d" ;"##), r#"x = "" + "" + "" ;"#);
        assert_eq!(
            words(r"f::<'a>('b', '\'', b'\\', '{')"),
            "f :: < ' a > ( \"\" , \"\" , \"\" , \"\" )"
        );
        assert_eq!(words("br\"x\" brand r#type bar"), "\"\" brand r # type bar");
    }

    #[test]
    fn counts_lines_through_literals_and_comments() {
        let (tokens, comments) = split("a\n\"x\ny\" b /* c\n d */ e");
        let lines: Vec<_> = tokens.iter().map(|token| token.line).collect();
        assert_eq!(lines, [1, 2, 3, 4]);
        assert_eq!(comments, [(3, "/* c".to_owned()), (4, " d */".to_owned())]);
    }

    #[test]
    fn finds_functions_and_tests() {
        let text = "fn a(x: [u8; 2]) -> fn(u8) {\n  fn b() {}\n}\ntrait T { fn c(); }\n\
                    mod tests {\n fn d() {}\n}\n";
        let source = Source::new("x.rs", text);
        let found: Vec<_> = source
            .functions()
            .iter()
            .map(|function| (function.name.to_owned(), function.lines.clone()))
            .collect();
        assert_eq!(found, [("a".into(), 1..=3), ("b".into(), 2..=2), ("d".into(), 6..=6)]);
        assert_eq!(source.tests, Some(5..=7));
        assert!(source.is_test(6) && !source.is_test(4));
        assert!(Source::new("a/tests/it/x.rs", "").is_test(1));
    }
}
