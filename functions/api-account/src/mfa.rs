use http_api::{
    Answer, Caller, Command, Enrolling, Fresh, IntoResponse, Limiter, PathParameter, Problem, Problems,
    Response, State, StatusCode, ToSchema,
};
use http_host::{admit_sms, is_right_sms};
use identity::{Code, CodeSent, Confirmation, Enroller, IdentityError, ShownHalf, SmsRequest};
use primitives::{FactorId, OrgId, Time, Timestamp};
use serde::{Deserialize, Serialize};
use table::Cause;

use crate::Api;

/// What the person can show beside a mail or a password.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Mfa {
    /// The second factors.
    factors: Vec<Factor>,
    /// How many recovery codes are left. Make new ones when few are.
    recovery_codes_left: usize,
    /// Who asks for a second factor, now or from some day on: the organization that the session is in, or
    /// nobody. Another organization asks when the session is switched into it.
    required_by: Vec<OrgId>,
}

/// A second factor.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Factor {
    /// The factor.
    id: FactorId,
    /// What it is.
    kind: FactorKind,
    /// Since when.
    confirmed_at: Time,
    /// Of codes by SMS the end of the phone's number, as they go there.
    hint: Option<String>,
}

/// What a second factor is. Pass over words that you do not know.
#[derive(Clone, Copy, Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum FactorKind {
    /// An authenticator app (RFC 6238).
    Totp,
    /// Codes that are sent to the person's phone.
    Sms,
}

pub(crate) fn enroller<const FRESH: bool>(enrolling: &Enrolling<FRESH>) -> Result<Enroller, Problem> {
    match enrolling {
        Enrolling::Caller(caller) => Ok(Enroller::principal(&caller.principal)),
        Enrolling::Half(half, _) => {
            let shown = ShownHalf::read(half.token()).ok_or(IdentityError::HalfSessionEnded)?;
            Ok(Enroller::Half(shown))
        }
    }
}

/// What the person can show beside a mail or a password.
#[utoipa::path(
    get, path = "/v1/me/mfa", tag = "Account", operation_id = "getMfa",
    security(("access_token" = [])),
    responses((status = 200, description = "The second factors", body = Mfa), Problems),
    extensions(
        ("x-gantry-budget" = json!({"calls": 2, "read_units": 2, "write_units": 0})),
        ("x-gantry-usage" = json!({"person": 0.2, "events": 0, "answer_bytes": 500})),
    ),
)]
pub(crate) async fn show(State(api): State<Api>, caller: Caller) -> Result<Response, Problem> {
    let user_id = caller.principal.user_id;
    let factors = identity::factors(&api.table, user_id).await?;
    let requiring = caller.principal.actor.as_ref().filter(|actor| actor.requires_factor);
    let required_by = requiring.map(|actor| actor.org_id).into_iter().collect();
    let phone = caller.principal.person.phone.map(|phone| phone.masked());
    let factor = |kind, hint| {
        move |(id, confirmed_at): (FactorId, Timestamp)| Factor {
            id,
            kind,
            confirmed_at: confirmed_at.into(),
            hint,
        }
    };
    let totp = factors.totp.map(factor(FactorKind::Totp, None));
    let sms = factors.sms.map(factor(FactorKind::Sms, phone));
    let mfa = Mfa {
        factors: totp.into_iter().chain(sms).collect(),
        recovery_codes_left: factors.recovery_codes_left,
        required_by,
    };
    Ok(Answer::ok(&mfa).into_response())
}

/// What to set up.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct StartFactor {
    /// What it is.
    kind: FactorKind,
}

/// What a factor is set up with: an authenticator app with the secret, which is shown once; codes by SMS with
/// the one that is on its way.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct FactorEnrollment {
    /// The factor that is to be.
    id: FactorId,
    /// For an app that cannot scan: base 32. Null for codes by SMS.
    secret: Option<String>,
    /// For a QR code: a key URI. Null for codes by SMS.
    otpauth_uri: Option<String>,
    /// Where a code is on its way to: the end of the phone's number. Null for an app.
    #[schema(example = "••••67")]
    sent_to: Option<String>,
    /// How long it may take, seconds.
    expires_in: i64,
}

