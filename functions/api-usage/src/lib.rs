//! HTTP API for usage: what is counted, reporting it, quotas and reservations: `/v1/usage/**`.

mod events;
mod reservations;
mod shown;

use http_api::{OpenApiRouter, Problem, routes};
use http_host::HttpHost;
use lambda_host::{Error, Function, Host};
use table::Table;
use usage::UsageError;

/// What the routes share.
#[derive(Clone, Debug)]
pub struct Api {
    table: Table,
}

/// The function.
pub async fn function(host: &Host) -> Result<Function, Error> {
    let http = HttpHost::start(host).await?;
    let api = Api { table: http.table() };
    http.api(routes().with_state(api))
}

/// The routes.
pub fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new()
        .routes(routes!(shown::meters))
        .routes(routes!(shown::report))
        .routes(routes!(shown::quotas))
        .routes(routes!(events::record))
        .routes(routes!(reservations::create))
        .routes(routes!(reservations::settle))
        .routes(routes!(reservations::release))
}

/// What a refusal is, with what it is about.
fn refused(pointer: &str, error: UsageError) -> Problem {
    match error {
        UsageError::QuotaExceeded { resets_at, .. } => Problem::from(error).resetting_at(resets_at),
        UsageError::UnknownMeter | UsageError::MoreThanReserved { .. } | UsageError::Range { .. } => {
            Problem::field(pointer, &error)
        }
        error => error.into(),
    }
}
