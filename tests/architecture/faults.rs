//! Every error that a route may answer with is in the registry from which `docs/errors.md` and the
//! list of codes in `docs/openapi.json` are written.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

use system_tests::{documents::problem_codes::REGISTRY, template::repository};

use crate::{assert_none, assert_noticed, sources::rust_files};

/// Functions that no route calls: their own errors are for the log.
const WORKERS: &[&str] = &["queue-", "stream-", "cron-", "rotate-", "operator"];

/// Errors in libraries that workers alone meet.
const OF_WORKERS: &[&str] = &["FanOutError", "DeliveryError", "SendError"];

/// The names of the types in a source that derive `Fault`, and what is written by hand instead.
fn faults(text: &str) -> (Vec<&str>, bool) {
    let shipped = text.split("#[cfg(test)]").next().unwrap_or_default();
    let mut names = Vec::new();
    let mut derives = false;
    for line in shipped.lines() {
        let mut words = line.split(|character: char| !character.is_alphanumeric() && character != '_');
        if line.starts_with("#[derive(") {
            derives = words.any(|word| word == "Fault");
        } else if derives && words.any(|word| word == "enum" || word == "struct") {
            names.extend(words.next());
            derives = false;
        }
    }
    (names, shipped.lines().any(|line| line.starts_with("impl") && line.contains("Fault for ")))
}

/// What is wrong in one package: its folder's name, its sources and the text of its `src/lib.rs`.
fn package(name: &str, sources: &[String], lib: &str, registered: &BTreeSet<&str>) -> Vec<String> {
    let mut problems = Vec::new();
    let mut answered = Vec::new();
    for (names, by_hand) in sources.iter().map(|text| faults(text)) {
        if by_hand {
            problems.push(format!(
                "{name} implements Fault by hand; derive it, with #[fault(…)] on each variant."
            ));
        }
        answered.extend(names.into_iter().filter(|name| !OF_WORKERS.contains(name)));
    }
    if WORKERS.iter().any(|worker| name.starts_with(worker)) {
        return problems;
    }
    for error in &answered {
        if !lib.contains(&format!("{error}::CODES")) {
            problems.push(format!(
                "{name}: {error} derives Fault and is in no list; add {error}::CODES to FAULTS in its src/lib.rs."
            ));
        }
    }
    if !answered.is_empty() && !registered.contains(name) {
        problems.push(format!(
            "{name} has errors that routes answer with; add its FAULTS to REGISTRY in \
             tests/src/documents/problem_codes.rs."
        ));
    }
    problems
}

#[test]
fn every_fault_is_registered() {
    let root = repository();
    let registered = REGISTRY.iter().map(|(name, _)| *name).collect();
    let mut found = 0;
    let mut problems = Vec::new();
    for folder in ["crates", "functions"] {
        for entry in fs::read_dir(root.join(folder)).unwrap().flatten() {
            let name = entry.file_name().to_string_lossy().into_owned();
            let source = |path: &Path| fs::read_to_string(path).unwrap();
            let mut files: Vec<PathBuf> = Vec::new();
            rust_files(&entry.path().join("src"), &mut files);
            let sources: Vec<String> = files.iter().map(|path| source(path)).collect();
            found += sources.iter().map(|text| faults(text).0.len()).sum::<usize>();
            let lib = fs::read_to_string(entry.path().join("src/lib.rs")).unwrap_or_default();
            problems.extend(package(&name, &sources, &lib, &registered));
        }
    }
    assert!(found > 15, "the errors were not found");
    assert_none(&problems);
}

#[test]
fn a_fault_that_nobody_lists_is_noticed() {
    let source =
        "#[derive(Debug, thiserror::Error, Fault)]\npub enum SeatError {\n    #[error(\"no\")]".to_owned();
    let of =
        |name: &str, lib: &str| package(name, std::slice::from_ref(&source), lib, &BTreeSet::from(["seats"]));
    assert_noticed(&of("seats", ""), "add SeatError::CODES to FAULTS");
    assert_none(&of("seats", "pub const FAULTS: &[&[FaultCode]] = &[SeatError::CODES];"));
    assert_noticed(&of("chairs", "SeatError::CODES"), "add its FAULTS to REGISTRY");
    assert_none(&of("queue-seats", ""));
}

#[test]
fn a_fault_by_hand_is_noticed() {
    let sources = ["impl Fault for SeatError {\n".to_owned()];
    assert_noticed(&package("queue-seats", &sources, "", &BTreeSet::new()), "derive it");
}
