//! What our staff sees of money: the month's figures, who is in grace, which organizations share a card.

use jiff::SignedDuration;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use system_tests::answer::Answer;

use crate::{invites::refused, product::Product};

const REVENUE: &str = "/v1/admin/billing/revenue";
const FINGERPRINTS: &str = "/v1/admin/billing/shared-fingerprints";
const IN_GRACE: &str = "/v1/admin/orgs?access=grace";
const DAY: SignedDuration = SignedDuration::from_hours(24);

/// An event about the subscription of an organization, so many seconds ago.
fn word(product: &Product, number: u32, org_id: &str, status: &str, ago: i64) -> Value {
    let now = product.cloud.clock().now().as_second() - ago;
    let item =
        json!({ "id": "si_1", "quantity": 2, "price": { "id": "price_1", "lookup_key": "team_month" } });
    let object = json!({ "id": format!("sub_{org_id}"), "object": "subscription", "status": status, "created": 1_700_000_000,
        "customer": format!("cus_{org_id}"), "metadata": { "org_id": org_id }, "items": { "data": [item] } });
    let kind = if status == "canceled" { "deleted" } else { "updated" };
    json!({ "id": format!("evt_{org_id}_{number}"), "type": format!("customer.subscription.{kind}"),
        "livemode": false, "created": now, "data": { "object": object } })
}

impl Product {
    async fn applied(&self, event: &Value) {
        let received = self.hook(event).await;
        assert_eq!((received.status, received.text("/outcome")), (StatusCode::OK, "applied".into()));
    }

    /// The latest month's figures.
    async fn figures(&self, staff: &str) -> Value {
        let report = self.get(REVENUE, staff).await;
        assert_eq!(report.status, StatusCode::OK, "{report:?}");
        report.body["months"].as_array().unwrap().last().unwrap().clone()
    }
}

fn counts(month: &Value) -> [u64; 5] {
    ["trials_started", "trials_converted", "trials_ended", "subscriptions_gained", "subscriptions_lost"]
        .map(|name| month[name].as_u64().unwrap())
}

