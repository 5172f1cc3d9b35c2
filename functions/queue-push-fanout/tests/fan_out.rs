//! The function on its sample event.

use access::{Role, Tenant};
use lambda_host::{Environment, Host, LambdaEvent};
use primitives::{Clock, Ids, MemberId, OrgId, UserId};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use table::{Cause, Changes, Item, Key};
use test_support::{Crashes, Database, Services, noon};

#[derive(Serialize, Deserialize)]
struct MemberItem {
    org_id: OrgId,
    member_id: MemberId,
    user_id: UserId,
    role: Role,
    version: u64,
}

impl Item for MemberItem {
    fn key(&self) -> Key {
        orgs::keys::Member::key(Tenant::trusted(self.org_id), self.member_id)
    }

    fn version(&self) -> u64 {
        self.version
    }
}

#[tokio::test]
async fn the_sample_becomes_one_message_for_each_25_members_however_often_it_comes() {
    let (database, services) = (Database::start().await, Services::start().await);
    let clock = Clock::fixed(noon());
    let org_id: OrgId = "org_01kar8h5g0e0vsx4q1v3f6m2ah".parse().unwrap();
    let changes = (0..30).fold(Changes::new(), |changes, _| {
        let (member_id, user_id) = (Ids::unguessable(), Ids::unguessable());
        changes.create(&MemberItem { org_id, member_id, user_id, role: Role::Admin, version: 0 })
    });
    database.table(&clock).commit(&Cause::system("test", "test"), changes).await.unwrap();

    let environment = Environment::new(services.environment(&database));
    let ids = Ids::random(clock.clone());
    let host = Host::with(environment, clock, ids, Some(Crashes::default().http_client())).unwrap();
    let function = queue_push_fanout::function(&host).await.unwrap();
    host.connected().await;
    let sample: Value =
        serde_json::from_str(include_str!("../../../events/queue-push-fanout/trial-ending.json")).unwrap();
    for _ in 0..2 {
        let event = LambdaEvent::new(sample.clone(), lambda_host::Context::default());
        assert_eq!(function.invoke(event).await.unwrap(), json!({ "batchItemFailures": [] }));
    }
    let messages = services.messages("push-delivery");
    let message = |at: usize| serde_json::from_str::<Value>(&messages[at]).unwrap();
    assert_eq!(messages.len(), 2);
    assert_eq!(message(0)["people"].as_array().unwrap().len(), 25);
    assert_eq!(message(1)["people"].as_array().unwrap().len(), 5);
    assert_eq!(message(0)["alert"]["title"], "Your trial ends in 3 days");
}
