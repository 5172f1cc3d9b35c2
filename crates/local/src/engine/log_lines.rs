//! What a function writes to its log while it works on a call, so that a failure says why where it
//! is looked at.

use std::fmt::{Debug, Write as _};
use std::sync::{Arc, Mutex, PoisonError};

use serde::Serialize;
use tracing::field::{Field, Visit};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::Context;

/// How many lines of a call are kept.
const LINE_LIMIT: usize = 50;
/// Bytes of a line that are kept.
const LENGTH_LIMIT: usize = 2_000;

/// A line of a function's log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct LogLine {
    /// `ERROR`, `WARN` or `INFO`.
    pub level: &'static str,
    /// Module that wrote it.
    pub target: String,
    /// The message and its fields.
    pub text: String,
}

type Gathered = Arc<Mutex<Vec<LogLine>>>;

tokio::task_local! {
    static LINES: Gathered;
}

/// Gives each call of a function what it writes to its log. Without this layer in the subscriber,
/// calls have no lines.
#[derive(Clone, Copy, Debug, Default)]
pub struct InvocationLog;

impl<S: Subscriber> Layer<S> for InvocationLog {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let metadata = event.metadata();
        if *metadata.level() > Level::INFO {
            return;
        }
        // Outside of a call there is nobody to give it to.
        let _outside = LINES.try_with(|lines| {
            let mut lines = lines.lock().unwrap_or_else(PoisonError::into_inner);
            if lines.len() < LINE_LIMIT {
                let mut text = Text::default();
                event.record(&mut text);
                lines.push(LogLine {
                    level: metadata.level().as_str(),
                    target: metadata.target().to_owned(),
                    text: text.finish(),
                });
            }
        });
    }
}

/// The message, then the fields.
#[derive(Default)]
struct Text {
    message: String,
    fields: String,
}

impl Text {
    fn finish(self) -> String {
        let mut text = self.message + &self.fields;
        text.truncate(text.floor_char_boundary(LENGTH_LIMIT));
        text
    }
}

impl Visit for Text {
    fn record_str(&mut self, field: &Field, value: &str) {
        if field.name() == "message" {
            value.clone_into(&mut self.message);
        } else {
            // Writing to a string cannot fail.
            let _written = write!(self.fields, " {}={value}", field.name());
        }
    }

    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.record_str(field, &format!("{value:?}"));
    }
}

/// Does the work, and gives what was logged meanwhile.
pub(super) async fn gathered<T>(work: impl Future<Output = T>) -> (T, Vec<LogLine>) {
    let lines = Gathered::default();
    let done = LINES.scope(Arc::clone(&lines), work).await;
    let lines = std::mem::take(&mut *lines.lock().unwrap_or_else(PoisonError::into_inner));
    (done, lines)
}

/// The work with the present call's lines, for a task of its own.
pub(super) fn carried<T>(work: impl Future<Output = T>) -> impl Future<Output = T> {
    let lines = LINES.try_with(Arc::clone).unwrap_or_default();
    LINES.scope(lines, work)
}

/// What is wrong, by the lines of a call: its warnings and errors; `None` if there are none.
pub(super) fn complaint(lines: &[LogLine]) -> Option<String> {
    let bad: Vec<&str> =
        lines.iter().filter(|line| line.level != "INFO").map(|line| line.text.as_str()).collect();
    (!bad.is_empty()).then(|| bad.join("\n"))
}
