use access::{Always, needs::ManageOwnDevices};
use garde::Validate;
use http_api::{
    Answer, Command, IntoResponse, Member, Parameters, PathParameter, Problem, Problems, Response, State,
    StatusCode, ToSchema, not_found,
};
use primitives::{DeviceId, Limit, Page};
use push::events::DevicePlatform;
use push::{NewDevice, PushToken, Registered};
use serde::{Deserialize, Serialize};
use table::Keep;

use crate::Api;

/// A member with devices of their own, whatever the organization may use.
type OwnDevices = Member<ManageOwnDevices, Always>;

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
    /// The token that the service gave to the app. Apple's is hexadecimal, of 32 to 400 digits; its case does
    /// not matter.
    #[garde(custom(token_of(self.platform)))]
    #[schema(
        min_length = 8,
        max_length = 2048,
        pattern = "^[!-~]+$",
        example = "740f4707bebcf74f9b7c25d48e3358945f6aa01da5ddb387462c7eaf61bb78ad"
    )]
    token: String,
    /// The version of the app.
    #[garde(length(chars, min = 1, max = 50))]
    #[schema(min_length = 1, max_length = 50, example = "2.4.1")]
    app_version: Option<String>,
    /// The language its owner reads: a BCP 47 tag.
    #[garde(ascii, length(bytes, min = 2, max = 35))]
    #[schema(min_length = 2, max_length = 35, pattern = "^[\\x00-\\x7f]*$", example = "de-AT")]
    locale: Option<String>,
}

/// Each service has tokens of its own form.
fn token_of(platform: Platform) -> impl FnOnce(&str, &()) -> garde::Result {
    move |token, ()| PushToken::new(platform.into(), token).map(drop).map_err(garde::Error::new)
}

impl From<Platform> for DevicePlatform {
    fn from(platform: Platform) -> Self {
        match platform {
            Platform::Apns => Self::Apns,
            Platform::Fcm => Self::Fcm,
        }
    }
}

impl TryFrom<RegisterDevice> for NewDevice {
    type Error = Problem;

    fn try_from(input: RegisterDevice) -> Result<Self, Problem> {
        let token = PushToken::new(input.platform.into(), &input.token)?;
        Ok(Self { token, app_version: input.app_version, locale: input.locale })
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

/// Registers the device that the app runs on, for the caller. Call it at every start of the app, after
/// signing in, and whenever the token changes: a known token is the same device again, and one of another
/// person becomes the caller's. The device gets notifications as long as the session lives that registered it
/// last. Of more than 20, the one goes that did not register for the longest time.
#[utoipa::path(
    post, path = "/v1/devices", tag = "Devices", operation_id = "registerDevice",
    security(("access_token" = [])), request_body = RegisterDevice,
    params(("Idempotency-Key" = Option<String>, Header, description = "Makes the request safe to repeat for 24 hours")),
    responses(
        (status = 201, description = "A new device", body = Device),
        (status = 200, description = "A device that the caller had already", body = Device),
        Problems,
    ),
    extensions(("x-gantry-codes" = json!(["conflict", "invalid_push_token", "no_organization", "push_unavailable"]))),
)]
pub(crate) async fn register(
    State(api): State<Api>,
    member: OwnDevices,
    command: Command<RegisterDevice>,
) -> Result<Response, Problem> {
    let table = api.table.clone();
    let person = member.permit.user_id;
    command.once(&table, &person, registered, |input, keep| register_device(api, member, input, keep)).await
}

fn registered(registered: &Registered) -> Answer {
    let status = if registered.is_new { StatusCode::CREATED } else { StatusCode::OK };
    Answer::new(status, &Device::from(registered.device.clone()))
}

async fn register_device(
    api: Api,
    member: OwnDevices,
    input: RegisterDevice,
    keep: Keep<'static, Registered>,
) -> Result<Registered, Problem> {
    let (person, new) = ((member.permit.user_id, member.permit.session_id), input.try_into()?);
    Ok(api.devices.register(&member.cause(), &api.applications, person, &new, &keep).await?)
}

/// The caller's devices whose sessions have not ended, oldest first, a page at a time.
#[utoipa::path(
    get, path = "/v1/devices", tag = "Devices", operation_id = "listDevices",
    security(("access_token" = [])),
    params(
        ("limit" = Option<u32>, Query, description = "How many, 1 to 100; 25 where nothing is said", minimum = 1, maximum = 100),
        ("cursor" = Option<String>, Query, description = "`next_cursor` of the page before"),
    ),
    responses((status = 200, description = "A page of devices", body = Page<Device>), Problems),
    extensions(("x-gantry-codes" = json!(["no_organization"]))),
)]
pub(crate) async fn list(
    State(api): State<Api>,
    member: OwnDevices,
    Parameters(which): Parameters<Which>,
) -> Result<Response, Problem> {
    let (person, limit, cursor) = (member.permit.user_id, which.limit, which.cursor.as_deref());
    let page = api.devices.list(&*api.cursors, (person, &member.live_sessions), limit, cursor).await;
    Ok(Answer::ok(&page?.map(Device::from)).into_response())
}

/// Removes a device of the caller: it gets no more notifications. Signing out does the same for the session's
/// device. One that is not there needs no removal.
#[utoipa::path(
    delete, path = "/v1/devices/{device_id}", tag = "Devices", operation_id = "removeDevice",
    security(("access_token" = [])),
    params(("device_id" = String, Path, description = "The device", example = "dev_01kar8h5g0e0vsx4q1v3f6m2ah")),
    responses((status = 204, description = "It is not there"), Problems),
    extensions(("x-gantry-codes" = json!(["conflict", "no_organization", "push_unavailable"]))),
)]
pub(crate) async fn remove(
    State(api): State<Api>,
    member: OwnDevices,
    PathParameter(id): PathParameter,
) -> Result<Response, Problem> {
    let Ok(id) = id.parse::<DeviceId>() else { return Ok(not_found().into_response()) };
    api.devices.remove(&member.cause(), member.permit.user_id, id).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}
