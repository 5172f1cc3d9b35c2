use primitives::Fault;
use serde::Deserialize;

const MOST: usize = 1_000;

/// How many things a command is about at most.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(transparent)]
pub(crate) struct Limit(usize);

impl Default for Limit {
    fn default() -> Self {
        Self(100)
    }
}

impl Limit {
    pub(crate) fn checked(self) -> Result<usize, WrongLimit> {
        (1..=MOST).contains(&self.0).then_some(self.0).ok_or(WrongLimit)
    }
}

#[derive(Debug, thiserror::Error, Fault)]
#[error("`limit` is from 1 to {MOST}")]
#[fault(Invalid, "invalid_limit")]
pub(crate) struct WrongLimit;
