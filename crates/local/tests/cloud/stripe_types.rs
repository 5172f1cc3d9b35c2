//! The full types of async-stripe read what the fake Stripe answers, and time passes in it.

use jiff::SignedDuration;
use local::Cloud;
use miniserde::Deserialize;
use serde_json::{Value, json};
use stripe_shared::{
    CheckoutSession, Coupon, Customer, Event, Invoice, PaymentIntent, PaymentMethod, Price, Product,
    PromotionCode, SetupIntent, Subscription, SubscriptionStatus, TaxId,
};

use crate::product::{Product as World, Reply, local_api, send};
use crate::stripe::stripe_key;

/// Somebody who knows the key.
struct Account {
    cloud: Cloud,
    bearer: String,
}

impl Account {
    async fn start() -> Self {
        let cloud = World::default().start().await;
        let bearer = format!("Bearer {}", stripe_key(&cloud).await);
        Self { cloud, bearer }
    }

    async fn ask(&self, method: &str, path: &str, form: &str, headers: &[(&str, &str)]) -> Reply {
        let url = match method {
            "GET" if !form.is_empty() => format!("{}/v1/{path}?{form}", self.cloud.stripe_url()),
            _ => format!("{}/v1/{path}", self.cloud.stripe_url()),
        };
        let own =
            [("authorization", self.bearer.as_str()), ("content-type", "application/x-www-form-urlencoded")];
        send(method, &url, &[&own, headers].concat(), if method == "POST" { form } else { "" }).await
    }

    /// A good answer, read by a type of async-stripe, which knows each field that Stripe promises.
    async fn read<T: Deserialize>(&self, method: &str, path: &str, form: &str) -> (T, Value) {
        let reply = self.ask(method, path, form, &[]).await;
        assert_eq!(reply.status, 200, "{method} {path}: {}", String::from_utf8_lossy(&reply.body));
        let text = String::from_utf8(reply.body.clone()).unwrap();
        let read = miniserde::json::from_str(&text);
        (read.unwrap_or_else(|_| panic!("{method} {path} is not read: {text}")), reply.json())
    }

    /// A customer with a card, and a price.
    async fn prepared(&self) -> (String, String) {
        self.read::<Product>("POST", "products", "id=prod_team&name=Team").await;
        let price =
            "product=prod_team&currency=usd&unit_amount=1000&recurring[interval]=month&lookup_key=team";
        let (price, _) = self.read::<Price>("POST", "prices", price).await;
        let card = "payment_method=pm_card_visa&invoice_settings[default_payment_method]=pm_card_visa&email=a@example.com";
        let (customer, _) = self.read::<Customer>("POST", "customers", card).await;
        (customer.id.to_string(), price.id.to_string())
    }

    async fn subscribed(&self, more: &str) -> Value {
        let (customer, price) = self.prepared().await;
        let order = format!("customer={customer}&items[0][price]={price}&items[0][quantity]=2{more}");
        self.read::<Subscription>("POST", "subscriptions", &order).await.1
    }

    async fn subscription(&self, id: &Value) -> (Subscription, Value) {
        self.read("GET", &format!("subscriptions/{}", id.as_str().unwrap()), "").await
    }

