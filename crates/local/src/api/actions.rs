//! The buttons: clock, schedules, Stripe, reset, drain.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State as Shared};
use jiff::{SignedDuration, Span, SpanRelativeTo};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{Answer, Body, Local, Problem, clock_json};
use crate::engine::Engine;
use crate::stripe::{self, Action};

/// Longest jump of the clock; ten years of hourly schedules would take too long to wait for.
const ADVANCE_LIMIT: SignedDuration = SignedDuration::from_hours(24 * 400);

pub(super) async fn clock(Shared(engine): Shared<Arc<Engine>>) -> Json<Value> {
    Json(clock_json(&engine))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct AdvanceRequest {
    /// A duration such as `15d`, `36h`, `90m`.
    advance: String,
    /// Each schedule runs once a day on the way, and not at each of its times: soon done.
    #[serde(default)]
    by_days: bool,
}

pub(super) async fn advance(
    Shared(engine): Shared<Arc<Engine>>,
    Body(request): Body<AdvanceRequest>,
) -> Answer {
    let by = request
        .advance
        .parse::<Span>()
        .and_then(|span| span.to_duration(SpanRelativeTo::days_are_24_hours()))
        .map_err(|_| Problem::bad_request("advance is a duration such as 15d, 36h, 90m or 1d 12h"))?;
    if by.is_negative() || by > ADVANCE_LIMIT {
        return Err(Problem::bad_request("the clock moves forward only, by 400d at most"));
    }
    Ok(Json(json!(if request.by_days { engine.days(by).await } else { engine.advance(by).await })))
}

pub(super) async fn schedules(Shared(engine): Shared<Arc<Engine>>) -> Json<Value> {
    let items: Vec<Value> = engine.store.read(|state| {
        engine
            .schedules
            .iter()
            .map(|schedule| {
                let known = state.schedules.get(&schedule.spec.name);
                json!({
                    "name": schedule.spec.name, "expression": schedule.spec.expression,
                    "function": schedule.spec.function, "next_run": known.map(|known| known.next_run),
                    "last_run": known.and_then(|known| known.last_run),
                })
            })
            .collect()
    });
    Json(json!({ "items": items }))
}

pub(super) async fn run_schedule(Shared(engine): Shared<Arc<Engine>>, Path(name): Path<String>) -> Answer {
    let schedule = engine
        .schedules
        .iter()
        .find(|schedule| schedule.spec.name == name)
        .ok_or_else(|| Problem::not_found("such schedule"))?;
    let now = engine.clock.now();
    engine.run_schedule(&schedule.spec, now).await;
    engine.store.change(|state| {
        if let Some(known) = state.schedules.get_mut(&name) {
            known.last_run = Some(now);
        }
    });
    let last = engine.functions.invocations(Some(&schedule.spec.function)).into_iter().next();
    Ok(Json(json!({ "name": name, "ran_at": now, "error": last.and_then(|call| call.error) })))
}

pub(super) async fn stripe(Shared(engine): Shared<Arc<Engine>>) -> Json<Value> {
    engine.store.read(|state| Json(state.stripe.overview()))
}

/// How Stripe's events come from now on, and what it does with who does not pay.
pub(super) async fn stripe_manner(
    Shared(engine): Shared<Arc<Engine>>,
    Body(manner): Body<stripe::Manner>,
) -> Json<Value> {
    engine.store.change(|state| state.stripe.manner = manner);
    engine.store.read(|state| Json(json!(state.stripe.manner)))
}

/// Answers of Stripe that are made to go wrong, the next first.
pub(super) async fn stripe_faults(
    Shared(engine): Shared<Arc<Engine>>,
    Body(faults): Body<std::collections::VecDeque<stripe::Fault>>,
) -> Json<Value> {
    engine.store.change(|state| state.stripe.faults = faults);
    engine.store.read(|state| Json(json!(state.stripe.faults)))
}

/// An event that somebody made up.
pub(super) async fn stripe_event(Shared(local): Shared<Local>, Body(event): Body<Value>) -> Answer {
    let delivery = stripe::tell(&local.engine, &local.front, event).await.map_err(Problem::bad_request)?;
    Ok(Json(json!({ "deliveries": [delivery] })))
}

pub(super) async fn stripe_action(
    Shared(local): Shared<Local>,
    Path(action): Path<String>,
    Body(request): Body<stripe::Request>,
) -> Answer {
    let action = Action::read(&action).ok_or_else(|| Problem::not_found("such action of Stripe"))?;
    let deliveries =
        stripe::deliver(&local.engine, &local.front, action, &request).await.map_err(Problem::bad_request)?;
    Ok(Json(json!({ "deliveries": deliveries })))
}

pub(super) async fn reset(Shared(engine): Shared<Arc<Engine>>) -> Answer {
    engine.reset().await.map_err(|error| Problem::internal(&error))?;
    Ok(Json(clock_json(&engine)))
}

pub(super) async fn drain(Shared(engine): Shared<Arc<Engine>>) -> Json<Value> {
    Json(json!({ "idle": engine.drain().await }))
}
