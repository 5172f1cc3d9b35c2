use http_api::{
    Answer, Caller, Fresh, IntoResponse, Problem, Problems, Response, State, StatusCode, ToSchema,
};
use primitives::{DeviceLinkId, Time};
use serde::Serialize;

use crate::Api;

/// A code by which another device is signed in.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct DeviceLink {
    /// The link.
    id: DeviceLinkId,
    /// What to show as a QR code. It is shown once, and what stands behind `#token=` is what the other device
    /// sends.
    #[schema(format = "uri", example = "https://app.example.com/auth/device#token=gdl_AZoGKL2eLvbY3Y")]
    qr_uri: String,
    /// Until when it works.
    expires_at: Time,
}

/// Makes a code by which another device of the person's is signed in, once, within five minutes. One from
/// before works no more. It ends with this session, and when the person changes how they sign in.
#[utoipa::path(
    post, path = "/v1/me/device-links", tag = "Account", operation_id = "createDeviceLink",
    security(("access_token" = [])),
    responses((status = 201, description = "The code", body = DeviceLink), Problems),
    extensions(
        ("x-gantry-codes" = json!(["conflict", "step_up_required"])),
        ("x-gantry-budget" = json!({"calls": 3, "read_units": 4, "write_units": 6})),
        ("x-gantry-usage" = json!({"person": 0.05, "events": 1, "answer_bytes": 450})),
    ),
)]
pub(crate) async fn create(State(api): State<Api>, caller: Caller, _: Fresh) -> Result<Response, Problem> {
    let (cause, principal) = (caller.cause(), &caller.principal);
    let started = identity::start_device_link(&api.table, &api.policy, &cause, principal).await?;
    let body = DeviceLink {
        id: started.link_id,
        // what stands behind the `#` is sent to no server, so that no log on the way has it
        qr_uri: format!("{}/auth/device#token={}", api.app_url, started.token.expose()),
        expires_at: started.valid_until.into(),
    };
    Ok(Answer::new(StatusCode::CREATED, &body).into_response())
}
