//! Looking up again, each week, whether a domain's record is there.

use jiff::SignedDuration;
use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::{invites::refused, product::Product, stored};

const DAY: SignedDuration = SignedDuration::from_hours(24);

impl Product {
    /// The domain with this name as it is stored.
    async fn stored_domain(&self, name: &str) -> Value {
        self.settle().await;
        let items = stored::items(self).await;
        items.into_iter().find(|item| item["kind"] == "domain" && item["name"] == name).unwrap()
    }

    async fn checks(&self) -> Vec<String> {
        let told = self.about_domains().await.into_iter().map(|(kind, _)| kind);
        told.filter(|kind| ["domain.record_missed", "domain.lapsed"].contains(&kind.as_str())).collect()
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_domain_lapses_when_its_record_is_gone_on_three_days() {
    let product = Product::start().await;
    let (ada, _) = product.owner("ada@example.com", "acme").await;
    let domain = product.verified(&ada, "example.com").await;
    let record = domain.text("/txt_record/name");
    product.capture(&ada, &domain, &json!({ "capture": "automatic" })).await;
    product.advance(DAY * 8).await;
    let checked = product.stored_domain("example.com").await;
    assert_eq!((&checked["status"], &checked["missed"]), (&json!("verified"), &json!(0)));
    assert!(checked["checked_at"].as_str() > checked["verified_at"].as_str(), "{checked}");

    // that DNS does not answer says nothing, however long
    product.dns(&record, &json!({ "failure": "servfail" })).await;
    product.advance(DAY * 20).await;
    assert_eq!(product.stored_domain("example.com").await["status"], "verified");
    // two days without it, and then it is back
    product.dns(&record, &json!({ "texts": ["something else"] })).await;
    product.advance(DAY * 2).await;
    assert_eq!(product.stored_domain("example.com").await["missed"], 2);
    assert_eq!(product.checks().await, ["domain.record_missed"]);
    product.set_record(&domain).await;
    product.advance(DAY).await;
    assert_eq!(product.stored_domain("example.com").await["missed"], 0);
    assert_eq!(
        product.subjects("ada@example.com").await.last().unwrap(),
        "The DNS record of example.com is missing"
    );

    let nothing = json!({ "texts": [] });
    product.dns(&record, &nothing).await;
    product.advance(DAY * 10).await;
    let lapsed = product.stored_domain("example.com").await;
    assert_eq!((&lapsed["status"], &lapsed["capture"]), (&json!("lapsed"), &json!("off")), "{lapsed}");
    assert_eq!(product.checks().await, ["domain.record_missed", "domain.record_missed", "domain.lapsed"]);
    let subjects = product.subjects("ada@example.com").await;
    assert!(subjects.contains(&"example.com is not verified any more".to_owned()), "{subjects:?}");
    let items = stored::items(&product).await;
    assert!(!items.iter().any(|item| item["kind"] == "domain_owner"));
    assert!(lapsed.get("due_pk").is_none(), "nobody looks it up any more");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lapsed_domain_is_free_and_can_be_had_again() {
    let product = Product::start().await;
    let (ada, _) = product.owner("ada@example.com", "acme").await;
    let domain = product.verified(&ada, "example.com").await;
    let record = domain.text("/txt_record/name");
    product.dns(&record, &json!({ "texts": [] })).await;
    product.advance(DAY * 10).await;
    let back = async |email: &str| {
        let token = product.sign_in(email).await.text("/access_token");
        let org = product.get("/v1/me", &token).await.text("/organizations/0/org_id");
        let switched = product.post_as("/v1/auth/switch-org", &token, &json!({ "org_id": org })).await;
        switched.tokens().text("/access_token")
    };
    let ada = back("ada@example.com").await;
    let (bob, _) = product.owner("bob@example.com", "beta").await;
    let theirs = product.domain(&bob, "example.com").await;
    let both = json!({ "texts": [domain.text("/txt_record/value"), theirs.text("/txt_record/value")] });
    product.dns(&record, &both).await;
    assert_eq!(product.verify(&bob, &theirs).await.status, StatusCode::OK);
    assert_eq!(refused(&product.verify(&ada, &domain).await), (409, "domain_claimed"));
    assert_eq!(product.delete(&super::at(&theirs), &bob).await.status, StatusCode::NO_CONTENT);
    let again = product.verify(&ada, &domain).await;
    assert_eq!((again.status, &again.body["capture"]), (StatusCode::OK, &json!("off")), "{again:?}");
    product.set_record(&domain).await;
    product.advance(DAY * 8).await;
    assert_eq!(product.stored_domain("example.com").await["status"], "verified", "it is looked up again");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_runs_at_once_count_a_look_up_once() {
    let product = Product::start().await;
    let (ada, _) = product.owner("ada@example.com", "acme").await;
    let names = ["a.example", "b.example", "c.example"];
    for name in names {
        let domain = product.verified(&ada, name).await;
        product.dns(&domain.text("/txt_record/name"), &json!({ "texts": [] })).await;
    }
    // they are due now, and the schedule has not come yet
    let clock = product.cloud.clock();
    clock.advance_to(clock.now() + DAY * 7);
    let runs = futures::join!(
        product.cloud.invoke("cron-domains", json!({})),
        product.cloud.invoke("cron-domains", json!({})),
        product.cloud.invoke("cron-domains", json!({}))
    );
    let missed: u64 =
        [runs.0, runs.1, runs.2].map(|run| run.unwrap()["missed"].as_u64().unwrap()).into_iter().sum();
    assert_eq!(missed, 3);
    for name in names {
        assert_eq!(product.stored_domain(name).await["missed"], 1, "{name}");
    }
    assert_eq!(product.checks().await.len(), 3);
}
