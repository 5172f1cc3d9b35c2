use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::{BillingReason, InvoiceStatus, PauseBehavior, SubscriptionStatus};

fn event(kind: &str, object: &Value) -> Event {
    let event = json!({
        "id": "evt_1", "object": "event", "type": kind, "created": 1_800_000_000, "api_version": "2026-09-30.endive",
        "livemode": false, "pending_webhooks": 1, "request": {"id": null}, "data": {"object": object},
    });
    Event::parse(event.to_string().as_bytes()).unwrap()
}

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

fn subscription() -> Value {
    json!({
        "id": "sub_1", "object": "subscription", "customer": "cus_1", "status": "active", "created": 1_700_000_000,
        "cancel_at_period_end": false, "cancel_at": null, "ended_at": null, "trial_end": null,
        "metadata": {"org_id": "org_1"},
        "items": {"object": "list", "data": [
            {"id": "si_1", "price": {"id": "price_1"}, "quantity": 3, "current_period_start": 10, "current_period_end": 20},
            {"id": "si_2", "price": {"id": "price_2"}, "current_period_start": 10, "current_period_end": 50},
        ]},
    })
}

fn read_subscription(object: &Value) -> Subscription {
    match event("customer.subscription.updated", object).read().unwrap() {
        Content::Subscription(SubscriptionChange::Updated, subscription) => subscription,
        other => panic!("{other:?}"),
    }
}

#[test]
fn every_kind_that_is_asked_for_is_read() {
    assert!(EVENT_TYPES.is_sorted());
    // what has no fingerprint is no card that would be known again
    let card = json!({ "customer": "cus_1", "card": { "fingerprint": "Xt5EWLLDS7FJjR1c" } });
    for kind in EVENT_TYPES {
        assert!(!matches!(event(kind, &card).read(), Ok(Content::Other)), "{kind}");
    }
    assert!(matches!(event("invoice.upcoming", &json!({})).read(), Ok(Content::Other)));
}

#[test]
fn reads_a_subscription_of_today() {
    let read = read_subscription(&subscription());
    assert_eq!(read.id.as_str(), "sub_1");
    assert_eq!(read.status, SubscriptionStatus::Active);
    assert_eq!((read.current_period_start, read.current_period_end), (Some(at(10)), Some(at(50))));
    assert_eq!(read.price.unwrap().as_str(), "price_1");
    assert_eq!(read.quantity, Some(3));
    assert_eq!(read.metadata["org_id"], "org_1");
}

#[test]
fn reads_a_subscription_of_api_2023() {
    let mut object = subscription();
    object["current_period_start"] = json!(11);
    object["current_period_end"] = json!(22);
    object["items"] = json!({"data": [{"price": {"id": "price_1"}, "quantity": 3}]});
    let read = read_subscription(&object);
    assert_eq!((read.current_period_start, read.current_period_end), (Some(at(11)), Some(at(22))));
}

#[test]
fn reads_every_status_and_refuses_one_it_does_not_know() {
    for status in SubscriptionStatus::ALL {
        let mut object = subscription();
        object["status"] = json!(status.as_str());
        assert_eq!(read_subscription(&object).status, *status);
    }
    let mut object = subscription();
    object["status"] = json!("hibernating");
    let read = event("customer.subscription.updated", &object).read();
    assert!(matches!(read, Err(UnreadableObject::Status(status)) if status == "hibernating"));
}

