//! What source files must hold to that no lint holds them to: their length, and names that say
//! something.

use std::{
    fs,
    path::{Path, PathBuf},
};

use system_tests::template::repository;

use crate::{assert_none, assert_noticed};

const LONGEST_FILE: usize = 500;
/// How wide a comment may be, in characters: as wide as code. rustfmt leaves comments as they are.
const WIDEST_COMMENT: usize = 110;
/// Names that gather whatever has no home.
const FORBIDDEN_NAMES: &[&str] =
    &["util", "utils", "common", "shared", "helper", "helpers", "misc", "manager"];
/// Marks of unfinished work, in halves so that this file does not find itself.
const FORBIDDEN_MARKS: &[&str] =
    &[concat!("TO", "DO"), concat!("FIX", "ME"), concat!("XX", "X"), concat!("HA", "CK")];

/// Readers of JSON that take more than its description says.
const LENIENT_READERS: &[&str] = &["serde_json::from_", "axum::Json"];
/// Derived readers that go through a buffer of serde's own, which no reader around them sees.
const BUFFERED: &[&str] = &["serde(untagged", "serde(flatten", "serde(tag"];
/// Where these are right: the strict readers themselves, commands of operators, which are flat, and
/// rows of our own table.
const READERS: &[&str] = &[
    "crates/primitives/src/json",
    "functions/operator/src/lib.rs",
    "crates/billing/src/parked.rs",
    "crates/billing/src/stripe_items.rs",
];
/// What is not shipped: tools, tests, and the imitation of AWS, which is spoken to by SDKs alone.
const NOT_SHIPPED: &[&str] = &[
    "tests/",
    "crates/bare-functions/",
    "crates/benchmarks/",
    "crates/local/",
    "crates/test-support/",
    "crates/xtask/",
];

fn within(path: &Path, roots: &[&str]) -> bool {
    roots.iter().any(|root| path.starts_with(root))
}

fn is_shipped(path: &Path) -> bool {
    let is_test = path.iter().any(|part| part == "tests" || part == "tests.rs");
    !within(path, NOT_SHIPPED) && !is_test
}

/// Only `table` commits by itself: everybody else would have to know when to decide again, how soon
/// and how long.
fn commits(path: &Path, text: &str) -> Vec<String> {
    if !is_shipped(path) || path.starts_with("crates/table/") {
        return Vec::new();
    }
    let shipped = text.split("#[cfg(test)]").next().unwrap_or_default();
    let lines = shipped.lines().enumerate().filter(|(_, line)| line.trim_start().contains(".commit("));
    lines
        .map(|(number, _)| {
            format!(
                "{}:{}: let Table::decide commit: it decides again, waits and gives up in one place. \
                 Return Decision::commit(changes, output), and .unless(key, outcome) for a condition that you know.",
                path.display(),
                number + 1
            )
        })
        .collect()
}

/// What customers read names the product as the template's parameter does, so that it has one
/// place.
fn names_the_product(path: &Path, text: &str) -> Vec<String> {
    const INTERNAL: &[&str] = &["crates/lambda-host/", "crates/stripe-client/"];
    if !is_shipped(path) || within(path, INTERNAL) {
        return Vec::new();
    }
    let shipped = text.split("#[cfg(test)]").next().unwrap_or_default();
    let lines = shipped
        .lines()
        .enumerate()
        .filter(|(_, line)| line.split_once("//").map_or(*line, |(code, _)| code).contains("Gantry"));
    lines
        .map(|(number, _)| {
            format!(
                "{}:{}: take the product's name from the environment (PRODUCT_NAME): it is a parameter of \
                 template.yaml, and is said nowhere else (docs/make-it-yours.md).",
                path.display(),
                number + 1
            )
        })
        .collect()
}