    /// Kinds of the events so far, the oldest first, of those that begin so.
    fn told(&self, start: &str) -> Vec<String> {
        let kinds = |event: &Value| event["type"].as_str().unwrap().to_owned();
        let all: Vec<String> = self.cloud.inspect(|state| state.stripe.events.iter().map(kinds).collect());
        all.into_iter().filter(|kind| kind.starts_with(start)).collect()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_object_is_read_by_its_full_type() {
    let account = Account::start().await;
    let (customer, price) = account.prepared().await;
    let tax = format!("customers/{customer}/tax_ids");
    account.read::<TaxId>("POST", &tax, "type=eu_vat&value=DE123456789").await;
    account.read::<Coupon>("POST", "coupons", "id=TEN&percent_off=10&duration=once").await;
    let code = "promotion[type]=coupon&promotion[coupon]=TEN&code=TEN";
    let (code, _) = account.read::<PromotionCode>("POST", "promotion_codes", code).await;
    let order = format!(
        "mode=subscription&customer={customer}&line_items[0][price]={price}&line_items[0][quantity]=2\
         &success_url=http://localhost/&discounts[0][promotion_code]={}",
        code.id
    );
    let (session, shown) = account.read::<CheckoutSession>("POST", "checkout/sessions", &order).await;
    let paid = send(
        "POST",
        shown["url"].as_str().unwrap(),
        &[("content-type", "application/x-www-form-urlencoded")],
        "action=pay",
    )
    .await;
    assert_eq!(paid.status, 303);
    let (_, session) =
        account.read::<CheckoutSession>("GET", &format!("checkout/sessions/{}", session.id), "").await;
    let (subscription, _) = account.subscription(&session["subscription"]).await;
    assert!(matches!(subscription.status, SubscriptionStatus::Active));
    let invoice = format!("invoices/{}", session["invoice"].as_str().unwrap());
    let (read, _) =
        account.read::<Invoice>("GET", &invoice, "expand[]=confirmation_secret&expand[]=payments").await;
    assert_eq!((read.subtotal, read.total, read.amount_paid), (2_000, 1_800, 1_800));
    let (_, intents) = account.read::<miniserde::json::Value>("GET", "payment_intents", "").await;
    let intent = format!("payment_intents/{}", intents["data"][0]["id"].as_str().unwrap());
    account.read::<PaymentIntent>("GET", &intent, "expand[]=latest_charge").await;
    let method = format!("payment_methods/{}", read_card(&account, &customer).await);
    account.read::<PaymentMethod>("GET", &method, "").await;
    account.read::<SetupIntent>("POST", "setup_intents", &format!("customer={customer}")).await;
    let preview = format!("subscription={}", session["subscription"].as_str().unwrap());
    let (next, _) = account.read::<Invoice>("POST", "invoices/create_preview", &preview).await;
    assert_eq!(next.total, 2_000, "the code held once");
    account
        .read::<stripe_billing::BillingPortalSession>(
            "POST",
            "billing_portal/sessions",
            &format!("customer={customer}"),
        )
        .await;
    let meter = "display_name=Calls&event_name=calls&default_aggregation[formula]=sum";
    account.read::<stripe_billing::BillingMeter>("POST", "billing/meters", meter).await;
    let used =
        format!("event_name=calls&identifier=1&payload[stripe_customer_id]={customer}&payload[value]=2");
    account.read::<stripe_billing::BillingMeterEvent>("POST", "billing/meter_events", &used).await;
    account.read::<stripe_shared::Account>("GET", "account", "").await;
    // All that was told on the way, with each object in it.
    let events: Vec<String> =
        account.cloud.inspect(|state| state.stripe.events.iter().map(Value::to_string).collect());
    assert!(events.len() > 15, "{events:?}");
    for event in events {
        assert!(miniserde::json::from_str::<Event>(&event).is_ok(), "{event}");
    }
}

async fn read_card(account: &Account, customer: &str) -> String {
    let (_, methods) = account
        .read::<miniserde::json::Value>("GET", &format!("customers/{customer}/payment_methods"), "")
        .await;
    methods["data"][0]["id"].as_str().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_trial_is_announced_ends_and_renews() {
    let account = Account::start().await;
    let subscription = account.subscribed("&trial_period_days=10").await;
    assert_eq!(subscription["status"], "trialing");
    account.cloud.advance(SignedDuration::from_hours(24 * 7 + 1)).await;
    assert_eq!(
        account.told("customer.subscription."),
        ["customer.subscription.created", "customer.subscription.trial_will_end"]
    );
    account.cloud.advance(SignedDuration::from_hours(24 * 3)).await;
    let (read, shown) = account.subscription(&subscription["id"]).await;
    assert!(matches!(read.status, SubscriptionStatus::Active), "{shown}");
    let invoice = format!("invoices/{}", shown["latest_invoice"].as_str().unwrap());
    let (_, first) = account.read::<Invoice>("GET", &invoice, "").await;
    assert_eq!((&first["status"], &first["total"]), (&json!("paid"), &json!(2_000)), "an hour after the end");
    let end = shown["items"]["data"][0]["current_period_end"].as_i64().unwrap();
    account.cloud.advance(SignedDuration::from_hours(24 * 31 + 2)).await;
    let (_, renewed) = account.subscription(&subscription["id"]).await;
    assert_eq!(renewed["items"]["data"][0]["current_period_start"], end, "without a gap");
    assert_ne!(renewed["latest_invoice"], shown["latest_invoice"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_card_that_fails_is_tried_again_until_it_is_given_up() {
    let account = Account::start().await;
    let subscription = account.subscribed("").await;
    let customer = subscription["customer"].as_str().unwrap();
    let bad = "payment_method=pm_card_chargeCustomerFail";
    let refused = account.ask("POST", "customers", &format!("{bad}&email=b"), &[]).await;
    assert_eq!(refused.json()["error"]["code"], "email_invalid");
    let attached = account
        .ask(
            "POST",
            "payment_methods/pm_card_chargeCustomerFail/attach",
            &format!("customer={customer}"),
            &[],
        )
        .await;
    let bad = attached.json()["id"].as_str().unwrap().to_owned();
    let path = format!("subscriptions/{}", subscription["id"].as_str().unwrap());
    account.read::<Subscription>("POST", &path, &format!("default_payment_method={bad}")).await;
    // The period ends, and an hour later the card fails: 3, 8 and 21 days after that it fails again.
    let end = subscription["items"]["data"][0]["current_period_end"].as_i64().unwrap();
    let left = end - account.cloud.clock().now().as_second();
    account.cloud.advance(SignedDuration::from_secs(left + 2 * 3_600)).await;
    let status = async || account.subscription(&subscription["id"]).await.1["status"].clone();
    assert_eq!(status().await, "past_due");
    account.cloud.advance(SignedDuration::from_hours(24 * 20)).await;
    assert_eq!(status().await, "past_due");
    assert_eq!(account.told("invoice.payment_failed").len(), 3);
    account.cloud.advance(SignedDuration::from_hours(24 * 2)).await;
    assert_eq!(status().await, "unpaid");
    assert_eq!(account.told("invoice.payment_failed").len(), 4);
    let (_, open) = account
        .read::<miniserde::json::Value>("GET", "invoices", &format!("customer={customer}&status=open"))
        .await;
    let pay = format!("invoices/{}/pay", open["data"][0]["id"].as_str().unwrap());
    let refused = account.ask("POST", &pay, "", &[]).await;
    assert_eq!(
        (refused.status, refused.json()["error"]["decline_code"].clone()),
        (402, json!("generic_decline"))
    );
    account.read::<Invoice>("POST", &pay, "payment_method=pm_card_visa").await;
    assert_eq!(status().await, "active");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_in_the_middle_is_counted_by_the_second() {
    let account = Account::start().await;
    let subscription = account.subscribed("").await;
    let item = &subscription["items"]["data"][0];
    let (start, end) =
        (item["current_period_start"].as_i64().unwrap(), item["current_period_end"].as_i64().unwrap());
    let third = start + (end - start) / 3;
    let id = subscription["id"].as_str().unwrap();
    let change = |prefix: &str| {
        let name = |name: &str| {
            if prefix.is_empty() {
                name.to_owned()
            } else {
                let (first, rest) = name
                    .split_once('[')
                    .map_or((name, String::new()), |(first, rest)| (first, format!("[{rest}")));
                format!("{prefix}[{first}]{rest}")
            }
        };
        format!(
            "{}={}&{}=5&{}={third}",
            name("items[0][id]"),
            item["id"].as_str().unwrap(),
            name("items[0][quantity]"),
            name("proration_date")
        )
    };
    let preview = format!("subscription={id}&{}", change("subscription_details"));
    let (_, preview) = account.read::<Invoice>("POST", "invoices/create_preview", &preview).await;
    let amounts = |invoice: &Value| -> Vec<i64> {
        invoice["lines"]["data"]
            .as_array()
            .unwrap()
            .iter()
            .map(|line| line["amount"].as_i64().unwrap())
            .collect()
    };
    // Two thirds of 2 × 10 come back, two thirds of 5 × 10 are paid, and the next period is there.
    assert_eq!(amounts(&preview), [-1_333, 3_333, 5_000]);
    account.read::<Subscription>("POST", &format!("subscriptions/{id}"), &change("")).await;
    assert_eq!(account.told("invoice.paid").len(), 1, "the difference waits");
    account.cloud.advance(SignedDuration::from_hours(24 * 31 + 2)).await;
    let (_, shown) = account.subscription(&subscription["id"]).await;
    let (_, invoice) = account
        .read::<Invoice>("GET", &format!("invoices/{}", shown["latest_invoice"].as_str().unwrap()), "")
        .await;
    assert_eq!((amounts(&invoice), invoice["status"].clone()), (vec![-1_333, 3_333, 5_000], json!("paid")));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_is_answered_once() {
    let account = Account::start().await;
    let key = [("idempotency-key", "k1")];
    let calls = (0..8).map(|_| account.ask("POST", "customers", "name=A", &key));
    let replies = futures::future::join_all(calls).await;
    let made = |reply: &&Reply| reply.status == 200;
    let ids: std::collections::BTreeSet<String> =
        replies.iter().filter(made).map(|reply| reply.json()["id"].as_str().unwrap().to_owned()).collect();
    assert_eq!(ids.len(), 1);
    assert!(replies.iter().all(|reply| [200, 409].contains(&reply.status)), "{replies:?}");
    let again = account.ask("POST", "customers", "name=A", &key).await;
    assert_eq!(again.headers["idempotent-replayed"], "true");
    assert_ne!(again.headers["original-request"], again.headers["request-id"]);
    let other = account.ask("POST", "customers", "name=B", &key).await;
    assert_eq!((other.status, other.json()["error"]["type"].clone()), (400, json!("idempotency_error")));
    // Whoever comes while the first is not answered is told so; a lost answer is there the next time.
    let slow = json!([{ "path": "/v1/customers", "delay_milliseconds": 1_500, "loses_answer": true }]);
    local_api(&account.cloud, "PUT", "/stripe/faults", slow).await;
    let key = [("idempotency-key", "k2")];
    let late = async {
        tokio::time::sleep(std::time::Duration::from_millis(500)).await;
        account.ask("POST", "customers", "name=C", &key).await
    };
    let (first, second) = futures::future::join(account.ask("POST", "customers", "name=C", &key), late).await;
    assert_eq!((first.status, second.status), (500, 409));
    assert_eq!(second.json()["error"]["code"], "idempotency_key_in_use");
    assert_eq!(account.ask("POST", "customers", "name=C", &key).await.status, 200);
    assert_eq!(account.cloud.inspect(|state| state.stripe.all("customer").len()), 2);
    // What was refused for its parameters was not done, and its key is free.
    let key = [("idempotency-key", "k3")];
    assert_eq!(account.ask("POST", "customers", "email=x", &key).await.status, 400);
    assert_eq!(account.ask("POST", "customers", "email=x@example.com", &key).await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_older_version_shows_what_it_showed() {
    let account = Account::start().await;
    let subscription = account.subscribed("").await;
    let id = subscription["id"].as_str().unwrap();
    let end = &subscription["items"]["data"][0]["current_period_end"];
    assert!(end.is_i64() && subscription["current_period_end"].is_null());
    let old =
        account.ask("GET", &format!("subscriptions/{id}"), "", &[("stripe-version", "2023-10-16")]).await;
    assert_eq!(old.headers["stripe-version"], "2023-10-16");
    let old = old.json();
    assert_eq!(old["current_period_end"], *end);
    assert!(old["items"]["data"][0]["current_period_end"].is_null());
    let list = account
        .ask("GET", "invoices", "expand[]=data.payment_intent", &[("stripe-version", "2024-06-20")])
        .await
        .json();
    assert_eq!(list["data"][0]["subscription"], *id, "{list}");
}

#[tokio::test(flavor = "multi_thread")]
async fn webhooks_are_lost_late_and_doubled_as_it_is_asked() {
    let account = Account::start().await;
    let manner = async |manner: Value| {
        assert_eq!(local_api(&account.cloud, "PUT", "/stripe/manner", manner).await.status, 200);
    };
    let hooks = || account.cloud.invocations(Some("hook")).len();
    let settled = async || assert!(account.cloud.drain().await);
    account.read::<Customer>("POST", "customers", "name=A").await;
    settled().await;
    assert_eq!(hooks(), 1);
    manner(json!({ "times": 0 })).await;
    account.read::<Customer>("POST", "customers", "name=B").await;
    settled().await;
    assert_eq!(hooks(), 1);
    manner(json!({ "times": 3, "shuffle": true, "delay_seconds": 3600 })).await;
    account.read::<Customer>("POST", "customers", "name=C").await;
    settled().await;
    assert_eq!(hooks(), 1);
    account.cloud.advance(SignedDuration::from_hours(2)).await;
    assert_eq!(hooks(), 4);
}