fn mrr(month: &Value) -> [u64; 6] {
    let mrr = &month["mrr"][0];
    ["opening", "gained", "expanded", "contracted", "lost", "closing"]
        .map(|name| mrr[name].as_u64().unwrap_or_default())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_month_says_what_became_of_trials_and_revenue() {
    let product = Product::start().await;
    let (ada, acme) = product.owner("ada@example.com", "acme").await;
    product.owner("bob@example.com", "beta").await;
    let staff = product.staff("money@example.com", "billing").await;
    assert_eq!(counts(&product.figures(&staff).await), [2, 0, 0, 0, 0]);
    product.subscribed(&ada, "team", "pay").await;
    let trialing = product.figures(&staff).await;
    assert_eq!((counts(&trialing), mrr(&trialing)), ([2, 1, 0, 0, 0], [0; 6]), "a trial is no revenue");
    product.jump(DAY * 15).await;
    product.settle().await;
    let staff = product.staff("money2@example.com", "billing").await;
    let report = product.get(REVENUE, &staff).await;
    let months = report.body["months"].as_array().unwrap();
    assert_eq!(months.len(), 12, "{report:?}");
    let sum = |at: usize| months.iter().map(|month| counts(month)[at]).sum::<u64>();
    assert_eq!([0, 1, 2, 3, 4].map(sum), [2, 1, 1, 1, 0], "{report:?}");
    assert_eq!(mrr(months.last().unwrap())[5], 1_900);
    // more, and then nothing any more, as soon as that is said
    let token = product.sign_in("ada@example.com").await.text("/access_token");
    let body = json!({ "org_id": acme });
    let ada = product.post_as("/v1/auth/switch-org", &token, &body).await.tokens().text("/access_token");
    let plan = product.request(Method::PATCH, "/v1/billing/subscription").bearer_auth(&ada);
    let changed = product.send(plan.json(&json!({ "plan": "business" }))).await;
    assert_eq!(changed.status, StatusCode::OK, "{changed:?}");
    product.settle().await;
    let grown = mrr(&product.figures(&staff).await);
    assert_eq!((grown[2], grown[5]), (2_000, 3_900));
    let canceled =
        product.post_as("/v1/billing/subscription/cancel", &ada, &json!({ "reason": "unused" })).await;
    assert_eq!(canceled.status, StatusCode::OK, "{canceled:?}");
    product.settle().await;
    let last = product.figures(&staff).await;
    assert_eq!((mrr(&last)[4], mrr(&last)[5], counts(&last)[4]), (3_900, 0, 1), "{last}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn figures_and_the_list_of_those_in_grace_are_right_whatever_the_order() {
    let product = Product::start().await;
    let (_, acme) = product.owner("ada@example.com", "acme").await;
    let (_, beta) = product.owner("bob@example.com", "beta").await;
    product.jump(DAY * 20).await;
    let staff = product.staff("money@example.com", "billing").await;
    let listed = async |product: &Product| {
        product.settle().await;
        let page = product.get(IN_GRACE, &staff).await;
        assert_eq!(page.status, StatusCode::OK, "{page:?}");
        let items = page.body["items"].as_array().unwrap().clone();
        items.iter().map(|item| item["id"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    let (active, late) = (word(&product, 1, &acme, "active", 300), word(&product, 2, &acme, "past_due", 200));
    // the later word first, and each twice
    for (event, outcome) in
        [(&late, "applied"), (&late, "duplicate"), (&active, "applied"), (&active, "duplicate")]
    {
        assert_eq!(product.hook(event).await.text("/outcome"), outcome);
    }
    product.applied(&word(&product, 1, &beta, "active", 300)).await;
    assert_eq!(listed(&product).await, [acme.as_str()]);
    product.applied(&word(&product, 2, &beta, "past_due", 100)).await;
    assert_eq!(listed(&product).await, [beta.as_str(), acme.as_str()], "the latest first");
    let first = product.get(&format!("{IN_GRACE}&limit=1"), &staff).await;
    assert_eq!(first.text("/items/0/access/level"), "grace");
    let cursor = first.text("/next_cursor");
    let second = product.get(&format!("{IN_GRACE}&limit=1&cursor={cursor}"), &staff).await;
    assert_eq!(second.text("/items/0/id"), acme);
    let month = product.figures(&staff).await;
    assert_eq!((mrr(&month), counts(&month)[3]), ([0, 7_600, 0, 0, 0, 7_600], 2), "who is late still counts");
    // one pays, and one does not
    product.applied(&word(&product, 3, &beta, "active", 50)).await;
    assert_eq!(listed(&product).await, [acme.as_str()]);
    product.applied(&word(&product, 3, &acme, "canceled", 40)).await;
    assert!(listed(&product).await.is_empty());
    let month = product.figures(&staff).await;
    assert_eq!((mrr(&month), counts(&month)[4]), ([0, 7_600, 0, 0, 3_800, 3_800], 1));
    // an old word that comes late changes nothing
    product.applied(&word(&product, 4, &acme, "active", 290)).await;
    assert_eq!(product.figures(&staff).await, month);
    // one who fails for longer than the grace is not listed any more
    product.applied(&word(&product, 4, &beta, "past_due", 10)).await;
    product.jump(DAY * 22).await;
    let staff = product.staff("money2@example.com", "billing").await;
    let page = product.get(IN_GRACE, &staff).await;
    assert_eq!((page.body["items"].clone(), page.body["next_cursor"].clone()), (json!([]), Value::Null));
    let two = product.get("/v1/admin/orgs?access=grace&slug=acme", &staff).await;
    assert_eq!(two.status, StatusCode::UNPROCESSABLE_ENTITY);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn months_are_asked_for_by_name() {
    let product = Product::start().await;
    let staff = product.staff("money@example.com", "billing").await;
    for (query, pointer) in [
        ("?from=2026-13", "?from"),
        ("?to=nonsense", "?to"),
        ("?from=2026-03&to=2026-02", "?from"),
        ("?from=2010-01", "?from"),
    ] {
        let wrong = product.get(&format!("{REVENUE}{query}"), &staff).await;
        assert_eq!(refused(&wrong), (422, "invalid_request"), "{query}");
        assert!(wrong.body.to_string().contains(pointer), "{query}: {wrong:?}");
    }
    let some = product.get(&format!("{REVENUE}?from=2026-01&to=2026-03"), &staff).await;
    let months: Vec<_> = (0..3).map(|at| some.text(&format!("/months/{at}/month"))).collect();
    assert_eq!(months, ["2026-01", "2026-02", "2026-03"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn cards_that_several_organizations_have_are_seen() {
    let product = Product::start().await;
    let mut orgs = Vec::new();
    for (number, name) in ["acme", "beta", "cove"].into_iter().enumerate() {
        let (_, org_id) = product.owner(&format!("{name}@example.com"), name).await;
        let number = u32::try_from(number).unwrap();
        product.applied(&word(&product, number, &org_id, "active", 60)).await;
        orgs.push(org_id);
    }
    let staff = product.staff("money@example.com", "billing").await;
    let attached = |number: usize, org_id: &str, fingerprint: &str| {
        let card = json!({ "brand": "visa", "last4": "4242", "fingerprint": fingerprint });
        json!({ "id": format!("evt_card_{number}"), "type": "payment_method.attached", "livemode": false,
            "created": product.cloud.clock().now().as_second(),
            "data": { "object": { "id": "pm_1", "type": "card", "card": card, "customer": format!("cus_{org_id}") } } })
    };
    let shared = async || -> Answer {
        product.settle().await;
        product.get(FINGERPRINTS, &staff).await
    };
    for (number, (org, fingerprint)) in
        [(0, "Xt5EWLLDS7FJjR1c"), (2, "another"), (0, "Xt5EWLLDS7FJjR1c")].into_iter().enumerate()
    {
        product.applied(&attached(number, &orgs[org], fingerprint)).await;
    }
    assert_eq!(
        shared().await.body["items"],
        json!([]),
        "one that has two cards, or one card twice, shares none"
    );
    let second = attached(9, &orgs[1], "Xt5EWLLDS7FJjR1c");
    product.applied(&second).await;
    assert_eq!(product.hook(&second).await.text("/outcome"), "duplicate");
    let page = shared().await;
    assert_eq!(page.body["items"].as_array().unwrap().len(), 1, "{page:?}");
    let holders =
        ["/items/0/organizations/0/org_id", "/items/0/organizations/1/org_id"].map(|at| page.text(at));
    assert_eq!(holders[..], orgs[..2]);
    assert!(!page.body.to_string().contains("Xt5EWLLDS7FJjR1c"), "the fingerprint itself is kept nowhere");
    // whoever is none of ours is passed over
    let nobody = attached(10, "org_nobody", "Xt5EWLLDS7FJjR1c");
    assert_eq!(product.hook(&nobody).await.text("/outcome"), "ignored");
}
