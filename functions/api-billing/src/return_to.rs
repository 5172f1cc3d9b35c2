//! Where a buyer is sent back to from a page of Stripe's.

use http_api::http::{HeaderValue, Uri};
use primitives::{FieldCode, Invalid};

/// Longer than any address of ours.
const LONGEST: usize = 2_000;

/// Where the frontend is: the app, and whatever else may call the API from a browser.
#[derive(Debug)]
pub(crate) struct Places {
    app_url: String,
    origins: Vec<String>,
}

/// Nobody is sent there.
#[derive(Debug, thiserror::Error)]
#[error(
    "use a path of the app, such as /settings/billing, or an address of an origin that may call this API"
)]
pub(crate) struct ForeignPlace;

impl Invalid for ForeignPlace {
    fn field_code(&self) -> FieldCode {
        FieldCode::InvalidFormat
    }
}

impl Places {
    pub(crate) fn new(app_url: String, allowed: &[HeaderValue]) -> Self {
        let app = app_url.parse().ok().and_then(|url: Uri| origin(&url));
        let allowed = allowed.iter().filter_map(|one| one.to_str().ok()).map(str::to_owned);
        Self { origins: allowed.chain(app).collect(), app_url }
    }

    /// The whole address.
    pub(crate) fn address(&self, text: &str) -> Result<String, ForeignPlace> {
        let address = if text.starts_with('/') { format!("{}{text}", self.app_url) } else { text.to_owned() };
        let url: Uri = address.parse().map_err(|_| ForeignPlace)?;
        let is_ours = origin(&url).is_some_and(|origin| self.origins.contains(&origin));
        // a browser reads it in another way than we do
        let is_plain = address.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'\\');
        if is_ours && is_plain && address.len() <= LONGEST { Ok(address) } else { Err(ForeignPlace) }
    }
}

/// Scheme and authority, all of it: a name before an `@` makes it another one.
fn origin(url: &Uri) -> Option<String> {
    Some(format!("{}://{}", url.scheme_str()?, url.authority()?))
}
