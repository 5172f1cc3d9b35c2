//! Starts functions and gives them work: one of ours and its bare counterpart always in turn, so
//! that whatever else the machine does meets both.

use anyhow::Result;
use serde_json::Value;

use crate::{
    cases::{Case, Events},
    sandbox::{Program, Sandbox},
    world::World,
};

/// Answers that are not measured, before those that are.
const WARM_UP: usize = 50;

/// How often things are done.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Times {
    pub(crate) starts: usize,
    pub(crate) invocations: usize,
}

/// The starts of one function, in their order. Times in milliseconds.
#[derive(Clone, Debug, Default)]
pub(crate) struct Starts {
    /// From spawning to asking for the first event.
    pub(crate) init: Vec<f64>,
    /// From spawning to the end of the first answer; empty where it was given no event.
    pub(crate) cold: Vec<f64>,
    /// Processor time up to there.
    pub(crate) processor: Vec<f64>,
    /// Resident bytes when asking for the first event.
    pub(crate) memory: Vec<f64>,
}

/// The answers of one function that has started and answered already, in their order.
#[derive(Clone, Debug)]
pub(crate) struct Answers {
    /// From handing the event out to the end of the answer, in milliseconds.
    pub(crate) latency: Vec<f64>,
    /// Processor time for each, on average, in milliseconds.
    pub(crate) processor: f64,
    /// Resident bytes at the end.
    pub(crate) memory: f64,
}

/// One of those that are compared.
#[derive(Clone, Copy)]
pub(crate) struct Side<'a> {
    pub(crate) program: &'a Program,
    pub(crate) bare: bool,
}

/// A case at work.
pub(crate) struct Bench<'a> {
    pub(crate) case: &'a Case,
    pub(crate) events: Events,
    pub(crate) world: &'a World,
}

impl Bench<'_> {
    /// Starts each side that often.
    pub(crate) async fn starts(&mut self, sides: &[Side<'_>], times: Times) -> Result<Vec<Starts>> {
        let mut measured: Vec<_> = sides.iter().map(|_| Starts::default()).collect();
        for round in 0..times.starts {
            for at in in_turn(sides.len(), round) {
                let sandbox = self.sandbox(sides[at]).await?;
                measured[at].note(&sandbox)?;
            }
        }
        Ok(measured)
    }

    /// Has each side answer that often.
    pub(crate) async fn answers(&mut self, sides: &[Side<'_>], times: Times) -> Result<Vec<Answers>> {
        let mut sandboxes = Vec::new();
        for side in sides {
            sandboxes.push(self.sandbox(*side).await?);
        }
        self.rounds(sides, &mut sandboxes, WARM_UP).await?;
        let before: Vec<_> = sandboxes.iter().map(Sandbox::processor_time).collect::<Result<_>>()?;
        let latencies = self.rounds(sides, &mut sandboxes, times.invocations).await?;
        let count = f64::from(u32::try_from(times.invocations)?);
        let answers = sandboxes.iter().zip(before).zip(latencies).map(|((sandbox, before), latency)| {
            let processor = sandbox.processor_time()?.saturating_sub(before).as_secs_f64() * 1e3 / count;
            Ok(Answers { latency, processor, memory: sandbox.memory()? })
        });
        answers.collect()
    }

    async fn sandbox(&mut self, side: Side<'_>) -> Result<Sandbox> {
        let first = self.event(side)?;
        Sandbox::start(side.program, Some((first, self.case.expected))).await
    }

    async fn rounds(
        &mut self,
        sides: &[Side<'_>],
        sandboxes: &mut [Sandbox],
        rounds: usize,
    ) -> Result<Vec<Vec<f64>>> {
        let mut latencies: Vec<Vec<f64>> = sides.iter().map(|_| Vec::new()).collect();
        for round in 0..rounds {
            for at in in_turn(sides.len(), round) {
                let event = self.event(sides[at])?;
                let (took, _) = sandboxes[at].invoke(event, self.case.expected).await?;
                latencies[at].push(took.as_secs_f64() * 1e3);
            }
        }
        Ok(latencies)
    }

    fn event(&mut self, side: Side<'_>) -> Result<Value> {
        let event = self.events.next()?;
        Ok(if side.bare { self.case.for_bare(event, self.world) } else { event })
    }
}

impl Starts {
    fn note(&mut self, sandbox: &Sandbox) -> Result<()> {
        self.init.push(sandbox.init.as_secs_f64() * 1e3);
        self.cold.extend(sandbox.cold.map(|cold| cold.as_secs_f64() * 1e3));
        self.processor.push(sandbox.processor_time()?.as_secs_f64() * 1e3);
        self.memory.push(sandbox.memory_at_rest);
        Ok(())
    }

    /// Starts a function that no case is written for: up to its first event.
    pub(crate) async fn without_event(program: &Program, times: Times) -> Result<Self> {
        let mut starts = Self::default();
        for _ in 0..times.starts {
            starts.note(&Sandbox::start(program, None).await?)?;
        }
        Ok(starts)
    }
}

/// Who goes first changes from round to round.
pub(crate) fn in_turn(sides: usize, round: usize) -> impl Iterator<Item = usize> {
    (0..sides).map(move |at| (at + round) % sides)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_side_goes_first_as_often_as_the_other() {
        assert_eq!(in_turn(2, 0).collect::<Vec<_>>(), [0, 1]);
        assert_eq!(in_turn(2, 1).collect::<Vec<_>>(), [1, 0]);
        assert_eq!(in_turn(1, 7).collect::<Vec<_>>(), [0]);
    }
}
