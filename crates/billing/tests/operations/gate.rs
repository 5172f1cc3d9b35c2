//! What billing tells the guard: how much an organization may use, at any time, is what its account
//! says.

use access::{AccessLevel, AccessSchedule, Tenant};
use billing::{Granted, Rules, trial_access};
use primitives::SignedDuration;
use serde::Deserialize;
use table::Consistency;
use test_support::noon;

use crate::support::{DAY, World};

#[derive(Deserialize)]
struct Gate {
    access: AccessSchedule,
    version: u64,
}

impl World {
    async fn gate(&self) -> Option<Gate> {
        let key = identity_core::keys::Gate::key(Tenant::trusted(self.org_id));
        self.table.get(&key, Consistency::Strong).await.unwrap()
    }

    /// How often the guard was told something, and that it knows what the account says.
    async fn told(&self) -> u64 {
        let (account, gate, rules) = (self.account().await, self.gate().await, Rules::default());
        let written = gate.as_ref().map_or(0, |gate| gate.version);
        let schedule =
            gate.map_or_else(|| trial_access(noon(), &rules, &Granted::whole(&rules)), |gate| gate.access);
        for days in 0..120 {
            let at = self.clock.now() + SignedDuration::from_secs(days * DAY);
            assert_eq!(schedule.at(at), account.access(at, &rules).level, "in {days} days");
        }
        written
    }
}

#[tokio::test]
async fn the_guard_knows_what_the_account_says_and_is_told_only_news() {
    let world = World::new().await;
    assert_eq!(world.told().await, 0, "the trial's own steps come with the organization");
    for (event, told) in [
        (world.subscription_event("evt_1", "created", 0, "active"), 1),
        (world.subscription_event("evt_2", "updated", 1, "active"), 1),
        (world.subscription_event("evt_3", "updated", 2, "past_due"), 2),
        (world.subscription_event("evt_4", "updated", 3, "past_due"), 2),
        (world.subscription_event("evt_5", "updated", 4, "active"), 3),
        (world.subscription_event("evt_6", "deleted", 5, "canceled"), 4),
    ] {
        world.receive(&event).await;
        assert_eq!(world.told().await, told, "{event}");
    }
    world.clock.advance(SignedDuration::from_secs(200 * DAY));
    assert_eq!(world.gate().await.unwrap().access.at(world.clock.now()), AccessLevel::ExportOnly);
}
