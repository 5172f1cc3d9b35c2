//! The buttons of a SCIM client.

use axum::Json;
use axum::extract::{Path, State as Shared};
use serde_json::json;

use super::{Answer, Body, Local, Problem};
use crate::client::Client;
use crate::scim::{Action, Directory, Request};

/// Sends what an identity provider would send. That the product refuses something is an answer as well.
pub(super) async fn act(
    Shared(local): Shared<Local>,
    Path(action): Path<String>,
    Body(request): Body<Request>,
) -> Answer {
    let action = Action::read(&action).ok_or_else(|| Problem::not_found("such action of a SCIM client"))?;
    let given = request.token.clone().map(|token| token.trim().to_owned()).filter(|token| !token.is_empty());
    let of_demo = || local.engine.store.read(|state| Some(state.demo.as_ref()?.scim_token.clone()));
    let token = given.or_else(of_demo).ok_or_else(|| {
        Problem::bad_request(
            "there is no token: give one of an organization, or build the demo, which has one",
        )
    })?;
    let client = Client::new(&local.urls.api);
    let mut directory = Directory::new(&client, token);
    let problem = directory.act(action, &request).await.err().map(|error| format!("{error:#}"));
    Ok(Json(json!({ "problem": problem, "exchanges": directory.into_exchanges() })))
}
