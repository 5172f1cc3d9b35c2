//! The whole life of a subscription, as an owner sees it: at the front door, on Stripe's pages and in the
//! mail.

use reqwest::{Method, StatusCode};
use serde_json::json;

use crate::{billing::wish, product::Product};

const ADA: &str = "ada@example.com";

/// The one who lives it.
struct Owner<'a> {
    product: &'a Product,
    org_id: String,
    token: String,
}

impl Owner<'_> {
    /// Days pass, and she signs in again.
    async fn days(&mut self, count: usize) {
        self.product.days(count).await;
        self.token = self.product.signed_in_to(ADA, &self.org_id).await;
    }

    /// How much may be used, as billing says; every other door says the same.
    async fn level(&self) -> String {
        let level = self.product.get("/v1/billing/subscription", &self.token).await.text("/access/level");
        let me = self.product.get("/v1/me", &self.token).await;
        assert_eq!(me.text("/membership/access/level"), level, "the gate says what billing says");
        let read = self.product.get("/v1/orgs/current/members", &self.token).await;
        assert_eq!(
            read.status.is_success(),
            matches!(&*level, "full" | "grace" | "read_only"),
            "{level}: {read:?}"
        );
        let invite = json!({ "email": "bob@example.com", "role": "member" });
        let write = self.product.post_as("/v1/orgs/current/invites", &self.token, &invite).await;
        if ["full", "grace"].contains(&&*level) {
            assert!([201, 409].contains(&write.status.as_u16()), "{write:?}");
        } else {
            assert_eq!((write.status.as_u16(), write.problem()), (402, "access_restricted"), "{level}");
        }
        level
    }

    /// What somebody chooses on Stripe's page for customers.
    async fn at_the_portal(&self, action: &str, what: &str) {
        let back = json!({ "return_to": "/" });
        let portal = self.product.post_as("/v1/billing/portal-sessions", &self.token, &back).await;
        assert_eq!(portal.status, StatusCode::CREATED, "{portal:?}");
        self.product.choose_of(&portal.text("/url"), action, what).await;
    }

    async fn open_invoice(&self) -> String {
        let invoices = self.product.get("/v1/billing/invoices?status=open", &self.token).await;
        invoices.text("/items/0/id")
    }

    /// The mails since the last look, but for those to sign in and about other things.
    async fn mails(&self, seen: &mut usize) -> Vec<String> {
        self.product.settle().await;
        let all = self.product.subjects(ADA).await;
        let news = all[*seen..].to_vec();
        *seen = all.len();
        let about = ["trial", "payment", "read only", "subscription"];
        news.into_iter().filter(|subject| about.iter().any(|word| subject.contains(word))).collect()
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn from_the_trial_to_the_end_with_a_card_that_fails_on_the_way() {
    let product = Product::start().await;
    let (token, org_id) = product.owner(ADA, "acme").await;
    let mut ada = Owner { product: &product, org_id, token };
    let mut seen = 0;
    assert_eq!(ada.level().await, "full");
    ada.days(15).await;
    assert_eq!(ada.level().await, "read_only");
    let trial = [
        "The trial of acme ends in 7 days",
        "The trial of acme ends in 3 days",
        "The trial of acme ends tomorrow",
        "The trial of acme has ended",
    ];
    assert_eq!(ada.mails(&mut seen).await, trial);

    // the first payment works, and the card is refused from then on
    let page = product.post_as("/v1/billing/checkouts", &ada.token, &wish("team")).await;
    assert_eq!(page.status, StatusCode::CREATED, "{page:?}");
    assert_eq!(product.choose(&page.text("/url"), "later").await, 303);
    assert_eq!(ada.level().await, "full");
    assert_eq!(ada.mails(&mut seen).await, ["The subscription of acme is active"]);
    ada.days(32).await;
    assert_eq!(ada.level().await, "grace", "for three weeks");
    let mails = ada.mails(&mut seen).await;
    assert_eq!(mails[0], "A payment for acme failed", "{mails:?}");
    ada.days(22).await;
    assert_eq!(ada.level().await, "read_only");
    let mails = ada.mails(&mut seen).await;
    let reminders: Vec<_> = mails.iter().filter(|subject| subject.contains("read only")).collect();
    let days = ["in 18 days", "in 14 days", "in 7 days", "tomorrow"];
    assert_eq!(reminders, days.map(|day| format!("acme can be read only {day}")).iter().collect::<Vec<_>>());

    // paid is paid at once
    ada.at_the_portal("card_good", "").await;
    ada.at_the_portal("pay", &ada.open_invoice().await).await;
    assert_eq!(ada.level().await, "full");
    ada.days(20).await;
    assert_eq!(ada.level().await, "full");
    assert!(ada.mails(&mut seen).await.iter().all(|subject| !subject.contains("read only")));

    let cancel = json!({ "reason": "unused" });
    let cancelled = product.post_as("/v1/billing/subscription/cancel", &ada.token, &cancel).await;
    assert_eq!(cancelled.body["cancel_at_period_end"], true, "{cancelled:?}");
    assert_eq!(ada.level().await, "full", "until what is paid for is over");
    let mut levels = vec!["full".to_owned()];
    for _ in 0..9 {
        ada.days(10).await;
        levels.push(ada.level().await);
    }
    levels.dedup();
    assert_eq!(levels, ["full", "read_only", "suspended", "export_only"]);
    assert_eq!(ada.mails(&mut seen).await, ["The subscription of acme was canceled"]);
    let export = product.request(Method::POST, "/v1/orgs/current/exports").bearer_auth(&ada.token);
    let export = product.send(export.header("idempotency-key", "all").json(&json!({}))).await;
    assert_eq!(export.status, StatusCode::ACCEPTED, "what is theirs they can have: {export:?}");
    assert_eq!(product.local("/dead-letters").await["items"], json!([]));
}
