use aws_lc_rs::digest::{SHA256, digest};
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, HeaderValue, StatusCode, header};
use primitives::SignedDuration;
use serde::Serialize;

use crate::{etag::is_known, middleware::accepted};

/// A document that whoever has read it need not read again: it has an `ETag`, and a time to live. It is
/// public, unless it is said to be one caller's.
#[derive(Clone, Debug)]
pub struct Cached {
    media_types: &'static [&'static str],
    text: String,
    etag: String,
    max_age: SignedDuration,
    is_private: bool,
}

impl Cached {
    /// The document. Of the media types the first is the one where the client names none.
    pub fn new(
        media_types: &'static [&'static str],
        max_age: SignedDuration,
        text: impl Into<String>,
    ) -> Self {
        let text = text.into();
        let hash = digest(&SHA256, text.as_bytes());
        let etag = format!("\"{}\"", hex::encode(&hash.as_ref()[..16]));
        Self { media_types, text, etag, max_age, is_private: false }
    }

    /// What is another where the content is another: 32 hexadecimal digits.
    pub fn version(&self) -> &str {
        self.etag.trim_matches('"')
    }

    /// The same under the version of another, which is a part of it.
    #[must_use]
    pub fn versioned_as(self, other: &Self) -> Self {
        Self { etag: other.etag.clone(), ..self }
    }

    /// The same for the caller alone.
    #[must_use]
    pub fn private(self) -> Self {
        Self { is_private: true, ..self }
    }

    /// A document of this content.
    ///
    /// # Panics
    /// When it cannot be written as JSON, which no shape of the API allows.
    #[expect(clippy::expect_used, reason = "documents are plain data with string keys")]
    pub fn json<T: Serialize>(
        media_types: &'static [&'static str],
        max_age: SignedDuration,
        content: &T,
    ) -> Self {
        Self::new(media_types, max_age, serde_json::to_string(content).expect("documents are JSON"))
    }

    /// The answer to a request with these headers: 304 where the client has the document already.
    pub fn answer(&self, request: &HeaderMap) -> Response {
        let media_type = accepted(request)
            .find_map(|range| self.media_types.iter().find(|media_type| ***media_type == *range))
            .or(self.media_types.first())
            .copied()
            .unwrap_or("application/json");
        let mut response = if is_known(request, &self.etag) {
            StatusCode::NOT_MODIFIED.into_response()
        } else {
            ([(header::CONTENT_TYPE, media_type)], self.text.clone()).into_response()
        };
        let headers = response.headers_mut();
        if self.is_private {
            // a browser that signs in as somebody else has another document
            headers.insert(header::VARY, HeaderValue::from_static("accept, authorization"));
        } else {
            headers.insert(header::VARY, HeaderValue::from_static("accept"));
            // It is for everybody, whatever page shows it. The origins that are ours are named instead.
            headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
        }
        let whose = if self.is_private { "private" } else { "public" };
        let cache = format!("{whose}, max-age={}", self.max_age.as_secs());
        for (name, value) in [(header::CACHE_CONTROL, &cache), (header::ETAG, &self.etag)] {
            if let Ok(value) = HeaderValue::from_str(value) {
                headers.insert(name, value);
            }
        }
        response
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderName;

    use super::*;

    fn answer(name: HeaderName, value: &'static str) -> Response {
        let document = Cached::new(
            &["application/json", "application/jwk-set+json"],
            SignedDuration::from_mins(5),
            "{}",
        );
        document.answer(&HeaderMap::from_iter([(name, HeaderValue::from_static(value))]))
    }

    #[test]
    fn whoever_has_it_gets_it_no_more() {
        let first = answer(header::ACCEPT, "*/*");
        assert_eq!(
            (first.status(), &first.headers()["content-type"]),
            (StatusCode::OK, &"application/json".parse().unwrap())
        );
        let etag = first.headers()["etag"].to_str().unwrap().to_owned();
        for known in [etag.clone(), format!("\"x\", W/{etag}"), "*".to_owned()] {
            let again = answer(header::IF_NONE_MATCH, known.leak());
            assert_eq!(again.status(), StatusCode::NOT_MODIFIED);
            assert_eq!(again.headers()["etag"], etag.as_str());
        }
        for other in ["\"x\"", "", "W/"] {
            assert_eq!(answer(header::IF_NONE_MATCH, other).status(), StatusCode::OK);
        }
    }

    #[test]
    fn its_registered_type_comes_to_whoever_names_it() {
        let type_of = |accept| answer(header::ACCEPT, accept).headers()["content-type"].clone();
        assert_eq!(type_of("application/JWK-set+json"), "application/jwk-set+json");
        assert_eq!(type_of("text/html, application/json;q=0.5, */*;q=0.1"), "application/json");
        assert_eq!(type_of("application/jwk-set+json;q=0, */*"), "application/json");
    }
}
