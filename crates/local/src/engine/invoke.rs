//! Calling a function: its instance, its concurrency, its time-out, its panics; and the record of
//! calls.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use jiff::Timestamp;
use lambda_runtime::{Context, LambdaEvent};
use serde::Serialize;
use serde_json::{Value, json};
use tokio::sync::{OnceCell, OwnedSemaphorePermit, Semaphore};

use super::Engine;
use super::log_lines::{self, LogLine};
use super::world::Visit;
use crate::clock::{VirtualClock, machine_now};
use crate::function::{Builder, Function, Registry, Setting};
use crate::state::random_id;
use crate::tasks::contain;
use crate::template::{FunctionSpec, Template};

/// How many calls are remembered.
const INVOCATION_LIMIT: usize = 500;
/// Events and answers above this many bytes are remembered by their beginning only.
const REMEMBERED_BYTES: usize = 64 * 1024;
/// Concurrency of an account, which a function without a reservation may use.
const ACCOUNT_CONCURRENCY: u32 = 1_000;

/// Why a call gave no answer.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum InvokeError {
    /// The reserved concurrency is used up.
    #[error("Rate Exceeded.")]
    Throttled,
    /// The function did not answer in its time.
    #[error("Task timed out after {0}.00 seconds")]
    TimedOut(u32),
    /// The function answered with an error.
    #[error("{0}")]
    Failed(String),
    /// The function panicked.
    #[error("the function panicked: {0}")]
    Panicked(String),
    /// The local cloud was reset, or stopped, while the function worked. That is no failure of the
    /// function.
    #[error("the local cloud was reset or stopped meanwhile")]
    CutOff,
    /// The function could not be made, as when its configuration is wrong.
    #[error("the function {name} could not start: {problem}")]
    NotStarted {
        name: String,
        /// Why.
        problem: String,
    },
}

/// A call that has ended.
#[derive(Clone, Debug, Serialize)]
pub struct Invocation {
    /// Request id of the call.
    pub id: String,
    /// When it began, on the virtual clock.
    pub at: Timestamp,
    /// Name of the function.
    pub function: String,
    /// What called it.
    pub trigger: String,
    /// How long it took, milliseconds.
    pub duration_ms: f64,
    /// What went wrong.
    pub error: Option<String>,
    /// What the function wrote to its log, from `INFO` up.
    pub log: Vec<LogLine>,
    pub event: Value,
    pub answer: Value,
}

/// Calls of a function so far.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub struct FunctionStatistics {
    /// Calls that have ended.
    pub invocations: u64,
    /// Calls that ended with an error.
    pub errors: u64,
    /// Messages and records that calls named in `batchItemFailures`.
    pub failed_records: u64,
    /// Milliseconds of all calls together.
    pub total_ms: f64,
}

/// What called a function.
#[derive(Clone, Debug)]
pub(crate) enum Trigger {
    Http(String),
    Queue(String),
    Stream(String),
    Schedule(String),
    Rotation(String),
    Direct,
}

impl std::fmt::Display for Trigger {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Http(route) => write!(formatter, "http {route}"),
            Self::Queue(name) => write!(formatter, "queue {name}"),
            Self::Stream(table) => write!(formatter, "stream {table}"),
            Self::Schedule(name) => write!(formatter, "schedule {name}"),
            Self::Rotation(secret) => write!(formatter, "rotation {secret}"),
            Self::Direct => write!(formatter, "direct"),
        }
    }
}

/// All functions of the template.
pub(crate) struct Functions {
    slots: BTreeMap<String, Slot>,
    clock: VirtualClock,
    region_arn: String,
    journal: Mutex<Journal>,
}

#[derive(Default)]
struct Journal {
    statistics: BTreeMap<String, FunctionStatistics>,
    invocations: VecDeque<Invocation>,
    running: usize,
}

struct Slot {
    spec: FunctionSpec,
    builder: Builder,
    /// Made by the first call, and made anew after a reset.
    instance: Mutex<Arc<OnceCell<Function>>>,
    permits: Arc<Semaphore>,
}

/// Counts a call as running until it is dropped, also when its caller goes away.
struct Running<'a>(&'a Functions);

impl<'a> Running<'a> {
    fn begin(functions: &'a Functions) -> Self {
        functions.journal().running += 1;
        Self(functions)
    }
}

