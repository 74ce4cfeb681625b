//! Links between the documents: each leads to a file, and to a heading in it.

use std::collections::BTreeMap;

use pulldown_cmark::{Event, HeadingLevel, Options, Parser, Tag, TagEnd};

use crate::tree::{Tree, line_at};

/// What links need to know of a Markdown file.
#[derive(Default)]
pub(crate) struct Page {
    pub(crate) headings: Vec<Heading>,
    /// With their lines.
    links: Vec<(usize, String)>,
}

/// A heading.
pub(crate) struct Heading {
    pub(crate) level: HeadingLevel,
    pub(crate) text: String,
    pub(crate) line: usize,
}

/// Links that lead nowhere.
pub(crate) fn check(tree: &Tree, report: &mut Vec<String>) {
    for (path, file) in tree.under("", ".md") {
        for (line, link) in Page::read(&file.text).links {
            if let Some(missing) = missing(tree, path, &link) {
                report.push(format!("{path}:{line}: `{link}` leads to no {missing}: correct it"));
            }
        }
    }
}

/// What a link in the file at `path` does not lead to.
fn missing(tree: &Tree, path: &str, link: &str) -> Option<&'static str> {
    // A scheme (https:, mailto:) or another host: not ours to check.
    let start = link.split(['/', '#']).next().unwrap_or_default();
    if start.contains(':') || link.starts_with("//") {
        return None;
    }
    let (target, anchor) = link.split_once('#').unwrap_or((link, ""));
    let Some(target) = resolve(path, target) else { return Some("place in this repository") };
    let mut inside = tree.under(&target, "").filter_map(|(path, _)| path.strip_prefix(&target));
    let Some(file) = tree.files.get(&target) else {
        return (!target.is_empty() && !inside.any(|rest| rest.starts_with('/'))).then_some("file");
    };
    let has_anchors = target.rsplit('.').next() == Some("md") && !anchor.is_empty();
    (has_anchors && !Page::read(&file.text).has(anchor)).then_some("heading")
}

/// The path, from the root, of a link in the file at `path`; as GitHub does, `/` is the root of the repository.
fn resolve(path: &str, link: &str) -> Option<String> {
    let folder = path.rsplit_once('/').map_or("", |(folder, _)| folder);
    let mut parts = Vec::new();
    for part in if link.starts_with('/') { "" } else { folder }.split('/').chain(link.split('/')) {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()?),
            name => parts.push(name),
        }
    }
    Some(if link.is_empty() { path.to_owned() } else { parts.join("/") })
}

impl Page {
    pub(crate) fn read(text: &str) -> Self {
        let mut page = Self::default();
        let mut heading = None;
        let options = Options::ENABLE_TABLES | Options::ENABLE_FOOTNOTES;
        for (event, range) in Parser::new_ext(text, options).into_offset_iter() {
            let line = line_at(text, range.start);
            match event {
                Event::Start(Tag::Heading { level, .. }) => {
                    heading = Some(Heading { level, text: String::new(), line });
                }
                Event::End(TagEnd::Heading(_)) => page.headings.extend(heading.take()),
                Event::Text(words) | Event::Code(words) => {
                    if let Some(heading) = &mut heading {
                        heading.text += &words;
                    }
                }
                Event::Start(Tag::Link { dest_url, .. } | Tag::Image { dest_url, .. }) => {
                    page.links.push((line, dest_url.into_string()));
                }
                Event::Html(html) | Event::InlineHtml(html) => {
                    let parts: Vec<_> = html.split('"').collect();
                    for pair in parts.windows(2) {
                        if let [name, link] = pair
                            && (name.ends_with(" href=") || name.ends_with(" src="))
                        {
                            page.links.push((line, (*link).to_owned()));
                        }
                    }
                }
                _ => {}
            }
        }
        page
    }

    /// Whether GitHub gives a heading this name: lower case, hyphens for spaces, no punctuation; a second heading
    /// of the same words gets `-1`, a third `-2`.
    fn has(&self, anchor: &str) -> bool {
        let mut seen = BTreeMap::new();
        self.headings.iter().any(|heading| {
            let mut name = heading.text.trim().to_lowercase().replace(' ', "-");
            name.retain(|c| c.is_alphanumeric() || c == '-' || c == '_');
            let count = seen.entry(name.clone()).and_modify(|count| *count += 1).or_insert(0);
            if *count == 0 { name == anchor } else { format!("{name}-{count}") == anchor }
        })
    }
}

#[test]
fn links_that_lead_nowhere_are_reported() {
    let text = "[a](docs/a.md) ![b](/docs/a.md) [c](docs/) [d](https://example.com/x) [e](mailto:a@b.c)\n\
                [f](docs/none.md)\n[g](../x.md)\n[h][ref]\n<img src=\"no.png\"/>\n\n`[i](code.md)`\n\n[ref]: no.md\n";
    let files = [
        ("README.md", text),
        ("docs/a.md", "[x](../README.md) [y](./a.md)\n[z](b.md)\n[doc](../doc)"),
    ];
    let expected = "README.md:2 README.md:3 README.md:4 README.md:5 docs/a.md:2 docs/a.md:3";
    assert_eq!(crate::places(check, &files).join(" "), expected);
}

#[test]
fn anchors_that_no_heading_has_are_reported() {
    let target = "# A `b_c`, d & e!\n\n## Same\n\n## Same\n";
    let good = "[a](a.md#a-b_c-d--e) [b](a.md#same-1) [c](#here) [d](x.rs#L3)\n\n# Here\n";
    let files = [
        ("a.md", target),
        ("b.md", good),
        ("x.rs", ""),
        ("c.md", "[a](a.md#same-2)\n[b](#there)\n"),
    ];
    assert_eq!(crate::places(check, &files), ["c.md:1", "c.md:2"]);
}
