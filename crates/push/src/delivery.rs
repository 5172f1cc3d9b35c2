use std::{collections::BTreeSet, mem, sync::Arc, time::Duration};

use aws_lc_rs::digest::{Context, SHA256};
use events::Envelope;
use futures::{FutureExt, StreamExt, future::BoxFuture, stream};
use primitives::{DeviceId, EventId, Fault, FaultKind, OrgId, SessionId, SignedDuration, UserId};
use push_client::{Notification, Published, PushClient};
use serde::{Deserialize, Serialize};
use table::{Cause, Claimed, Marker, StoreError, Table, time_left};
use tokio::time::timeout;

use crate::{Alert, DeliveryError, Device, DeviceError, Devices, keys};

/// How many calls to the push service are under way at once.
const AT_ONCE: usize = 16;

/// How many of a person's devices are read: more than a person may have.
const MOST_READ: usize = 100;

/// How many devices are told before that is noted: as many a killed worker's follower tells again at most.
/// Each note costs as much as all devices noted so far, 1 KB a unit.
const NOTED_AT_ONCE: usize = 20;

/// How long before the end of its time a worker notes what it did.
const TIME_TO_NOTE: Duration = Duration::from_secs(2);

/// For how long a part belongs to one worker: longer than an invocation lives, shorter than its message stays
/// hidden after it.
const LEASE: SignedDuration = SignedDuration::from_secs(90);

/// A part of a fan-out: the people that one message is for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Delivery {
    /// The event that is told.
    pub event_id: EventId,
    /// The organization that it happened in.
    pub org_id: OrgId,
    /// Names the request that caused the event.
    pub correlation_id: String,
    /// The part's name within the event: a hash of its people.
    pub part: String,
    /// What is told.
    pub alert: Alert,
    /// Who is told.
    pub people: Vec<UserId>,
}

impl Delivery {
    pub(crate) fn new(event: &Envelope, org_id: OrgId, alert: Alert, people: Vec<UserId>) -> Self {
        let mut hash = Context::new(&SHA256);
        for person in &people {
            hash.update(person.uuid().as_bytes());
        }
        let part = hex::encode(&hash.finish().as_ref()[..16]);
        let correlation_id = event.correlation_id.clone();
        Self { event_id: event.id, org_id, correlation_id, part, alert, people }
    }
}

/// Carries deliveries out.
///
/// A part is claimed, its devices are told, and it is marked as done: a message that comes twice does nothing
/// the second time, and two workers never deliver one part at once. SNS takes no idempotency key, so a worker
/// that dies between telling a device and the mark is followed by one that tells it again: at the boundary to
/// SNS delivery is at least once, and the collapse id in every notification makes the device show it once.
///
/// A device is told as long as it is the person's and the session lives that registered it. Both are looked
/// up strongly each time: a phone may have changed hands a moment ago, and what the one before is told would
/// be shown to the next. So it does not matter how a session ends: from the next event on its devices hear
/// nothing, and are removed.
#[derive(Clone, Debug)]
pub struct Courier {
    table: Table,
    push: PushClient,
    devices: Devices,
    sessions: Sessions,
}

impl Courier {
    /// To the devices in this table whose sessions live, through this client.
    pub fn new(table: Table, push: PushClient, sessions: Sessions) -> Self {
        let devices = Devices::new(table.clone(), push.clone());
        Self { table, push, devices, sessions }
    }

    /// Tells all devices of the delivery's people, unless it was done before.
    pub async fn deliver(&self, delivery: &Delivery) -> Result<(), DeliveryError> {
        let key = keys::PushDelivery::key(delivery.event_id, delivery.part.clone());
        match self.table.claim(&key, LEASE).await? {
            Claimed::Done => Ok(()),
            Claimed::InFlight { .. } => Err(DeliveryError::InFlight),
            Claimed::Mine(marker) => Box::pin(self.deliver_claimed(delivery, marker)).await,
        }
    }

