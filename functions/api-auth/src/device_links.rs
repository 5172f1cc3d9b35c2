use http_api::{Answer, Client, Command, IntoResponse, Problem, Problems, Response, State, ToSchema};
use http_host::SignIn;
use primitives::{Name, Text};
use serde::Deserialize;

use crate::Api;

/// What another device shows to be signed in.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RedeemDeviceLink {
    /// The token in the code on the screen.
    #[schema(inline)]
    token: Text<1, 200>,
    /// What the device is called in the list of sessions, and in the mail that tells of it.
    device_name: Name,
    /// What the device runs.
    platform: Option<DevicePlatform>,
}

/// What a device runs.
#[derive(Clone, Copy, Debug, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum DevicePlatform {
    /// iOS or iPadOS.
    Ios,
    /// Android.
    Android,
}

impl RedeemDeviceLink {
    /// What the device is called from now on.
    fn name(&self) -> String {
        let name = self.device_name.as_str();
        match self.platform {
            Some(DevicePlatform::Ios) => format!("{name} on iOS"),
            Some(DevicePlatform::Android) => format!("{name} on Android"),
            None => name.to_owned(),
        }
    }
}

/// Signs the device in that shows the code on another one's screen, once; the same request once more within
/// a minute gives the same tokens, or asks for what is missing again. A second factor is asked for as at any
/// sign-in. The session that begins is no fresh proof: what asks for one asks this device, too.
#[utoipa::path(
    post, path = "/v1/auth/device-links/verify", tag = "Signing in", operation_id = "redeemDeviceLink",
    request_body = RedeemDeviceLink,
    responses((status = 200, description = "Signed in, or what is missing", body = SignIn), Problems),
    extensions(
        ("x-gantry-codes" = json!(["login_failed"])),
        ("x-gantry-budget" = json!({"calls": 3, "read_units": 6, "write_units": 18})),
        ("x-gantry-usage" = json!({"person": 0.05, "events": 2, "answer_bytes": 1400})),
    ),
)]
pub(crate) async fn redeem(
    State(api): State<Api>,
    client: Client,
    command: Command<RedeemDeviceLink>,
) -> Result<Response, Problem> {
    let (cause, network) = (client.cause(), client.address());
    let issuer = api.issuer().await?;
    let entrance = api.entrance(&issuer, &cause, &network);
    let (token, name) = (command.input.token.as_str(), command.input.name());
    let signed_in = identity::redeem_device_link(&entrance, token, &name).await?;
    Ok(Answer::ok(&SignIn::from(signed_in)).into_response())
}
