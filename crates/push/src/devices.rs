use std::{collections::BTreeSet, time::Duration};

use primitives::{DeviceId, Expected, Limit, Page, SessionId, UserId};
use push_client::PushClient;
use table::{
    Attempt, Cause, Changes, Consistency, CursorKeys, Decision, Item, Keep, Listed, Table, time_left,
    within_deadline,
};
use tokio::{sync::Mutex, time::Instant};

use crate::{
    DeviceError,
    device::{Decided, Device, Leaving, MOST_DEVICES, NewDevice, Orphan, Registration, TokenOwner, roster},
    events::DevicePlatform,
    keys,
};

/// How long SNS is given to delete an endpoint: shorter than nobody may register its token.
const LONGEST_DELETION: Duration = Duration::from_secs(8);

/// How much of the time is kept for taking an endpoint away again, when a registration comes to nothing.
const TIME_TO_WITHDRAW: Duration = Duration::from_secs(1);

/// The platform applications at SNS that hold the keys to Apple's and Google's services.
#[derive(Clone, Debug)]
pub struct Applications {
    /// ARN of the one for Apple.
    pub apns: String,
    /// ARN of the one for Firebase.
    pub fcm: String,
}

impl Applications {
    fn arn(&self, platform: DevicePlatform) -> &str {
        match platform {
            DevicePlatform::Apns => &self.apns,
            DevicePlatform::Fcm => &self.fcm,
        }
    }
}

/// People's devices.
#[derive(Clone, Debug)]
pub struct Devices {
    table: Table,
    push: PushClient,
}

/// A device that was registered.
#[derive(Clone, Debug)]
pub struct Registered {
    /// The device.
    pub device: Device,
    /// Whether it is new to the person.
    pub is_new: bool,
    /// Of the device that made room for it.
    orphan: Option<Orphan>,
}

/// An endpoint that was made for a registration.
struct Made {
    /// The version of the token's row when it was.
    seen: u64,
    endpoint_arn: String,
    /// The token, where it was nobody's.
    token: Option<TokenOwner>,
}

/// What one attempt to register leaves to the next.
#[derive(Default)]
struct Trial {
    made: Option<Made>,
    before: Option<Registration>,
}

impl Devices {
    /// Kept in this table, reached through this client.
    pub fn new(table: Table, push: PushClient) -> Self {
        Self { table, push }
    }

    /// Registers the device that has this token for the person, from whom or from anybody else it may have
    /// been known before. Doing it again changes nothing but the time and the session. `keep` says what is
    /// kept for a caller who asks again.
    ///
    /// The endpoint at SNS is made between the look at the token's row and the commit, which fails when that
    /// row has changed: so no endpoint is registered that was deleted meanwhile. Whoever gives up takes it
    /// away again, as long as nobody else has the token; what a crash leaves, the next attempt finds.
    pub async fn register(
        &self,
        cause: &Cause,
        applications: &Applications,
        person: (UserId, SessionId),
        new: &NewDevice,
        keep: &Keep<'_, Registered>,
    ) -> Result<Registered, DeviceError> {
        let application = applications.arn(new.token.platform());
        let trial = &Mutex::new(Trial::default());
        let register = |attempt: Attempt| async move {
            let Trial { made, before } = std::mem::take(&mut *trial.lock().await);
            let registration = self.look(before, person, new, &attempt).await?;
            if registration.owner.as_ref().is_some_and(|owner| owner.is_leaving(registration.now)) {
                return Ok(Decision::wait());
            }
            let endpoint_arn = match made {
                Some(Made { seen, endpoint_arn, .. }) if seen == registration.token_version() => endpoint_arn,
                _ => self.push.endpoint(application, new.token.expose()).await?,
            };
            let Decided { device, is_new, changes, orphan, token } = registration.decide(new, &endpoint_arn);
            let made = Some(Made { seen: registration.token_version(), endpoint_arn, token });
            let mut decision = Decision::commit(changes, Registered { device, is_new, orphan });
            if registration.known.is_none() {
                let span = registration.crowd(&attempt);
                decision = decision.crowded(roster(registration.user_id).key(), span);
            }
            *trial.lock().await = Trial { made, before: Some(registration) };
            Ok(decision)
        };
        let until = Instant::now() + time_left().saturating_sub(TIME_TO_WITHDRAW);
        let decided = Box::pin(self.table.decide_once(cause, keep, register));
        match within_deadline(until, decided).await {
            Ok(mut registered) => {
                self.delete_endpoint(cause, registered.orphan.take()).await;
                Ok(registered)
            }
            Err(error) => {
                if let Some(made) = trial.lock().await.made.take() {
                    self.withdraw(cause, made).await;
                }
                Err(error)
            }
        }
    }

