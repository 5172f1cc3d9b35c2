use http_api::{
    Answer, Caller, IfMatch, IntoResponse, Paged, PathParameter, Problem, Problems, Repeatable, Response,
    State, StatusCode, ToSchema,
};
use primitives::{DeviceId, FieldCode, Invalid, Locale, Page, Text, Time};
use push::events::DevicePlatform;
use push::{DeviceError, NewDevice, PushToken, Registered};
use push_client::PushError;
use serde::{Deserialize, Serialize};
use table::{Item, Keep};

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
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RegisterDevice {
    /// The service that reaches it.
    platform: Platform,
    /// The token that the service gave to the app. Apple's is hexadecimal, of 32 to 400 digits; its
    /// case does not matter.
    #[schema(
        min_length = 8,
        max_length = 2048,
        pattern = "^[!-~]+$",
        example = "740f4707bebcf74f9b7c25d48e3358945f6aa01da5ddb387462c7eaf61bb78ad"
    )]
    token: String,
    /// The version of the app.
    #[schema(inline, example = "2.4.1")]
    app_version: Option<Text<1, 50>>,
    /// The language its owner reads: a BCP 47 tag.
    #[schema(inline, example = "de-AT")]
    locale: Option<Locale>,
}

impl From<Platform> for DevicePlatform {
    fn from(platform: Platform) -> Self {
        match platform {
            Platform::Apns => Self::Apns,
            Platform::Fcm => Self::Fcm,
        }
    }
}

/// Where the token stands in the body.
const TOKEN: &str = "/token";

impl RegisterDevice {
    /// Each service has tokens of its own form.
    fn read(self) -> Result<NewDevice, Problem> {
        let token = PushToken::new(self.platform.into(), &self.token);
        Ok(NewDevice {
            token: token.map_err(|error| Problem::field(TOKEN, &error))?,
            app_version: self.app_version.map(Text::into_string),
            locale: self.locale.map(Locale::into_string),
        })
    }
}

/// A device that notifications reach.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Device {
    /// The device.
    id: DeviceId,
    /// The service that reaches it.
    platform: Platform,
    /// The version of the app.
    app_version: Option<String>,
    /// The language its owner reads.
    locale: Option<String>,
    /// Since when the caller has it.
    registered_at: Time,
    /// When it last registered.
    seen_at: Time,
    /// How often it has changed: its `ETag`.
    version: u64,
}

impl Device {
    fn shown(device: push::Device, version: u64) -> Self {
        let platform = match device.platform {
            DevicePlatform::Apns => Platform::Apns,
            DevicePlatform::Fcm => Platform::Fcm,
        };
        Self {
            id: device.device_id,
            platform,
            app_version: device.app_version,
            locale: device.locale,
            registered_at: device.registered_at.into(),
            seen_at: device.seen_at.into(),
            version,
        }
    }
}

/// Registers the device that the app runs on, for the caller. Call it at every start of the app,
/// after signing in, and whenever the token changes: a known token is the same device again, and
/// one of another person becomes the caller's. The device gets notifications as long as the session
/// lives that registered it last. Of more than 20, the one goes that did not register for the
/// longest time.
#[utoipa::path(
    post, path = "/v1/me/devices", tag = "Devices", operation_id = "registerDevice",
    security(("access_token" = [])), request_body = RegisterDevice,
    responses(
        (status = 201, description = "A new device", body = Device, headers(("ETag"), ("Location"))),
        (status = 200, description = "A device that the caller had already", body = Device),
        Problems,
    ),
    extensions(
        ("x-gantry-codes" = json!(["conflict"])),
        ("x-gantry-budget" = json!({"calls": 8, "read_units": 11, "write_units": 31})),
        ("x-gantry-usage" = json!({"person": 20, "events": 1, "answer_bytes": 600})),
    ),
)]
pub(crate) async fn register(
    State(api): State<Api>,
    caller: Caller,
    command: Repeatable<RegisterDevice>,
) -> Result<Response, Problem> {
    let (table, scope) = (api.table.clone(), caller.principal.scope());
    command.once(&table, &scope, registered, |input, keep| register_device(api, caller, input, keep)).await
}

fn registered(registered: &Registered) -> Answer {
    let version = registered.device.next_version();
    let device = Device::shown(registered.device.clone(), version);
    let answer = if registered.is_new {
        Answer::new(StatusCode::CREATED, &device).at(format!("/v1/me/devices/{}", device.id))
    } else {
        Answer::ok(&device)
    };
    answer.tagged(version)
}

async fn register_device(
    api: Api,
    caller: Caller,
    input: RegisterDevice,
    keep: Keep<'static, Registered>,
) -> Result<Registered, Problem> {
    let person = (caller.principal.user_id, caller.principal.session_id);
    let new = input.read()?;
    let registered = api.devices.register(&caller.cause(), &api.applications, person, &new, &keep).await;
    registered.map_err(|error| match &error {
        DeviceError::Push(PushError::Rejected { .. }) => Problem::field(TOKEN, &Unknown(error.to_string())),
        _ => error.into(),
    })
}

/// A token of the right form that its service does not know.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct Unknown(String);

impl Invalid for Unknown {
    fn field_code(&self) -> FieldCode {
        FieldCode::InvalidPushToken
    }
}

/// The caller's devices whose sessions have not ended, oldest first, a page at a time.
#[utoipa::path(
    get, path = "/v1/me/devices", tag = "Devices", operation_id = "listDevices",
    security(("access_token" = [])),
    params(Paged),
    responses((status = 200, description = "A page of devices", body = Page<Device>), Problems),
    extensions(
        ("x-gantry-budget" = json!({"calls": 2, "read_units": 2, "write_units": 0})),
        ("x-gantry-usage" = json!({"person": 2, "events": 0, "answer_bytes": 900})),
    ),
)]
pub(crate) async fn list(
    State(api): State<Api>,
    caller: Caller,
    Paged { limit, cursor }: Paged,
) -> Result<Response, Problem> {
    let person = (caller.principal.user_id, &*caller.principal.live_sessions);
    let page = api.devices.list(&*api.cursors, person, limit, cursor.as_deref()).await?;
    let shown = |device: push::Device| {
        let version = device.version();
        Device::shown(device, version)
    };
    Ok(Answer::ok(&page.map(shown)).into_response())
}

/// Removes a device of the caller: it gets no more notifications. Signing out does the same for the
/// session's device. One that is not there needs no removal.
#[utoipa::path(
    delete, path = "/v1/me/devices/{device_id}", tag = "Devices", operation_id = "removeDevice",
    security(("access_token" = [])),
    params(("device_id" = DeviceId, Path, description = "The device")),
    responses((status = 204, description = "It is not there"), Problems),
    extensions(
        ("x-gantry-codes" = json!(["conflict"])),
        ("x-gantry-budget" = json!({"calls": 5, "read_units": 6, "write_units": 12})),
        ("x-gantry-usage" = json!({"person": 0.2, "events": 1, "answer_bytes": 250})),
    ),
)]
pub(crate) async fn remove(
    State(api): State<Api>,
    caller: Caller,
    PathParameter(id): PathParameter<DeviceId>,
    IfMatch(expected): IfMatch,
) -> Result<StatusCode, Problem> {
    match api.devices.remove(&caller.cause(), caller.principal.user_id, id, &expected).await {
        Ok(()) => Ok(StatusCode::NO_CONTENT),
        Err(error @ DeviceError::VersionMismatch { current }) => {
            Err(Problem::from(error).standing_at(current))
        }
        Err(error) => Err(error.into()),
    }
}
