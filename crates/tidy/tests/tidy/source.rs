//! What the rules need to know of a Rust file: its tokens, its functions, and which lines are only for tests.

use std::ops::RangeInclusive;

use proc_macro2::{Delimiter, TokenStream, TokenTree};

/// A Rust file.
pub(crate) struct Source {
    pub(crate) path: String,
    pub(crate) text: String,
    /// All tokens. Comments are none, and documentation is a literal: what is found here is code.
    pub(crate) tokens: Vec<Token>,
    /// The lines of items under `#[cfg(test)]`.
    tests: Vec<RangeInclusive<usize>>,
}

/// A word, a literal, a bracket or one character of punctuation.
pub(crate) struct Token {
    pub(crate) text: String,
    pub(crate) line: usize,
    /// How many brackets are open around it.
    depth: usize,
}

/// A function with a body.
pub(crate) struct Function<'a> {
    pub(crate) name: &'a str,
    pub(crate) line: usize,
    /// The lines between its braces; one when it stands in a single line.
    pub(crate) lines: usize,
    /// `pub async fn` outside of any `impl`, and not a middleware, which takes the `Next` handler.
    pub(crate) is_handler: bool,
    /// It has a `#[utoipa::path]`.
    pub(crate) is_documented: bool,
}

impl Source {
    pub(crate) fn parse(path: &str, text: &str) -> Self {
        let stream = text.parse().unwrap_or_else(|error| panic!("{path} is not Rust: {error}"));
        let mut tokens = Vec::new();
        flatten(stream, 0, &mut tokens);
        let tests = find(&tokens, "# [ cfg ( test ) ]").into_iter();
        let tests = tests.map(|(last, item)| last.line..=end(item, last.depth)).collect();
        Self { path: path.to_owned(), text: text.to_owned(), tokens, tests }
    }

    /// Whether the file is part of a crate, rather than of its tests.
    pub(crate) fn is_in_src(&self) -> bool {
        self.path.contains("/src/") && !self.path.ends_with("/tests.rs")
    }

    /// Whether the line is only for tests.
    pub(crate) fn is_test(&self, line: usize) -> bool {
        !self.is_in_src() || self.tests.iter().any(|lines| lines.contains(&line))
    }

    /// The lines that are not only for tests, numbered.
    pub(crate) fn lines(&self) -> impl Iterator<Item = (usize, &str)> {
        (1..).zip(self.text.lines()).filter(|(number, _)| !self.is_test(*number))
    }

    /// For each place where these tokens, written with spaces between, stand in a row: the last of them, and all that
    /// follow.
    pub(crate) fn after(&self, pattern: &str) -> Vec<(&Token, &[Token])> {
        find(&self.tokens, pattern)
    }

    /// The functions that are not only for tests.
    pub(crate) fn functions(&self) -> impl Iterator<Item = Function<'_>> {
        let keywords = self.tokens.iter().enumerate().filter(|(_, token)| token.text == "fn");
        let keywords = keywords.filter(|(_, token)| !self.is_test(token.line));
        keywords.filter_map(|(index, _)| function(self.tokens.split_at(index)))
    }
}

/// The function whose `fn` is the first of the tokens that follow.
fn function<'a>((before, item): (&'a [Token], &'a [Token])) -> Option<Function<'a>> {
    let [keyword, name, ..] = item else { return None };
    if name.text == "(" {
        return None; // The type of a pointer.
    }
    let depth = keyword.depth;
    let is = |token: &Token, ends: [&str; 2]| token.depth == depth && ends.contains(&&*token.text);
    let (signature, body) = item.split_at(item.iter().position(|token| is(token, ["{", ";"]))?);
    let open = body.first().filter(|open| open.text == "{")?;
    // Its attributes and modifiers begin where the item before it ends, or with the block around it.
    let head = before.rsplit(|token| token.depth < depth || is(token, ["}", ";"])).next()?;
    let is_public = matches!(head, [.., a, b] if (&*a.text, &*b.text) == ("pub", "async"));
    Some(Function {
        name: &name.text,
        line: keyword.line,
        lines: end(body, depth).saturating_sub(open.line + 1).max(1),
        is_handler: is_public && depth == 0 && find(signature, "Next").is_empty(),
        is_documented: !find(head, "utoipa :: path").is_empty(),
    })
}

/// The line where the item at the start of these tokens ends: with a semicolon or with its braces.
fn end(item: &[Token], depth: usize) -> usize {
    let mut outside = item.iter().filter(|token| token.depth == depth);
    outside.find(|token| ["}", ";"].contains(&&*token.text)).map_or(usize::MAX, |token| token.line)
}

/// See [`Source::after`].
pub(crate) fn find<'a>(tokens: &'a [Token], pattern: &str) -> Vec<(&'a Token, &'a [Token])> {
    let pattern = pattern.replace("::", ": :");
    let length = pattern.split(' ').count();
    let mut found = Vec::new();
    for (start, window) in tokens.windows(length).enumerate() {
        if window.iter().map(|token| &*token.text).eq(pattern.split(' ')) {
            found.extend(window.last().zip(tokens.get(start + length..)));
        }
    }
    found
}

fn flatten(stream: TokenStream, depth: usize, tokens: &mut Vec<Token>) {
    for tree in stream {
        let line = tree.span().start().line;
        let TokenTree::Group(group) = tree else {
            tokens.push(Token { text: tree.to_string(), line, depth });
            continue;
        };
        let (open, close) = match group.delimiter() {
            Delimiter::Parenthesis => ("(", ")"),
            Delimiter::Brace => ("{", "}"),
            Delimiter::Bracket | Delimiter::None => ("[", "]"),
        };
        tokens.push(Token { text: open.to_owned(), line, depth });
        flatten(group.stream(), depth + 1, tokens);
        let line = group.span_close().start().line;
        tokens.push(Token { text: close.to_owned(), line, depth });
    }
}

#[test]
fn what_stands_under_cfg_test_is_for_tests() {
    let text = "#[cfg(test)]\nuse x;\nfn a() {}\n#[cfg(test)]\n#[expect(x)]\nmod m {\n  fn b() {}\n}\nfn c() {}";
    let files = ["x/src/a.rs", "x/src/a/tests.rs", "x/tests/it.rs"];
    let [source, module, integration] = files.map(|path| Source::parse(path, text));
    assert!((1..=9).filter(|line| source.is_test(*line)).eq([1, 2, 4, 5, 6, 7, 8]));
    assert!((1..=9).all(|line| module.is_test(line) && integration.is_test(line)));
}

#[test]
fn functions_are_found_wherever_they_stand() {
    let text = "trait T { fn no(&self); fn a(&self) { 1 } } struct D { d: fn(u8) }\nimpl X {\n\
                pub async fn b() -> [u8; { 2 }]\n{\nfn c() {\n\n\n}\n}\n}\n\
                #[utoipa::path(get)]\npub async fn e() {}\npub async fn f(n: Next<B>) {}";
    let source = Source::parse("crates/x/src/a.rs", text);
    let found = source.functions().map(|function| (function.name, function.line, function.lines));
    assert!(found.eq([("a", 1, 1), ("b", 3, 4), ("c", 5, 2), ("e", 12, 1), ("f", 13, 1)]));
    let handlers = source.functions().filter(|found| found.is_handler || found.is_documented);
    assert!(handlers.map(|function| function.name).eq(["e"]));
    assert_eq!(source.after("# [ utoipa :: path (").len(), 1);
}
