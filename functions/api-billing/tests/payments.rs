//! How somebody subscribes: twice, at once, through failures, and with a process that dies on the way.
#![expect(clippy::unwrap_used, reason = "tests")]

mod world;

use axum::http::StatusCode;
use futures::future::join_all;
use primitives::SignedDuration;
use serde_json::{Value, json};
use test_support::{Moment, noon};

use crate::world::{Trouble, World, org_id};

const CHECKOUTS: &str = "/v1/billing/checkouts";

fn wish(plan: &str) -> Value {
    json!({ "plan": plan, "interval": "month", "return_to": "/done", "cancel_to": "http://localhost:5173/no" })
}

impl World {
    async fn checkout(&self, plan: &str) -> (StatusCode, Value) {
        self.post(CHECKOUTS, None, &wish(plan)).await
    }

    fn opened(&self) -> Vec<String> {
        let calls = self.stripe.seen();
        let opened = calls
            .calls
            .iter()
            .filter(|(method, path, _)| method == "POST" && path == "/v1/checkout/sessions");
        opened.map(|(_, _, body)| body.clone()).collect()
    }
}

#[tokio::test]
async fn twenty_at_once_make_one_customer_and_one_page() {
    let world = World::new().await;
    let answers = join_all((0..20).map(|_| world.checkout("team"))).await;
    let of = |status| answers.iter().filter(|(answered, _)| *answered == status).count();
    assert_eq!((of(StatusCode::CREATED), of(StatusCode::OK)), (1, 19), "{answers:?}");
    let first = &answers[0].1;
    assert!(answers.iter().all(|(_, body)| body["id"] == first["id"] && body["url"] == first["url"]));
    assert_eq!(first["url"], "https://checkout.stripe.com/c/pay/cs_1");
    assert_eq!(world.stripe.counts(), (1, 1));
    assert_eq!(world.told("checkout.started").await, 1);
    let path = format!("{CHECKOUTS}/{}", first["id"].as_str().unwrap());
    let (status, shown) = world.get(&path, "admin").await;
    assert_eq!((status, &shown["status"], &shown["seats"]), (StatusCode::OK, &json!("open"), &json!(1)));
    for (token, expected) in [("elsewhere", 404), ("member", 403), ("", 401)] {
        assert_eq!(world.get(&path, token).await.0.as_u16(), expected, "{token}");
    }
}

#[tokio::test]
async fn twenty_at_once_who_want_different_things_leave_one_page_open() {
    let world = World::new().await;
    let plans = ["starter", "team", "business"];
    let answers = join_all((0..20).map(|number| world.checkout(plans[number % 3]))).await;
    for (status, body) in &answers {
        assert!(status.is_success() || body["code"] == "unavailable", "{status} {body}");
    }
    assert_eq!(world.stripe.counts(), (1, 1));
    assert_eq!(world.checkout("team").await.0.as_u16() / 100, 2);
    assert_eq!(world.stripe.open_pages(), 1, "and so does the next one");
}

#[tokio::test]
async fn what_is_open_is_given_and_another_wish_takes_its_place() {
    let world = World::new().await;
    let (status, team) = world.checkout("team").await;
    assert_eq!(status, StatusCode::CREATED, "{team}");
    assert_eq!(world.checkout("team").await, (StatusCode::OK, team.clone()));
    let (status, business) = world.checkout("business").await;
    assert_eq!(status, StatusCode::CREATED);
    assert_ne!(team["id"], business["id"]);
    assert_eq!(
        world.stripe.seen().pages.clone().into_iter().collect::<Vec<_>>(),
        [("cs_1".to_owned(), "expired"), ("cs_2".to_owned(), "open")]
    );
    let path = format!("{CHECKOUTS}/{}", team["id"].as_str().unwrap());
    assert_eq!(world.get(&path, "owner").await.0, StatusCode::NOT_FOUND);
    // what was paid at the last moment is paid
    world.stripe.seen().pages.insert("cs_2".to_owned(), "complete");
    assert_eq!(world.checkout("starter").await.1["code"], "already_subscribed");
    assert_eq!(world.checkout("business").await.1["code"], "already_subscribed");
    assert_eq!(world.stripe.open_pages(), 0);
}

