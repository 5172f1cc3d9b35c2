//! The table that DNS answers from.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State as Shared};
use serde_json::{Value, json};

use super::{Answer, Body, Problem};
use crate::dns::{self, DnsName};
use crate::engine::Engine;

pub(super) async fn list(Shared(engine): Shared<Arc<Engine>>) -> Json<Value> {
    let items: Vec<Value> =
        engine.store.read(|state| state.dns.iter().map(|(name, said)| shown(name, said)).collect());
    Json(json!({ "items": items }))
}

fn shown(name: &str, said: &DnsName) -> Value {
    let DnsName { texts, alias, string_bytes, failure } = said;
    json!({ "name": name, "texts": texts, "alias": alias, "string_bytes": string_bytes, "failure": failure })
}

pub(super) async fn put(
    Shared(engine): Shared<Arc<Engine>>,
    Path(name): Path<String>,
    Body(said): Body<DnsName>,
) -> Answer {
    let name = dns::normal(&name).map_err(Problem::bad_request)?;
    said.check().map_err(Problem::bad_request)?;
    let answer = shown(&name, &said);
    engine.store.change(|state| state.dns.insert(name, said));
    Ok(Json(answer))
}

pub(super) async fn delete(Shared(engine): Shared<Arc<Engine>>, Path(name): Path<String>) -> Answer {
    let name = dns::normal(&name).map_err(Problem::bad_request)?;
    let was = engine.store.change(|state| state.dns.remove(&name));
    was.map(|_| Json(json!({ "deleted": name }))).ok_or_else(|| Problem::not_found("such name in DNS"))
}
