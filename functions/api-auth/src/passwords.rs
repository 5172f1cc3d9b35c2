use access::Way;
use http_api::{
    Answer, Client, Command, IntoResponse, Limiter, Problem, Problems, Response, State, ToSchema,
};
use http_host::SignIn;
use identity::{Guessed, IdentityError, Password, PasswordLogin, ShownBrowser};
use primitives::{Email, Text};
use serde::Deserialize;
use table::RateLimitState;

use crate::{
    Api,
    guesses::{self, Guess},
};

/// An address and its password.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct SignInWithPassword {
    /// The address.
    email: Email,
    /// The password.
    #[schema(value_type = String, format = "password", min_length = 8, max_length = 256)]
    password: Password,
    /// The `browser_token` of an earlier sign-in in this browser. One that is forgotten is passed over.
    #[schema(inline)]
    browser_token: Option<Text<1, 200>>,
}

/// Signs in with a password. An address that nobody has is answered like a wrong password.
#[utoipa::path(
    post, path = "/v1/auth/password/verify", tag = "Signing in", operation_id = "signInWithPassword",
    request_body = SignInWithPassword,
    responses((status = 200, description = "Signed in, or what is missing", body = SignIn), Problems),
    extensions(
        ("x-gantry-codes" = json!(["login_failed"])),
        ("x-gantry-limits" = json!(["failed-login-client", "failed-login"])),
        ("x-gantry-budget" = json!({"calls": 7, "read_units": 8, "write_units": 16})),
        ("x-gantry-usage" = json!({"person": 1, "events": 1, "answer_bytes": 1400})),
    ),
)]
pub(crate) async fn verify(
    State(api): State<Api>,
    client: Client,
    limiter: Limiter,
    command: Command<SignInWithPassword>,
) -> Result<Response, Problem> {
    let SignInWithPassword { email, password, browser_token } = command.input;
    let browser = browser_token.and_then(|token| ShownBrowser::read(token.as_str()));
    let (policy, cause, network) = (&api.policy, client.cause(), client.address());
    let login = PasswordLogin::begin(&api.table, email.clone(), &network).await?;
    let knows_network = login.knows_network();
    let (of_network, of_address) = (policy.wrong_passwords_per_client(), policy.wrong_passwords());
    let room_of_network = async {
        // the hash is what costs: nobody has it made who has guessed at many addresses
        if knows_network { Ok(()) } else { refuse_beyond(&limiter.room(&of_network, &network).await?) }
    };
    let attempt = async { Ok(login.attempt(&api.table, &cause).await?) };
    let (attempt, ()) = tokio::try_join!(attempt, room_of_network)?;
    let subject = format!("{email} {network}");
    // one call less to wait for behind the hash; whoever guesses makes it too, so that it tells nothing
    let (is_right, home) = tokio::try_join!(attempt.is_right(&password), attempt.home(&api.table))?;
    if !is_right {
        let guess = Guess {
            limit: of_address,
            subject: &subject,
            network: None,
            at: Guessed::Address(&email),
            way: Way::Password,
        };
        let of_address = guesses::count(&api, &limiter, &cause, &guess, false).await?;
        let of_network = limiter.count(&of_network, &network).await?;
        refuse_beyond(&of_address)?;
        if !knows_network {
            refuse_beyond(&of_network)?;
        }
        return Err(IdentityError::LoginFailed.into());
    }
    // of many guesses at once no more are answered than of the same one after another; and beyond the limit
    // nothing tells a right one from a wrong one, not what was counted either
    let room = limiter.room(&of_address, &subject).await?;
    if !room.allowed {
        limiter.count(&of_network, &network).await?;
        return Err(beyond(&room));
    }
    let issuer = api.issuer().await?;
    let (entrance, judged) = (api.entrance(&issuer, &cause, &network), (&attempt, &home));
    let signed_in = identity::sign_in_with_password(&entrance, judged, &password, browser.as_ref()).await?;
    Ok(Answer::ok(&SignIn::from(signed_in)).into_response())
}

fn refuse_beyond(state: &RateLimitState) -> Result<(), Problem> {
    if state.allowed { Ok(()) } else { Err(beyond(state)) }
}

fn beyond(state: &RateLimitState) -> Problem {
    const WAY_OUT: &str = "sign in by a link that you are sent by mail: it works all the same";
    Limiter::refusal(state, Some(WAY_OUT))
}
