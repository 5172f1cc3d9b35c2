use axum::response::{IntoResponse, Response};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use serde::Serialize;
use table::StoredAnswer;

use crate::etag::{etag, is_known};

/// A resource with a version is asked after again each time, and its caller keeps it for himself.
const KEEP_AND_ASK: HeaderValue = HeaderValue::from_static("private, no-cache");

/// A successful answer with a JSON body.
#[derive(Clone, Debug)]
pub struct Answer(StoredAnswer);

impl Answer {
    /// Writes the body down.
    ///
    /// # Panics
    /// When the body cannot be written as JSON, which no shape of the API allows.
    #[expect(clippy::expect_used, reason = "answers are plain data with string keys")]
    pub fn new<T: Serialize>(status: StatusCode, body: &T) -> Self {
        let body = serde_json::to_string(body).expect("answers are JSON");
        Self(StoredAnswer { status: status.as_u16(), body, location: None, version: None })
    }

    /// 200 with this body.
    pub fn ok<T: Serialize>(body: &T) -> Self {
        Self::new(StatusCode::OK, body)
    }

    /// The same for a resource that was made, and where it is.
    #[must_use]
    pub fn at(mut self, location: String) -> Self {
        self.0.location = Some(location);
        self
    }

    /// The same for a resource at this version: with its `ETag`.
    #[must_use]
    pub fn tagged(mut self, version: u64) -> Self {
        self.0.version = Some(version);
        self
    }

    /// The answer to a GET with these headers: 304 where the client has the resource at this
    /// version.
    pub fn unless_known(self, request: &HeaderMap) -> Response {
        let known = self.0.version.is_some_and(|version| is_known(request, &etag(version)));
        let mut response = self.into_response();
        if known {
            *response.status_mut() = StatusCode::NOT_MODIFIED;
            *response.body_mut() = axum::body::Body::empty();
            response.headers_mut().remove(header::CONTENT_TYPE);
            response.headers_mut().remove(header::CONTENT_LENGTH);
        }
        response.headers_mut().insert(header::CACHE_CONTROL, KEEP_AND_ASK);
        response
    }

    /// As it is kept for a caller who asks again.
    pub(crate) fn stored(self) -> StoredAnswer {
        self.0
    }
}

impl From<StoredAnswer> for Answer {
    fn from(stored: StoredAnswer) -> Self {
        Self(stored)
    }
}

impl IntoResponse for Answer {
    fn into_response(self) -> Response {
        let StoredAnswer { status, body, location, version } = self.0;
        let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let mut response = (status, [(header::CONTENT_TYPE, "application/json")], body).into_response();
        let headers: [(HeaderName, Option<String>); 2] =
            [(header::LOCATION, location), (header::ETAG, version.map(etag))];
        for (name, value) in headers {
            if let Some(value) = value.and_then(|value| HeaderValue::from_str(&value).ok()) {
                response.headers_mut().insert(name, value);
            }
        }
        response
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_has_this_version_gets_it_no_more() {
        let asks = |tag: &'static str| {
            let headers = HeaderMap::from_iter([(header::IF_NONE_MATCH, HeaderValue::from_static(tag))]);
            Answer::ok(&"x").tagged(7).unless_known(&headers)
        };
        let known = asks("\"7\"");
        assert_eq!(
            (known.status(), known.headers()["etag"].to_str().unwrap()),
            (StatusCode::NOT_MODIFIED, "\"7\"")
        );
        assert!(!known.headers().contains_key("content-type"));
        let other = asks("\"6\"");
        assert_eq!((other.status(), other.headers()["etag"].to_str().unwrap()), (StatusCode::OK, "\"7\""));
        assert_eq!(other.headers()["cache-control"], "private, no-cache");
    }

    #[test]
    fn what_is_kept_comes_again_with_its_headers() {
        let answer = Answer::new(StatusCode::CREATED, &"x").at("/v1/me/devices/dev_1".to_owned()).tagged(1);
        let stored = serde_json::to_string(&answer.stored()).unwrap();
        let again = Answer::from(serde_json::from_str::<StoredAnswer>(&stored).unwrap()).into_response();
        assert_eq!(again.headers()["location"], "/v1/me/devices/dev_1");
        assert_eq!(
            (again.status(), again.headers()["etag"].to_str().unwrap()),
            (StatusCode::CREATED, "\"1\"")
        );
    }
}
