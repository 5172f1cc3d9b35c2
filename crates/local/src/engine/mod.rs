//! What happens between the services: sources call functions, rules fill queues, schedules run,
//! time moves.

mod bus;
mod drain;
mod invoke;
mod log_lines;
mod queue_source;
mod rotation;
mod schedule;
mod stream_source;
mod topics;
mod world;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

pub(crate) use bus::PutEntry;
pub use drain::Advance;
pub use invoke::{FunctionStatistics, Invocation, InvokeError};
pub(crate) use invoke::{Functions, Trigger};
pub use log_lines::{InvocationLog, LogLine};
pub(crate) use schedule::Schedule;

use crate::aws::MailQuota;
use crate::clock::VirtualClock;
use crate::state::{Message, NewMessage, Sent, Store, capture};
use crate::table::Tables;
use crate::tasks::Tasks;
use crate::template::{Place, QueueSpec, Template};
use world::World;

/// How long a reset waits for calls that are running, before it cuts them off.
const RESET_PATIENCE: Duration = Duration::from_secs(3);

/// The running system without its HTTP endpoints.
pub(crate) struct Engine {
    pub(crate) name: String,
    pub(crate) started_at: Timestamp,
    pub(crate) place: Place,
    pub(crate) template: Template,
    pub(crate) clock: VirtualClock,
    pub(crate) store: Store,
    pub(crate) tables: Tables,
    pub(crate) functions: Functions,
    pub(crate) schedules: Vec<Schedule>,
    pub(crate) mail_quota: MailQuota,
    /// Cancelled when nothing new may begin any more.
    pub(crate) stop: CancellationToken,
    /// Cancelled when what still runs is cut off, and the endpoints that functions talk to close.
    /// It comes after `stop`.
    pub(crate) halt: CancellationToken,
    /// Functions work in it; a reset ends it.
    world: World,
    /// Resets that wait for the clock's gate, for which a jump of the clock gives way.
    resets_waiting: AtomicUsize,
    /// Requests and batches that are with functions. They run to their end, whoever waits for them
    /// or not, as in Lambda.
    pub(crate) calls: TaskTracker,
    /// One per stream source, rung when there may be new records.
    stream_bells: Vec<Notify>,
    /// Held by whoever runs schedules, so that the ticking clock and a jump never run one twice.
    clock_gate: tokio::sync::Mutex<()>,
    /// Held by a rotation, so that two of one secret do not mix.
    rotation_gate: tokio::sync::Mutex<()>,
    /// Held by whoever builds the demo company, so that there is one.
    pub(crate) demo_gate: tokio::sync::Mutex<()>,
    schedules_run: AtomicU64,
    events_published: AtomicU64,
}

/// What an engine is made of.
pub(crate) struct Parts {
    pub(crate) name: String,
    pub(crate) place: Place,
    pub(crate) template: Template,
    pub(crate) clock: VirtualClock,
    pub(crate) store: Store,
    pub(crate) tables: Tables,
    pub(crate) functions: Functions,
    pub(crate) mail_quota: MailQuota,
}

impl Engine {
    pub(crate) fn new(parts: Parts) -> Result<Self, schedule::ExpressionError> {
        let now = parts.clock.now();
        let schedules =
            parts.template.schedules.iter().cloned().map(Schedule::new).collect::<Result<Vec<_>, _>>()?;
        let halt = CancellationToken::new();
        let engine = Self {
            name: parts.name,
            started_at: now,
            stream_bells: parts.template.stream_sources.iter().map(|_| Notify::new()).collect(),
            place: parts.place,
            template: parts.template,
            clock: parts.clock,
            store: parts.store,
            tables: parts.tables,
            functions: parts.functions,
            mail_quota: parts.mail_quota,
            schedules,
            stop: CancellationToken::new(),
            world: World::new(halt.clone()),
            halt,
            resets_waiting: AtomicUsize::new(0),
            calls: TaskTracker::new(),
            clock_gate: tokio::sync::Mutex::new(()),
            rotation_gate: tokio::sync::Mutex::new(()),
            demo_gate: tokio::sync::Mutex::new(()),
            schedules_run: AtomicU64::new(0),
            events_published: AtomicU64::new(0),
        };
        engine.plan_schedules();
        Ok(engine)
    }