/// Begins to set up an authenticator app, or codes that are sent to the person's phone, which was verified
/// before. Nothing is asked of it until a code of it was shown to
/// `POST /v1/me/mfa/factors/{factor_id}/confirm`; one that the person has stays until then.
#[utoipa::path(
    post, path = "/v1/me/mfa/factors", tag = "Account", operation_id = "startFactor",
    security(("access_token" = []), ("half_session" = [])), request_body = StartFactor,
    responses(
        (status = 201, description = "What to set it up with", body = FactorEnrollment, headers(("Location"))),
        Problems,
    ),
    extensions(
        ("x-gantry-codes" = json!(["conflict", "mfa_failed", "phone_required", "session_ended", "step_up_required"])),
        ("x-gantry-limits" = json!(["sms"])),
        ("x-gantry-budget" = json!({"calls": 5, "read_units": 8, "write_units": 14})),
        ("x-gantry-usage" = json!({"person": 0.05, "events": 2, "answer_bytes": 500})),
    ),
)]
pub(crate) async fn start(
    State(api): State<Api>,
    enrolling: Enrolling<true>,
    limiter: Limiter,
    command: Command<StartFactor>,
) -> Result<Response, Problem> {
    let (cause, enroller) = (enrolling.cause(), enroller(&enrolling)?);
    let body = match command.input.kind {
        FactorKind::Totp => start_totp(&api, &cause, &enroller).await?,
        FactorKind::Sms => {
            let (request, id) = SmsRequest::of_factor(&api.table, &enroller).await?;
            admit_sms(&limiter, &api.table, &api.policy, &request).await?;
            let CodeSent { number, expires_in } = request.send(&api.table, &api.policy, &cause).await?;
            FactorEnrollment {
                id,
                secret: None,
                otpauth_uri: None,
                sent_to: Some(number.masked()),
                expires_in,
            }
        }
    };
    Ok(Answer::new(StatusCode::CREATED, &body).at("/v1/me/mfa".to_owned()).into_response())
}

async fn start_totp(api: &Api, cause: &Cause, enroller: &Enroller) -> Result<FactorEnrollment, Problem> {
    let (seals, seconds) = (api.seals.get().await?, api.policy.enrollment_seconds);
    let started = identity::start_factor(&api.table, &seals, seconds, cause, enroller, &api.product).await?;
    Ok(FactorEnrollment {
        id: started.factor_id,
        secret: Some(started.secret.expose().clone()),
        otpauth_uri: Some(started.otpauth_uri.expose().clone()),
        sent_to: None,
        expires_in: started.expires_in,
    })
}

/// A code of the app, or of the SMS.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ConfirmFactor {
    /// Six digits.
    #[schema(
        value_type = String,
        max_length = 100,
        example = "314159",
        pattern = r"^(?:[ \t\n\r\u00a0\u200b\u202f\u3000\u2010-\u2015\u2212-]*[0-9\uff10-\uff19]){6}[ \t\n\r\u00a0\u200b\u202f\u3000\u2010-\u2015\u2212-]*$"
    )]
    code: Code,
}

/// A factor that works from now on.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct FactorConfirmed {
    /// The factor.
    factor: Factor,
    /// Recovery codes, shown once, with the first factor; empty where the person has some.
    recovery_codes: Vec<String>,
}

