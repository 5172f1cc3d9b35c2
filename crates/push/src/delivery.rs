use std::{mem, time::Duration};

use aws_lc_rs::digest::{Context, SHA256};
use events::Envelope;
use futures::{StreamExt, TryStreamExt, stream};
use primitives::{DeviceId, EventId, OrgId, SignedDuration, UserId};
use push_client::{Notification, Published, PushClient};
use serde::{Deserialize, Serialize};
use table::{Cause, Claimed, Key, Marker, StoreError, Table, time_left};
use tokio::time::timeout;

use crate::{DeliveryError, Device, DeviceError, Devices, Notice, devices::of_user};

/// How many calls to the push service are under way at once.
const AT_ONCE: usize = 16;

/// How many devices are told before that is noted: as many a killed worker's follower tells again at most. Each note costs as much as
/// all devices noted so far, 1 KB a unit.
const NOTED_AT_ONCE: usize = 20;

/// How long before the end of its time a worker notes what it did.
const TIME_TO_NOTE: Duration = Duration::from_secs(2);

/// How many of a person's devices are read at once.
const DEVICES_PER_PAGE: usize = 25;

/// For how long a part belongs to one worker: longer than an invocation lives, shorter than its message stays hidden after it.
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
    pub notice: Notice,
    /// Who is told.
    pub people: Vec<UserId>,
}

impl Delivery {
    pub(crate) fn new(event: &Envelope, org_id: OrgId, notice: Notice, people: Vec<UserId>) -> Self {
        let mut hash = Context::new(&SHA256);
        for person in &people {
            hash.update(person.uuid().as_bytes());
        }
        let part = hex::encode(&hash.finish().as_ref()[..16]);
        let correlation_id = event.correlation_id.clone();
        Self { event_id: event.id, org_id, correlation_id, part, notice, people }
    }
}

/// Carries deliveries out.
///
/// A part is claimed, its devices are told, and it is marked as done: a message that comes twice does nothing the second time, and two
/// workers never deliver one part at once. SNS takes no idempotency key, so a worker that dies between telling a device and the mark is followed by one
/// that tells it again: at the boundary to SNS delivery is at least once, and the collapse id in every notification makes the device show it once.
#[derive(Clone, Debug)]
pub struct Courier {
    table: Table,
    push: PushClient,
    devices: Devices,
}

impl Courier {
    /// To the devices in this table, through this client.
    pub fn new(table: Table, push: PushClient) -> Self {
        let devices = Devices::new(table.clone(), push.clone());
        Self { table, push, devices }
    }

    /// Tells all devices of the delivery's people, unless it was done before.
    pub async fn deliver(&self, delivery: &Delivery) -> Result<(), DeliveryError> {
        let key = Key::PushDelivery(delivery.event_id, delivery.part.clone());
        match self.table.claim(&key, LEASE).await? {
            Claimed::Done => Ok(()),
            Claimed::InFlight { .. } => Err(DeliveryError::InFlight),
            Claimed::Mine(marker) => self.deliver_claimed(delivery, marker).await,
        }
    }

    async fn deliver_claimed(&self, delivery: &Delivery, mut marker: Marker) -> Result<(), DeliveryError> {
        let notification = delivery.notice.notification(delivery.event_id, &delivery.org_id);
        let cause = Cause::system("push delivery", &delivery.correlation_id);
        let told_before = marker.steps_done().clone();
        let (mut told, mut failures) = (Vec::<String>::new(), Vec::<DeviceError>::new());
        let mut out_of_time = false;
        let mut outcomes = stream::iter(delivery.people.clone())
            .map(|person| self.devices_of(person))
            .flatten()
            .try_filter(|device| futures::future::ready(!told_before.contains(&device.device_id.to_string())))
            .map(|device| self.tell(&cause, device, &notification))
            .buffer_unordered(AT_ONCE);
        loop {
            // Stop while there is time to say who was told: cut off by the queue's clock, all of it would be told again.
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

    /// The person's devices, read a page at a time as they are wanted.
    fn devices_of(&self, user_id: UserId) -> impl futures::Stream<Item = Result<Device, StoreError>> + '_ {
        let query = of_user(user_id);
        stream::try_unfold(Some(None::<String>), move |place| {
            let query = query.clone();
            async move {
                let Some(after) = place else { return Ok(None) };
                let (page, reached): (Vec<Device>, _) =
                    self.table.after(&query, DEVICES_PER_PAGE, after.as_deref()).await?;
                Ok::<_, StoreError>(Some((stream::iter(page.into_iter().map(Ok)), reached.map(Some))))
            }
        })
        .try_flatten()
        .boxed()
    }

    async fn tell(
        &self,
        cause: &Cause,
        device: Result<Device, StoreError>,
        notification: &Notification,
    ) -> Result<DeviceId, DeviceError> {
        let device = device?;
        match self.push.publish(&device.endpoint_arn, notification).await? {
            Published::Sent => {}
            Published::Gone => {
                tracing::info!(device_id = %device.device_id, "a device is gone and is removed");
                self.devices.remove_gone(cause, &device).await?;
            }
        }
        Ok(device.device_id)
    }
}
