//! Schedules on the virtual clock.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use croner::Cron;
use croner::parser::{CronParser, Seconds, Year};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::rotation::RotationError;
use super::{Engine, InvokeError, Trigger};
use crate::state::{NewMessage, ScheduleState, random_id};
use crate::template::{ACCOUNT, ScheduleSpec};

/// How often items past their time to live are looked for. DynamoDB itself promises days only.
const SWEEP_EVERY: Duration = Duration::from_mins(1);

/// A schedule expression that cannot be read.
#[derive(Debug, thiserror::Error)]
#[error(
    "schedule {schedule}: {expression} is not understood ({problem}); use rate(5 minutes) or cron(0 8 * * ? *)"
)]
pub(crate) struct ExpressionError {
    schedule: String,
    expression: String,
    problem: String,
}

/// How a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Run {
    /// It came to its end, well or not.
    Done,
    /// A reset or the end of the process cut it off.
    CutOff,
}

/// A schedule with its expression read.
#[derive(Debug)]
pub(crate) struct Schedule {
    pub(crate) spec: ScheduleSpec,
    timing: Timing,
}

#[derive(Debug)]
enum Timing {
    Every(SignedDuration),
    Cron { cron: Box<Cron>, zone: TimeZone },
}

impl Schedule {
    pub(crate) fn new(spec: ScheduleSpec) -> Result<Self, ExpressionError> {
        match timing(&spec.expression, &spec.time_zone) {
            Ok(timing) => Ok(Self { spec, timing }),
            Err(problem) => {
                Err(ExpressionError { schedule: spec.name, expression: spec.expression, problem })
            }
        }
    }

    /// The first run after `moment`.
    pub(crate) fn next_after(&self, moment: Timestamp) -> Option<Timestamp> {
        match &self.timing {
            Timing::Every(period) => moment.checked_add(*period).ok(),
            Timing::Cron { cron, zone } => cron
                .find_next_occurrence(&moment.to_zoned(zone.clone()), false)
                .ok()
                .map(|zoned| zoned.timestamp()),
        }
    }

    /// The last run until `end`, of which `first` is the next one.
    fn last_until(&self, first: Timestamp, end: Timestamp) -> Timestamp {
        let mut last = first;
        while let Some(next) = self.next_after(last).filter(|next| *next <= end) {
            last = next;
        }
        last
    }
}

fn timing(expression: &str, time_zone: &str) -> Result<Timing, String> {
    let (kind, inner) = expression
        .strip_suffix(')')
        .and_then(|expression| expression.split_once('('))
        .ok_or_else(|| "it has no brackets".to_owned())?;
    match kind {
        "rate" => {
            let (count, unit) =
                inner.trim().split_once(' ').ok_or_else(|| "it needs a number and a unit".to_owned())?;
            let count: i64 = count
                .parse()
                .ok()
                .filter(|count| *count > 0)
                .ok_or_else(|| "it needs a number above 0".to_owned())?;
            let minutes = match unit.trim().trim_end_matches('s') {
                "minute" => 1,
                "hour" => 60,
                "day" => 24 * 60,
                unit => return Err(format!("{unit} is no unit")),
            };
            Ok(Timing::Every(SignedDuration::from_mins(count * minutes)))
        }
        "cron" => {
            let parser = CronParser::builder()
                .seconds(Seconds::Required)
                .year(Year::Required)
                .alternative_weekdays(true)
                .sloppy_ranges(true)
                .build();
            let cron = parser.parse(&format!("0 {inner}")).map_err(|error| error.to_string())?;
            let zone = TimeZone::get(time_zone).map_err(|error| error.to_string())?;
            Ok(Timing::Cron { cron: Box::new(cron), zone })
        }
        kind => Err(format!("{kind}() is not run locally")),
    }
}

impl Engine {
    /// Gives every new schedule its next run. One that passed while the cloud was off, or was cut
    /// off by its end, runs once at the start, as after a machine has slept.
    pub(super) fn plan_schedules(&self) {
        let now = self.clock.now();
        self.store.change(|state| {
            state
                .schedules
                .retain(|name, _| self.schedules.iter().any(|schedule| schedule.spec.name == *name));
            for schedule in &self.schedules {
                if state.schedules.contains_key(&schedule.spec.name) {
                    continue;
                }
                if let Some(next_run) = schedule.next_after(now) {
                    let planned = ScheduleState { next_run, last_run: None };
                    state.schedules.insert(schedule.spec.name.clone(), planned);
                }
            }
        });
    }

