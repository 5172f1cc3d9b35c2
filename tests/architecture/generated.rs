//! Generated documents are what the code says, and the catalogue's own examples are what its
//! schemas say.

use std::fs;

use system_tests::{documents, domains, template::repository};

use crate::{assert_none, assert_noticed};

#[test]
fn generated_documents_are_up_to_date() {
    assert_none(&documents::stale(&repository()));
}

#[test]
fn writing_brings_documents_up_to_date_and_removes_what_is_left_over() {
    let root = tempfile::tempdir().unwrap();
    assert_noticed(&documents::stale(root.path()), "docs/events.md is not what the code says");
    let written = documents::write(root.path()).unwrap();
    assert_eq!(written, documents::all().len());
    let old = root.path().join("events/schemas/organization.renamed.v1.json");
    fs::write(&old, "{}").unwrap();
    assert_noticed(
        &documents::stale(root.path()),
        "organization.renamed.v1.json belongs to nothing any more",
    );
    documents::write(root.path()).unwrap();
    assert!(!old.exists());
    assert_none(&documents::stale(root.path()));
}

#[test]
fn every_example_reads_back_as_it_was() {
    for event in domains::events().into_iter().flat_map(|(_, events)| events) {
        let example = (event.example)();
        assert_eq!((event.read)(&example).unwrap(), example, "the example of {}", event.name);
    }
}

#[test]
fn the_cost_of_every_route_and_worker_is_known() {
    assert_none(&documents::cost::problems());
}
