use aws_lc_rs::digest::{SHA256, digest};
use events::{DevicePlatform, DeviceRegistered, DeviceRemoved, NewEvent};
use primitives::{DeviceId, Timestamp, UserId};
use serde::{Deserialize, Serialize};
use table::{Changes, Item, Key};

/// A device of a person. The push token itself is kept by SNS alone; here is its hash.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Device {
    /// Its id.
    pub device_id: DeviceId,
    /// Whose it is.
    pub user_id: UserId,
    /// The service that reaches it.
    pub platform: DevicePlatform,
    /// The endpoint that stands for it at SNS.
    pub endpoint_arn: String,
    /// [`token_hash`] of its token.
    pub(crate) token_hash: String,
    /// The version of the app on it, as the app calls itself.
    pub app_version: Option<String>,
    /// The language its owner reads, a BCP 47 tag such as `de-AT`.
    pub locale: Option<String>,
    /// When it was first registered by this person.
    pub registered_at: Timestamp,
    /// When it last registered: apps do it at every start.
    pub seen_at: Timestamp,
    #[serde(default)]
    pub(crate) version: u64,
}

impl Item for Device {
    fn key(&self) -> Key {
        Key::Device(self.user_id, self.device_id)
    }

    fn version(&self) -> u64 {
        self.version
    }
}

/// Which device a token is now: a token is never two people's.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct TokenOwner {
    pub(crate) token_hash: String,
    pub(crate) user_id: UserId,
    pub(crate) device_id: DeviceId,
    #[serde(default)]
    pub(crate) version: u64,
}

impl Item for TokenOwner {
    fn key(&self) -> Key {
        Key::DeviceToken(self.token_hash.clone())
    }

    fn version(&self) -> u64 {
        self.version
    }
}

/// What an app says about the device it runs on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewDevice {
    /// The service that reaches it.
    pub platform: DevicePlatform,
    /// The token that the service gave to the app.
    pub token: String,
    /// The version of the app.
    pub app_version: Option<String>,
    /// The language its owner reads, a BCP 47 tag.
    pub locale: Option<String>,
}

/// The hash that a token is known by: two services may give the same token.
pub(crate) fn token_hash(platform: DevicePlatform, token: &str) -> String {
    let service = match platform {
        DevicePlatform::Apns => "apns",
        DevicePlatform::Fcm => "fcm",
    };
    hex::encode(digest(&SHA256, format!("{service} {token}").as_bytes()))
}

/// Everything that the decision about a registration rests on.
pub(crate) struct Registration {
    pub(crate) user_id: UserId,
    pub(crate) new: NewDevice,
    pub(crate) endpoint_arn: String,
    /// Whose the token is now, and that device.
    pub(crate) owner: Option<(TokenOwner, Option<Device>)>,
    /// A device to make room for a new one, where the person has too many.
    pub(crate) surplus: Option<(Device, Option<TokenOwner>)>,
    pub(crate) new_id: DeviceId,
    pub(crate) now: Timestamp,
}

impl Registration {
    /// The device as it will be, whether it is new to the person, and what has to be stored.
    ///
    /// The item of a known device is written again even where nothing in it differs: whoever is about to remove it because SNS said
    /// that it is gone finds that it changed, and leaves it.
    pub(crate) fn decide(self) -> (Device, bool, Changes) {
        let token_hash = token_hash(self.new.platform, &self.new.token);
        let (owner, known) = self.owner.map_or((None, None), |(owner, device)| (Some(owner), device));
        let own = known.as_ref().filter(|device| device.user_id == self.user_id);
        let device = Device {
            device_id: own.map_or(self.new_id, |device| device.device_id),
            user_id: self.user_id,
            platform: self.new.platform,
            endpoint_arn: self.endpoint_arn,
            token_hash: token_hash.clone(),
            app_version: self.new.app_version,
            locale: self.new.locale,
            registered_at: own.map_or(self.now, |device| device.registered_at),
            seen_at: self.now,
            version: own.map_or(0, Item::version),
        };
        if own.is_some() {
            let changes = Changes::new().replace(&device);
            return (device, false, changes);
        }
        let version = owner.map_or(0, |owner| owner.version);
        let owner = TokenOwner { token_hash, user_id: device.user_id, device_id: device.device_id, version };
        let mut changes = Changes::new().replace(&device).replace(&owner).publish(registered(&device));
        if let Some(other) = known {
            changes = changes.delete(&other).publish(removed(&other, "replaced"));
        }
        if let Some((surplus, owner)) = self.surplus {
            changes = changes.and(removal(&surplus, owner.as_ref(), "replaced"));
        }
        (device, true, changes)
    }
}

/// What has to be stored when a device goes.
pub(crate) fn removal(device: &Device, owner: Option<&TokenOwner>, reason: &str) -> Changes {
    let changes = Changes::new().delete(device).publish(removed(device, reason));
    match owner.filter(|owner| owner.device_id == device.device_id) {
        Some(owner) => changes.delete(owner),
        None => changes,
    }
}

fn registered(device: &Device) -> NewEvent {
    let data =
        DeviceRegistered { device_id: device.device_id, user_id: device.user_id, platform: device.platform };
    NewEvent::new(None, &device.device_id, device.next_version(), &data)
}

fn removed(device: &Device, reason: &str) -> NewEvent {
    let data =
        DeviceRemoved { device_id: device.device_id, user_id: device.user_id, reason: reason.to_owned() };
    NewEvent::new(None, &device.device_id, device.next_version(), &data)
}
