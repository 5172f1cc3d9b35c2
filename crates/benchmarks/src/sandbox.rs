//! One instance of a function: its process, and what that costs.

use std::{
    collections::BTreeMap,
    fs::{self, File},
    path::PathBuf,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;
use tokio::time::timeout;

use crate::{
    runtime_api::{RuntimeApi, Seen},
    share::Share,
};

/// Longer than anything here should take.
const PATIENCE: Duration = Duration::from_secs(20);

/// A program and what it is told.
#[derive(Clone, Debug)]
pub(crate) struct Program {
    pub(crate) path: PathBuf,
    pub(crate) environment: BTreeMap<String, String>,
    /// Where its log lines go.
    pub(crate) log: PathBuf,
}

/// A running instance; dropping it ends it.
pub(crate) struct Sandbox {
    child: Child,
    api: RuntimeApi,
    program: Program,
    /// From spawning to asking for the first event.
    pub(crate) init: Duration,
    /// From spawning to the end of the first answer; nothing where no event was waiting.
    pub(crate) cold: Option<Duration>,
    /// Resident bytes when it asked for its first event.
    pub(crate) memory_at_rest: f64,
}

impl Sandbox {
    /// Starts an instance, with its first event waiting where there is one, as it is with Lambda.
    pub(crate) async fn start(program: &Program, first: Option<(Value, Expected)>) -> Result<Self> {
        let api = RuntimeApi::start().await?;
        if let Some((event, _)) = &first {
            api.give(event.clone())?;
        }
        let log = File::create(&program.log)
            .with_context(|| format!("{} cannot be written", program.log.display()))?;
        let began = Instant::now();
        let child = Command::new(&program.path)
            .env_clear()
            .envs(&program.environment)
            .env("AWS_LAMBDA_RUNTIME_API", api.address())
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .spawn()
            .with_context(|| format!("{} cannot be started", program.path.display()))?;
        let mut sandbox = Self {
            child,
            api,
            program: program.clone(),
            init: Duration::ZERO,
            cold: None,
            memory_at_rest: 0.0,
        };
        sandbox.init = sandbox.asked().await?.duration_since(began);
        sandbox.memory_at_rest = sandbox.memory()?;
        if let Some((_, expected)) = first {
            let (_, answered, _) = sandbox.answer(expected).await?;
            sandbox.cold = Some(answered.duration_since(began));
        }
        Ok(sandbox)
    }

    /// Lets it have no more of the processor from now on.
    pub(crate) fn hold_to(&self, share: &Share) -> Result<()> {
        share.take(self.child.id())
    }

    /// Gives it an event; returns the time from handing it out to having the whole answer, and the answer.
    pub(crate) async fn invoke(&mut self, event: Value, expected: Expected) -> Result<(Duration, Value)> {
        self.api.give(event)?;
        let (given, answered, answer) = self.answer(expected).await?;
        Ok((answered.duration_since(given), answer))
    }

    /// The processor time of all its threads so far.
    pub(crate) fn processor_time(&self) -> Result<Duration> {
        let mut nanoseconds = 0;
        for task in fs::read_dir(format!("/proc/{}/task", self.child.id()))? {
            let text = fs::read_to_string(task?.path().join("schedstat"))?;
            nanoseconds += text.split(' ').next().unwrap_or_default().parse::<u64>()?;
        }
        Ok(Duration::from_nanos(nanoseconds))
    }

    /// Its resident bytes.
    pub(crate) fn memory(&self) -> Result<f64> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id()))?;
        let line =
            status.lines().find_map(|line| line.strip_prefix("VmRSS:")).context("no VmRSS in /proc")?;
        let kilobytes: f64 = line.trim().trim_end_matches(" kB").parse()?;
        Ok(kilobytes * 1024.0)
    }

    async fn asked(&mut self) -> Result<Instant> {
        match self.seen().await? {
            Seen::Asked(at) => Ok(at),
            other => bail!("expected the function to ask for an event, but saw {other:?}"),
        }
    }

    async fn answer(&mut self, expected: Expected) -> Result<(Instant, Instant, Value)> {
        let mut given = None;
        loop {
            match self.seen().await? {
                Seen::Asked(_) => {}
                Seen::Given(at) => given = Some(at),
                Seen::Answered(at, answer) => {
                    expected.check(&answer)?;
                    let given = given.context("it answered before it was given anything")?;
                    return Ok((given, at, answer));
                }
                Seen::Failed(problem) => bail!(problem),
            }
        }
    }

    async fn seen(&mut self) -> Result<Seen> {
        let seen = match timeout(PATIENCE, self.api.seen()).await {
            Ok(seen) => seen,
            Err(_) => Err(anyhow::anyhow!("nothing was heard of it for {} seconds", PATIENCE.as_secs())),
        };
        seen.with_context(|| {
            let (path, log) = (&self.program.path, fs::read_to_string(&self.program.log));
            format!("{}; it wrote: {}", path.display(), log.unwrap_or_default().trim())
        })
    }
}

impl Drop for Sandbox {
    fn drop(&mut self) {
        let ended = self.child.kill().and_then(|()| self.child.wait());
        if let Err(error) = ended {
            eprintln!("{} could not be ended: {error}", self.program.path.display());
        }
    }
}

/// What a right answer looks like. A function that fails fast must not look fast.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Expected {
    /// An HTTP answer with this status.
    Status(u16),
    /// No failed message or record.
    NoFailures,
    /// Any answer that is no error.
    Anything,
}

impl Expected {
    fn check(self, answer: &Value) -> Result<()> {
        match self {
            Self::Status(status) => ensure!(
                answer["statusCode"] == status,
                "expected status {status}, but the answer was {answer}"
            ),
            Self::NoFailures => ensure!(
                answer["batchItemFailures"].as_array().is_some_and(Vec::is_empty),
                "expected no failures, but the answer was {answer}"
            ),
            Self::Anything => {}
        }
        Ok(())
    }
}
