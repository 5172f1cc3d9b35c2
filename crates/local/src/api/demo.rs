//! The demo company: what there is of it, and the button that builds it.

use std::sync::Arc;

use axum::Json;
use axum::extract::State as Shared;
use http::StatusCode;
use serde_json::{Value, json};

use super::{Answer, Local, Problem};
use crate::demo;
use crate::engine::Engine;

pub(super) async fn show(Shared(engine): Shared<Arc<Engine>>) -> Json<Value> {
    Json(json!({ "demo": engine.store.read(|state| state.demo.clone()) }))
}

pub(super) async fn build(Shared(local): Shared<Local>) -> Answer {
    let built = demo::build(&local.engine, &local.urls.api, |_| {}).await;
    let built = built.map_err(|error| Problem(StatusCode::CONFLICT, format!("{error:#}")))?;
    Ok(Json(json!({ "is_new": built.is_new, "demo": built.demo, "secrets": built.secrets })))
}
