//! What Stripe tells of an organization that is erased, or about to be.

use access::Tenant;
use billing::{ParkReason, Received};
use serde_json::{Value, json};

use crate::support::{World, cause, event, invoice, subscription};

impl World {
    /// All that is stored, by its keys and versions.
    async fn stored(&self) -> Vec<String> {
        let items = self.database.items().await.into_iter();
        let mut items: Vec<_> = items
            .map(|item| format!("{:?} {:?} {:?}", item["pk"], item["sk"], item.get("version")))
            .collect();
        items.sort();
        items
    }

    fn late(&self) -> [Value; 4] {
        let metadata = json!({ "org_id": self.org_id });
        let customer = json!({ "id": "cus_1", "object": "customer", "metadata": metadata });
        [
            event("evt_l1", "customer.subscription.deleted", 20, &subscription("canceled", &metadata)),
            // nobody says any more whose it is
            event("evt_l2", "customer.subscription.updated", 21, &subscription("canceled", &json!({}))),
            event("evt_l3", "invoice.paid", 22, &invoice(2, "paid", 22)),
            event("evt_l4", "customer.deleted", 23, &customer),
        ]
    }
}

#[tokio::test]
async fn what_stripe_tells_late_is_neither_put_aside_nor_changes_anything() {
    let world = World::new().await;
    let tenant = Tenant::trusted(world.org_id);
    world.receive(&world.subscription_event("evt_1", "created", 0, "active")).await;
    world.receive(&world.subscription_event("evt_2", "deleted", 5, "canceled")).await;
    let customers = billing::let_go(&world.table, &cause(), tenant).await.unwrap();
    assert_eq!(customers, ["cus_1".parse().unwrap()]);
    let told = world.published().await;
    for gone in [false, true] {
        if gone {
            assert_eq!(billing::erase(&world.table, tenant).await.unwrap(), 1);
            assert!(billing::let_go(&world.table, &cause(), tenant).await.unwrap().is_empty());
        }
        let before = world.stored().await;
        for late in world.late() {
            assert_eq!(world.receive(&late).await, Received::Ignored, "{gone} {late}");
        }
        assert_eq!((world.stored().await, world.published().await), (before, told.clone()), "{gone}");
    }
    // somebody who pays for what is not there any more is looked at all the same
    let mut another = world.late()[0].clone();
    another["data"]["object"]["customer"] = json!("cus_2");
    another["id"] = json!("evt_other");
    assert_eq!(world.receive(&another).await, Received::Parked(ParkReason::ForeignOrg));
}

#[tokio::test]
async fn what_waited_for_a_customer_goes_with_it() {
    let world = World::new().await;
    world.receive(&event("evt_1", "invoice.paid", 1, &invoice(1, "paid", 1))).await;
    assert_eq!(world.database.count("parked_stripe_event").await, 1);
    world.receive(&world.subscription_event("evt_2", "created", 0, "active")).await;
    let tenant = Tenant::trusted(world.org_id);
    billing::let_go(&world.table, &cause(), tenant).await.unwrap();
    billing::erase(&world.table, tenant).await.unwrap();
    let left = ["parked_stripe_event", "subscription", "stripe_customer"];
    let mut counts = [0; 3];
    for (count, kind) in counts.iter_mut().zip(left) {
        *count = world.database.count(kind).await;
    }
    assert_eq!(counts, [0, 0, 1], "the customer is known to be nobody's for a while");
}
