use std::{iter, time::Duration};

use aws_sdk_eventbridge::{
    Client,
    types::{PutEventsRequestEntry, PutEventsResultEntry},
};
use events::{Envelope, SOURCE};
use sends::{Failure, Verdict};
use table::{pause, time_left};

use crate::{
    clients::{LONGEST_SEND, careful},
    environment::ConfigurationError,
    function::trace_header,
    host::Host,
};

/// How many entries one call may publish
/// (<https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_PutEvents.html>).
const LARGEST_BATCH: usize = 10;

/// How large all entries of one call may be together, in bytes: below the 1 MB of `PutEvents`, with
/// room for names and times.
const LARGEST_BATCH_BYTES: usize = 950_000;

/// How often the entries that a call left behind are published again before the caller is told.
const ATTEMPTS: u32 = 6;

/// How long a batch can take: one call to the bus, and the marks on what it took.
const LONGEST_BATCH: Duration = Duration::from_secs(LONGEST_SEND.as_secs() + 8);

/// The event bus. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Bus {
    client: Client,
    name: String,
}

/// An event on its way to the bus, as its row of the outbox has it.
#[derive(Debug)]
pub struct Outgoing {
    /// The event.
    pub envelope: Envelope,
    /// Its text.
    pub detail: String,
}

/// What became of an event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Sent {
    /// The bus has it.
    Published,
    /// The bus refuses the event itself, and will again.
    Refused(String),
    /// It may or may not have it.
    Failed,
}

impl Host {
    /// The event bus. What the bus may have taken is not put again.
    pub fn event_bus(&self) -> Result<Bus, ConfigurationError> {
        let name = self.environment().required("EVENT_BUS_NAME")?.to_owned();
        Ok(Bus { client: careful!(aws_sdk_eventbridge, self.sdk_config()), name })
    }
}

impl Bus {
    /// Its client, for whoever asks it for something else.
    pub fn client(&self) -> &Client {
        &self.client
    }

    /// Splits what is to be published at what one call can take; the order stays.
    pub fn batches<T: AsRef<Outgoing>>(all: &[T]) -> Vec<&[T]> {
        let (mut batches, mut begin, mut bytes) = (Vec::new(), 0, 0);
        for (at, event) in all.iter().map(AsRef::as_ref).enumerate() {
            let size = event.detail.len() + event.envelope.kind.len() + SOURCE.len();
            if at > begin && (at - begin == LARGEST_BATCH || bytes + size > LARGEST_BATCH_BYTES) {
                batches.push(&all[begin..at]);
                (begin, bytes) = (at, 0);
            }
            bytes += size;
        }
        if begin < all.len() {
            batches.push(&all[begin..]);
        }
        batches
    }

    /// Whether there is time left to publish a batch and to note that it was: cut off by the
    /// runtime, all of it would come again.
    pub fn in_time() -> bool {
        time_left() >= LONGEST_BATCH
    }

    /// Publishes a batch, and again what the bus surely did not take, as long as there is time.
    pub async fn publish<T: AsRef<Outgoing>>(&self, batch: &[T]) -> Vec<Sent> {
        let mut sent: Vec<_> = iter::repeat_n(Sent::Failed, batch.len()).collect();
        for attempt in 0..ATTEMPTS {
            let left: Vec<_> = (0..batch.len()).filter(|at| sent[*at] == Sent::Failed).collect();
            let time = time_left().saturating_sub(LONGEST_BATCH);
            if left.is_empty() || (attempt > 0 && !pause(attempt + 1, time).await) {
                break;
            }
            let entries = left.iter().map(|at| self.entry(batch[*at].as_ref())).collect();
            match self.client.put_events().set_entries(Some(entries)).send().await {
                Ok(answer) => {
                    for (at, result) in left.into_iter().zip(answer.entries()) {
                        sent[at] = verdict(result);
                    }
                }
                Err(error) => {
                    let Failure { verdict, detail, .. } = Failure::of(error);
                    tracing::warn!(?verdict, error = detail, "publishing failed");
                    // The bus may have all of them: it is left to the caller, who waits longer, to
                    // come with them again.
                    if verdict == Verdict::Open {
                        break;
                    }
                }
            }
        }
        sent
    }

    fn entry(&self, event: &Outgoing) -> PutEventsRequestEntry {
        PutEventsRequestEntry::builder()
            .event_bus_name(&self.name)
            .source(SOURCE)
            .detail_type(&event.envelope.kind)
            .detail(&event.detail)
            .set_trace_header(trace_header())
            .build()
    }
}

fn verdict(result: &PutEventsResultEntry) -> Sent {
    match result.error_code() {
        None => Sent::Published,
        Some(code @ ("MalformedDetail" | "InvalidArgument")) => {
            Sent::Refused(format!("{code}: {}", result.error_message().unwrap_or_default()))
        }
        Some(code) => {
            tracing::warn!(code, "the bus did not take an event");
            Sent::Failed
        }
    }
}

impl AsRef<Self> for Outgoing {
    fn as_ref(&self) -> &Self {
        self
    }
}
