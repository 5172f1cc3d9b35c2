use axum::extract::{FromRequest, Request};
use http::header;
use primitives::FieldCode;
use serde_json::{Map, Value};
use utoipa::ToSchema;

use crate::{
    body::{RawBody, parse},
    problem::{FieldError, Problem},
    refusal::Refusal,
};

const ONE: &str = "application/cloudevents+json";
const SEVERAL: &str = "application/cloudevents-batch+json";

/// Events as `CloudEvents` 1.0 sends them over HTTP in JSON: one in the structured mode, or up to `MOST` in
/// the batched mode. What each has to have is the route's to say, which answers for each by itself.
#[derive(Debug)]
pub struct CloudEvents<const MOST: usize>(pub Vec<Value>);

/// An event of `CloudEvents` 1.0: `specversion`, `id`, `source`, `type`, and what the type needs.
#[derive(Debug, ToSchema)]
#[schema(value_type = Object)]
pub struct CloudEvent(#[expect(dead_code, reason = "it is there to be described")] Map<String, Value>);

impl<const MOST: usize, S: Send + Sync> FromRequest<S> for CloudEvents<MOST> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        let mut kinds = request.headers().get_all(header::CONTENT_TYPE).iter();
        let kind = kinds.next().and_then(|value| value.to_str().ok()?.parse::<mime::Mime>().ok());
        let kind = kind.filter(|kind| {
            kinds.next().is_none()
                && kind.get_param(mime::CHARSET).is_none_or(|charset| charset == mime::UTF_8)
        });
        let is_batch = match kind.as_ref().map(mime::Mime::essence_str) {
            Some(ONE) => false,
            Some(SEVERAL) => true,
            _ => return Err(Refusal::EventsType.into()),
        };
        let body = RawBody::<{ crate::BODY_LIMIT }>::from_request(request, state).await?.0;
        let events = match (parse::<Value>(&body)?, is_batch) {
            (Value::Array(events), true) => events,
            (event @ Value::Object(_), false) => vec![event],
            _ => return Err(wrong("", FieldCode::WrongType, "it is another kind of JSON")),
        };
        if events.len() > MOST {
            return Err(wrong("", FieldCode::TooLong, &format!("it has more than {MOST} events")));
        }
        match events.iter().position(|event| !event.is_object()) {
            Some(place) => Err(wrong(&format!("/{place}"), FieldCode::WrongType, "an event is an object")),
            None => Ok(Self(events)),
        }
    }
}

fn wrong(pointer: &str, code: FieldCode, detail: &str) -> Problem {
    Problem::invalid(vec![FieldError::new(pointer, code, detail)])
}
