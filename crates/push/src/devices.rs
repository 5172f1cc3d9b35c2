use events::DevicePlatform;
use primitives::{DeviceId, Keys, Limit, Page, UserId};
use push_client::PushClient;
use table::{Cause, Claim, CommitError, Consistency, CursorKey, Item, Key, Query, StoredAnswer, Table};

use crate::{
    DeviceError,
    device::{Device, NewDevice, Registration, TokenOwner, removal, token_hash},
};

/// How many devices a person may have; one more, and the one that was not seen for the longest time goes.
const MOST_DEVICES: usize = 20;

/// How often a decision is made again when the state moved under it.
const ATTEMPTS: u32 = 5;

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

    /// Registers the device that has this token for the person, from whom or from anybody else it may have been known before. Doing it
    /// again changes nothing but the time. `answer` gives what is kept for a caller who asks again.
    ///
    /// The endpoint at SNS is made first. That is harmless when the rest fails: the next attempt finds the same one.
    pub async fn register(
        &self,
        cause: &Cause,
        applications: &Applications,
        user_id: UserId,
        new: &NewDevice,
        answer: impl Fn(&Registered) -> Option<(Claim, StoredAnswer)>,
    ) -> Result<Registered, DeviceError> {
        let endpoint_arn = self.push.endpoint(applications.arn(new.platform), &new.token).await?;
        let mut attempt = 0;
        loop {
            let registration = self.load(user_id, new, &endpoint_arn).await?;
            let (device, is_new, mut changes) = registration.decide();
            let registered = Registered { device, is_new };
            if let Some((claim, answer)) = answer(&registered) {
                changes = changes.answer(Some(claim), answer);
            }
            match self.table.commit(cause, changes).await {
                Ok(_) => return Ok(registered),
                Err(CommitError::Conflict { .. }) if attempt < ATTEMPTS => attempt += 1,
                Err(error) => return Err(error.into()),
            }
        }
    }

    async fn load(
        &self,
        user_id: UserId,
        new: &NewDevice,
        endpoint_arn: &str,
    ) -> Result<Registration, DeviceError> {
        let hash = token_hash(new.platform, &new.token);
        let owner: Option<TokenOwner> = self.table.get(&Key::DeviceToken(hash), Consistency::Strong).await?;
        let owner = match owner {
            Some(owner) => {
                let key = Key::Device(owner.user_id, owner.device_id);
                let device: Option<Device> = self.table.get(&key, Consistency::Strong).await?;
                Some((owner, device))
            }
            None => None,
        };
        let is_own = owner
            .as_ref()
            .and_then(|(_, device)| device.as_ref())
            .is_some_and(|device| device.user_id == user_id);
        let surplus = if is_own { None } else { self.surplus(user_id).await? };
        Ok(Registration {
            user_id,
            new: new.clone(),
            endpoint_arn: endpoint_arn.to_owned(),
            owner,
            surplus,
            new_id: self.table.ids().next(),
            now: self.table.clock().now(),
        })
    }

    async fn surplus(&self, user_id: UserId) -> Result<Option<(Device, Option<TokenOwner>)>, DeviceError> {
        let devices: Vec<Device> = self.table.first(&of_user(user_id).strong(), MOST_DEVICES).await?;
        if devices.len() < MOST_DEVICES {
            return Ok(None);
        }
        let Some(oldest) = devices.into_iter().min_by_key(|device| device.seen_at) else { return Ok(None) };
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
        cursors: &Keys<CursorKey>,
        user_id: UserId,
        limit: Limit,
        cursor: Option<&str>,
    ) -> Result<Page<Device>, DeviceError> {
        Ok(self.table.page(&of_user(user_id), limit, cursor, cursors).await?)
    }

    /// Removes a device of the person: it is told nothing more.
    ///
    /// The endpoint at SNS goes first, so that whoever is told that the device is gone can rely on it, and an attempt that fails
    /// half-way is ended by the next.
    pub async fn remove(
        &self,
        cause: &Cause,
        user_id: UserId,
        device_id: DeviceId,
    ) -> Result<(), DeviceError> {
        let mut attempt = 0;
        loop {
            let key = Key::Device(user_id, device_id);
            let device: Option<Device> = self.table.get(&key, Consistency::Strong).await?;
            let device = device.ok_or(DeviceError::NotFound)?;
            let owner = self.owner(&device).await?;
            self.push.delete(&device.endpoint_arn).await?;
            match self.table.commit(cause, removal(&device, owner.as_ref(), "signed_out")).await {
                Ok(_) => return Ok(()),
                Err(CommitError::Conflict { .. }) if attempt < ATTEMPTS => attempt += 1,
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// Removes a device that SNS says is gone, unless it registered again since it was read.
    pub(crate) async fn remove_gone(&self, cause: &Cause, device: &Device) -> Result<(), DeviceError> {
        let owner = self.owner(device).await?;
        match self.table.commit(cause, removal(device, owner.as_ref(), "endpoint_disabled")).await {
            Ok(_) => Ok(self.push.delete(&device.endpoint_arn).await?),
            Err(error) if error.failed(&device.key()) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }
}

/// The devices of a person.
pub(crate) fn of_user(user_id: UserId) -> Query {
    Query::prefix("device", Key::User(user_id).pk(), "DEVICE#")
}
