//! Holds code, template and documents together: each rule reads the real ones, and its own tests
//! break them to see that the rule notices.
//!
//! A rule is a function from what it looks at to a list of problems; a problem says what is wrong
//! and what to do.

mod api_form;
mod circles;
mod contract;
mod deploy_role;
mod deployments;
mod documented;
mod environment;
mod events;
mod events_and_queues;
mod faults;
mod functions;
mod generated;
mod guides;
mod kinds;
mod operations;
mod policies;
mod protection;
mod rotation;
mod routes;
mod scaffold;
mod sources;
mod table_agreement;
mod workflows;
mod workspace_rules;

use system_tests::template::Template;

/// Fails with every problem, so that one run shows them all.
#[track_caller]
fn assert_none(problems: &[String]) {
    assert!(problems.is_empty(), "{} problem(s):\n- {}", problems.len(), problems.join("\n- "));
}

/// Fails unless a rule, shown something broken, names it.
#[track_caller]
fn assert_noticed(problems: &[String], wanted: &str) {
    assert!(
        problems.iter().any(|problem| problem.contains(wanted)),
        "no problem says {wanted:?}; the rule said {problems:#?}"
    );
}

/// The repository's template after one edit.
fn broken(edit: impl FnOnce(&mut serde_json::Value)) -> Template {
    Template::of_repository().edited(edit)
}