impl Drop for Running<'_> {
    fn drop(&mut self) {
        self.0.journal().running -= 1;
    }
}

impl Functions {
    /// The template's functions, made from the registry when they are called first.
    pub(crate) fn new(
        template: &Template,
        registry: &Registry,
        clock: VirtualClock,
        region: &str,
    ) -> Result<Self, InvokeError> {
        let mut slots = BTreeMap::new();
        for spec in template.functions.values() {
            let builder = registry.get(&spec.name).ok_or_else(|| InvokeError::NotStarted {
                name: spec.name.clone(),
                problem: "it is in template.yaml, but not in the registry (crates/local/src/functions.rs)"
                    .to_owned(),
            })?;
            let permits = spec.reserved_concurrency.unwrap_or(ACCOUNT_CONCURRENCY);
            slots.insert(
                spec.name.clone(),
                Slot {
                    spec: spec.clone(),
                    builder: Arc::clone(builder),
                    instance: Mutex::default(),
                    permits: Arc::new(Semaphore::new(permits as usize)),
                },
            );
        }
        let region_arn = format!("arn:aws:lambda:{region}:{}:function:", crate::template::ACCOUNT);
        Ok(Self { slots, clock, region_arn, journal: Mutex::default() })
    }

    fn journal(&self) -> std::sync::MutexGuard<'_, Journal> {
        self.journal.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn slot(&self, name: &str) -> Result<&Slot, InvokeError> {
        self.slots.get(name).ok_or_else(|| InvokeError::NotStarted {
            name: name.to_owned(),
            problem: "the template has no such function".to_owned(),
        })
    }

    /// A share of the function's concurrency if one is free now.
    pub(crate) fn try_permit(&self, name: &str) -> Result<OwnedSemaphorePermit, InvokeError> {
        Arc::clone(&self.slot(name)?.permits).try_acquire_owned().map_err(|_| InvokeError::Throttled)
    }

    /// A share of the function's concurrency, as soon as one is free.
    pub(crate) async fn permit(&self, name: &str) -> Result<OwnedSemaphorePermit, InvokeError> {
        Arc::clone(&self.slot(name)?.permits).acquire_owned().await.map_err(|_| InvokeError::Throttled)
    }

    /// Calls that have not ended.
    pub(crate) fn running(&self) -> usize {
        self.journal().running
    }

    /// The last calls, the newest first.
    pub(crate) fn invocations(&self, function: Option<&str>) -> Vec<Invocation> {
        let record = self.journal();
        let wanted = |call: &&Invocation| function.is_none_or(|name| call.function == name);
        record.invocations.iter().rev().filter(wanted).cloned().collect()
    }

    /// Calls by function.
    pub(crate) fn statistics(&self) -> BTreeMap<String, FunctionStatistics> {
        self.journal().statistics.clone()
    }

    /// Forgets the calls, and the functions with all that they remember, as a new deployment does.
    pub(crate) fn forget(&self) {
        for slot in self.slots.values() {
            *slot.instance.lock().unwrap_or_else(PoisonError::into_inner) = Arc::default();
        }
        let mut record = self.journal();
        record.statistics.clear();
        record.invocations.clear();
    }

    async fn call(&self, slot: &Slot, id: &str, event: Value) -> Result<Value, InvokeError> {
        let name = &slot.spec.name;
        let not_started = |problem: String| InvokeError::NotStarted { name: name.clone(), problem };
        let instance = Arc::clone(&slot.instance.lock().unwrap_or_else(PoisonError::into_inner));
        let function = instance
            .get_or_try_init(|| async {
                let mut environment = slot.spec.environment.clone();
                environment.insert("AWS_LAMBDA_FUNCTION_NAME".to_owned(), name.clone());
                let setting = Setting { environment, clock_offset_milliseconds: self.clock.shared_offset() };
                match contain((slot.builder)(setting)).answer().await {
                    Ok(Ok(function)) => Ok(function),
                    Ok(Err(error)) => Err(not_started(with_causes(error.as_ref()))),
                    Err(panic) => Err(not_started(panic.to_string())),
                }
            })
            .await?;
        let timeout = Duration::from_secs(u64::from(slot.spec.timeout_seconds));
        let event = LambdaEvent::new(event, self.context(name, id, timeout));
        let mut work = contain(log_lines::carried(function(event)));
        match tokio::time::timeout(timeout, work.answer()).await {
            Err(_) => Err(InvokeError::TimedOut(slot.spec.timeout_seconds)),
            Ok(Err(panic)) => Err(InvokeError::Panicked(panic_text(panic))),
            Ok(Ok(Err(error))) => Err(InvokeError::Failed(with_causes(error.as_ref()))),
            Ok(Ok(Ok(answer))) => Ok(answer),
        }
    }

