use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::{InvoiceStatus, SubscriptionStatus};

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
        "amount_paid": 0, "currency": "usd", "attempt_count": 1, "next_payment_attempt": 1_700_000_100,
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
        assert_eq!(invoice.metadata["org_id"], "org_1");
        assert_eq!(invoice.metadata["own"], "yes");
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
    assert!(session.metadata.is_empty());
}

#[test]
fn leaves_what_it_does_not_listen_to() {
    let event = event("charge.refunded", &json!({"id": "ch_1", "customer": "cus_7"}));
    assert_eq!(event.read().unwrap(), Content::Other);
    assert_eq!(event.customer().unwrap().as_str(), "cus_7");
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
    ] {
        assert!(Event::parse(body.as_bytes()).is_err(), "{body}");
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