/// The days that are left stay free, and nothing is ever paid before the end that was promised.
#[tokio::test]
async fn a_trial_is_kept_to_its_end() {
    let trial = SignedDuration::from_hours(14 * 24);
    for (passed, expected) in [
        (SignedDuration::ZERO, Some(trial)),
        (SignedDuration::from_hours(10 * 24), Some(trial)),
        // Stripe takes no trial of less than 48 hours
        (SignedDuration::from_hours(13 * 24), Some(SignedDuration::from_secs(15 * 86_400 + 300))),
        (SignedDuration::from_hours(14 * 24), None),
    ] {
        let world = World::new().await;
        world.clock.advance(passed);
        assert_eq!(world.checkout("team").await.0, StatusCode::CREATED);
        let body = world.opened().remove(0);
        let end =
            expected.map(|length| format!("subscription_data[trial_end]={}", (noon() + length).as_second()));
        match end {
            Some(end) => assert!(body.contains(&end), "{passed}: {body}"),
            None => assert!(!body.contains("trial"), "{passed}: {body}"),
        }
        let org = format!("subscription_data[metadata][org_id]={}", org_id());
        for part in ["automatic_tax[enabled]=true", "allow_promotion_codes=true", "customer=cus_1", &org] {
            assert!(body.contains(part), "{part}: {body}");
        }
    }
}

#[tokio::test]
async fn what_is_wrong_is_said_and_nothing_is_left_open() {
    let world = World::new().await;
    let with = |name: &str, value: &str| {
        let mut body = wish("team");
        body[name] = json!(value);
        body
    };
    for (body, pointer, code) in [
        (with("plan", "gold"), "/plan", "unknown_value"),
        (with("promotion_code", "MORE"), "/promotion_code", "unknown_value"),
        (with("return_to", "https://evil.example/"), "/return_to", "invalid_format"),
        (with("return_to", "http://localhost:5173@evil.example/"), "/return_to", "invalid_format"),
        (with("return_to", "http://localhost:5173.evil.example/"), "/return_to", "invalid_format"),
        (with("cancel_to", "javascript:alert(1)"), "/cancel_to", "invalid_format"),
        (with("cancel_to", "/a\\b"), "/cancel_to", "invalid_format"),
    ] {
        let (status, problem) = world.post(CHECKOUTS, None, &body).await;
        let error = &problem["errors"][0];
        assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY, "{body}: {problem}");
        assert_eq!((&error["pointer"], &error["code"]), (&json!(pointer), &json!(code)), "{body}");
    }
    assert_eq!(world.stripe.open_pages(), 0);
    let less = world.post(CHECKOUTS, None, &with("promotion_code", "LESS")).await;
    assert_eq!(less.0, StatusCode::CREATED, "{less:?}");
    assert!(world.opened()[0].contains("discounts[0][promotion_code]=promo_1"));
    assert_eq!(
        world.post("/v1/billing/portal-sessions", Some("one"), &json!({ "return_to": "/" })).await.0,
        201
    );
    let again = world.post("/v1/billing/portal-sessions", Some("one"), &json!({ "return_to": "/" })).await;
    assert_eq!((again.0.as_u16(), &again.1["url"]), (201, &Value::Null), "a way in is told once");
}

/// Whatever Stripe answers, whoever asks again gets one page; no answer of ours is a 500.
#[tokio::test]
async fn stripe_is_late_busy_and_broken() {
    for (troubles, first) in [
        (vec![Trouble::Late], "201"),
        (vec![Trouble::Refused(429, "rate_limit"), Trouble::Refused(500, "x")], "201"),
        (vec![Trouble::Refused(503, "x"); 3], "503 unavailable"),
        (vec![Trouble::Refused(403, "more_permissions_required")], "503 upstream_unavailable"),
        (vec![Trouble::Refused(402, "card_declined")], "402 payment_failed"),
    ] {
        // the customer, the price, and the page itself
        for calm in 0..3 {
            let world = World::new().await;
            world.stripe.seen().calm = calm;
            world.stripe.seen().troubles.extend(troubles.clone());
            let (status, body) = world.post(CHECKOUTS, Some("one"), &wish("team")).await;
            let code = body["code"].as_str().map(|code| format!(" {code}")).unwrap_or_default();
            assert_eq!(format!("{}{code}", status.as_u16()), first, "{troubles:?} after {calm}: {body}");
            assert!(!body.to_string().contains("jane"), "{body}");
            let (status, body) = world.post(CHECKOUTS, Some("one"), &wish("team")).await;
            assert_eq!(status, StatusCode::CREATED, "{troubles:?} after {calm}: {body}");
            assert_eq!(world.stripe.counts(), (1, 1));
            assert_eq!(world.told("checkout.started").await, 1);
        }
    }
}

