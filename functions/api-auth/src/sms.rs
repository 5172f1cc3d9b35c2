use access::Principal;
use http_api::{
    Answer, Enrolling, IntoResponse, Limiter, Problem, Problems, Response, State, StatusCode, ToSchema,
};
use http_host::{admit_sms, is_right_sms};
use identity::{Code, Enroller, IdentityError, SecondAttempt, ShownHalf, SmsRequest, SmsStep, StepUp};
use serde::Serialize;

use crate::Api;

/// A code that is on its way.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct CodeSent {
    /// Where to: the end of the phone's number.
    #[schema(example = "••••67")]
    sent_to: String,
    /// How long it works, seconds.
    expires_in: i64,
}

/// Sends a code to the person's phone: for a sign-in that lacks a second factor, or with a session, to show
/// once more who one is. It works for what it was asked for, and the one before does no more.
#[utoipa::path(
    post, path = "/v1/auth/mfa/codes", tag = "Signing in", operation_id = "sendMfaCode",
    security(("half_session" = []), ("access_token" = [])),
    responses((status = 202, description = "It is on its way", body = CodeSent), Problems),
    extensions(
        ("x-gantry-codes" = json!(["conflict", "factor_unavailable", "session_ended"])),
        ("x-gantry-limits" = json!(["sms"])),
        ("x-gantry-budget" = json!({"calls": 5, "read_units": 8, "write_units": 8})),
        ("x-gantry-usage" = json!({"person": 0.1, "events": 1, "answer_bytes": 250})),
    ),
)]
pub(crate) async fn send(
    State(api): State<Api>,
    who: Enrolling<false>,
    limiter: Limiter,
) -> Result<Response, Problem> {
    let cause = who.cause();
    let who = match &who {
        Enrolling::Caller(caller) => Enroller::principal(&caller.principal),
        Enrolling::Half(half, _) => Enroller::Half(shown(half.token())?),
    };
    let request = SmsRequest::of_second(&api.table, &who).await?;
    admit_sms(&limiter, &api.table, &api.policy, &request).await?;
    let sent = request.send(&api.table, &api.policy, &cause).await?;
    let body = CodeSent { sent_to: sent.number.masked(), expires_in: sent.expires_in };
    Ok(Answer::new(StatusCode::ACCEPTED, &body).into_response())
}

fn shown(token: &str) -> Result<ShownHalf, Problem> {
    Ok(ShownHalf::read(token).ok_or(IdentityError::HalfSessionEnded)?)
}

/// A code of a phone that is shown for a login.
pub(crate) async fn attempt(api: &Api, token: &str, code: Code) -> Result<SecondAttempt, Problem> {
    let shown = shown(token)?;
    let step = SmsStep::of_second(&api.table, &Enroller::Half(shown.clone())).await?;
    let is_right = is_right_sms(&api.table, &api.policy, &api.links, &step, &code).await?;
    Ok(SecondAttempt::by_sms(shown, &step, code, is_right))
}

/// The same that is shown with a session.
pub(crate) async fn step_up(api: &Api, principal: &Principal, code: Code) -> Result<StepUp, Problem> {
    let step = SmsStep::of_second(&api.table, &Enroller::principal(principal)).await?;
    let is_right = is_right_sms(&api.table, &api.policy, &api.links, &step, &code).await?;
    Ok(StepUp::by_sms(&step, code, is_right))
}
