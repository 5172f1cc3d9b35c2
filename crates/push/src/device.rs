use std::time::Duration;

use events::NewEvent;
use primitives::{DeviceId, SessionId, SignedDuration, Timestamp, UserId};
use serde::{Deserialize, Serialize};
use table::{Attempt, Changes, Item, Key, Listed, Roster};

use crate::{
    PushToken,
    events::{DevicePlatform, DeviceRegistered, DeviceRemoved},
    keys,
};

/// How many devices a person may have; one more, and the one that was not seen for the longest time
/// goes.
pub(crate) const MOST_DEVICES: usize = 20;

const FEW_IN_THE_WAY: Duration = Duration::from_millis(400);
const MANY_IN_THE_WAY: Duration = Duration::from_millis(1800);

/// For how long nobody registers a token whose endpoint is being deleted: longer than a call to SNS
/// can take. What is left of a deletion that died is in nobody's way after it.
const DELETION: SignedDuration = SignedDuration::from_secs(20);

/// How long a token that nobody holds is remembered: longer than any registration lives that saw
/// it.
const REMEMBERED: SignedDuration = SignedDuration::from_hours(24);

/// A device of a person. The push token itself is kept by SNS alone; here is its hash.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Device {
    pub device_id: DeviceId,
    pub user_id: UserId,
    /// The session that registered it last: it is told nothing when that has ended. One that does
    /// not know it is told nothing.
    pub session_id: Option<SessionId>,
    /// The service that reaches it.
    pub platform: DevicePlatform,
    /// The endpoint that stands for it at SNS.
    pub endpoint_arn: String,
    /// [`PushToken::hash`] of its token.
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
        keys::Device::key(self.user_id, self.device_id)
    }

    fn version(&self) -> u64 {
        self.version
    }
}

/// The list that keeps a person's devices from becoming too many.
pub(crate) fn roster(user_id: UserId) -> Roster {
    Roster::new(keys::Devices::key(user_id), MOST_DEVICES)
}

/// Which device a token is now: a token is never two people's.
///
/// It outlives the device for a day. Since its version counts on meanwhile, a registration notices
/// whatever became of the token, and of its endpoint at SNS, after it looked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct TokenOwner {
    pub(crate) token_hash: String,
    pub(crate) user_id: UserId,
    pub(crate) device_id: DeviceId,
    /// Set when the device is gone. Until this time the endpoint is being deleted; then anybody may
    /// register the token.
    pub(crate) free_from: Option<Timestamp>,
    #[serde(default)]
    pub(crate) version: u64,
}

impl Item for TokenOwner {
    fn key(&self) -> Key {
        keys::DeviceToken::key(self.token_hash.clone())
    }

    fn version(&self) -> u64 {
        self.version
    }

    fn expires_at(&self) -> Option<Timestamp> {
        self.free_from.map(|from| from + REMEMBERED)
    }
}

impl TokenOwner {
    /// Whether this is the device that the token is.
    pub(crate) fn is_of(&self, device: &Device) -> bool {
        self.free_from.is_none() && self.device_id == device.device_id
    }

    /// Whether the endpoint is being deleted.
    pub(crate) fn is_leaving(&self, now: Timestamp) -> bool {
        self.free_from.is_some_and(|from| from > now)
    }

    /// The same while its endpoint is being deleted.
    pub(crate) fn leaving(mut self, now: Timestamp) -> Self {
        self.free_from = Some(now + DELETION);
        self
    }

    /// The same when the endpoint is deleted, after [`TokenOwner::leaving`] was stored.
    pub(crate) fn free(mut self, now: Timestamp) -> Self {
        self.free_from = Some(now);
        self.version += 1;
        self
    }
}

/// What an app says about the device it runs on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewDevice {
    /// The token that the service gave to the app.
    pub token: PushToken,
    pub app_version: Option<String>,
    /// The language its owner reads, a BCP 47 tag.
    pub locale: Option<String>,
}

/// A device that is to go, and what has to be known for it.
#[derive(Debug)]
pub(crate) struct Leaving {
    pub(crate) device: Device,
    /// Which device its token is.
    pub(crate) owner: Option<TokenOwner>,
    /// Whether its owner's roster has it.
    pub(crate) is_listed: bool,
}

impl Leaving {
    /// What has to be stored, and the token whose endpoint has to be deleted then.
    pub(crate) fn decide(self, reason: &str, now: Timestamp) -> (Changes, Option<Orphan>) {
        let Self { device, owner, is_listed } = self;
        let mut changes = gone(&device, reason);
        if is_listed {
            changes = changes.and(roster(device.user_id).remove(&device.device_id.to_string(), 0));
        }
        let (changes, orphan) = orphaned(changes, &device, owner, now);
        (changes, orphan)
    }
}

/// An endpoint at SNS that is nobody's any more.
#[derive(Clone, Debug)]
pub(crate) struct Orphan {
    pub(crate) endpoint_arn: String,
    pub(crate) token: TokenOwner,
}

/// The endpoint goes with the device, unless its token is another device by now.
fn orphaned(
    changes: Changes,
    device: &Device,
    owner: Option<TokenOwner>,
    now: Timestamp,
) -> (Changes, Option<Orphan>) {
    let Some(owner) = owner.filter(|owner| owner.is_of(device)) else { return (changes, None) };
    let token = owner.leaving(now);
    (changes.replace(&token), Some(Orphan { endpoint_arn: device.endpoint_arn.clone(), token }))
}