/// A process that dies at any call, to AWS or to Stripe, before it or with the answer lost: whoever asks
/// again finds one customer, one page, one event.
#[tokio::test]
async fn a_process_that_dies_on_the_way_leaves_one_of_each() {
    for of_stripe in [false, true] {
        'calls: for call in 0.. {
            for moment in [Moment::Before, Moment::After] {
                let mut world = World::new().await;
                let body = wish("team");
                let ask = world.post(CHECKOUTS, Some("one"), &body);
                let answered = if of_stripe {
                    world.stripe.die_at(call, moment);
                    tokio::select! { biased; () = world.stripe.died() => None, answer = ask => Some(answer) }
                } else {
                    world.crashes.run(call, moment, ask).await
                };
                if let Some((status, body)) = answered {
                    assert_eq!(status, StatusCode::CREATED, "{body}");
                    assert!(call >= 3, "{call} calls");
                    break 'calls;
                }
                world.clock.advance(SignedDuration::from_secs(31));
                world.restart();
                let (status, body) = world.post(CHECKOUTS, Some("one"), &wish("team")).await;
                let case = format!("after a crash at call {call} ({moment:?}, Stripe: {of_stripe}): {body}");
                assert!(status.is_success(), "{case}");
                assert_eq!(world.stripe.counts(), (1, 1), "{case}");
                assert_eq!(world.told("checkout.started").await, 1, "{case}");
            }
        }
    }
}

#[tokio::test]
async fn a_page_is_paid_once_and_whoever_pays_is_subscribed() {
    let world = World::new().await;
    let (_, opened) = world.checkout("team").await;
    let paid = json!({ "id": "cs_1", "customer": "cus_1", "subscription": "sub_1", "client_reference_id": org_id(),
        "metadata": { "org_id": org_id(), "checkout_id": opened["id"] } });
    for _ in 0..2 {
        world.clock.advance(SignedDuration::from_secs(1));
        world.hear_from_stripe("checkout.session.completed", paid.clone()).await;
    }
    assert_eq!(world.told("checkout.completed").await, 1);
    let path = format!("{CHECKOUTS}/{}", opened["id"].as_str().unwrap());
    let shown = world.get(&path, "owner").await.1;
    assert_eq!((&shown["status"], &shown["url"]), (&json!("completed"), &Value::Null));
    // nothing was heard of the subscription yet
    assert_eq!(world.checkout("team").await.1["code"], "already_subscribed");
    let created = world.clock.now().as_second();
    let subscription = |status: &str| {
        json!({ "id": "sub_1", "customer": "cus_1", "status": status, "created": created,
            "metadata": { "org_id": org_id() }, "items": { "data": [{ "price": { "id": "price_1",
            "lookup_key": "team_month" }, "quantity": 1 }] } })
    };
    world.hear_from_stripe("customer.subscription.created", subscription("active")).await;
    world.clock.advance(SignedDuration::from_hours(24));
    assert_eq!(world.checkout("team").await.1["code"], "already_subscribed");
    // and whoever has left may come back
    world.hear_from_stripe("customer.subscription.deleted", subscription("canceled")).await;
    assert_eq!(world.checkout("team").await.0, StatusCode::CREATED);
    assert_eq!(world.stripe.seen().customers.len(), 1, "as the same customer");
}

#[tokio::test]
async fn a_customer_that_was_deleted_at_stripe_is_followed_by_another() {
    let world = World::new().await;
    world.checkout("team").await;
    world.clock.advance(SignedDuration::from_secs(1));
    let gone = json!({ "id": "cus_1", "metadata": { "org_id": org_id() } });
    world.hear_from_stripe("customer.deleted", gone).await;
    let portal = world.post("/v1/billing/portal-sessions", None, &json!({ "return_to": "/" })).await;
    assert_eq!(portal.1["code"], "no_customer");
    let (status, body) = world.checkout("team").await;
    assert_eq!(status, StatusCode::CREATED, "{body}");
    assert_eq!(world.stripe.seen().customers.len(), 2);
    assert!(world.opened()[1].contains("customer=cus_2"));
}

#[tokio::test]
async fn money_that_is_given_back_is_told_of_once_and_nobody_elses_is() {
    let world = World::new().await;
    world.checkout("team").await;
    let charge = |customer: &str| json!({ "id": "ch_1", "customer": customer, "amount_refunded": 900, "currency": "usd", "metadata": {} });
    for (second, customer) in [(0, "cus_1"), (0, "cus_1"), (1, "cus_of_another")] {
        world.clock.advance(SignedDuration::from_secs(second));
        world.hear_from_stripe("charge.refunded", charge(customer)).await;
    }
    assert_eq!(world.told("payment.refunded").await, 1);
    assert_eq!(
        world
            .database
            .items()
            .await
            .iter()
            .filter(|item| format!("{item:?}").contains("STRIPE_PARKED"))
            .count(),
        0
    );
}

/// What does not need Stripe does not read its key, and opens no connection.
#[tokio::test]
async fn nobody_pays_for_stripe_who_does_not_ask_it() {
    let world = World::new().await;
    for path in ["subscription", "plans", "seats"] {
        assert_eq!(world.get(&format!("/v1/billing/{path}"), "owner").await.0, StatusCode::OK, "{path}");
    }
    assert_eq!((world.services.secret_reads(), world.stripe.seen().calls.len()), (0, 0));
}
