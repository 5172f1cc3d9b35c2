//! Queues and dead letters.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State as Shared};
use serde_json::{Value, json};

use super::{Answer, Problem};
use crate::engine::Engine;
use crate::state::{Message, Queue};
use crate::template::QueueSpec;

pub(super) fn is_dead_letter_queue(engine: &Engine, queue: &QueueSpec) -> bool {
    // Queues of failure destinations hold dead letters too, though no redrive policy names them.
    let by_policy = engine
        .template
        .queues
        .values()
        .filter_map(|other| other.redrive.as_ref())
        .any(|redrive| redrive.target_arn == queue.arn);
    let by_destination = engine
        .template
        .functions
        .values()
        .filter_map(|function| function.on_failure.as_deref())
        .chain(engine.template.stream_sources.iter().filter_map(|source| source.on_failure.as_deref()))
        .any(|arn| arn == queue.arn);
    by_policy || by_destination
}

/// Rules that fill a queue.
fn rules<'a>(engine: &'a Engine, queue: &QueueSpec) -> Vec<&'a str> {
    let rules = engine.template.rules.iter().filter(|rule| rule.targets.contains(&queue.arn));
    rules.map(|rule| rule.name.as_str()).collect()
}

/// Functions that are told the address of a queue, to send to it.
fn senders<'a>(engine: &'a Engine, queue: &QueueSpec) -> Vec<&'a str> {
    let functions = engine.template.functions.iter();
    let told =
        functions.filter(|(_, function)| function.environment.values().any(|value| *value == queue.url));
    told.map(|(name, _)| name.as_str()).collect()
}

fn find<'a>(engine: &'a Engine, name: &str) -> Result<&'a QueueSpec, Problem> {
    engine.template.queues.get(name).ok_or_else(|| Problem::not_found("such queue"))
}

pub(super) async fn list(Shared(engine): Shared<Arc<Engine>>) -> Json<Value> {
    let now = engine.clock.now();
    let items: Vec<Value> = engine.store.read(|state| {
        let describe = |queue: &QueueSpec| {
            let counts = state.queues.get(&queue.name).map(|own| own.counts(now)).unwrap_or_default();
            let dead_letters =
                queue.redrive.as_ref().and_then(|redrive| engine.template.queue_by_arn(&redrive.target_arn));
            let source = engine.template.queue_sources.iter().find(|source| source.queue_arn == queue.arn);
            json!({
                "name": queue.name, "url": queue.url,
                "visible": counts.visible, "in_flight": counts.in_flight, "delayed": counts.delayed,
                "dead_letter_queue": dead_letters.map(|queue| &queue.name),
                "is_dead_letter_queue": is_dead_letter_queue(&engine, queue),
                "function": source.map(|source| &source.function),
                "rules": rules(&engine, queue), "senders": senders(&engine, queue),
            })
        };
        engine.template.queues.values().map(describe).collect()
    });
    Json(json!({ "items": items }))
}

fn message_json(message: &Message) -> Value {
    json!({
        "id": message.id, "group": message.group,
        "at": message.sent_at, "receive_count": message.receive_count, "tries": message.tries,
        "visible_at": message.visible_at, "body": message.body, "source": message.source, "reason": message.reason,
    })
}

pub(super) async fn messages(Shared(engine): Shared<Arc<Engine>>, Path(name): Path<String>) -> Answer {
    let queue = find(&engine, &name)?;
    let items: Vec<Value> = engine.store.read(|state| {
        let own = state.queues.get(&queue.name);
        own.into_iter()
            .flat_map(Queue::messages)
            .rev()
            .take(crate::state::CAPTURE_LIMIT)
            .map(message_json)
            .collect()
    });
    Ok(Json(json!({ "items": items })))
}

pub(super) async fn purge(Shared(engine): Shared<Arc<Engine>>, Path(name): Path<String>) -> Answer {
    let queue = find(&engine, &name)?;
    let removed = engine.store.change(|state| state.queues.entry(queue.name.clone()).or_default().purge());
    Ok(Json(json!({ "removed": removed })))
}

pub(super) async fn redrive(Shared(engine): Shared<Arc<Engine>>, Path(name): Path<String>) -> Answer {
    let queue = find(&engine, &name)?;
    Ok(Json(json!({ "moved": engine.redrive(queue, None) })))
}

pub(super) async fn dead_letters(Shared(engine): Shared<Arc<Engine>>) -> Json<Value> {
    let queues = || engine.template.queues.values().filter(|queue| is_dead_letter_queue(&engine, queue));
    let items: Vec<Value> = engine.store.read(|state| {
        queues()
            .filter_map(|queue| Some((queue, state.queues.get(&queue.name)?)))
            .flat_map(|(queue, own)| {
                own.messages().rev().map(|message| {
                    let mut item = message_json(message);
                    item["queue"] = json!(queue.name);
                    item
                })
            })
            .collect()
    });
    Json(json!({ "items": items }))
}
