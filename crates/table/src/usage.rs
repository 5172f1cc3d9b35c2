use std::sync::{Arc, Mutex, PoisonError};

use aws_sdk_dynamodb::types::ConsumedCapacity;

/// One call to `DynamoDB` and what it cost.
#[derive(Clone, Debug, PartialEq)]
pub struct Call {
    /// The operation, such as `GetItem`.
    pub operation: &'static str,
    /// Capacity units, read and write together: a call does one or the other.
    pub units: f64,
    /// Whether it wrote.
    pub writes: bool,
}

/// The calls made since somebody last took them, for metrics and for budgets in tests.
#[derive(Clone, Debug, Default)]
pub struct Usage(Arc<Mutex<Vec<Call>>>);

/// Nobody takes calls in a function that forgets to; do not grow for ever then.
const KEPT: usize = 10_000;

impl Usage {
    pub(crate) fn record<'a>(
        &self,
        operation: &'static str,
        writes: bool,
        capacity: impl IntoIterator<Item = &'a ConsumedCapacity>,
    ) {
        let units = capacity.into_iter().filter_map(ConsumedCapacity::capacity_units).sum();
        let mut calls = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if calls.len() < KEPT {
            calls.push(Call { operation, units, writes });
        }
    }

    /// The calls so far, and forgets them.
    pub fn take(&self) -> Vec<Call> {
        std::mem::take(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
