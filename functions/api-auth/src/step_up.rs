use access::{Principal, Way};
use http_api::{
    Answer, Caller, Command, IntoResponse, Limiter, Problem, Problems, Response, State, ToSchema,
};
use http_host::{AuthenticationCredential, Tokens, admit_mail};
use identity::{Assertion, Code, FirstProof, FirstStepUp, Password, StepUp as SecondStepUp, StepUpOffer};
use primitives::Text;
use serde::{Deserialize, Serialize};
use table::Cause;

use crate::{
    Api,
    guesses::Guess,
    mfa::{SecondFactor, Shown, count},
    sms,
};

/// What to begin.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct StartStepUp {
    /// What has to be sent before it can be shown. Without it nothing is sent.
    method: Option<SentMeans>,
}

/// What is sent.
#[derive(Clone, Copy, Debug, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum SentMeans {
    /// A mail with a code.
    Mail,
}

/// With what the person can show once more who they are.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct StepUp {
    /// What can be shown, as `POST /v1/auth/step-up/verify` takes it. Pass over words that you do not know.
    methods: Vec<Means>,
    /// How long what was sent works, seconds; null where nothing was.
    expires_in: Option<i64>,
}

/// A way to show once more who one is.
#[derive(Clone, Copy, Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Means {
    /// A code of the authenticator app.
    Totp,
    /// A code that is sent to the person's phone: `POST /v1/auth/mfa/codes` has it sent.
    Sms,
    /// A recovery code.
    RecoveryCode,
    /// A passkey: `POST /v1/auth/mfa/passkeys/options` begins it.
    Passkey,
    /// The password.
    Password,
    /// The code of a mail: `POST /v1/auth/step-up` sends it.
    Mail,
}

impl Means {
    fn of(way: Way) -> Option<Self> {
        match way {
            Way::Totp => Some(Self::Totp),
            Way::Sms => Some(Self::Sms),
            Way::RecoveryCode => Some(Self::RecoveryCode),
            Way::Passkey => Some(Self::Passkey),
            Way::Password => Some(Self::Password),
            Way::Mail => Some(Self::Mail),
            Way::ConnectedAccount | Way::TrustedBrowser | Way::Sso | Way::DeviceLink => None,
        }
    }
}

/// Says with what the person can show once more who they are, and has a mail with a code sent where that is
/// wanted. The code works with this session alone, and signs nobody in. Who has a second factor, or is asked
/// for one by the organization, shows that.
#[utoipa::path(
    post, path = "/v1/auth/step-up", tag = "Sessions", operation_id = "startStepUp",
    security(("access_token" = [])), request_body = StartStepUp,
    responses((status = 200, description = "What can be shown", body = StepUp), Problems),
    extensions(
        ("x-gantry-limits" = json!(["magic-link-client", "magic-link"])),
        ("x-gantry-budget" = json!({"calls": 8, "read_units": 8, "write_units": 12})),
        ("x-gantry-usage" = json!({"person": 0.1, "events": 1, "answer_bytes": 350})),
    ),
)]
pub(crate) async fn start(
    State(api): State<Api>,
    caller: Caller,
    limiter: Limiter,
    command: Command<StartStepUp>,
) -> Result<Response, Problem> {
    let principal = &caller.principal;
    let offer = StepUpOffer::read(&api.table, principal).await?;
    let ways = offer.ways.clone();
    let expires_in = match command.input.method {
        None => None,
        Some(SentMeans::Mail) if !ways.contains(&Way::Mail) => {
            return Err(identity::IdentityError::FactorNeeded.into());
        }
        Some(SentMeans::Mail) => {
            admit_mail(&limiter, &api.table, &api.policy, &caller.client, principal.email.clone()).await?;
            Some(offer.send_code(&api.table, &api.policy, &caller.cause(), principal).await?)
        }
    };
    let methods = ways.into_iter().filter_map(Means::of).collect();
    Ok(Answer::ok(&StepUp { methods, expires_in }).into_response())
}

/// What a person shows once more: a second factor, or what signs them in where none is asked for.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct VerifyStepUp {
    /// What is shown.
    #[schema(value_type = String, example = "totp")]
    method: Means,
    /// The code: six digits of the authenticator app or of a mail, or a recovery code.
    #[schema(max_length = 100, example = "314159")]
    code: Option<String>,
    /// For a passkey, in the place of a code: the token of the ceremony.
    #[schema(inline)]
    ceremony_token: Option<Text<1, 2000>>,
    /// For a passkey, beside it: what `navigator.credentials.get()` gave, as its `toJSON()` writes it.
    #[schema(value_type = Option<AuthenticationCredential>)]
    credential: Option<Assertion>,
    /// The password, for that alone.
    #[schema(value_type = Option<String>, format = "password", min_length = 8, max_length = 256)]
    password: Option<Password>,
}

/// What was shown.
enum Proved {
    Second(SecondStepUp),
    First(FirstProof),
}

