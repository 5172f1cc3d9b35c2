//! What source files must hold to that no lint holds them to: their length, and names that say something.

use std::{
    fs,
    path::{Path, PathBuf},
};

use system_tests::template::repository;

use crate::{assert_none, assert_noticed};

const LONGEST_FILE: usize = 500;
/// Names that gather whatever has no home.
const FORBIDDEN_NAMES: &[&str] =
    &["util", "utils", "common", "shared", "helper", "helpers", "misc", "manager"];
/// Marks of unfinished work, in halves so that this file does not find itself.
const FORBIDDEN_MARKS: &[&str] =
    &[concat!("TO", "DO"), concat!("FIX", "ME"), concat!("XX", "X"), concat!("HA", "CK")];

fn rust_files(folder: &Path, found: &mut Vec<PathBuf>) {
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
    for (number, line) in text.lines().enumerate() {
        for mark in FORBIDDEN_MARKS {
            if line.split(|character: char| !character.is_alphanumeric()).any(|word| word == *mark) {
                problems
                    .push(format!("{shown}:{}: finish it or open an issue; {mark} is neither.", number + 1));
            }
        }
    }
    problems
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
fn a_name_without_meaning_is_noticed() {
    assert_noticed(&file_rules(Path::new("crates/utils/src/lib.rs"), ""), "\"utils\" says nothing");
}

#[test]
fn unfinished_work_is_noticed() {
    let text = format!("// {}: later", FORBIDDEN_MARKS[0]);
    assert_noticed(&file_rules(Path::new("crates/orgs/src/org.rs"), &text), "org.rs:1: finish it");
}