    /// When the next schedule runs, or something happens at Stripe.
    pub(super) fn next_timer(&self) -> Option<Timestamp> {
        self.store.read(|state| {
            let schedules = state.schedules.values().map(|schedule| schedule.next_run);
            let stripe = state.stripe.next_timer().and_then(|second| Timestamp::from_second(second).ok());
            schedules.chain(stripe).min()
        })
    }

    /// Puts the next run of every schedule off to the last one until `end`.
    pub(super) fn skip_runs_before(&self, end: Timestamp) {
        self.store.change(|state| {
            for schedule in &self.schedules {
                if let Some(known) = state.schedules.get_mut(&schedule.spec.name) {
                    known.next_run = schedule.last_until(known.next_run, end);
                }
            }
        });
    }

    /// Runs schedules as their time comes, until the cloud stops.
    pub(crate) async fn run_schedules(self: Arc<Self>) {
        let mut news = self.store.subscribe();
        loop {
            let wait = async {
                match self.next_timer() {
                    Some(next) => tokio::time::sleep(self.clock.until(next)).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                () = wait => {
                    let _gate = self.clock_gate.lock().await;
                    self.run_due_schedules().await;
                }
                changed = news.changed() => if changed.is_err() { return },
            }
        }
    }

    /// Runs every schedule whose time has come and returns how many ran. The caller holds the
    /// clock's gate.
    pub(super) async fn run_due_schedules(&self) -> usize {
        let now = self.clock.now();
        if self.store.read(|state| state.stripe.is_due(now.as_second())) {
            self.store.change(|state| state.stripe.tick(now.as_second()));
        }
        let mut ran = 0;
        for schedule in &self.schedules {
            let due = self.store.read(|state| {
                state
                    .schedules
                    .get(&schedule.spec.name)
                    .map(|known| known.next_run)
                    .filter(|next| *next <= now)
            });
            let Some(due) = due else { continue };
            // Planned anew only afterwards: a run that the end of the process cuts off is due at
            // the next start.
            if self.run_schedule(&schedule.spec, due).await == Run::CutOff {
                return ran;
            }
            // From when it was due, so that a rate does not drift; a machine that slept runs it
            // once, not once per missed run.
            let next =
                schedule.next_after(due).filter(|next| *next > now).or_else(|| schedule.next_after(now));
            self.store.change(|state| {
                if let Some(known) = state.schedules.get_mut(&schedule.spec.name) {
                    known.next_run = next.unwrap_or(Timestamp::MAX);
                    known.last_run = Some(now);
                }
            });
            ran += 1;
        }
        ran
    }

    /// Calls a schedule's function as an asynchronous call: repeated when it fails, then sent to
    /// the failure destination.
    pub(crate) async fn run_schedule(&self, spec: &ScheduleSpec, scheduled_time: Timestamp) -> Run {
        self.schedules_run.fetch_add(1, Ordering::Relaxed);
        if let Some(secret) = &spec.rotates {
            return match self.rotate(secret, random_id()).await {
                Ok(_) => Run::Done,
                Err(RotationError::Step { source: InvokeError::CutOff, .. }) => Run::CutOff,
                Err(error) => {
                    tracing::error!(schedule = spec.name, %error, "a secret was not rotated");
                    Run::Done
                }
            };
        }
        let event = self.schedule_event(spec, scheduled_time);
        let Some(function) = self.template.functions.get(&spec.function) else { return Run::Done };
        let mut problem = String::new();
        for _ in 0..=function.asynchronous_retries {
            let Ok(permit) = self.functions.permit(&spec.function).await else { return Run::Done };
            let trigger = Trigger::Schedule(spec.name.clone());
            match self.invoke(&spec.function, event.clone(), trigger, permit).await {
                Ok(_) => return Run::Done,
                Err(InvokeError::CutOff) => return Run::CutOff,
                Err(error) => problem = error.to_string(),
            }
        }
        let queue = function.on_failure.as_deref().and_then(|arn| self.template.queue_by_arn(arn));
        let Some(queue) = queue else { return Run::Done };
        let body = json!({
            "version": "1.0",
            "timestamp": self.clock.now(),
            "requestContext": {
                "requestId": random_id(),
                "functionArn": self.place.arn("lambda", &format!("function:{}", spec.function)),
                "condition": "RetriesExhausted",
                "approximateInvokeCount": function.asynchronous_retries + 1,
            },
            "requestPayload": event,
            "responseContext": { "statusCode": 200, "executedVersion": "$LATEST", "functionError": "Unhandled" },
            "responsePayload": { "errorMessage": problem },
        });
        let tries = function.asynchronous_retries + 1;
        let message =
            NewMessage { body: body.to_string(), reason: Some(problem), tries, ..NewMessage::default() };
        self.send(queue, message);
        Run::Done
    }

    fn schedule_event(&self, spec: &ScheduleSpec, scheduled_time: Timestamp) -> Value {
        let time = scheduled_time.strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
        let arn = match spec.source {
            "aws.scheduler" => self.place.arn("scheduler", &format!("schedule/default/{}", spec.name)),
            _ => self.place.arn("events", &format!("rule/{}", spec.name)),
        };
        if let Some(input) = &spec.input {
            let input = input
                .replace("<aws.scheduler.schedule-arn>", &arn)
                .replace("<aws.scheduler.scheduled-time>", &time)
                .replace("<aws.scheduler.execution-id>", &random_id())
                .replace("<aws.scheduler.attempt-number>", "1");
            return serde_json::from_str(&input).unwrap_or(Value::String(input));
        }
        json!({
            "version": "0",
            "id": random_id(),
            "detail-type": "Scheduled Event",
            "source": spec.source,
            "account": ACCOUNT,
            "time": time,
            "region": self.place.region,
            "resources": [arn],
            // The Scheduler gives its empty detail as text, a rule as an object.
            "detail": if spec.source == "aws.scheduler" { json!("{}") } else { json!({}) },
        })
    }

    /// Deletes expired items from time to time, until the cloud stops.
    pub(crate) async fn sweep_expired_items(self: Arc<Self>) {
        loop {
            tokio::time::sleep(SWEEP_EVERY).await;
            self.sweep_now();
        }
    }

    pub(super) fn sweep_now(&self) {
        match self.tables.sweep(self.clock.now().as_second()) {
            Ok(0) => {}
            Ok(deleted) => {
                tracing::debug!(deleted, "items past their time to live are gone");
                self.ring_streams();
            }
            Err(error) => tracing::error!(%error, "expired items could not be deleted"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn next(expression: &str, zone: &str, after: &str) -> String {
        let spec = ScheduleSpec {
            name: "s".into(),
            expression: expression.into(),
            time_zone: zone.into(),
            function: "f".into(),
            input: None,
            source: "aws.scheduler",
            rotates: None,
        };
        Schedule::new(spec).unwrap().next_after(after.parse().unwrap()).unwrap().to_string()
    }

    #[test]
    fn rates_and_crons_give_their_next_run() {
        assert_eq!(next("rate(1 hour)", "UTC", "2026-11-23T10:20:00Z"), "2026-11-23T11:20:00Z");
        assert_eq!(next("rate(5 minutes)", "UTC", "2026-11-23T10:20:00Z"), "2026-11-23T10:25:00Z");
        assert_eq!(next("cron(15 8 * * ? *)", "UTC", "2026-11-23T10:20:00Z"), "2026-11-24T08:15:00Z");
        assert_eq!(next("cron(0/10 * * * ? *)", "UTC", "2026-11-23T10:20:00Z"), "2026-11-23T10:30:00Z");
        // AWS counts weekdays from Sunday = 1.
        assert_eq!(next("cron(0 8 ? * 2 *)", "UTC", "2026-11-23T10:20:00Z"), "2026-11-30T08:00:00Z");
        assert_eq!(
            next("cron(0 8 ? * MON-FRI *)", "Europe/Berlin", "2026-11-23T10:20:00Z"),
            "2026-11-24T07:00:00Z"
        );
    }

    #[test]
    fn what_is_not_understood_is_refused() {
        for expression in
            ["hourly", "rate(0 minutes)", "rate(1 week)", "cron(* *)", "at(2026-01-01T00:00:00)"]
        {
            assert!(timing(expression, "UTC").is_err(), "{expression}");
        }
        assert!(timing("cron(0 8 * * ? *)", "Mars/Olympus").is_err());
    }
}
