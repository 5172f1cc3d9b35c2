use access::Permission;
use events::DevicePlatform;
use garde::Validate;
use http_api::{
    Answer, Command, IntoResponse, Member, Parameters, Path, Problem, Problems, Response, State, StatusCode,
    ToSchema, not_found,
};
use primitives::{DeviceId, Limit, Page};
use push::{DeviceError, NewDevice};
use serde::{Deserialize, Serialize};
use table::{Claim, StoreError};

use crate::Api;

/// The service that carries notifications to a device.
#[derive(Clone, Copy, Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Platform {
    /// Apple Push Notification service.
    Apns,
    /// Firebase Cloud Messaging.
    Fcm,
}

/// The device that the app runs on.
#[derive(Debug, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RegisterDevice {
    /// The service that reaches it.
    #[garde(skip)]
    platform: Platform,
    /// The token that the service gave to the app.
    #[garde(ascii, length(bytes, min = 8, max = 2048), custom(without_spaces))]
    #[schema(
        min_length = 8,
        max_length = 2048,
        example = "740f4707bebcf74f9b7c25d48e3358945f6aa01da5ddb387462c7eaf61bb78ad"
    )]
    token: String,
    /// The version of the app.
    #[garde(length(chars, min = 1, max = 50))]
    #[schema(min_length = 1, max_length = 50, example = "2.4.1")]
    app_version: Option<String>,
    /// The language its owner reads: a BCP 47 tag.
    #[garde(ascii, length(bytes, min = 2, max = 35))]
    #[schema(min_length = 2, max_length = 35, example = "de-AT")]
    locale: Option<String>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "garde gives the context by reference")]
fn without_spaces(token: &str, (): &()) -> garde::Result {
    let right = token.bytes().all(|byte| byte.is_ascii_graphic());
    if right { Ok(()) } else { Err(garde::Error::new("use the token as the push service gave it")) }
}

impl From<RegisterDevice> for NewDevice {
    fn from(input: RegisterDevice) -> Self {
        let platform = match input.platform {
            Platform::Apns => DevicePlatform::Apns,
            Platform::Fcm => DevicePlatform::Fcm,
        };
        Self { platform, token: input.token, app_version: input.app_version, locale: input.locale }
    }
}

/// A device that notifications reach.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Device {
    /// The device.
    #[schema(example = "dev_01kar8h5g0e0vsx4q1v3f6m2ah")]
    id: String,
    /// The service that reaches it.
    platform: Platform,
    /// The version of the app.
    #[serde(skip_serializing_if = "Option::is_none")]
    app_version: Option<String>,
    /// The language its owner reads.
    #[serde(skip_serializing_if = "Option::is_none")]
    locale: Option<String>,
    /// Since when the caller has it, RFC 3339.
    #[schema(format = DateTime)]
    registered_at: String,
    /// When it last registered, RFC 3339.
    #[schema(format = DateTime)]
    seen_at: String,
}

impl From<push::Device> for Device {
    fn from(device: push::Device) -> Self {
        let platform = match device.platform {
            DevicePlatform::Apns => Platform::Apns,
            DevicePlatform::Fcm => Platform::Fcm,
        };
        Self {
            id: device.device_id.to_string(),
            platform,
            app_version: device.app_version,
            locale: device.locale,
            registered_at: device.registered_at.to_string(),
            seen_at: device.seen_at.to_string(),
        }
    }
}

/// Which page of the devices.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Which {
    #[serde(default)]
    limit: Limit,
    cursor: Option<String>,
}

/// Registers the device that the app runs on, for the caller. Call it at every start of the app and whenever the token changes: a known
/// token is the same device again, and one of another person becomes the caller's.
#[utoipa::path(
    post, path = "/v1/devices", tag = "Devices", operation_id = "registerDevice",
    security(("access_token" = [])), request_body = RegisterDevice,
    params(("Idempotency-Key" = Option<String>, Header, description = "Makes the request safe to repeat for 24 hours")),
    responses(
        (status = 201, description = "A new device", body = Device),
        (status = 200, description = "A device that the caller had already", body = Device),
        Problems,
    ),
)]
pub(crate) async fn register(
    State(api): State<Api>,
    member: Member,
    command: Command<RegisterDevice>,
) -> Result<Response, Problem> {
    member.actor.require(Permission::ManageOwnDevices)?;
    let table = api.table.clone();
    let person = member.actor.user_id;
    command.once(&table, &person, |input, claim| registered(api, member, input, claim)).await
}

async fn registered(
    api: Api,
    member: Member,
    input: RegisterDevice,
    claim: Option<Claim>,
) -> Result<Answer, Problem> {
    let answer = |registered: &push::Registered| {
        let status = if registered.is_new { StatusCode::CREATED } else { StatusCode::OK };
        Answer::new(status, &Device::from(registered.device.clone()))
    };
    let kept =
        |registered: &push::Registered| claim.clone().map(|claim| (claim, answer(registered).stored()));
    let person = member.actor.user_id;
    let registered =
        api.devices.register(&member.cause(), &api.applications, person, &input.into(), kept).await?;
    Ok(answer(&registered))
}

/// The caller's devices, oldest first, a page at a time.
#[utoipa::path(
    get, path = "/v1/devices", tag = "Devices", operation_id = "listDevices",
    security(("access_token" = [])),
    params(
        ("limit" = Option<u32>, Query, description = "How many, 1 to 100; 25 where nothing is said", minimum = 1, maximum = 100),
        ("cursor" = Option<String>, Query, description = "`next_cursor` of the page before"),
    ),
    responses((status = 200, description = "A page of devices", body = Page<Device>), Problems),
)]
pub(crate) async fn list(
    State(api): State<Api>,
    member: Member,
    Parameters(which): Parameters<Which>,
) -> Result<Response, Problem> {
    member.actor.require(Permission::ManageOwnDevices)?;
    let (person, limit, cursor) = (member.actor.user_id, which.limit, which.cursor.as_deref());
    let cursors = api.cursors.get().await?;
    let mut page = api.devices.list(&cursors, person, limit, cursor).await;
    // another instance may know a newer key, and have made the cursor with it
    if matches!(page, Err(DeviceError::Store(StoreError::ForeignCursor)))
        && let Some(newer) = api.cursors.newer(&cursors).await?
    {
        page = api.devices.list(&newer, person, limit, cursor).await;
    }
    Ok(Answer::ok(&page?.map(Device::from)).into_response())
}

/// Removes a device of the caller: it gets no more notifications. Apps call it when their user signs out.
#[utoipa::path(
    delete, path = "/v1/devices/{device_id}", tag = "Devices", operation_id = "removeDevice",
    security(("access_token" = [])),
    params(("device_id" = String, Path, description = "The device", example = "dev_01kar8h5g0e0vsx4q1v3f6m2ah")),
    responses((status = 204, description = "Removed"), Problems),
)]
pub(crate) async fn remove(
    State(api): State<Api>,
    member: Member,
    Path(id): Path<String>,
) -> Result<Response, Problem> {
    member.actor.require(Permission::ManageOwnDevices)?;
    let Ok(id) = id.parse::<DeviceId>() else { return Ok(not_found().into_response()) };
    api.devices.remove(&member.cause(), member.actor.user_id, id).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}
