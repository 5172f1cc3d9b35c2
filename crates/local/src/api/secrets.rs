//! Secrets: their versions, and the button that rotates one. Values are not shown.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State as Shared};
use serde_json::{Value, json};

use super::{Answer, Problem};
use crate::engine::Engine;
use crate::state::random_id;

pub(super) async fn list(Shared(engine): Shared<Arc<Engine>>) -> Json<Value> {
    let items: Vec<Value> = engine.store.read(|state| {
        let secrets = state.secrets.iter();
        let described = secrets.map(|(arn, secret)| {
            let versions = secret.versions.iter().rev().map(|version| {
                json!({ "id": version.id, "labels": version.labels, "at": version.created_at })
            });
            let rotation = engine.template.rotations.get(arn);
            json!({
                "name": secret.name, "arn": arn, "versions": versions.collect::<Vec<_>>(), "rotated_at": secret.rotated_at,
                "rotated_by": rotation.map(|rotation| &rotation.function), "every_days": rotation.map(|rotation| rotation.days),
            })
        });
        described.collect()
    });
    Json(json!({ "items": items }))
}

pub(super) async fn rotate(Shared(engine): Shared<Arc<Engine>>, Path(name): Path<String>) -> Answer {
    let arn = engine.store.read(|state| {
        let mut secrets = state.secrets.iter();
        secrets.find(|(_, secret)| secret.name == name).map(|(arn, _)| arn.clone())
    });
    let arn = arn.ok_or_else(|| Problem::not_found("such secret"))?;
    let version = engine.rotate(&arn, random_id()).await;
    let version = version.map_err(|error| Problem::bad_request(error.to_string()))?;
    Ok(Json(json!({ "name": name, "version": version })))
}