    /// What the decision rests on; of what was looked at `before`, all that others have not changed.
    async fn look(
        &self,
        before: Option<Registration>,
        person: (UserId, SessionId),
        new: &NewDevice,
        attempt: &Attempt,
    ) -> Result<Registration, DeviceError> {
        match before.filter(|before| before.lacks_room(attempt)) {
            Some(before) => self.look_for_room(before, attempt.before()).await,
            None => self.load(person, new).await,
        }
    }

    async fn load(
        &self,
        (user_id, session_id): (UserId, SessionId),
        new: &NewDevice,
    ) -> Result<Registration, DeviceError> {
        let keys = [keys::DeviceToken::key(new.token.hash()), keys::Devices::key(user_id)];
        let mut found = self.table.get_many(&keys, Consistency::Strong).await?;
        let (owner, listed) = (found.take::<TokenOwner>(&keys[0])?, found.take::<Listed>(&keys[1])?);
        let known = match owner.as_ref().filter(|owner| owner.free_from.is_none()) {
            Some(owner) => self.listed_device(owner.user_id, owner.device_id).await?,
            None => None,
        };
        let mut registration = Registration {
            user_id,
            session_id,
            token_hash: new.token.hash(),
            owner,
            known,
            listed,
            surplus: None,
            new_id: self.table.ids().next(),
            now: self.table.clock().now(),
        };
        if !registration.is_own() && roster(user_id).is_full(registration.listed.as_ref()) {
            let devices = self.unseen_for_longest(user_id).await?;
            registration.surplus = self.surplus(devices.into_iter().next()).await?;
        }
        Ok(registration)
    }

    /// The same when others took the room. Many who register at once want the same device to make some, so
    /// that each looks for another one then: one of the few oldest, or of as many as have come meanwhile.
    async fn look_for_room(
        &self,
        mut registration: Registration,
        conflicts: u32,
    ) -> Result<Registration, DeviceError> {
        let Registration { user_id, now, .. } = registration;
        let devices = self.unseen_for_longest(user_id).await?;
        let rivals = devices.iter().filter(|device| device.registered_at >= now).count();
        let few = 4_usize.saturating_pow(conflicts).max(rivals).min(MOST_DEVICES);
        let [random] = primitives::random_secret::<1>();
        let is_full = devices.len() >= MOST_DEVICES;
        let surplus = devices.into_iter().nth(usize::from(random) % few).filter(|_| is_full);
        registration.surplus = self.surplus(surplus).await?;
        Ok(registration)
    }

    /// A device, and whether its owner's roster has it.
    async fn listed_device(
        &self,
        user_id: UserId,
        device_id: DeviceId,
    ) -> Result<Option<(Device, bool)>, DeviceError> {
        let keys = [keys::Device::key(user_id, device_id), keys::Devices::key(user_id)];
        let mut found = self.table.get_many(&keys, Consistency::Strong).await?;
        let listed: Option<Listed> = found.take(&keys[1])?;
        let is_listed = listed.is_some_and(|listed| listed.contains(&device_id.to_string()));
        Ok(found.take(&keys[0])?.map(|device| (device, is_listed)))
    }

    /// The person's devices, the one first that was not seen for the longest time.
    async fn unseen_for_longest(&self, user_id: UserId) -> Result<Vec<Device>, DeviceError> {
        let mut devices: Vec<Device> =
            self.table.first(&keys::Device::all(user_id).strong(), MOST_DEVICES).await?;
        devices.sort_by_key(|device| device.seen_at);
        Ok(devices)
    }

    async fn surplus(
        &self,
        device: Option<Device>,
    ) -> Result<Option<(Device, Option<TokenOwner>)>, DeviceError> {
        let Some(device) = device else { return Ok(None) };
        let owner = self.owner(&device).await?;
        Ok(Some((device, owner)))
    }

    async fn owner(&self, device: &Device) -> Result<Option<TokenOwner>, DeviceError> {
        let key = keys::DeviceToken::key(device.token_hash.clone());
        Ok(self.table.get(&key, Consistency::Strong).await?)
    }

    /// One page of the person's devices that are told something, oldest first: those of sessions that live.
    /// The others are removed at the next event.
    pub async fn list(
        &self,
        cursors: &dyn CursorKeys,
        (user_id, live): (UserId, &BTreeSet<SessionId>),
        limit: Limit,
        cursor: Option<&str>,
    ) -> Result<Page<Device>, DeviceError> {
        let mut page = self.table.page(&keys::Device::all(user_id), limit, cursor, cursors).await?;
        page.items.retain(|device: &Device| device.session_id.is_some_and(|session| live.contains(&session)));
        Ok(page)
    }