    /// Starts the sources, schedules, the time-to-live sweep and the saving of the state.
    pub(crate) fn start(self: &Arc<Self>, tasks: &Tasks) {
        for source in &self.template.queue_sources {
            tasks.spawn(Arc::clone(self).poll_queue(source.clone()));
        }
        for index in 0..self.template.stream_sources.len() {
            tasks.spawn(Arc::clone(self).poll_stream(index));
        }
        tasks.spawn(Arc::clone(self).run_schedules());
        tasks.spawn(Arc::clone(self).sweep_expired_items());
        let engine = Arc::clone(self);
        // Until the end, as whoever was told that something is kept waits for it.
        tasks.spawn_to_the_end(async move { engine.store.keep_saving().await });
    }

    /// Rings the streams, because a function or somebody from outside may have written to a table.
    pub(crate) fn ring_streams(&self) {
        for bell in &self.stream_bells {
            bell.notify_one();
        }
    }

    /// Sends a message to a queue of the template.
    pub(crate) fn send(&self, queue: &QueueSpec, message: NewMessage) -> Sent {
        let now = self.clock.now();
        self.store
            .change(|state| state.queues.entry(queue.name.clone()).or_default().send(message, queue, now))
    }

    /// Receives messages, and moves those received too often to the dead-letter queue.
    /// `with_function` counts the batch as being processed in the same step, so that nothing looks
    /// idle in between.
    pub(crate) fn receive(
        &self,
        queue: &QueueSpec,
        limit: usize,
        visibility_seconds: Option<u32>,
        with_function: bool,
    ) -> Vec<Message> {
        let now = self.clock.now();
        let dead_letters =
            queue.redrive.as_ref().and_then(|redrive| self.template.queue_by_arn(&redrive.target_arn));
        self.store.change(|state| {
            let own = state.queues.entry(queue.name.clone()).or_default();
            let (received, dead) = own.receive(limit, visibility_seconds, queue, now);
            if let Some(target) = dead_letters {
                let target = state.queues.entry(target.name.clone()).or_default();
                for message in dead {
                    target.accept(message, Some(&queue.arn), now);
                }
            }
            if with_function && !received.is_empty() {
                state.processing += 1;
            }
            received
        })
    }

    /// Moves the visible messages of a dead-letter queue back to where they came from and returns
    /// how many.
    pub(crate) fn redrive(&self, queue: &QueueSpec, destination: Option<&QueueSpec>) -> usize {
        let now = self.clock.now();
        self.store.change(|state| {
            let taken = state.queues.entry(queue.name.clone()).or_default().take_visible(now);
            let mut moved = 0;
            for message in taken {
                let origin = message.source.as_deref().and_then(|arn| self.template.queue_by_arn(arn));
                match destination.or(origin) {
                    Some(target) => {
                        moved += 1;
                        state.queues.entry(target.name.clone()).or_default().accept(message, None, now);
                    }
                    // A message that was sent here directly has nowhere to go back to.
                    None => state.queues.entry(queue.name.clone()).or_default().accept(message, None, now),
                }
            }
            moved
        })
    }

    /// Empties everything: table, queues, captures, clock; and begins with new functions, as a new
    /// deployment does. Calls that are running end first, or are cut off, so that nothing of the
    /// time before gets into the new one.
    pub(crate) async fn reset(&self) -> anyhow::Result<()> {
        self.resets_waiting.fetch_add(1, Ordering::SeqCst);
        let _gate = self.clock_gate.lock().await;
        self.resets_waiting.fetch_sub(1, Ordering::SeqCst);
        let _ended = self.world.end(RESET_PATIENCE).await;
        // The table and the rest are in two files. Should the process end between them, the next
        // start finishes this.
        self.store.change(|state| state.is_resetting = true);
        self.store.save()?;
        self.empty()
    }

    /// Goes on with a reset that the end of the process interrupted.
    pub(crate) fn finish_reset(&self) -> anyhow::Result<()> {
        if self.store.read(|state| state.is_resetting) { self.empty() } else { Ok(()) }
    }

    fn empty(&self) -> anyhow::Result<()> {
        let (secrets, table_definitions) =
            self.store.read(|state| (state.secrets.clone(), state.table_definitions.clone()));
        self.tables.recreate()?;
        let checkpoints = self.ends_of_streams()?;
        self.clock.reset();
        self.functions.forget();
        self.store.change(|state| {
            // A file names the secrets for functions outside of this process: they stay the same.
            *state = crate::state::State { secrets, table_definitions, checkpoints, ..Default::default() };
        });
        self.plan_schedules();
        self.store.save_offset(0)?;
        Ok(self.store.save()?)
    }

    /// Remembers an event that was put on a bus.
    fn note_event(&self, event: crate::state::BusEvent) {
        self.events_published.fetch_add(1, Ordering::Relaxed);
        self.store.change(|state| capture(&mut state.events, event));
    }
}
