//! The one loop in which a command loads, decides and commits.
//!
//! Whoever decides on what he read may find that it has changed when he writes. Then he reads and
//! decides again, after a pause, as long as there is time. Nothing outside of this file does that
//! by itself.

use std::{fmt, time::Duration};

use tokio::time::Instant;

use crate::{
    Key,
    cause::Cause,
    error::{CommitError, StoreError},
    idempotency::{Claim, StoredAnswer},
    retry::{self, Pace, RESERVE, within_deadline},
    store::Table,
    transaction::Changes,
};

/// How long an operation may take to find an end among others, where its caller has no less time.
const LONGEST: Duration = Duration::from_secs(5);

/// What an operation decides to do, on what it has loaded.
#[derive(Debug)]
#[must_use = "a decision does nothing until it is returned to the loop"]
pub struct Decision<O, E> {
    /// The changes and what they lead to; none while there is nothing to decide on.
    step: Option<(Changes, O)>,
    known: Vec<(Key, Result<O, E>)>,
    crowd: Option<(Key, Duration)>,
}

impl<O, E> Decision<O, E> {
    /// Makes these changes; then the operation has this output.
    pub fn commit(changes: Changes, output: O) -> Self {
        Self { step: Some((changes, output)), known: Vec::new(), crowd: None }
    }

    /// There is nothing to change: the operation has this output.
    pub fn done(output: O) -> Self {
        Self::commit(Changes::new(), output)
    }

    /// Nothing can be decided on yet: somebody else is about to change what was loaded.
    pub fn wait() -> Self {
        Self { step: None, known: Vec::new(), crowd: None }
    }

    /// The same, with another output made of each.
    pub fn map<P>(self, make: impl Fn(O) -> P) -> Decision<P, E> {
        Decision {
            step: self.step.map(|(changes, output)| (changes, make(output))),
            known: self.known.into_iter().map(|(key, outcome)| (key, outcome.map(&make))).collect(),
            crowd: self.crowd,
        }
    }

    /// When the condition on this item does not hold, the operation has this output, or this error:
    /// deciding again would lead to nothing else. Of several, the one that was said first counts.
    pub fn unless(mut self, key: &Key, outcome: Result<O, E>) -> Self {
        self.known.push((key.clone(), outcome));
        self
    }

    /// When the condition on this item does not hold, many want the same of it, and come back
    /// within this span: about the time in which all of them get what they want.
    pub fn crowded(mut self, key: &Key, span: Duration) -> Self {
        self.crowd = Some((key.clone(), span));
        self
    }
}

/// What became of the attempts before, for a decision that can do with less than loading everything
/// again.
#[derive(Clone, Debug, Default)]
pub struct Attempt {
    before: u32,
    failed: Vec<Key>,
}

impl Attempt {
    /// How many attempts came before this one.
    pub fn before(&self) -> u32 {
        self.before
    }

    /// Whether the condition on this item did not hold in the attempt before.
    pub fn failed(&self, key: &Key) -> bool {
        self.failed.contains(key)
    }
}

/// What is kept of the answer to a request, for a caller who asks again with the same idempotency
/// key.
pub struct Keep<'a, O>(Option<(Claim, Answering<'a, O>)>);

type Answering<'a, O> = Box<dyn Fn(&O) -> StoredAnswer + Send + Sync + 'a>;

impl<O> fmt::Debug for Keep<'_, O> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Keep").field(&self.0.as_ref().map(|(claim, _)| claim)).finish()
    }
}

impl<'a, O> Keep<'a, O> {
    /// Nothing: the request carries no key.
    pub fn nothing() -> Self {
        Self(None)
    }

    /// The answer that is made from the operation's output, under this claim.
    pub fn answer(claim: Claim, answer: impl Fn(&O) -> StoredAnswer + Send + Sync + 'a) -> Self {
        Self(Some((claim, Box::new(answer))))
    }

    fn with(&self, changes: Changes, output: &O) -> Changes {
        match &self.0 {
            Some((claim, answer)) => changes.answer(claim.clone(), answer(output)),
            None => changes,
        }
    }
}

impl Table {
    /// Loads, decides and commits, until it is done: `decide` loads what it needs and says what to
    /// do.
    ///
    /// Where a condition does not hold, somebody was faster: after a pause, `decide` is asked
    /// again. A transaction that another one is in the way of, or that the table has no capacity
    /// for, is repeated as it is (see [`Table::commit`]). All of that takes 5 seconds at most, and
    /// less where the invocation ends before; then the caller is asked to come back: many at once
    /// are no mistake of anybody's.
    pub async fn decide<O, E: From<CommitError>, F: Future<Output = Result<Decision<O, E>, E>>>(
        &self,
        cause: &Cause,
        decide: impl FnMut(Attempt) -> F,
    ) -> Result<O, E> {
        self.decide_once(cause, &Keep::nothing(), decide).await
    }

    /// The same, for a request that is carried out once: the answer to it is kept in the
    /// transaction of its changes. Nobody decides again on a request that another has taken over.
    pub async fn decide_once<O, E: From<CommitError>, F: Future<Output = Result<Decision<O, E>, E>>>(
        &self,
        cause: &Cause,
        keep: &Keep<'_, O>,
        decide: impl FnMut(Attempt) -> F,
    ) -> Result<O, E> {
        let longest = LONGEST.min(retry::time_left());
        // on the heap: whatever an operation loads and decides is in this future
        let rounds = Box::pin(self.rounds(cause, keep, decide));
        within_deadline(Instant::now() + longest + RESERVE, rounds).await
    }

    async fn rounds<O, E: From<CommitError>, F: Future<Output = Result<Decision<O, E>, E>>>(
        &self,
        cause: &Cause,
        keep: &Keep<'_, O>,
        mut decide: impl FnMut(Attempt) -> F,
    ) -> Result<O, E> {
        let mut attempt = Attempt::default();
        loop {
            let before = attempt.before;
            let Decision { step, known, crowd } = decide(attempt).await?;
            let failed = match step {
                None => Vec::new(),
                Some((changes, output)) => match self.commit(cause, keep.with(changes, &output)).await {
                    Ok(_) => return Ok(output),
                    Err(error) if !error.is_conflict() => return Err(error.into()),
                    Err(error) => error.into_failed(),
                },
            };
            if let Some((_, outcome)) = known.into_iter().find(|(key, _)| failed.contains(key)) {
                let output = outcome?;
                self.commit(cause, keep.with(Changes::new(), &output)).await?;
                return Ok(output);
            }
            let crowd = crowd.filter(|(key, _)| failed.contains(key));
            let span = crowd.map_or_else(|| Pace::Crowded.longest(before), |(_, span)| span);
            if !retry::pause_within(span, retry::time_left()).await {
                return Err(CommitError::from(contention(before + 1)).into());
            }
            attempt = Attempt { before: before + 1, failed };
        }
    }
}

fn contention(attempts: u32) -> StoreError {
    let detail = format!("the state moved under {attempts} decisions");
    StoreError::Unavailable { operation: "TransactWriteItems", code: "contention".to_owned(), detail }
}