    fn context(&self, name: &str, id: &str, timeout: Duration) -> Context {
        let now = machine_now();
        let deadline = now + jiff::SignedDuration::try_from(timeout).unwrap_or_default();
        let mut context = Context::default();
        id.clone_into(&mut context.request_id);
        context.deadline = u64::try_from(deadline.as_millisecond()).unwrap_or_default();
        context.invoked_function_arn = format!("{}{name}", self.region_arn);
        let random = random_id().replace('-', "");
        context.xray_trace_id = Some(format!(
            "Root=1-{:08x}-{};Parent={};Sampled=0",
            now.as_second(),
            &random[..24],
            &random[16..]
        ));
        context
    }
}

impl Engine {
    /// Calls a function and remembers the call. The permit is the caller's share of the
    /// concurrency.
    pub(crate) async fn invoke(
        &self,
        name: &str,
        event: Value,
        trigger: Trigger,
        permit: OwnedSemaphorePermit,
    ) -> Result<Value, InvokeError> {
        let visit = self.world.enter().await;
        self.invoke_in(&visit, name, event, trigger, permit).await.map(|answered| answered.answer)
    }

    /// The same for a caller who is in the world already.
    pub(crate) async fn invoke_in(
        &self,
        visit: &Visit,
        name: &str,
        event: Value,
        trigger: Trigger,
        permit: OwnedSemaphorePermit,
    ) -> Result<Answered, InvokeError> {
        let slot = self.functions.slot(name)?;
        let running = Running::begin(&self.functions);
        let (id, at, began) = (random_id(), self.clock.now(), Instant::now());
        let remembered = shortened(&event);
        let (result, log) = visit
            .work(log_lines::gathered(self.functions.call(slot, &id, event)))
            .await
            .ok_or(InvokeError::CutOff)?;
        let error = result.as_ref().err().map(ToString::to_string);
        if let Some(error) = &error {
            tracing::warn!(function = name, trigger = %trigger, "{error}");
        }
        self.functions.journal().note(Invocation {
            id,
            at,
            function: name.to_owned(),
            trigger: trigger.to_string(),
            duration_ms: began.elapsed().as_secs_f64() * 1_000.0,
            error,
            log: log.clone(),
            event: remembered,
            answer: result.as_ref().map(shortened).unwrap_or_default(),
        });
        drop(running);
        drop(permit);
        self.ring_streams();
        self.store.touch();
        result.map(|answer| Answered { answer, log })
    }
}

/// What a function answered, and what it wrote to its log meanwhile.
#[derive(Debug)]
pub(crate) struct Answered {
    pub(crate) answer: Value,
    pub(crate) log: Vec<LogLine>,
}

impl Journal {
    fn note(&mut self, call: Invocation) {
        let statistics = self.statistics.entry(call.function.clone()).or_default();
        statistics.invocations += 1;
        statistics.errors += u64::from(call.error.is_some());
        statistics.failed_records +=
            call.answer["batchItemFailures"].as_array().map_or(0, |all| all.len() as u64);
        statistics.total_ms += call.duration_ms;
        if self.invocations.len() >= INVOCATION_LIMIT {
            self.invocations.pop_front();
        }
        self.invocations.push_back(call);
    }
}

/// A value as it is remembered: whole when it is small.
fn shortened(value: &Value) -> Value {
    let text = value.to_string();
    if text.len() <= REMEMBERED_BYTES {
        return value.clone();
    }
    let end = text.floor_char_boundary(REMEMBERED_BYTES);
    json!({ "shortened": &text[..end], "bytes": text.len() })
}

/// An error with its causes, one after the other.
pub(crate) fn with_causes(error: &(dyn std::error::Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}

fn panic_text(error: tokio::task::JoinError) -> String {
    if !error.is_panic() {
        return "it was stopped".to_owned();
    }
    let payload = error.into_panic();
    payload
        .downcast_ref::<&str>()
        .map(ToString::to_string)
        .or_else(|| payload.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "without a message".to_owned())
}