#[test]
fn reads_an_invoice_of_either_shape() {
    let common = json!({
        "id": "in_1", "customer": "cus_1", "status": "open", "created": 1_700_000_000, "amount_due": 2000,
        "amount_paid": 0, "currency": "usd", "attempt_count": 1, "billing_reason": "subscription_cycle",
        "metadata": {"own": "yes"},
    });
    let mut today = common.clone();
    today["parent"] = json!({
        "type": "subscription_details",
        "subscription_details": {"subscription": "sub_1", "metadata": {"org_id": "org_1"}},
    });
    let mut old = common.clone();
    old["subscription"] = json!("sub_1");
    old["subscription_details"] = json!({"metadata": {"org_id": "org_1"}});
    for object in [today, old] {
        let read = event("invoice.payment_failed", &object).read().unwrap();
        let Content::Invoice(InvoiceChange::PaymentFailed, invoice) = read else { panic!("{read:?}") };
        assert_eq!(invoice.subscription.unwrap().as_str(), "sub_1");
        assert_eq!(invoice.status, Some(InvoiceStatus::Open));
        assert_eq!(invoice.subscription_metadata["org_id"], "org_1");
        assert_eq!(invoice.metadata["own"], "yes");
        assert_eq!(invoice.billing_reason, Some(BillingReason::SubscriptionCycle));
    }
    let one_off = event("invoice.paid", &common).read().unwrap();
    assert!(
        matches!(one_off, Content::Invoice(InvoiceChange::Paid, invoice) if invoice.subscription.is_none())
    );
}

#[test]
fn reads_a_checkout_session() {
    let object = json!({
        "id": "cs_test_1", "customer": "cus_1", "subscription": "sub_1", "client_reference_id": "org_1", "metadata": null,
    });
    let read = event("checkout.session.completed", &object).read().unwrap();
    let Content::CheckoutCompleted(session) = read else { panic!("{read:?}") };
    assert_eq!(session.client_reference_id.as_deref(), Some("org_1"));
    assert!(session.metadata.is_empty() && !session.from_payment_link);
}

#[test]
fn reads_what_becomes_of_money_and_of_customers() {
    let charge = json!({ "id": "ch_1", "customer": "cus_1", "amount": 900, "amount_refunded": 400, "currency": "usd" });
    let read = event("charge.refunded", &charge).read().unwrap();
    let Content::Refunded(refund) = read else { panic!("{read:?}") };
    assert_eq!((refund.customer.as_ref().unwrap().as_str(), refund.amount), ("cus_1", 400));
    let dispute =
        json!({ "id": "dp_1", "charge": "ch_1", "amount": 900, "currency": "usd", "reason": "fraudulent" });
    let read = event("charge.dispute.created", &dispute).read().unwrap();
    let Content::Disputed(dispute) = read else { panic!("{read:?}") };
    assert_eq!((dispute.charge.as_str(), &*dispute.reason), ("ch_1", "fraudulent"));
    let customer = json!({ "id": "cus_1", "deleted": true, "metadata": { "org_id": "org_1" } });
    let read = event("customer.deleted", &customer).read().unwrap();
    assert!(matches!(&read, Content::CustomerDeleted(id, _) if id.as_str() == "cus_1"), "{read:?}");
    for kind in ["charge.refunded", "charge.dispute.created", "customer.deleted"] {
        event(kind, &json!({})).read().unwrap_err();
    }
}

#[test]
fn a_trial_that_awaits_a_means_of_payment_is_ours_alone() {
    let read = |intent: Value, metadata: Value| {
        let object = json!({ "id": "sub_1", "customer": "cus_1", "status": "trialing", "created": 1,
            "pending_setup_intent": intent, "metadata": metadata });
        match event("customer.subscription.updated", &object).read().unwrap() {
            Content::Subscription(_, read) => read.awaits_setup,
            other => panic!("{other:?}"),
        }
    };
    let ours = || json!({ "checkout_id": "chk_1" });
    assert!(read(json!("seti_1"), ours()));
    assert!(!read(Value::Null, ours()), "somebody has given one");
    assert!(!read(json!("seti_1"), json!({})), "a seller began it at Stripe, and means it as it is");
}

#[test]
fn leaves_what_it_does_not_listen_to() {
    let entitlements = "entitlements.active_entitlement_summary.updated";
    for kind in [entitlements, "invoice.upcoming", "invoice.will_be_due", "invoice.deleted"] {
        assert_eq!(event(kind, &json!({"customer": "cus_7"})).read().unwrap(), Content::Other, "{kind}");
    }
}

