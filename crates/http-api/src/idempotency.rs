use axum::response::{IntoResponse, Response};
use http::{HeaderName, HeaderValue, StatusCode, header};
use serde::Serialize;
use table::{Begun, Claim, IdempotencyKey, StoredAnswer, Table};

use crate::{body::Command, problem::Problem, refusal::Refusal};

const REPLAYED: HeaderName = HeaderName::from_static("idempotent-replayed");

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
        Self(StoredAnswer { status: status.as_u16(), body })
    }

    /// 200 with this body.
    pub fn ok<T: Serialize>(body: &T) -> Self {
        Self::new(StatusCode::OK, body)
    }

    /// The answer as the idempotency record keeps it: for `Changes::answer`.
    pub fn stored(&self) -> StoredAnswer {
        self.0.clone()
    }
}

impl IntoResponse for Answer {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.0.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        (status, [(header::CONTENT_TYPE, "application/json")], self.0.body).into_response()
    }
}

impl<T> Command<T> {
    /// Carries the command out once for each `Idempotency-Key` of this scope (tenant or person). `work` gets the claim to
    /// store the answer with, in the transaction of the effect; without the header there is none.
    pub async fn once<F>(
        self,
        table: &Table,
        scope: &impl ToString,
        work: impl FnOnce(T, Option<Claim>) -> F,
    ) -> Result<Response, Problem>
    where
        F: Future<Output = Result<Answer, Problem>>,
    {
        let Some(key) = self.key else { return Ok(work(self.input, None).await?.into_response()) };
        let key = IdempotencyKey::new(scope, &key, &self.request);
        match table.begin(&key).await? {
            Begun::New(claim) => {
                let answer = work(self.input, Some(claim.clone())).await;
                if answer.is_err()
                    && let Err(error) = table.release(&claim).await
                {
                    // the caller is told what went wrong with the command; the key is free when its lease ends
                    tracing::warn!(error = &error as &dyn std::error::Error, "a key is not released");
                }
                answer.map(IntoResponse::into_response)
            }
            Begun::Replay(stored) => {
                let mut response = Answer(stored).into_response();
                response.headers_mut().insert(REPLAYED, HeaderValue::from_static("true"));
                Ok(response)
            }
            Begun::InFlight => Err(Refusal::KeyInUse.into()),
            Begun::Mismatch => Err(Refusal::KeyReused.into()),
        }
    }
}