    /// All of the person's devices, also those that are told nothing any more.
    pub async fn all(&self, user_id: UserId) -> Result<Vec<DeviceId>, DeviceError> {
        let devices: Vec<Device> = self.table.first(&keys::Device::all(user_id).strong(), 100).await?;
        Ok(devices.into_iter().map(|device| device.device_id).collect())
    }

    /// Removes a device of the person, if it is in the state that is expected: it is told nothing more. One
    /// that is not there needs no removal, so that whoever lost the answer may ask again.
    pub async fn remove(
        &self,
        cause: &Cause,
        user_id: UserId,
        device_id: DeviceId,
        expected: &Expected,
    ) -> Result<(), DeviceError> {
        let remove = |_| async {
            let Some((device, is_listed)) = self.listed_device(user_id, device_id).await? else {
                return Ok(Decision::done(None));
            };
            if !expected.admits(device.version()) {
                return Err(DeviceError::VersionMismatch { current: device.version() });
            }
            let owner = self.owner(&device).await?;
            Ok(self.leave(Leaving { device, owner, is_listed }, "signed_out"))
        };
        let orphan = self.table.decide(cause, remove).await?;
        self.delete_endpoint(cause, orphan).await;
        Ok(())
    }

    /// Removes a device that is reached no more, unless it registered again since it was read.
    pub(crate) async fn remove_gone(
        &self,
        cause: &Cause,
        device: &Device,
        reason: &str,
    ) -> Result<(), DeviceError> {
        let remove = |_| async {
            let keys =
                [keys::DeviceToken::key(device.token_hash.clone()), keys::Devices::key(device.user_id)];
            let mut found = self.table.get_many(&keys, Consistency::Strong).await?;
            let (owner, listed) = (found.take(&keys[0])?, found.take::<Listed>(&keys[1])?);
            let is_listed = listed.is_some_and(|listed| listed.contains(&device.device_id.to_string()));
            let leaving = Leaving { device: device.clone(), owner, is_listed };
            Ok(self.leave(leaving, reason).unless(&device.key(), Ok(None)))
        };
        let orphan = self.table.decide(cause, remove).await?;
        self.delete_endpoint(cause, orphan).await;
        Ok(())
    }

    fn leave(&self, leaving: Leaving, reason: &str) -> Decision<Option<Orphan>, DeviceError> {
        let (changes, orphan) = leaving.decide(reason, self.table.clock().now());
        Decision::commit(changes, orphan)
    }

    /// Deletes the endpoint that was made for a device that was not registered, unless its token is
    /// somebody's or was meanwhile.
    async fn withdraw(&self, cause: &Cause, made: Made) {
        let Made { endpoint_arn, token: Some(token), .. } = made else { return };
        let token = token.leaving(self.table.clock().now());
        match self.store(cause, &token).await {
            Ok(true) => self.delete_endpoint(cause, Some(Orphan { endpoint_arn, token })).await,
            Ok(false) => {}
            Err(error) => tracing::warn!(
                endpoint_arn,
                ?error,
                "an endpoint without a device may stay at the push service"
            ),
        }
    }

    /// Stores what a token is, unless others have changed it since it was read; says whether it did.
    async fn store(&self, cause: &Cause, token: &TokenOwner) -> Result<bool, DeviceError> {
        let store = |_| async {
            let decision = Decision::commit(Changes::new().replace(token), true);
            Ok(decision.unless(&token.key(), Ok(false)))
        };
        self.table.decide(cause, store).await
    }

    /// Deletes the endpoint of a device that is gone, and then gives its token free.
    ///
    /// Whoever registers the token meanwhile waits. The device is gone whatever comes of this: an endpoint
    /// that stays at SNS is sent nothing, costs nothing, and is the same again for whoever registers its
    /// token.
    async fn delete_endpoint(&self, cause: &Cause, orphan: Option<Orphan>) {
        let Some(Orphan { endpoint_arn, token }) = orphan else { return };
        // what was committed must be answered in time, however slow SNS is
        let longest = LONGEST_DELETION.min(time_left());
        let deleted = tokio::time::timeout(longest, self.push.delete(&endpoint_arn)).await;
        let outcome = match deleted {
            Ok(Ok(())) => self.store(cause, &token.free(self.table.clock().now())).await.map(drop),
            Ok(Err(error)) => Err(error.into()),
            Err(_) => {
                tracing::warn!(
                    endpoint_arn,
                    "an endpoint was not deleted in time and stays at the push service"
                );
                return;
            }
        };
        if let Err(error) = outcome {
            tracing::warn!(
                endpoint_arn,
                ?error,
                "an endpoint of a removed device may stay at the push service"
            );
        }
    }
}