pub(crate) fn rust_files(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).expect("a source folder is readable") {
        let path = entry.expect("an entry of a source folder is readable").path();
        if path.is_dir() {
            rust_files(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

fn file_rules(path: &Path, text: &str) -> Vec<String> {
    let mut problems = Vec::new();
    let shown = path.display();
    let lines = text.lines().count();
    if lines > LONGEST_FILE {
        problems.push(format!(
            "{shown} has {lines} lines; {LONGEST_FILE} is the most. Split it by what its parts are."
        ));
    }
    for part in path.iter().filter_map(|part| part.to_str()) {
        let name = part.trim_end_matches(".rs");
        if FORBIDDEN_NAMES.contains(&name) {
            problems.push(format!("{shown}: {name:?} says nothing; name it by the noun that it owns."));
        }
    }
    problems.extend(commits(path, text));
    problems.extend(names_the_product(path, text));
    if is_shipped(path) && !within(path, READERS) {
        let shipped = text.split("#[cfg(test)]").next().unwrap_or_default();
        let mut derives_reader = false;
        for (number, line) in shipped.lines().enumerate() {
            let buffered = BUFFERED.iter().any(|kind| line.contains(kind)) && derives_reader;
            if buffered || LENIENT_READERS.iter().any(|reader| line.contains(reader)) {
                problems.push(format!(
                    "{shown}:{}: this takes arrays for objects; read it with primitives::json, and without a tag.",
                    number + 1
                ));
            }
            if line.contains("derive(") {
                derives_reader = line.contains("Deserialize");
            }
        }
    }
    for (number, line) in text.lines().enumerate() {
        if is_too_wide(line) {
            problems.push(format!(
                "{shown}:{}: wrap the comment at {WIDEST_COMMENT} columns, or say it shorter.",
                number + 1
            ));
        }
        for mark in FORBIDDEN_MARKS {
            if line.split(|character: char| !character.is_alphanumeric()).any(|word| word == *mark) {
                problems
                    .push(format!("{shown}:{}: finish it or open an issue; {mark} is neither.", number + 1));
            }
        }
    }
    problems
}

/// Whether a line is a comment that should have been wrapped. One word, such as a link, cannot be.
fn is_too_wide(line: &str) -> bool {
    let comment = line.trim_start();
    comment.starts_with("//")
        && line.chars().count() > WIDEST_COMMENT
        && comment.split_whitespace().nth(2).is_some()
}

#[test]
fn sources_are_short_and_finished() {
    let root = repository();
    let mut files = Vec::new();
    for folder in ["crates", "functions", "tests"] {
        rust_files(&root.join(folder), &mut files);
    }
    assert!(files.len() > 10, "the sources were not found");
    let problems: Vec<String> = files
        .iter()
        .flat_map(|path| {
            let text = fs::read_to_string(path).expect("a source file is UTF-8");
            file_rules(path.strip_prefix(&root).unwrap_or(path), &text)
        })
        .collect();
    assert_none(&problems);
}

#[test]
fn a_long_file_is_noticed() {
    assert_noticed(&file_rules(Path::new("crates/orgs/src/org.rs"), &"\n".repeat(501)), "has 501 lines");
}

#[test]
fn a_wide_comment_is_noticed() {
    let path = Path::new("crates/orgs/src/org.rs");
    for mark in ["//", "///", "    //!"] {
        let sentence = format!("{mark} ü{}", " word".repeat(30));
        let widest: String = sentence.chars().take(WIDEST_COMMENT).collect();
        assert_none(&file_rules(path, &widest));
        assert_noticed(&file_rules(path, &format!("{widest}s")), "org.rs:1: wrap the comment");
        assert_none(&file_rules(path, &format!("{mark} <https://docs.example/{}>", "page".repeat(30))));
    }
}

#[test]
fn a_name_without_meaning_is_noticed() {
    assert_noticed(&file_rules(Path::new("crates/utils/src/lib.rs"), ""), "\"utils\" says nothing");
}

#[test]
fn a_reader_that_takes_arrays_for_objects_is_noticed() {
    let text =
        "let input: Input = serde_json::from_slice(&body)?;\n#[cfg(test)]\nlet x = serde_json::from_str(y);";
    let path = "functions/api-orgs/src/members.rs";
    let problems = file_rules(Path::new(path), text);
    assert_noticed(&problems, "members.rs:1: this takes arrays for objects");
    assert_eq!(problems.len(), 1, "{problems:?}");
    assert_none(&file_rules(Path::new("crates/table/tests/table/store.rs"), text));
    let read = "#[derive(Debug, Deserialize)]\n#[serde(tag = \"type\")]\nenum Kind {}";
    assert_noticed(&file_rules(Path::new(path), read), "members.rs:2: this takes arrays");
    assert_none(&file_rules(Path::new(path), &read.replace("Deserialize", "Serialize")));
}

#[test]
fn a_commit_outside_of_the_loop_is_noticed() {
    let text =
        "match self\n    .table\n    .commit(cause, changes)\n    .await {}\n#[cfg(test)]\ntable.commit(x)";
    let problems = file_rules(Path::new("crates/billing/src/notices.rs"), text);
    assert_noticed(&problems, "notices.rs:3: let Table::decide commit");
    assert_eq!(problems.len(), 1, "{problems:?}");
    for path in
        ["crates/table/src/decide.rs", "crates/billing/tests/operations/trials.rs", "tests/cloud/story.rs"]
    {
        assert_none(&file_rules(Path::new(path), text));
    }
    let decides = "Ok(Decision::commit(changes, output))";
    assert_none(&file_rules(Path::new("crates/billing/src/notices.rs"), decides));
}

#[test]
fn a_second_place_that_names_the_product_is_noticed() {
    let text = "// Gantry\nlet subject = \"Welcome to Gantry\"; // Gantry";
    let problems = file_rules(Path::new("crates/orgs/src/org.rs"), text);
    assert_noticed(&problems, "org.rs:2: take the product's name from the environment");
    assert_eq!(problems.len(), 1, "{problems:?}");
    assert_none(&file_rules(Path::new("crates/orgs/tests/orgs.rs"), text));
}

#[test]
fn unfinished_work_is_noticed() {
    let text = format!("// {}: later", FORBIDDEN_MARKS[0]);
    assert_noticed(&file_rules(Path::new("crates/orgs/src/org.rs"), &text), "org.rs:1: finish it");
}
