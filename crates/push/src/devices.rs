use std::time::Duration;

use events::DevicePlatform;
use primitives::{DeviceId, Limit, Page, SessionId, UserId};
use push_client::PushClient;
use table::{
    Cause, Changes, Claim, CommitError, Consistency, CursorKeys, Item, Key, Listed, Query, StoredAnswer,
    Table, decide_again, decide_again_within, time_left, within_deadline,
};
use tokio::time::Instant;

use crate::{
    DeviceError,
    device::{Device, Leaving, MOST_DEVICES, NewDevice, Orphan, Registration, TokenOwner, roster},
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
}

/// An endpoint that was made for a registration.
struct Made {
    /// The version of the token's row when it was.
    seen: u64,
    endpoint_arn: String,
    /// The token, where it was nobody's.
    token: Option<TokenOwner>,
}

impl Devices {
    /// Kept in this table, reached through this client.
    pub fn new(table: Table, push: PushClient) -> Self {
        Self { table, push }
    }

    /// Registers the device that has this token for the person, from whom or from anybody else it may have
    /// been known before. Doing it again changes nothing but the time and the session. `answer` gives what is
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
        answer: impl Fn(&Registered) -> Option<(Claim, StoredAnswer)>,
    ) -> Result<Registered, DeviceError> {
        let mut made = None;
        let until = Instant::now() + time_left().saturating_sub(TIME_TO_WITHDRAW);
        let application = applications.arn(new.token.platform());
        let attempts = Box::pin(self.attempts(cause, application, person, new, answer, &mut made));
        let outcome = within_deadline(until, attempts).await;
        if let (Err(_), Some(made)) = (&outcome, made) {
            self.withdraw(cause, made).await;
        }
        outcome
    }

    async fn attempts(
        &self,
        cause: &Cause,
        application: &str,
        person: (UserId, SessionId),
        new: &NewDevice,
        answer: impl Fn(&Registered) -> Option<(Claim, StoredAnswer)>,
        made: &mut Option<Made>,
    ) -> Result<Registered, DeviceError> {
        let mut attempt = 0;
        let mut registration = self.load(person, new).await?;
        loop {
            if registration.owner.as_ref().is_some_and(|owner| owner.is_leaving(registration.now)) {
                decide_again(&mut attempt).await?;
                registration = self.load(person, new).await?;
                continue;
            }
            let endpoint_arn = match made.take() {
                Some(made) if made.seen == registration.token_version() => made.endpoint_arn,
                _ => self.push.endpoint(application, new.token.expose()).await?,
            };
            let decision = registration.decide(new, &endpoint_arn);
            *made = Some(Made { seen: registration.token_version(), endpoint_arn, token: decision.token });
            let registered = Registered { device: decision.device, is_new: decision.is_new };
            let mut changes = decision.changes;
            if let Some((claim, answer)) = answer(&registered) {
                changes = changes.answer(Some(claim), answer);
            }
            match self.table.commit(cause, changes).await {
                Ok(_) => {
                    self.delete_endpoint(cause, decision.orphan).await;
                    return Ok(registered);
                }
                Err(error) if error.is_conflict() => {
                    match registration.in_the_way(&error, attempt) {
                        Some(longest) => decide_again_within(longest, &mut attempt).await?,
                        None => decide_again(&mut attempt).await?,
                    }
                    registration = self.load_again(registration, new, &error, attempt).await?;
                }
                Err(error) => return Err(error.into()),
            }
        }
    }

    async fn load(
        &self,
        (user_id, session_id): (UserId, SessionId),
        new: &NewDevice,
    ) -> Result<Registration, DeviceError> {
        let keys = [Key::DeviceToken(new.token.hash()), Key::Devices(user_id)];
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

    /// The same when somebody else was faster. Many who register at once want the same device to make room, so
    /// that each looks for another one then: one of the few oldest, or of as many as have come meanwhile.
    async fn load_again(
        &self,
        mut registration: Registration,
        new: &NewDevice,
        error: &CommitError,
        conflicts: u32,
    ) -> Result<Registration, DeviceError> {
        let Registration { user_id, session_id, now, .. } = registration;
        if !registration.lacks_room(error) {
            return self.load((user_id, session_id), new).await;
        }
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
        let keys = [Key::Device(user_id, device_id), Key::Devices(user_id)];
        let mut found = self.table.get_many(&keys, Consistency::Strong).await?;
        let listed: Option<Listed> = found.take(&keys[1])?;
        let is_listed = listed.is_some_and(|listed| listed.contains(&device_id.to_string()));
        Ok(found.take(&keys[0])?.map(|device| (device, is_listed)))
    }

    /// The person's devices, the one first that was not seen for the longest time.
    async fn unseen_for_longest(&self, user_id: UserId) -> Result<Vec<Device>, DeviceError> {
        let mut devices: Vec<Device> = self.table.first(&of_user(user_id).strong(), MOST_DEVICES).await?;
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
        let key = Key::DeviceToken(device.token_hash.clone());
        Ok(self.table.get(&key, Consistency::Strong).await?)
    }

    /// One page of the person's devices, oldest first.
    pub async fn list(
        &self,
        cursors: &dyn CursorKeys,
        user_id: UserId,
        limit: Limit,
        cursor: Option<&str>,
    ) -> Result<Page<Device>, DeviceError> {
        Ok(self.table.page(&of_user(user_id), limit, cursor, cursors).await?)
    }

    /// Removes a device of the person: it is told nothing more. One that is not there needs no removal, so
    /// that whoever lost the answer may ask again.
    pub async fn remove(
        &self,
        cause: &Cause,
        user_id: UserId,
        device_id: DeviceId,
    ) -> Result<(), DeviceError> {
        let mut attempt = 0;
        loop {
            let Some((device, is_listed)) = self.listed_device(user_id, device_id).await? else {
                return Ok(());
            };
            let owner = self.owner(&device).await?;
            match self.leave(cause, Leaving { device, owner, is_listed }, "signed_out").await {
                Err(CommitError::Conflict { .. }) => decide_again(&mut attempt).await?,
                outcome => return Ok(outcome?),
            }
        }
    }

    /// Removes a device that is reached no more, unless it registered again since it was read.
    pub(crate) async fn remove_gone(
        &self,
        cause: &Cause,
        device: &Device,
        reason: &str,
    ) -> Result<(), DeviceError> {
        let mut attempt = 0;
        loop {
            let keys = [Key::DeviceToken(device.token_hash.clone()), Key::Devices(device.user_id)];
            let mut found = self.table.get_many(&keys, Consistency::Strong).await?;
            let (owner, listed) = (found.take(&keys[0])?, found.take::<Listed>(&keys[1])?);
            let is_listed = listed.is_some_and(|listed| listed.contains(&device.device_id.to_string()));
            let leaving = Leaving { device: device.clone(), owner, is_listed };
            match self.leave(cause, leaving, reason).await {
                Err(error) if error.failed(&device.key()) => return Ok(()),
                Err(CommitError::Conflict { .. }) => decide_again(&mut attempt).await?,
                outcome => return Ok(outcome?),
            }
        }
    }

    async fn leave(&self, cause: &Cause, leaving: Leaving, reason: &str) -> Result<(), CommitError> {
        let (changes, orphan) = leaving.decide(reason, self.table.clock().now());
        self.table.commit(cause, changes).await?;
        self.delete_endpoint(cause, orphan).await;
        Ok(())
    }

    /// Deletes the endpoint that was made for a device that was not registered, unless its token is somebody's
    /// or was meanwhile.
    async fn withdraw(&self, cause: &Cause, made: Made) {
        let Made { endpoint_arn, token: Some(token), .. } = made else { return };
        let token = token.leaving(self.table.clock().now());
        match self.table.commit(cause, Changes::new().replace(&token)).await {
            Ok(_) => self.delete_endpoint(cause, Some(Orphan { endpoint_arn, token })).await,
            Err(CommitError::Conflict { .. }) => {}
            Err(error) => tracing::warn!(
                endpoint_arn,
                ?error,
                "an endpoint without a device may stay at the push service"
            ),
        }
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
            Ok(Ok(())) => {
                let free = token.free(self.table.clock().now());
                self.table
                    .commit(cause, Changes::new().replace(&free))
                    .await
                    .map(drop)
                    .map_err(DeviceError::from)
            }
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

/// The devices of a person.
pub(crate) fn of_user(user_id: UserId) -> Query {
    Query::prefix("device", Key::User(user_id).pk(), "DEVICE#")
}
