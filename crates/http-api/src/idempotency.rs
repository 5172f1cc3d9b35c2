use axum::response::{IntoResponse, Response};
use http::{HeaderName, HeaderValue};
use table::{Begun, IdempotencyKey, Keep, Table};

use crate::{answer::Answer, body::Repeatable, problem::Problem, refusal::Refusal};

const REPLAYED: HeaderName = HeaderName::from_static("idempotent-replayed");

/// What is answered to a caller who is told something.
type Answered<O> = fn(&O) -> Answer;

impl<T> Repeatable<T> {
    /// Carries the command out once for each `Idempotency-Key` of the caller's. `scope` says whose
    /// keys they are: the person's, in this organization or in none ([`access::Principal::scope`]).
    /// `answer` makes the answer from what `work` gives, for the caller and for the record, which
    /// `work` hands to [`Table::decide_once`]: it is stored in the transaction of the effect.
    /// Without the header there is no record.
    pub async fn once<O, F>(
        self,
        table: &Table,
        scope: &str,
        answer: Answered<O>,
        work: impl FnOnce(T, Keep<'static, O>) -> F,
    ) -> Result<Response, Problem>
    where
        O: 'static,
        F: Future<Output = Result<O, Problem>>,
    {
        self.once_but(table, scope, (answer, answer), work).await
    }

    /// The same where the record is to hold something else than the caller is told: no secret.
    pub async fn once_but<O, F>(
        self,
        table: &Table,
        scope: &str,
        (answer, record): (Answered<O>, Answered<O>),
        work: impl FnOnce(T, Keep<'static, O>) -> F,
    ) -> Result<Response, Problem>
    where
        O: 'static,
        F: Future<Output = Result<O, Problem>>,
    {
        let Some(key) = self.key else {
            return Ok(answer(&work(self.input, Keep::nothing()).await?).into_response());
        };
        let key = IdempotencyKey::new(&scope, &key, &self.request);
        match table.begin(&key).await? {
            Begun::New(claim) => {
                let keep = Keep::answer(claim.clone(), move |output| record(output).stored());
                let outcome = work(self.input, keep).await;
                if outcome.is_err()
                    && let Err(error) = table.release(&claim).await
                {
                    // the caller is told what went wrong with the command; the key is free when its
                    // lease ends
                    tracing::warn!(error = &error as &dyn std::error::Error, "a key is not released");
                }
                Ok(answer(&outcome?).into_response())
            }
            Begun::Replay(stored) => {
                let mut response = Answer::from(stored).into_response();
                response.headers_mut().insert(REPLAYED, HeaderValue::from_static("true"));
                Ok(response)
            }
            Begun::InFlight => Err(Refusal::KeyInUse.into()),
            Begun::Mismatch => Err(Refusal::KeyReused.into()),
        }
    }
}
