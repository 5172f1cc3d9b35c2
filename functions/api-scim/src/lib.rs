//! SCIM 2.0 for the directories of organizations: `/scim/v2` (RFC 7643, RFC 7644; cursors of RFC 9865).
//!
//! What the directory says of its users and groups is `scim`'s; who is a member is `orgs`'; whose a domain
//! is `directory`'s. Here they come together, in one transaction for each request.

mod answers;
mod caller;
mod dialect;
mod discovery;
mod effect;
mod entering;
mod error;
mod group_members;
mod groups;
mod leaving;
mod query;
mod role;
mod search;
mod users;
mod writing;

use std::sync::Arc;

use http_api::{OpenApiRouter, routes};
use http_host::HttpHost;
use lambda_host::{Error, Function, Host};
use primitives::{Fault, FaultCode};
use table::{CursorKeys, Table};

use crate::error::Refused;

/// The codes of this function's errors.
pub const FAULTS: &[&[FaultCode]] = &[Refused::CODES];

/// What the routes share.
#[derive(Clone)]
pub struct Api {
    table: Table,
    cursors: Arc<dyn CursorKeys>,
    /// Where SCIM is.
    base: String,
}

/// The function.
pub async fn function(host: &Host) -> Result<Function, Error> {
    let http = HttpHost::start(host).await?;
    let base = format!("{}/scim/v2", host.public_api_url()?);
    let api = Api { table: http.table(), cursors: host.cursor_keys()?, base };
    let table = http.table();
    http.api_spoken(routes().with_state(api), move |edge| dialect::around(edge, table))
}

/// The routes.
pub fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new()
        .routes(routes!(discovery::config))
        .routes(routes!(discovery::list_types))
        .routes(routes!(discovery::show_type))
        .routes(routes!(discovery::list_schemas))
        .routes(routes!(discovery::show_schema))
        .routes(routes!(search::all))
        .routes(routes!(search::users))
        .routes(routes!(search::groups))
        .routes(routes!(users::list))
        .routes(routes!(users::create))
        .routes(routes!(users::show))
        .routes(routes!(users::replace))
        .routes(routes!(users::patch))
        .routes(routes!(users::delete))
        .routes(routes!(groups::list))
        .routes(routes!(groups::create))
        .routes(routes!(groups::show))
        .routes(routes!(groups::replace))
        .routes(routes!(groups::patch))
        .routes(routes!(groups::delete))
}
