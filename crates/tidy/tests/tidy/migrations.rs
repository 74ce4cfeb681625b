//! Migrations: whatever one creates has a comment, and there is a way back.

use crate::tree::Tree;

/// What needs a comment. A trigger stands below the function that it calls, which has one.
const EXPLAINED: [&str; 5] = ["TABLE", "INDEX", "FUNCTION", "TYPE", "VIEW"];

/// Statements without a comment above them, migrations without a way back.
pub(crate) fn check(tree: &Tree, report: &mut Vec<String>) {
    for (path, file) in tree.under("crates/", "/up.sql") {
        let (mut above, mut last_was_index) = ("", false);
        for (number, line) in (1..).zip(file.text.lines().map(str::trim)) {
            let words: Vec<_> = line.split(['(', ' ']).take(4).map(str::to_uppercase).collect();
            if words.first().is_some_and(|word| word == "CREATE") {
                let is_index = words.iter().any(|word| word == "INDEX");
                // Indexes in a row may share a comment.
                let is_explained =
                    above.starts_with("--") || (is_index && last_was_index && !above.is_empty());
                if !is_explained && words.iter().any(|word| EXPLAINED.contains(&&**word)) {
                    report.push(format!("{path}:{number}: argue for it in a comment above"));
                }
                last_was_index = is_index;
            }
            above = line;
        }
        let down = tree.files.get(&path.replace("/up.sql", "/down.sql"));
        if down.is_none_or(|file| file.text.trim().is_empty()) {
            report.push(format!("{path}:1: there is no way back: write a down.sql beside it"));
        }
    }
}

#[test]
fn statements_without_a_comment_are_reported() {
    let text = "-- Why.\nCREATE TABLE a (\n  -- Why.\n  b text\n);\nCREATE INDEX c ON a (b);\n\n-- Why.\n\
                CREATE INDEX d ON a (b);\nCREATE UNIQUE INDEX e\n  ON a (b);\nCREATE TABLE f (\n);\n\n\
                -- Why, but far away.\n\ncreate function g();\nCREATE TRIGGER h EXECUTE FUNCTION g();\n";
    let files = [
        ("crates/x/migrations/1/up.sql", text),
        ("crates/x/migrations/1/down.sql", "DROP TABLE a;"),
    ];
    assert_eq!(
        crate::places(check, &files),
        [6, 12, 17].map(|line| format!("{}:{line}", files[0].0))
    );
}

#[test]
fn migrations_without_a_way_back_are_reported() {
    let files =
        [("crates/x/migrations/1/up.sql", ""), ("crates/x/migrations/2/down.sql", "DROP TABLE a;")];
    assert_eq!(crate::places(check, &files), ["crates/x/migrations/1/up.sql:1"]);
}