/// Sets up the factor by a code of it. It is asked for at each sign-in from now on. With the first factor
/// come ten recovery codes.
#[utoipa::path(
    post, path = "/v1/me/mfa/factors/{factor_id}/confirm", tag = "Account", operation_id = "confirmFactor",
    security(("access_token" = []), ("half_session" = [])), request_body = ConfirmFactor,
    params(("factor_id" = FactorId, Path, description = "The factor")),
    responses((status = 200, description = "The factor, and how to do without", body = FactorConfirmed), Problems),
    extensions(
        ("x-gantry-codes" = json!([
            "already_confirmed", "conflict", "enrollment_expired", "mfa_failed", "session_ended",
        ])),
        ("x-gantry-limits" = json!(["code-guess"])),
        ("x-gantry-budget" = json!({"calls": 4, "read_units": 9, "write_units": 24})),
        ("x-gantry-usage" = json!({"person": 0.05, "events": 2, "answer_bytes": 700})),
    ),
)]
pub(crate) async fn confirm(
    State(api): State<Api>,
    enrolling: Enrolling<false>,
    PathParameter(id): PathParameter<FactorId>,
    limiter: Limiter,
    command: Command<ConfirmFactor>,
) -> Result<Response, Problem> {
    let (seals, cause, enroller) = (api.seals.get().await?, enrolling.cause(), enroller(&enrolling)?);
    let code = &command.input.code;
    let confirmation = identity::confirm_factor(&api.table, &seals, &cause, &enroller, id, code).await;
    let (kind, hint, confirmed) = match confirmation {
        Ok(Confirmation::Done(confirmed)) => (FactorKind::Totp, None, Ok(confirmed)),
        Ok(Confirmation::BySms(step)) => {
            let hint = step.hint();
            let is_right = is_right_sms(&api.table, &api.policy, &api.links, &step, code).await?;
            let confirmed = if is_right {
                identity::confirm_sms_factor(&api.table, &cause, &enroller, id, *step).await
            } else {
                Err(IdentityError::MfaFailed)
            };
            (FactorKind::Sms, hint, confirmed)
        }
        Err(error) => (FactorKind::Totp, None, Err(error)),
    };
    if matches!(confirmed, Err(IdentityError::MfaFailed)) {
        limiter.take(&api.policy.wrong_factors(), &id.to_string()).await?;
    }
    let confirmed = confirmed?;
    let factor = Factor { id, kind, confirmed_at: confirmed.confirmed_at.into(), hint };
    let body = FactorConfirmed { factor, recovery_codes: confirmed.recovery_codes };
    Ok(Answer::ok(&body).into_response())
}

/// Takes a factor away, and with the last one the recovery codes. One that is gone is gone: 204 again.
#[utoipa::path(
    delete, path = "/v1/me/mfa/factors/{factor_id}", tag = "Account", operation_id = "removeFactor",
    security(("access_token" = [])),
    params(("factor_id" = FactorId, Path, description = "The factor")),
    responses((status = 204, description = "It is not there"), Problems),
    extensions(
        ("x-gantry-codes" = json!(["conflict", "last_factor", "mfa_failed", "step_up_required"])),
        ("x-gantry-budget" = json!({"calls": 5, "read_units": 12, "write_units": 20})),
        ("x-gantry-usage" = json!({"person": 0.01, "events": 1, "answer_bytes": 250})),
    ),
)]
pub(crate) async fn remove(
    State(api): State<Api>,
    caller: Caller,
    _: Fresh,
    PathParameter(id): PathParameter<FactorId>,
) -> Result<StatusCode, Problem> {
    let (table, cause, principal) = (&api.table, caller.cause(), &caller.principal);
    let is_required = !identity::factor_required_by(table, principal.user_id).await?.is_empty();
    identity::remove_factor(table, &cause, principal, id, is_required).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// New recovery codes. They are shown once.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct RecoveryCodes {
    /// Ten of them. Each works once.
    recovery_codes: Vec<String>,
}

/// Makes ten new recovery codes; those from before work no more.
#[utoipa::path(
    post, path = "/v1/me/mfa/recovery-codes", tag = "Account", operation_id = "generateRecoveryCodes",
    security(("access_token" = [])),
    responses((status = 201, description = "The codes", body = RecoveryCodes), Problems),
    extensions(
        ("x-gantry-codes" = json!(["conflict", "factor_unavailable", "mfa_failed", "step_up_required"])),
        ("x-gantry-budget" = json!({"calls": 3, "read_units": 8, "write_units": 14})),
        ("x-gantry-usage" = json!({"person": 0.02, "events": 1, "answer_bytes": 500})),
    ),
)]
pub(crate) async fn generate_recovery_codes(
    State(api): State<Api>,
    caller: Caller,
    _: Fresh,
) -> Result<Response, Problem> {
    let made = identity::generate_recovery_codes(&api.table, &caller.cause(), &caller.principal).await?;
    Ok(Answer::new(StatusCode::CREATED, &RecoveryCodes { recovery_codes: made }).into_response())
}
