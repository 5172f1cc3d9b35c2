use axum::response::{IntoResponse, Response};
use http::{HeaderName, HeaderValue, StatusCode, header};
use serde::Serialize;
use table::{Begun, IdempotencyKey, Keep, StoredAnswer, Table};

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
}

impl IntoResponse for Answer {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.0.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        (status, [(header::CONTENT_TYPE, "application/json")], self.0.body).into_response()
    }
}

impl<T> Command<T> {
    /// Carries the command out once for each `Idempotency-Key` of this scope (tenant or person). `answer`
    /// makes the answer from what `work` gives, for the caller and for the record, which `work` hands to
    /// [`Table::decide_once`]: it is stored in the transaction of the effect. Without the header there is no
    /// record.
    pub async fn once<O, F>(
        self,
        table: &Table,
        scope: &impl ToString,
        answer: fn(&O) -> Answer,
        work: impl FnOnce(T, Keep<'static, O>) -> F,
    ) -> Result<Response, Problem>
    where
        O: 'static,
        F: Future<Output = Result<O, Problem>>,
    {
        let Some(key) = self.key else {
            return Ok(answer(&work(self.input, Keep::nothing()).await?).into_response());
        };
        let key = IdempotencyKey::new(scope, &key, &self.request);
        match table.begin(&key).await? {
            Begun::New(claim) => {
                let keep = Keep::answer(claim.clone(), move |output| answer(output).0);
                let outcome = work(self.input, keep).await;
                if outcome.is_err()
                    && let Err(error) = table.release(&claim).await
                {
                    // the caller is told what went wrong with the command; the key is free when its lease
                    // ends
                    tracing::warn!(error = &error as &dyn std::error::Error, "a key is not released");
                }
                Ok(answer(&outcome?).into_response())
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