    async fn deliver_claimed(&self, delivery: &Delivery, mut marker: Marker) -> Result<(), DeliveryError> {
        let (mut devices, mut failures) = self.devices_of(&delivery.people).await;
        devices.retain(|device| !marker.steps_done().contains(&device.device_id.to_string()));
        let live = match self.live_sessions(&devices).await {
            Ok(live) => live,
            Err(error) => {
                self.table.give_up(marker, []).await?;
                return Err(error.into());
            }
        };
        let notification = delivery.alert.notification(delivery.event_id, &delivery.org_id);
        let cause = Cause::system("push delivery", &delivery.correlation_id);
        let mut told = Vec::<String>::new();
        let mut out_of_time = false;
        let mut outcomes = stream::iter(devices)
            .map(|device| self.tell(&cause, device, &live, &notification))
            .buffer_unordered(AT_ONCE);
        loop {
            // Stop while there is time to say who was told: cut off by the queue's clock, all of it would be
            // told again.
            match timeout(time_left().saturating_sub(TIME_TO_NOTE), outcomes.next()).await {
                Ok(Some(Ok(device))) => told.push(device.to_string()),
                Ok(Some(Err(error))) => failures.push(error),
                Ok(None) => break,
                Err(_) => {
                    out_of_time = true;
                    break;
                }
            }
            if told.len() >= NOTED_AT_ONCE && !self.table.note(&mut marker, mem::take(&mut told)).await? {
                return Err(DeliveryError::InFlight);
            }
        }
        drop(outcomes);
        if failures.is_empty() && !out_of_time {
            return Ok(self.table.finish(marker).await?);
        }
        let failed = failures.len();
        self.table.give_up(marker, told).await?;
        match failures.into_iter().next() {
            Some(first) => Err(DeliveryError::Incomplete { failed, first: Box::new(first) }),
            None => Err(DeliveryError::OutOfTime),
        }
    }

    /// The devices of these people, and what failed: whose devices cannot be read keeps none of the others
    /// waiting.
    async fn devices_of(&self, people: &[UserId]) -> (Vec<Device>, Vec<DeviceError>) {
        let read = |person: UserId| async move {
            self.table.first(&keys::Device::all(person).strong(), MOST_READ).await
        };
        let mut people = stream::iter(people.to_vec()).map(read).buffer_unordered(AT_ONCE);
        let (mut devices, mut failures) = (Vec::new(), Vec::new());
        while let Some(of_person) = people.next().await {
            match of_person {
                Ok(of_person) => devices.extend(of_person),
                Err(error) => failures.push(error.into()),
            }
        }
        (devices, failures)
    }

    async fn live_sessions(&self, devices: &[Device]) -> Result<BTreeSet<SessionId>, StoreError> {
        let asked = devices.iter().filter_map(|device| Some((device.user_id, device.session_id?))).collect();
        self.sessions.live(asked).await
    }

    async fn tell(
        &self,
        cause: &Cause,
        device: Device,
        live: &BTreeSet<SessionId>,
        notification: &Notification,
    ) -> Result<DeviceId, DeviceError> {
        let id = device.device_id;
        if !device.session_id.is_some_and(|session| live.contains(&session)) {
            tracing::info!(device_id = %id, "the session of a device has ended; the device is removed");
            self.devices.remove_gone(cause, &device, "signed_out").await?;
            return Ok(id);
        }
        match self.push.publish(&device.endpoint_arn, notification).await {
            Ok(Published::Sent) => {}
            Ok(Published::Gone) => {
                tracing::info!(device_id = %id, "a device is gone and is removed");
                self.devices.remove_gone(cause, &device, "endpoint_disabled").await?;
            }
            // the same again would be refused again; the others must not wait for it, nor end in dead letters
            // with it
            Err(error) if error.kind() == FaultKind::Invalid => {
                tracing::error!(device_id = %id, ?error, "a push is refused for good");
            }
            Err(error) => return Err(error.into()),
        }
        Ok(id)
    }
}

type Asked = BTreeSet<(UserId, SessionId)>;
type Answered = BoxFuture<'static, Result<BTreeSet<SessionId>, StoreError>>;

/// Knows which sessions live. Whoever owns sessions gives it.
#[derive(Clone)]
pub struct Sessions(Arc<dyn Fn(Asked) -> Answered + Send + Sync>);

impl Sessions {
    /// `live` gives those of these people's sessions that have not ended.
    pub fn new<F: Future<Output = Result<BTreeSet<SessionId>, StoreError>> + Send + 'static>(
        live: impl Fn(Asked) -> F + Send + Sync + 'static,
    ) -> Self {
        Self(Arc::new(move |sessions| live(sessions).boxed()))
    }

    async fn live(&self, sessions: Asked) -> Result<BTreeSet<SessionId>, StoreError> {
        if sessions.is_empty() { Ok(BTreeSet::new()) } else { (self.0)(sessions).await }
    }
}

impl std::fmt::Debug for Sessions {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Sessions")
    }
}
