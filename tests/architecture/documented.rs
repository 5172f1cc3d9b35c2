//! What a crate gives to others says what it is. The compiler's own lint asks for it of fields and variants
//! too, whose names say it already, and is off.

use std::{fs, path::Path};

use system_tests::template::repository;

use crate::{assert_none, assert_noticed, sources::rust_files};

/// What an item begins with that others can use.
const ITEMS: &[&str] =
    &["fn", "async", "unsafe", "struct", "enum", "trait", "type", "const", "static", "union"];

fn is_given_out(line: &str) -> bool {
    let rest = line.trim_start().strip_prefix("pub ");
    rest.and_then(|rest| rest.split(' ').next()).is_some_and(|word| ITEMS.contains(&word))
}

fn undocumented(path: &Path, text: &str) -> Vec<String> {
    let text = text.split("#[cfg(test)]\nmod tests").next().unwrap_or_default();
    let (mut problems, mut documented, mut open) = (Vec::new(), false, 0);
    for (number, line) in text.lines().enumerate() {
        let code = line.trim_start();
        // a macro takes them from whoever uses it
        let is_doc = ["///", "#[doc", "$(#["].iter().any(|start| code.starts_with(start));
        if open == 0 && !code.starts_with("#[") && !is_doc {
            if is_given_out(line) && !documented {
                problems.push(format!("{}:{}: say what this is, with `///`.", path.display(), number + 1));
            }
            documented = false;
            continue;
        }
        documented |= is_doc;
        // an attribute may go on over several lines
        let brackets = if code.starts_with("///") { (0, 0) } else { (count(code, "(["), count(code, ")]")) };
        open = (open + brackets.0).saturating_sub(brackets.1);
    }
    problems
}

fn count(line: &str, letters: &str) -> usize {
    line.chars().filter(|letter| letters.contains(*letter)).count()
}

#[test]
fn what_others_use_is_described() {
    let mut files = Vec::new();
    for folder in ["crates", "functions", "tests/src"] {
        rust_files(&repository().join(folder), &mut files);
    }
    let problems = files.iter().flat_map(|file| {
        let path = file.strip_prefix(repository()).unwrap_or(file);
        let is_source = path.iter().any(|part| part == "src") && !path.ends_with("tests.rs");
        let text = fs::read_to_string(file).unwrap_or_default();
        if is_source { undocumented(path, &text) } else { Vec::new() }
    });
    assert_none(&problems.collect::<Vec<_>>());
}

#[test]
fn what_is_not_described_is_noticed() {
    let path = Path::new("crates/orgs/src/org.rs");
    let item = |item: &str| {
        let attribute = "#[derive(Debug)]\n#[expect(\n    dead_code,\n    reason = \"x\"\n)]\n";
        (
            undocumented(path, &format!("{attribute}{item}")),
            undocumented(path, &format!("/// It.\n{attribute}{item}")),
        )
    };
    for given_out in [
        "pub struct Org {",
        "    pub async fn create(",
        "pub const fn x()",
        "pub const MOST: u8 = 1;",
        "pub type A = B;",
    ] {
        let (without, with) = item(given_out);
        assert_noticed(&without, "org.rs:6: say what this is");
        assert_none(&with);
    }
    for other in [
        "    pub name: String,",
        "pub(crate) fn x()",
        "pub use a::B;",
        "pub mod keys;",
        "fn x()",
        "impl Org {",
    ] {
        assert_none(&item(other).0);
    }
    assert_noticed(&undocumented(path, "/// It.\npub fn a() {}\n\npub fn b() {}"), "org.rs:4: say what");
}
