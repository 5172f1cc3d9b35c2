//! Tests of the whole system, and the documents that are written from it.
//!
//! Knows every crate, so that no other has to. Nothing may depend on it.

pub mod alarms;
pub mod answer;
pub mod budgets;
pub mod conditions;
pub mod documents;
pub mod domains;
pub mod template;