#[test]
fn reads_the_envelope_of_a_v2_event() {
    let body = br#"{"id":"evt_test_65","object":"v2.core.event","type":"v1.billing.meter.no_meter_found",
        "created":"2026-09-17T06:20:52.246Z","livemode":false,"related_object":null}"#;
    let event = Event::parse(body).unwrap();
    assert_eq!(event.created.to_string(), "2026-09-17T06:20:52.246Z");
    assert_eq!(event.read().unwrap(), Content::Other);
}

#[test]
fn refuses_what_is_no_event() {
    for body in [
        "",
        "null",
        "[]",
        "{}",
        "not json",
        r#"{"id":"evt_1","type":"a"}"#,
        r#"{"id":"evt_1","type":"a","created":"yesterday"}"#,
        r#"{"id":"evt#1","type":"a","created":1}"#,
        r#"{"id":"evt_1","type":"a","created":9223372036854775807}"#,
        r#"{"id":"evt_1","type":7,"created":1}"#,
        r#"{"id":"evt_1","type":"a","created":1,"livemode":"yes"}"#,
        r#"["evt_1","a",1,null,false,{"object":{}}]"#,
    ] {
        assert!(Event::parse(body.as_bytes()).is_err(), "{body}");
    }
}

/// One damaged field that is only shown or compared, at a time: the rest is read.
#[test]
fn one_odd_field_does_not_cost_the_event() {
    let fields = [
        "cancel_at",
        "cancel_at_period_end",
        "ended_at",
        "trial_end",
        "metadata",
        "items",
        "pause_collection",
        "current_period_start",
        "current_period_end",
        "quantity",
        "plan",
    ];
    for field in fields {
        for value in [json!(-1e300), json!("x"), json!([7]), json!({"data": 7}), json!(i64::MAX), Value::Null]
        {
            let mut object = subscription();
            object[field] = value.clone();
            assert_eq!(read_subscription(&object).status, SubscriptionStatus::Active, "{field} {value}");
        }
    }
    for value in [json!("9".repeat(400)), json!(7), json!(""), json!({})] {
        let mut object = subscription();
        object["items"]["data"][0]["price"]["id"] = value;
        assert_eq!(read_subscription(&object).price, None);
    }
    let mut object = subscription();
    object["metadata"] = json!({"org_id": "org_1", "seats": 7});
    assert_eq!(read_subscription(&object).metadata.len(), 1);
}

#[test]
fn a_price_is_called_what_it_was_called() {
    for name in ["price_1", "pro.monthly", "Gold Plan", "team/yearly", "$49-month", "plan:basic", "Größe 2"]
    {
        let mut object = subscription();
        object["items"]["data"][0]["price"]["id"] = json!(name);
        assert_eq!(read_subscription(&object).price.unwrap().as_str(), name);
    }
}

#[test]
fn of_several_items_the_one_that_is_sold_by_number_counts() {
    let metered = json!({"price": {"id": "calls", "recurring": {"usage_type": "metered"}}});
    let old_metered = json!({"plan": {"id": "calls", "usage_type": "metered"}, "quantity": null});
    let seats = json!({"price": {"id": "seats", "recurring": {"usage_type": "licensed"}}, "quantity": 7});
    let flat = json!({"price": {"id": "flat"}});
    let sold = |items: &[&Value]| {
        let mut object = subscription();
        object["items"] = json!({"data": items});
        let read = read_subscription(&object);
        (read.price.map(|price| price.to_string()).unwrap_or_default(), read.quantity)
    };
    assert_eq!(sold(&[&metered, &seats]), ("seats".to_owned(), Some(7)));
    assert_eq!(sold(&[&old_metered, &flat, &seats]), ("seats".to_owned(), Some(7)));
    assert_eq!(sold(&[&metered, &flat]), ("flat".to_owned(), None));
    assert_eq!(sold(&[&metered]), ("calls".to_owned(), None));
    assert_eq!(sold(&[]), (String::new(), None));
}

#[test]
fn reads_the_plan_of_a_subscription_of_old() {
    let mut object = subscription();
    object["items"] = Value::Null;
    object["plan"] = json!({"id": "gold"});
    object["quantity"] = json!(2);
    let read = read_subscription(&object);
    assert_eq!((read.price.unwrap().as_str(), read.quantity), ("gold", Some(2)));
}

