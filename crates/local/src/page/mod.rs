//! The page at `/_local`: static files, embedded. Everything on it comes from the JSON API beside
//! it, and the product itself.

use axum::Router;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use http::{HeaderMap, HeaderValue, StatusCode, header};

const HTML: &str = "text/html; charset=utf-8";
const STYLE: &str = "text/css; charset=utf-8";
const SCRIPT: &str = "text/javascript; charset=utf-8";
const IMAGE: &str = "image/svg+xml";

/// What the page may load and do: nothing from elsewhere, and nothing inline.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; \
                      frame-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'";

/// One embedded file.
#[derive(Clone, Copy, Debug)]
struct File {
    content_type: &'static str,
    content: &'static str,
}

const INDEX: File = File { content_type: HTML, content: include_str!("index.html") };
/// Stands in for the frontend: the links of mails lead there.
const APP: File = File { content_type: HTML, content: include_str!("app.html") };

macro_rules! files {
    ($($name:literal: $content_type:expr,)*) => {
        &[$(($name, File { content_type: $content_type, content: include_str!($name) }),)*]
    };
}

/// The files below `/_local/page`.
const FILES: &[(&str, File)] = files! {
    "account.js": SCRIPT,
    "api.js": SCRIPT,
    "app.js": SCRIPT,
    "clock.js": SCRIPT,
    "demo.js": SCRIPT,
    "device_links.js": SCRIPT,
    "diagram.js": SCRIPT,
    "dns.js": SCRIPT,
    "dom.js": SCRIPT,
    "events.js": SCRIPT,
    "flow.js": SCRIPT,
    "functions.js": SCRIPT,
    "icon.svg": IMAGE,
    "invites.js": SCRIPT,
    "life.js": SCRIPT,
    "mails.js": SCRIPT,
    "messages.js": SCRIPT,
    "overview.js": SCRIPT,
    "page.css": STYLE,
    "page.js": SCRIPT,
    "passkeys.js": SCRIPT,
    "phone.js": SCRIPT,
    "pushes.js": SCRIPT,
    "queues.js": SCRIPT,
    "schedules.js": SCRIPT,
    "scim.js": SCRIPT,
    "sign_in.js": SCRIPT,
    "story.js": SCRIPT,
    "stripe.js": SCRIPT,
    "table.js": SCRIPT,
    "widgets.js": SCRIPT,
};

/// The page's routes, below `/_local`.
pub(crate) fn router() -> Router {
    let page =
        Router::new().route("/", serve(INDEX)).route("/app", serve(APP)).route("/app/{*path}", serve(APP));
    FILES.iter().fold(page, |page, (name, file)| page.route(&format!("/page/{name}"), serve(*file)))
}

fn serve(file: File) -> axum::routing::MethodRouter {
    let tag = format!("\"{:x}\"", md5::compute(file.content));
    get(async move |headers: HeaderMap| respond(file, &tag, &headers))
}

/// Browsers ask every time and get the file only when it is another: the page always fits the
/// program that runs.
fn respond(file: File, tag: &str, request: &HeaderMap) -> Response {
    let known = request.get(header::IF_NONE_MATCH).and_then(|known| known.to_str().ok());
    let mut response = if known == Some(tag) {
        StatusCode::NOT_MODIFIED.into_response()
    } else {
        ([(header::CONTENT_TYPE, file.content_type)], file.content).into_response()
    };
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    headers.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("same-origin"));
    if let Ok(tag) = HeaderValue::from_str(tag) {
        headers.insert(header::ETAG, tag);
    }
    response
}
