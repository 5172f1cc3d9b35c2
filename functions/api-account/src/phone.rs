use http_api::{
    Answer, Caller, Command, Fresh, IntoResponse, Limiter, Problem, Problems, Response, State, StatusCode,
    ToSchema,
};
use http_host::{admit_sms, is_right_sms};
use identity::{Code, IdentityError, SmsRequest, SmsStep};
use primitives::PhoneNumber;
use serde::{Deserialize, Serialize};

use crate::{Api, me};

/// The number of a phone.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct SetPhone {
    /// A mobile phone's number with its country, which is one that SMS are sent to. Blanks, hyphens, dots,
    /// slashes and brackets do not matter.
    #[schema(min_length = 1, max_length = 40, format = "gantry-phone-number", example = "+43 664 1234567")]
    number: String,
}

/// A code that is on its way.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct PhoneVerification {
    /// Where to.
    #[schema(inline)]
    number: PhoneNumber,
    /// How long it works, seconds.
    expires_in: i64,
}

/// Sends a code to a mobile phone, which shows with `POST /v1/me/phone/verify` that it is the person's. Until
/// then the phone stays that there was.
#[utoipa::path(
    put, path = "/v1/me/phone", tag = "Account", operation_id = "setPhone",
    security(("access_token" = [])), request_body = SetPhone,
    responses((status = 202, description = "The code is on its way", body = PhoneVerification), Problems),
    extensions(
        ("x-gantry-codes" = json!(["conflict", "mfa_failed", "session_ended", "step_up_required"])),
        ("x-gantry-limits" = json!(["sms"])),
        ("x-gantry-budget" = json!({"calls": 7, "read_units": 7, "write_units": 10})),
        ("x-gantry-usage" = json!({"person": 0.02, "events": 1, "answer_bytes": 300})),
    ),
)]
pub(crate) async fn set(
    State(api): State<Api>,
    caller: Caller,
    _: Fresh,
    limiter: Limiter,
    command: Command<SetPhone>,
) -> Result<Response, Problem> {
    let number = identity::mobile_number(&command.input.number, &api.countries);
    let number = number.map_err(|error| Problem::field("/number", &error))?;
    let request = SmsRequest::of_phone(&api.table, &caller.principal, number).await?;
    admit_sms(&limiter, &api.table, &api.policy, &request).await?;
    let sent = request.send(&api.table, &api.policy, &caller.cause()).await?;
    let body = PhoneVerification { number: sent.number, expires_in: sent.expires_in };
    Ok(Answer::new(StatusCode::ACCEPTED, &body).into_response())
}

/// The code of an SMS.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct VerifyPhone {
    /// Six digits.
    #[schema(
        value_type = String,
        max_length = 100,
        example = "314159",
        pattern = r"^(?:[ \t\n\r\u00a0\u200b\u202f\u3000\u2010-\u2015\u2212-]*[0-9\uff10-\uff19]){6}[ \t\n\r\u00a0\u200b\u202f\u3000\u2010-\u2015\u2212-]*$"
    )]
    code: Code,
}

/// Makes the phone the person's, by the code that was sent there. It can be tried five times. Browsers that
/// were remembered are forgotten; where codes are a second factor, they go to this phone from now on.
#[utoipa::path(
    post, path = "/v1/me/phone/verify", tag = "Account", operation_id = "verifyPhone",
    security(("access_token" = [])), request_body = VerifyPhone,
    responses((status = 200, description = "The person", body = me::Me, headers(("ETag"))), Problems),
    extensions(
        ("x-gantry-codes" = json!(["conflict", "mfa_failed", "session_ended"])),
        ("x-gantry-limits" = json!(["code-guess"])),
        ("x-gantry-budget" = json!({"calls": 5, "read_units": 8, "write_units": 9})),
        ("x-gantry-usage" = json!({"person": 0.02, "events": 1, "answer_bytes": 1000})),
    ),
)]
pub(crate) async fn verify(
    State(api): State<Api>,
    caller: Caller,
    limiter: Limiter,
    command: Command<VerifyPhone>,
) -> Result<Response, Problem> {
    let (cause, code) = (caller.cause(), command.input.code);
    let step = SmsStep::of_phone(&api.table, &caller.principal).await?;
    if !is_right_sms(&api.table, &api.policy, &api.links, &step, &code).await? {
        let subject = format!("{} {}", caller.principal.user_id, caller.client.address());
        limiter.take(&api.policy.wrong_factors(), &subject).await?;
        return Err(IdentityError::MfaFailed.into());
    }
    let mut principal = caller.principal;
    let number = identity::verify_phone(&api.table, &cause, &principal, step).await?;
    principal.person.phone = Some(number);
    me::me(&api, principal).await
}

/// Takes the phone away, and codes as a second factor with it. One that is not there is gone: 204 again.
#[utoipa::path(
    delete, path = "/v1/me/phone", tag = "Account", operation_id = "removePhone",
    security(("access_token" = [])),
    responses((status = 204, description = "There is none"), Problems),
    extensions(
        ("x-gantry-codes" = json!(["conflict", "last_factor", "session_ended", "step_up_required"])),
        ("x-gantry-budget" = json!({"calls": 5, "read_units": 11, "write_units": 14})),
        ("x-gantry-usage" = json!({"person": 0.01, "events": 2, "answer_bytes": 250})),
    ),
)]
pub(crate) async fn remove(State(api): State<Api>, caller: Caller, _: Fresh) -> Result<StatusCode, Problem> {
    identity::remove_phone(&api.table, &caller.cause(), &caller.principal).await?;
    Ok(StatusCode::NO_CONTENT)
}
