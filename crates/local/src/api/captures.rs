//! What was captured: mails, SMS, pushes, events, calls, items.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State as Shared};
use axum::response::{IntoResponse, Response};
use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use http::header;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{Answer, Body, Problem, Query};
use crate::engine::Engine;
use crate::table::Place;

/// What a mail may do on the local page: show itself and open links on a click, and run nothing.
const MAIL_POLICY: &str = "sandbox allow-popups allow-popups-to-escape-sandbox allow-top-navigation-by-user-activation; \
                           default-src 'none'; style-src 'unsafe-inline'; img-src data: https:";
/// Items in a page of the table.
const PAGE: usize = 100;

/// Items that pass `wanted`, the newest first.
fn newest<'a, T: Serialize + 'a>(
    items: impl DoubleEndedIterator<Item = &'a T>,
    wanted: impl Fn(&T) -> bool,
) -> Json<Value> {
    let items: Vec<&T> = items.rev().filter(|item| wanted(item)).collect();
    Json(json!({ "items": items }))
}

#[derive(Deserialize)]
pub(super) struct MailFilter {
    to: Option<String>,
}

pub(super) async fn mails(
    Shared(engine): Shared<Arc<Engine>>,
    Query(filter): Query<MailFilter>,
) -> Json<Value> {
    engine.store.read(|state| {
        newest(state.mails.iter(), |mail| {
            filter.to.as_ref().is_none_or(|to| mail.to.iter().any(|address| address.eq_ignore_ascii_case(to)))
        })
    })
}

pub(super) async fn mail(Shared(engine): Shared<Arc<Engine>>, Path(id): Path<String>) -> Answer {
    let mail = engine.store.read(|state| state.mails.iter().find(|mail| mail.id == id).cloned());
    mail.map(|mail| Json(json!(mail))).ok_or_else(|| Problem::not_found("such mail"))
}

pub(super) async fn mail_html(
    Shared(engine): Shared<Arc<Engine>>,
    Path(id): Path<String>,
) -> Result<Response, Problem> {
    let html = engine.store.read(|state| state.mails.iter().find(|mail| mail.id == id)?.html.clone());
    let html = html.ok_or_else(|| Problem::not_found("such mail with HTML"))?;
    let headers = [
        (header::CONTENT_TYPE, "text/html; charset=utf-8"),
        (header::CONTENT_SECURITY_POLICY, MAIL_POLICY),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    ];
    // A link of a mail opens beside the page, as it does in a mail program.
    let html = html.replacen("<head>", "<head><base target=\"_blank\">", 1);
    Ok((headers, html).into_response())
}

pub(super) async fn messages(Shared(engine): Shared<Arc<Engine>>) -> Json<Value> {
    engine.store.read(|state| newest(state.messages.iter(), |_| true))
}

pub(super) async fn pushes(Shared(engine): Shared<Arc<Engine>>) -> Json<Value> {
    engine.store.read(|state| newest(state.pushes.iter(), |_| true))
}

pub(super) async fn notifications(Shared(engine): Shared<Arc<Engine>>) -> Json<Value> {
    engine.store.read(|state| newest(state.notifications.iter(), |_| true))
}

pub(super) async fn push_endpoints(Shared(engine): Shared<Arc<Engine>>) -> Json<Value> {
    engine.store.read(|state| newest(state.endpoints.values(), |_| true))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct EndpointChoice {
    arn: String,
}

/// Does what SNS does when a push service says that a token is dead.
pub(super) async fn disable_push_endpoint(
    Shared(engine): Shared<Arc<Engine>>,
    Body(choice): Body<EndpointChoice>,
) -> Answer {
    engine.store.change(|state| {
        let endpoint =
            state.endpoints.get_mut(&choice.arn).ok_or_else(|| Problem::not_found("such push endpoint"))?;
        endpoint.enabled = false;
        Ok(Json(json!(endpoint)))
    })
}

#[derive(Deserialize)]
pub(super) struct EventFilter {
    #[serde(rename = "type")]
    kind: Option<String>,
}

pub(super) async fn events(
    Shared(engine): Shared<Arc<Engine>>,
    Query(filter): Query<EventFilter>,
) -> Json<Value> {
    engine.store.read(|state| {
        newest(state.events.iter(), |event| {
            filter.kind.as_ref().is_none_or(|kind| event.detail_type == *kind)
        })
    })
}

#[derive(Deserialize)]
pub(super) struct InvocationFilter {
    function: Option<String>,
}

pub(super) async fn invocations(
    Shared(engine): Shared<Arc<Engine>>,
    Query(filter): Query<InvocationFilter>,
) -> Json<Value> {
    Json(json!({ "items": engine.functions.invocations(filter.function.as_deref()) }))
}

#[derive(Deserialize)]
pub(super) struct TableQuery {
    pk: Option<String>,
    after: Option<String>,
}

pub(super) async fn table(Shared(engine): Shared<Arc<Engine>>, Query(query): Query<TableQuery>) -> Answer {
    let after = query
        .after
        .map(|after| {
            let bytes = BASE64_URL_SAFE_NO_PAD.decode(after).ok()?;
            serde_json::from_slice::<Place>(&bytes).ok()
        })
        .map(|after| {
            after.ok_or_else(|| Problem::bad_request("after is not what an earlier page gave as next"))
        })
        .transpose()?;
    let partition = query.pk.as_deref().filter(|pk| !pk.is_empty());
    let page = engine.tables.browse(partition, after, PAGE).map_err(|error| Problem::internal(&error))?;
    let next = page.next.map(|place| BASE64_URL_SAFE_NO_PAD.encode(json!(place).to_string()));
    Ok(Json(json!({ "items": page.items, "next": next })))
}
