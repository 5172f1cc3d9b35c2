//! The page at `/_local`.

use axum::Router;
use axum::response::Html;
use axum::routing::get;
use http::StatusCode;

/// The page's routes, below `/_local`. Everything on it comes from the JSON API beside it.
pub(crate) fn router() -> Router {
    Router::new().route("/", get(index)).fallback(async || StatusCode::NOT_FOUND)
}

async fn index() -> Html<&'static str> {
    Html(
        "<!doctype html><meta charset=\"utf-8\"><title>Gantry, locally</title><h1>Gantry, locally</h1>\
         <p>Everything is JSON below <a href=\"/_local/api/status\">/_local/api</a>.</p>",
    )
}