#[test]
fn reads_that_collection_is_paused() {
    let paused = |pause: Value| {
        let mut object = subscription();
        object["pause_collection"] = pause;
        read_subscription(&object).pause_collection
    };
    let read = paused(json!({"behavior": "void", "resumes_at": 1_800_000_000})).unwrap();
    assert_eq!((read.behavior, read.resumes_at), (PauseBehavior::Void, Some(at(1_800_000_000))));
    assert_eq!(paused(json!({"behavior": "keep_as_draft"})).unwrap().resumes_at, None);
    assert_eq!(paused(json!({"behavior": "hibernate"})), None);
}

#[test]
fn knows_events_of_other_accounts() {
    let parse = |more: &str| {
        let body = format!(r#"{{"id":"evt_1","type":"a","created":1{more}}}"#);
        Event::parse(body.as_bytes()).unwrap().of_other_account
    };
    assert!(!parse("") && !parse(r#","account":null,"context":null"#));
    assert!(parse(r#","account":"acct_1Other""#) && parse(r#","context":"org_1/acct_2""#));
}

#[test]
fn what_is_longer_than_anything_of_stripe_s_is_unreadable_and_not_kept() {
    let long = "ä".repeat(200_000);
    for field in ["type", "api_version"] {
        let mut body = json!({"id": "evt_1", "type": "invoice.paid", "created": 1, "data": {"object": {}}});
        body[field] = json!(long);
        let event = Event::parse(body.to_string().as_bytes()).unwrap();
        assert!(matches!(event.read(), Err(UnreadableObject::TooLong)), "{field}");
        assert!(event.kind.len() <= 128 && event.api_version.is_none_or(|version| version.len() <= 128));
    }
    for currency in ["", "e u", &"x".repeat(390_000), "€"] {
        let object = json!({"id": "in_1", "customer": "cus_1", "status": "open", "created": 1,
            "amount_due": 1, "amount_paid": 0, "currency": currency});
        let read = event("invoice.paid", &object).read();
        assert!(matches!(read, Err(UnreadableObject::Field("currency"))), "{}", currency.len());
    }
}

#[test]
fn says_so_when_an_object_is_unreadable() {
    for object in
        [json!(null), json!({}), json!("sub_1"), json!({"id": "sub_1", "customer": {"id": "cus_1"}})]
    {
        assert!(event("customer.subscription.updated", &object).read().is_err(), "{object}");
    }
}

#[test]
fn does_not_print_the_object() {
    let event = event("charge.refunded", &json!({"email": "jane@example.com"}));
    assert!(!format!("{event:?}").contains("jane"));
}

proptest! {
    #[test]
    fn arbitrary_bytes_never_panic(body: Vec<u8>) {
        prop_assert!(Event::parse(&body).is_err());
    }

    #[test]
    fn damaged_fields_never_panic(field in "status|created|items|metadata|customer|id", value in "null|-1|true|\"x\"|\\[\\]|\\{\\}|1e300") {
        let mut object = subscription();
        object[field] = serde_json::from_str(&value).unwrap();
        drop(event("customer.subscription.updated", &object).read());
    }
}

#[test]
fn a_card_is_known_by_its_fingerprint_and_other_means_of_payment_say_nothing() {
    let method = json!({ "id": "pm_1", "object": "payment_method", "type": "card", "customer": "cus_1",
        "card": { "brand": "visa", "last4": "4242", "fingerprint": "Xt5EWLLDS7FJjR1c" } });
    let read = event("payment_method.attached", &method).read().unwrap();
    assert_eq!(read, Content::CardAttached("cus_1".parse().unwrap(), "Xt5EWLLDS7FJjR1c".to_owned()));
    let debit = json!({ "id": "pm_1", "customer": "cus_1", "type": "sepa_debit", "sepa_debit": {} });
    let alone = json!({ "id": "pm_1", "type": "card", "card": { "fingerprint": "Xt5EWLLDS7FJjR1c" } });
    for object in [debit, alone] {
        assert_eq!(event("payment_method.attached", &object).read().unwrap(), Content::Other);
    }
}