impl VerifyStepUp {
    /// What was shown; a second factor is judged.
    async fn proved(self, api: &Api, cause: &Cause, principal: &Principal) -> Result<Proved, Problem> {
        let Self { method, code, ceremony_token, credential, password } = self;
        let second = match method {
            Means::Totp => Some(Shown::Totp),
            Means::Sms => Some(Shown::Sms),
            Means::RecoveryCode => Some(Shown::RecoveryCode),
            Means::Passkey => Some(Shown::Passkey),
            Means::Password | Means::Mail => None,
        };
        match (second, password) {
            (Some(method), None) => {
                let factor = SecondFactor { method, code, ceremony_token, credential };
                let step = if let Some(code) = factor.of_phone()? {
                    sms::step_up(api, principal, code).await?
                } else {
                    let (proof, seals) = (factor.proof(api).await?, api.seals.get().await?);
                    SecondStepUp::judge(&api.table, cause, &seals, principal, proof).await?
                };
                Ok(Proved::Second(step))
            }
            (None, password) if ceremony_token.is_none() && credential.is_none() => {
                first(method, code, password).map(Proved::First)
            }
            _ => Err(Problem::broken_rule("send what belongs to the method, and nothing else")),
        }
    }
}

fn first(method: Means, code: Option<String>, password: Option<Password>) -> Result<FirstProof, Problem> {
    match (method, code, password) {
        (Means::Password, None, Some(password)) => Ok(FirstProof::Password(password)),
        (Means::Mail, Some(code), None) => {
            let code: Result<Code, _> = code.parse();
            code.map(FirstProof::Mail).map_err(|error| Problem::field("/code", &error))
        }
        _ => Err(Problem::broken_rule("send `password` with a password, and `code` with a mail's")),
    }
}

/// Judges it, with newer keys where there are some: `queue-mail` may have made the code with a key that this
/// instance has not seen yet.
async fn judged(api: &Api, principal: &Principal, proof: &FirstProof) -> Result<FirstStepUp, Problem> {
    let links = api.links.get().await?;
    let step = FirstStepUp::judge(&api.table, &links, principal, proof).await?;
    if proof.way() == Way::Mail
        && !step.is_right()
        && let Some(newer) = api.links.newer(&links).await?
    {
        return Ok(FirstStepUp::judge(&api.table, &newer, principal, proof).await?);
    }
    Ok(step)
}

/// Shows once more who one is, for what asks for it (RFC 9470): tokens of the same session that say so. The
/// refresh token stays. A password or a mail is enough where no second factor is asked for: else 403
/// `mfa_required`.
#[utoipa::path(
    post, path = "/v1/auth/step-up/verify", tag = "Sessions", operation_id = "verifyStepUp",
    security(("access_token" = [])), request_body = VerifyStepUp,
    responses((status = 200, description = "The session's tokens", body = Tokens), Problems),
    extensions(
        ("x-gantry-codes" = json!(["conflict", "mfa_failed"])),
        ("x-gantry-limits" = json!(["code-guess", "failed-login"])),
        ("x-gantry-budget" = json!({"calls": 6, "read_units": 18, "write_units": 18})),
        ("x-gantry-usage" = json!({"person": 0.2, "events": 2, "answer_bytes": 1400})),
    ),
)]
pub(crate) async fn verify(
    State(api): State<Api>,
    caller: Caller,
    limiter: Limiter,
    command: Command<VerifyStepUp>,
) -> Result<Response, Problem> {
    let (principal, policy) = (&caller.principal, &api.policy);
    let (cause, network) = (caller.cause(), caller.client.address());
    let tokens = match command.input.proved(&api, &cause, principal).await? {
        Proved::Second(step) => {
            if !(step.is_counted() && step.is_right()) {
                let subject = step.subject(&network);
                let guess = Guess::of_person(policy.wrong_factors(), &subject, principal.user_id, step.way());
                count(&api, &limiter, &cause, &guess, step.is_right()).await?;
            }
            let seals = api.seals.get().await?;
            let issuer = api.issuer().await?;
            let entrance = api.entrance(&issuer, &cause, &network);
            identity::step_up(&entrance, &seals, principal, &step).await?
        }
        Proved::First(proof) => {
            // counted with what is guessed at the sign-in, so that a session adds no guesses
            let way = proof.way();
            let (limit, subject) = match way {
                Way::Password => (policy.wrong_passwords(), format!("{} {network}", principal.email)),
                _ => (policy.wrong_codes(), principal.email.to_string()),
            };
            let step = judged(&api, principal, &proof).await?;
            let guess = Guess::of_person(limit, &subject, principal.user_id, way);
            count(&api, &limiter, &cause, &guess, step.is_right()).await?;
            let issuer = api.issuer().await?;
            let entrance = api.entrance(&issuer, &cause, &network);
            identity::step_up_first(&entrance, principal, &step).await?
        }
    };
    Ok(Answer::ok(&Tokens::from(tokens)).into_response())
}