fn gone(device: &Device, reason: &str) -> Changes {
    let data =
        DeviceRemoved { device_id: device.device_id, user_id: device.user_id, reason: reason.to_owned() };
    let event = NewEvent::new(None, &device.device_id, device.next_version(), &data);
    Changes::new().delete(device).publish(event)
}

fn come(device: &Device) -> Changes {
    let data =
        DeviceRegistered { device_id: device.device_id, user_id: device.user_id, platform: device.platform };
    let event = NewEvent::new(None, &device.device_id, device.next_version(), &data);
    Changes::new().replace(device).publish(event)
}

/// Everything that the decision about a registration rests on.
#[derive(Debug)]
pub(crate) struct Registration {
    pub(crate) user_id: UserId,
    pub(crate) session_id: SessionId,
    pub(crate) token_hash: String,
    /// Which device the token is, or was.
    pub(crate) owner: Option<TokenOwner>,
    /// The device that the token is, and whether its owner's roster has it.
    pub(crate) known: Option<(Device, bool)>,
    /// The person's devices.
    pub(crate) listed: Option<Listed>,
    /// A device to make room for a new one, where the person has too many, and which device its
    /// token is.
    pub(crate) surplus: Option<(Device, Option<TokenOwner>)>,
    pub(crate) new_id: DeviceId,
    pub(crate) now: Timestamp,
}

/// What is to be done for a registration.
pub(crate) struct Decided {
    pub(crate) device: Device,
    pub(crate) is_new: bool,
    pub(crate) changes: Changes,
    pub(crate) orphan: Option<Orphan>,
    /// The token as it becomes the device's, where it was nobody's.
    pub(crate) token: Option<TokenOwner>,
}

impl Registration {
    /// The version that the token's row is at: whether anything became of the token since another
    /// look.
    pub(crate) fn token_version(&self) -> u64 {
        self.owner.as_ref().map_or(0, Item::version)
    }

    /// Whether the person has this device already.
    pub(crate) fn is_own(&self) -> bool {
        self.known.as_ref().is_some_and(|(device, _)| device.user_id == self.user_id)
    }

    /// Whether it came to nothing for the room in the roster alone: others took it, or the device
    /// that was to make some is gone.
    pub(crate) fn lacks_room(&self, attempt: &Attempt) -> bool {
        self.known.is_none()
            && self.listed.is_some()
            && attempt.failed(roster(self.user_id).key())
            && !attempt.failed(&keys::DeviceToken::key(self.token_hash.clone()))
    }

    /// In how long those who want the same room come back. One takes about as long as all that go
    /// on at once: who comes back sooner finds the others where they were, and is in their way.
    pub(crate) fn crowd(&self, attempt: &Attempt) -> Duration {
        let all_room_is_taken = self.surplus.is_none();
        if all_room_is_taken || attempt.before() > 0 { MANY_IN_THE_WAY } else { FEW_IN_THE_WAY }
    }

    /// The item of a known device is written again even where nothing in it differs: whoever is
    /// about to remove it because SNS said that it is gone finds that it changed, and leaves it.
    pub(crate) fn decide(&self, new: &NewDevice, endpoint_arn: &str) -> Decided {
        let own =
            self.known.as_ref().map(|(device, _)| device).filter(|device| device.user_id == self.user_id);
        let device = Device {
            device_id: own.map_or(self.new_id, |device| device.device_id),
            user_id: self.user_id,
            session_id: Some(self.session_id),
            platform: new.token.platform(),
            endpoint_arn: endpoint_arn.to_owned(),
            token_hash: new.token.hash(),
            app_version: new.app_version.clone(),
            locale: new.locale.clone(),
            registered_at: own.map_or(self.now, |device| device.registered_at),
            seen_at: self.now,
            version: own.map_or(0, Item::version),
        };
        if own.is_some() {
            let changes = Changes::new().replace(&device);
            return Decided { device, is_new: false, changes, orphan: None, token: None };
        }
        let token = TokenOwner {
            token_hash: device.token_hash.clone(),
            user_id: device.user_id,
            device_id: device.device_id,
            free_from: None,
            version: self.token_version(),
        };
        let mut changes = come(&device).replace(&token);
        if let Some((other, is_listed)) = self.known.clone() {
            // its token, and with it the endpoint, is the new device's
            changes =
                changes.and(Leaving { device: other, owner: None, is_listed }.decide("replaced", self.now).0);
        }
        let (roster, id, since) = (roster(self.user_id), device.device_id.to_string(), self.now.to_string());
        let (changes, orphan) = match self.surplus.clone() {
            Some((oldest, owner)) => {
                let room = roster.replace(&oldest.device_id.to_string(), &id, &since);
                orphaned(changes.and(gone(&oldest, "replaced")).and(room), &oldest, owner, self.now)
            }
            None if self.listed.is_none() => (changes.and(roster.first(&id, &since)), None),
            None => (changes.and(roster.add(&id, &since)), None),
        };
        let was_nobodys = self.owner.as_ref().is_none_or(|owner| owner.free_from.is_some());
        Decided { device, is_new: true, changes, orphan, token: was_nobodys.then_some(token) }
    }
}
