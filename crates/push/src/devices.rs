use std::time::Duration;

use events::DevicePlatform;
use primitives::{DeviceId, Limit, Page, SessionId, UserId};
use push_client::PushClient;
use table::{
    Cause, Changes, Claim, CommitError, Consistency, CursorKeys, Item, Key, Listed, Query, StoredAnswer,
    Table, decide_again, time_left,
};

use crate::{
    DeviceError,
    device::{Device, Leaving, MOST_DEVICES, NewDevice, Orphan, Registration, TokenOwner, roster},
};

/// How long SNS is given to delete an endpoint: shorter than nobody may register its token.
const LONGEST_DELETION: Duration = Duration::from_secs(8);

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
    /// row has changed: so no endpoint is registered that was deleted meanwhile. When the rest fails, the
    /// next attempt finds the same endpoint.
    pub async fn register(
        &self,
        cause: &Cause,
        applications: &Applications,
        (user_id, session_id): (UserId, SessionId),
        new: &NewDevice,
        answer: impl Fn(&Registered) -> Option<(Claim, StoredAnswer)>,
    ) -> Result<Registered, DeviceError> {
        let application = applications.arn(new.token.platform());
        let mut made: Option<(u64, String)> = None;
        let mut attempt = 0;
        loop {
            let registration = self.load(user_id, session_id, new, attempt).await?;
            if registration.owner.as_ref().is_some_and(|owner| owner.is_leaving(registration.now)) {
                decide_again(&mut attempt).await?;
                continue;
            }
            let seen = registration.token_version();
            let endpoint_arn = match made.take() {
                Some((version, arn)) if version == seen => arn,
                _ => self.push.endpoint(application, new.token.expose()).await?,
            };
            let decision = registration.decide(new, &endpoint_arn);
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
                Err(error) if error.is_conflict() => decide_again(&mut attempt).await?,
                Err(error) => return Err(error.into()),
            }
            made = Some((seen, endpoint_arn));
        }
    }

    async fn load(
        &self,
        user_id: UserId,
        session_id: SessionId,
        new: &NewDevice,
        attempt: u32,
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
            owner,
            known,
            listed,
            surplus: None,
            new_id: self.table.ids().next(),
            now: self.table.clock().now(),
        };
        if !registration.is_own() && roster(user_id).is_full(registration.listed.as_ref()) {
            registration.surplus = self.oldest(user_id, attempt).await?;
        }
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

    /// The device that was not seen for the longest time. Where many who register at once are in each other's
    /// way, one of the few oldest: they would all wait for the same one again and again.
    async fn oldest(
        &self,
        user_id: UserId,
        attempt: u32,
    ) -> Result<Option<(Device, Option<TokenOwner>)>, DeviceError> {
        let mut devices: Vec<Device> = self.table.first(&of_user(user_id).strong(), MOST_DEVICES).await?;
        devices.sort_by_key(|device| device.seen_at);
        let few = (1_usize << attempt.saturating_sub(1).min(4)).min(devices.len()).max(1);
        let [random] = primitives::random_secret::<1>();
        let Some(oldest) = devices.into_iter().nth(usize::from(random) % few) else { return Ok(None) };
        let owner = self.owner(&oldest).await?;
        Ok(Some((oldest, owner)))
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
