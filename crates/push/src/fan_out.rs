use std::time::Duration;

use access::{Role, Tenant};
use events::{Envelope, Told};
use primitives::{EventId, Timestamp, UserId};
use serde::{Deserialize, Serialize};
use table::{
    Attempt, Cause, Changes, Consistency, Decision, Item, Key, MARKERS_ARE_KEPT, Query, Table, time_left,
};

use crate::{Alert, Delivery, DeliveryQueue, FanOutError, keys};

/// How many people one delivery is for.
const PEOPLE_PER_DELIVERY: usize = 25;

/// How many members are read at once: what one batch of messages carries. Nothing larger is ever
/// held in memory.
const MEMBERS_PER_PAGE: usize = 250;

/// No page is begun with less time than this left.
const TIME_FOR_A_PAGE: Duration = Duration::from_secs(5);

/// Turns events into deliveries.
///
/// A page of members at a time: their deliveries go into the queue, then the place reached is
/// stored. Who comes after a crash or runs out of time begins at the place stored last, so that a
/// page may be sent twice, and none is left out. A delivery is named by the people in it: the same
/// page gives the same deliveries, which are carried out once.
#[derive(Clone, Debug)]
pub struct FanOut {
    table: Table,
    members: fn(Tenant) -> Query,
    told: &'static [&'static [Told]],
    queue: DeliveryQueue,
}

/// What is needed of a member.
#[derive(Debug, Deserialize)]
struct MemberRef {
    user_id: UserId,
    role: Role,
}

/// How far the fan-out of an event has come.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Progress {
    event_id: EventId,
    /// The last member's sort key.
    reached: Option<String>,
    /// How many deliveries are in the queue.
    parts: u32,
    done: bool,
    keep_until: i64,
    #[serde(default)]
    version: u64,
}

impl Item for Progress {
    fn key(&self) -> Key {
        keys::FanOut::key(self.event_id)
    }

    fn version(&self) -> u64 {
        self.version
    }

    fn expires_at(&self) -> Option<Timestamp> {
        Timestamp::from_second(self.keep_until).ok()
    }
}

impl FanOut {
    /// From the members in this table, whom `members` asks for, into this queue; `told` is what is
    /// told.
    pub fn new(
        table: Table,
        members: fn(Tenant) -> Query,
        told: &'static [&'static [Told]],
        queue: DeliveryQueue,
    ) -> Self {
        Self { table, members, told, queue }
    }

    /// Puts deliveries for those members of the event's organization into the queue who may know of
    /// it. Events that devices are not told about, and events that were fanned out before, are
    /// passed over.
    pub async fn run(&self, event: &Envelope) -> Result<(), FanOutError> {
        let (Some(told), Some(org_id)) = (Told::about(self.told, event), event.org_id) else {
            return Ok(());
        };
        let (told, data) = told.map_err(FanOutError::Malformed)?;
        let Some(alert) = Alert::of(told, &data) else { return Ok(()) };
        let roles: Vec<Role> = told.to.roles().collect();
        let members = (self.members)(Tenant::trusted(org_id)).strong();
        let mut progress = self.load(event.id).await?;
        while !progress.done {
            if time_left() < TIME_FOR_A_PAGE {
                return Err(FanOutError::OutOfTime { parts: progress.parts });
            }
            let (page, reached): (Vec<MemberRef>, _) =
                self.table.after(&members, MEMBERS_PER_PAGE, progress.reached.as_deref()).await?;
            let may_know = page.into_iter().filter(|member| roles.contains(&member.role));
            let people: Vec<_> = may_know.map(|member| member.user_id).collect();
            let deliveries: Vec<_> = people
                .chunks(PEOPLE_PER_DELIVERY)
                .map(|people| Delivery::new(event, org_id, alert.clone(), people.to_vec()))
                .collect();
            self.queue.send(&deliveries).await?;
            progress.done = reached.is_none();
            progress.reached = reached;
            progress.parts += u32::try_from(deliveries.len()).unwrap_or_default();
            progress = self.store(event, progress).await?;
        }
        Ok(())
    }

    async fn load(&self, event_id: EventId) -> Result<Progress, FanOutError> {
        let found = self.table.get(&keys::FanOut::key(event_id), Consistency::Strong).await?;
        Ok(found.unwrap_or(Progress {
            event_id,
            reached: None,
            parts: 0,
            done: false,
            keep_until: (self.table.clock().now() + MARKERS_ARE_KEPT).as_second(),
            version: 0,
        }))
    }

    /// Stores the place; gives the place of another worker with the same event, where that was
    /// faster.
    async fn store(&self, event: &Envelope, progress: Progress) -> Result<Progress, FanOutError> {
        let progress = &progress;
        let store = |attempt: Attempt| async move {
            if attempt.before() > 0 {
                return Ok(Decision::done(self.load(event.id).await?));
            }
            let stored = Progress { version: progress.next_version(), ..progress.clone() };
            Ok(Decision::commit(Changes::new().replace(progress), stored))
        };
        self.table.decide(&Cause::system("push fan-out", &event.correlation_id), store).await
    }
}
