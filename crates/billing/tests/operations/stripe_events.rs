//! Events from Stripe against a real engine: once each, in any order, none lost.

use crate::support::{Log, World, cause, event, invoice, subscription};
use access::AccessLevel;
use billing::{BillingError, ParkReason, Received, Replay, Rules, StripeEvents};
use futures::future::join_all;
use primitives::{Ids, OrgId};
use serde_json::{Value, json};
use stripe_client::SubscriptionStatus;

#[tokio::test]
async fn an_event_changes_the_account_and_tells_others() {
    let world = World::new().await;
    let event = world.subscription_event("evt_1", "created", 0, "active");
    assert_eq!(world.receive(&event).await, Received::Applied);

    assert_eq!(world.status().await, Some("active"));
    let account = world.account().await;
    assert_eq!(account.stripe.customer().unwrap().as_str(), "cus_1");
    assert_eq!(account.next_notice_at(), None);
    let told = world.database.events().await.into_iter().find(|event| event.kind == "subscription.activated");
    let told = told.unwrap();
    assert_eq!((told.org_id, told.sequence), (Some(world.org_id), 200));
}

#[tokio::test]
async fn a_repeated_event_has_no_second_effect() {
    let world = World::new().await;
    let event = world.subscription_event("evt_1", "created", 0, "active");
    world.receive(&event).await;
    let before = world.database.items().await;
    assert_eq!(world.receive(&event).await, Received::Duplicate);
    assert_eq!(world.database.items().await, before);
}

#[tokio::test]
async fn fifty_deliveries_at_once_have_one_effect() {
    let world = World::new().await;
    let event = world.subscription_event("evt_1", "created", 0, "active");
    let received = join_all((0..50).map(|_| world.receive(&event))).await;
    assert_eq!(received.iter().filter(|received| **received == Received::Applied).count(), 1);
    assert_eq!(received.iter().filter(|received| **received == Received::Duplicate).count(), 49);
    assert_eq!(world.published().await, ["subscription.activated"]);
    assert_eq!(world.database.count("stripe_event").await, 1);
}

#[tokio::test]
async fn fifty_different_events_at_once_all_count() {
    let world = World::new().await;
    let events: Vec<_> = (0..50_i64)
        .map(|second| {
            let status = if second == 49 { "past_due" } else { "active" };
            world.subscription_event(&format!("evt_{second}"), "updated", second, status)
        })
        .collect();
    let received = join_all(events.iter().map(|event| world.receive_at_last(event))).await;
    assert!(received.iter().all(|received| *received == Received::Applied), "{received:?}");
    assert_eq!(world.status().await, Some("past_due"));
    assert_eq!(world.database.count("stripe_event").await, 50);
}

#[tokio::test]
async fn the_order_of_delivery_does_not_matter() {
    let world = World::new().await;
    let events = [
        world.subscription_event("evt_1", "created", 0, "incomplete"),
        world.subscription_event("evt_2", "updated", 5, "active"),
        event("evt_3", "invoice.paid", 6, &invoice(1, "paid", 1)),
        event("evt_4", "invoice.payment_failed", 100, &invoice(90, "open", 1)),
        world.subscription_event("evt_5", "updated", 101, "past_due"),
        world.subscription_event("evt_6", "deleted", 200, "canceled"),
    ];
    let mut outcomes = Vec::new();
    for rotation in 0..events.len() {
        for backwards in [false, true] {
            let world = World { org_id: world.org_id, ..World::new().await };
            world.open_account(world.org_id).await;
            let mut order: Vec<_> = events.iter().cycle().skip(rotation).take(events.len()).collect();
            if backwards {
                order.reverse();
            }
            for event in order.iter().chain(&order) {
                world.receive(event).await;
            }
            assert_eq!(world.database.count("parked_stripe_event").await, 0);
            outcomes.push(world.account().await.stripe);
        }
    }
    assert!(outcomes.iter().all(|outcome| *outcome == outcomes[0]));
    assert_eq!(outcomes[0].subscription().unwrap().status, SubscriptionStatus::Canceled);
}

#[tokio::test]
async fn what_nobody_can_place_yet_waits_until_the_customer_is_known() {
    let world = World::new().await;
    let waiting = [
        event("evt_1", "invoice.paid", 1, &invoice(1, "paid", 1)),
        event("evt_2", "customer.subscription.updated", 2, &subscription("active", &json!({}))),
    ];
    for event in &waiting {
        assert_eq!(world.receive(event).await, Received::Parked(ParkReason::UnknownCustomer));
        assert_eq!(world.receive(event).await, Received::Duplicate);
    }
    assert_eq!(world.database.count("parked_stripe_event").await, 2);
    assert_eq!(world.status().await, None);

    let session = json!({"id": "cs_1", "customer": "cus_1", "subscription": "sub_1",
        "client_reference_id": world.org_id, "metadata": {}});
    let checkout = event("evt_3", "checkout.session.completed", 3, &session);
    assert_eq!(world.receive(&checkout).await, Received::Applied);
    assert_eq!(world.status().await, Some("active"));
    assert_eq!(world.database.count("parked_stripe_event").await, 0);
    let mut published = world.published().await;
    published.sort();
    assert_eq!(published, ["invoice.paid", "subscription.activated"]);
    assert_eq!(world.receive(&waiting[0]).await, Received::Duplicate);
}

#[tokio::test]
async fn parking_and_the_arrival_of_the_customer_at_once_leave_nothing_behind() {
    for _ in 0..10 {
        let world = World::new().await;
        let waiting: Vec<_> = (0..5)
            .map(|number| {
                event(&format!("evt_{number}"), "invoice.paid", number, &invoice(number, "paid", 1))
            })
            .collect();
        let known = world.subscription_event("evt_known", "created", 0, "active");
        let mut all: Vec<_> = waiting.iter().map(|event| world.receive(event)).collect();
        all.push(world.receive(&known));
        join_all(all).await;
        assert_eq!(world.database.count("parked_stripe_event").await, 0);
        assert_eq!(world.published().await.len(), 6);
    }
}

#[tokio::test]
async fn a_duplicate_makes_good_what_a_crash_left_waiting() {
    let world = World::new().await;
    let waiting = event("evt_1", "invoice.paid", 1, &invoice(1, "paid", 1));
    world.receive(&waiting).await;
    let known = world.subscription_event("evt_2", "created", 0, "active");
    world.receive(&known).await;
    assert_eq!(world.database.count("parked_stripe_event").await, 0);
    // As if the run had stopped after the customer was known: the event waits again.
    let parked = json!({"event_id": "evt_9", "event_type": "invoice.paid", "created": "2026-11-23T12:00:09Z",
        "parked_at": "2026-11-23T12:00:09Z", "reason": "unknown_customer", "waits_for": "cus_1",
        "body": event("evt_9", "invoice.paid", 9, &invoice(9, "paid", 1)).to_string()});
    let parked: billing::ParkedEvent = serde_json::from_value(parked).unwrap();
    world.table.commit(&crate::support::cause(), table::Changes::new().create(&parked)).await.unwrap();
    assert_eq!(world.receive(&known).await, Received::Duplicate);
    assert_eq!(world.database.count("parked_stripe_event").await, 0);
}

#[tokio::test]
async fn what_is_not_for_us_is_put_aside_and_changes_nothing() {
    let world = World::new().await;
    world.receive(&world.subscription_event("evt_0", "created", 0, "active")).await;
    let before = world.account().await;
    let stranger: OrgId = Ids::unguessable();
    let other: OrgId = Ids::unguessable();
    world.open_account(other).await;

    let mut live = world.subscription_event("evt_1", "updated", 1, "canceled");
    live["livemode"] = json!(true);
    let mut of_other_account = world.subscription_event("evt_3", "updated", 3, "canceled");
    of_other_account["account"] = json!("acct_1Other");
    let mut unreadable = world.subscription_event("evt_2", "updated", 2, "hibernating");
    unreadable["api_version"] = json!("2031-01-01.future");
    let mut of_other_customer = subscription("canceled", &json!({"org_id": stranger}));
    of_other_customer["customer"] = json!("cus_2");
    let mut of_other_product = subscription("canceled", &json!({"org_id": "workspace-7"}));
    of_other_product["customer"] = json!("cus_2");
    let mut of_nobody = invoice(1, "paid", 1);
    of_nobody["customer"] = Value::Null;
    let contradictory = json!({"id": "cs_1", "customer": "cus_3", "client_reference_id": world.org_id,
        "metadata": {"org_id": other}});
    let updated = "customer.subscription.updated";
    let rows = [
        (live, ParkReason::WrongLivemode),
        (unreadable, ParkReason::Unreadable),
        (of_other_account, ParkReason::OtherAccount),
        (event("evt_4", updated, 4, &of_other_customer), ParkReason::ForeignOrg),
        (event("evt_5", updated, 5, &of_other_product), ParkReason::UnknownCustomer),
        (event("evt_6", "invoice.paid", 6, &of_nobody), ParkReason::NoCustomer),
        (
            event("evt_7", updated, 7, &subscription("canceled", &json!({"org_id": other}))),
            ParkReason::OrgMismatch,
        ),
        (event("evt_8", "checkout.session.completed", 8, &contradictory), ParkReason::OrgMismatch),
    ];
    for (event, reason) in &rows {
        assert_eq!(world.receive(event).await, Received::Parked(*reason), "{event}");
        assert_eq!(world.receive(event).await, Received::Duplicate, "{event}");
    }
    assert_eq!(world.account().await, before);
    assert_eq!(world.account_of(other).await.stripe, billing::StripeState::default());
    assert_eq!(world.database.count("parked_stripe_event").await, rows.len());
}

/// What a company's other programs write into shared fields claims nothing, and undoes nothing that is known.
#[tokio::test]
async fn a_foreign_claim_does_not_undo_what_is_known() {
    let world = World::new().await;
    world.receive(&world.subscription_event("evt_1", "created", 0, "active")).await;
    let mut unpaid = invoice(1, "open", 1);
    unpaid["metadata"] = json!({"org_id": "4711"});
    assert_eq!(world.receive(&event("evt_2", "invoice.payment_failed", 1, &unpaid)).await, Received::Applied);
    let canceled = subscription("canceled", &json!({"org_id": "acme-gmbh"}));
    let canceled = event("evt_3", "customer.subscription.deleted", 2, &canceled);
    assert_eq!(world.receive(&canceled).await, Received::Applied);
    assert_eq!(world.status().await, Some("canceled"));
    let told = ["subscription.activated", "invoice.payment_failed", "subscription.canceled"];
    assert_eq!(world.published().await, told);
}

#[tokio::test]
async fn a_reference_that_is_no_organization_claims_nothing() {
    let world = World::new().await;
    let session = json!({"id": "cs_1", "customer": "cus_1", "metadata": {"org_id": world.org_id},
        "client_reference_id": "0f6d1c0e-8b9c-4c0a-9f5b-2f1f6f2a7c11"});
    assert_eq!(
        world.receive(&event("evt_1", "checkout.session.completed", 0, &session)).await,
        Received::Applied
    );
    let without_metadata =
        event("evt_2", "customer.subscription.created", 1, &subscription("active", &json!({})));
    assert_eq!(world.receive(&without_metadata).await, Received::Applied);
    assert_eq!(world.status().await, Some("active"));
}

/// The address of a Payment Link takes any reference, also that of somebody else's organization.
#[tokio::test]
async fn the_reference_of_a_payment_link_binds_nobody() {
    let world = World::new().await;
    let mut session = json!({"id": "cs_1", "customer": "cus_1", "client_reference_id": world.org_id,
        "payment_link": "plink_1", "metadata": {}});
    let completed = |id: &str, session: &Value| event(id, "checkout.session.completed", 0, session);
    let received = world.receive(&completed("evt_1", &session)).await;
    assert_eq!(received, Received::Parked(ParkReason::UnknownCustomer));
    session["metadata"] = json!({"org_id": world.org_id});
    assert_eq!(world.receive(&completed("evt_2", &session)).await, Received::Applied);
    assert_eq!(world.database.count("parked_stripe_event").await, 0);
}

/// One customer pays for one organization. The second payment is put aside where somebody sees it.
#[tokio::test]
async fn one_customer_does_not_pay_for_two_organizations() {
    let world = World::new().await;
    let other: OrgId = Ids::unguessable();
    world.open_account(other).await;
    world.receive(&world.subscription_event("evt_1", "created", 0, "active")).await;
    let mut second = subscription("active", &json!({"org_id": other}));
    second["id"] = json!("sub_2");
    let second = event("evt_2", "customer.subscription.created", 1, &second);
    assert_eq!(world.receive(&second).await, Received::Parked(ParkReason::OrgMismatch));
    let parked = world.settled().parked(None, None, 10).await.unwrap();
    let reasons: Vec<_> = parked.events.iter().map(|parked| parked.reason).collect();
    assert_eq!(reasons, [ParkReason::OrgMismatch]);
}

#[tokio::test]
async fn kinds_without_effect_leave_nothing_behind() {
    let world = World::new().await;
    let before = world.database.items().await;
    world.table.usage().take();
    for kind in ["invoice.upcoming", "invoice.will_be_due", "invoice.overpaid", "charge.updated", "ping"] {
        let mut event = event("evt_1", kind, 0, &json!({"customer": "cus_1"}));
        assert_eq!(world.receive(&event).await, Received::Ignored, "{kind}");
        event["livemode"] = json!(true);
        event["account"] = json!("acct_1Other");
        assert_eq!(world.receive(&event).await, Received::Ignored, "{kind} of others");
    }
    assert_eq!(world.database.items().await, before);
    assert_eq!(world.table.usage().take().len(), 0, "they cost nothing");
}

/// Texts as long as an item: put aside, and the next event is taken.
#[tokio::test]
async fn what_is_too_long_for_an_item_is_put_aside() {
    let world = World::new().await;
    for (number, member) in ["type", "api_version", "currency"].into_iter().enumerate() {
        let mut event = event(&format!("evt_{number}"), "invoice.paid", 0, &invoice(1, "paid", 1));
        let target = if member == "currency" { &mut event["data"]["object"] } else { &mut event };
        target[member] = json!("x".repeat(450_000));
        assert_eq!(world.receive(&event).await, Received::Parked(ParkReason::Unreadable), "{member}");
        assert_eq!(world.receive(&event).await, Received::Duplicate, "{member}");
    }
}

#[tokio::test]
async fn a_price_with_any_name_is_applied() {
    let world = World::new().await;
    let mut named = world.subscription_event("evt_1", "created", 0, "active");
    named["data"]["object"]["items"]["data"][0]["price"]["id"] = json!("$49-month");
    assert_eq!(world.receive(&named).await, Received::Applied);
    let account = world.account().await;
    assert_eq!(account.stripe.subscription().unwrap().price.as_ref().unwrap().as_str(), "$49-month");
}

/// Somebody pays twice: said when it begins, and not again.
#[tokio::test]
async fn a_second_working_subscription_is_a_warning() {
    let (world, (log, _guard)) = (World::new().await, Log::begin());
    let second = |id: &str, status: &str, second: i64| {
        let mut subscription = subscription(status, &json!({"org_id": world.org_id}));
        subscription["id"] = json!("sub_2");
        event(id, "customer.subscription.updated", second, &subscription)
    };
    for event in [
        world.subscription_event("evt_1", "created", 0, "active"),
        second("evt_2", "incomplete", 1),
        second("evt_3", "active", 2),
        second("evt_4", "trialing", 3),
        second("evt_5", "canceled", 4),
        world.subscription_event("evt_6", "updated", 5, "past_due"),
    ] {
        assert_eq!(world.receive(&event).await, Received::Applied, "{event}");
    }
    assert_eq!(log.of("second_subscription", "stripe_event_id"), ["evt_3"]);
    assert_eq!(log.of("second_subscription", "org_id"), [world.org_id.to_string()]);
    let activated = world.published().await.into_iter().filter(|kind| kind == "subscription.activated");
    assert_eq!(activated.count(), 1);
}

/// So is one in an event that waited: for its customer, or for an operator.
#[tokio::test]
async fn a_second_working_subscription_is_a_warning_also_when_it_had_waited() {
    let (world, (log, _guard)) = (World::new().await, Log::begin());
    world.receive(&world.subscription_event("evt_1", "created", 0, "active")).await;
    let of = |number: usize, metadata: &Value| {
        let mut subscription = subscription("active", metadata);
        subscription["id"] = json!(format!("sub_{number}"));
        subscription["customer"] = json!(format!("cus_{number}"));
        event(&format!("evt_{number}"), "customer.subscription.created", 1, &subscription)
    };
    assert_eq!(world.receive(&of(2, &json!({}))).await, Received::Parked(ParkReason::UnknownCustomer));
    let mut mode = of(3, &json!({"org_id": world.org_id}));
    mode["livemode"] = json!(true);
    assert_eq!(world.receive(&mode).await, Received::Parked(ParkReason::WrongLivemode));
    assert_eq!(log.of("stripe_event_parked", "reason"), ["unknown_customer", "wrong_livemode"]);

    let session = json!({"id": "cs_1", "customer": "cus_2", "metadata": {"org_id": world.org_id}});
    let known = event("evt_known", "checkout.session.completed", 2, &session);
    assert_eq!(world.receive(&known).await, Received::Applied);
    assert_eq!(log.of("second_subscription", "stripe_event_id"), ["evt_2"]);
    assert_eq!(world.replay(&Replay::All).await.parked.len(), 1);
    assert_eq!(log.of("stripe_event_parked", "reason").len(), 2, "nothing new was put aside");
    let live = StripeEvents::new(world.table.clone(), world.stripe.client(), Rules::default(), true);
    assert_eq!(live.replay(&cause(), &Replay::All).await.unwrap().applied.len(), 1);
    assert_eq!(log.of("second_subscription", "stripe_event_id"), ["evt_2", "evt_3"]);
}

/// Whoever pays is never shut out by what is not paid, however much of it there is.
#[tokio::test]
async fn a_paid_subscription_gets_in_behind_any_number_of_unpaid_ones() {
    let world = World::new().await;
    world.clock.advance(primitives::SignedDuration::from_hours(24 * 90));
    let level = async || world.account().await.access(world.clock.now(), &Rules::default()).level;
    let unpaid = |number: i64| {
        let place = usize::try_from(number).unwrap();
        nth(&world, place, ["past_due", "unpaid", "paused"][place % 3], number)
    };
    for number in 0..20 {
        assert_eq!(world.receive(&unpaid(number)).await, Received::Applied, "{number}");
    }
    assert_eq!(level().await, AccessLevel::ExportOnly);
    assert_eq!(world.receive(&nth(&world, 99, "active", 20)).await, Received::Applied);
    assert_eq!((world.status().await, level().await), (Some("active"), AccessLevel::Full));
    for number in 21..40 {
        world.receive(&unpaid(number)).await;
    }
    assert_eq!((world.status().await, level().await), (Some("active"), AccessLevel::Full));
    let told = world.published().await;
    assert_eq!(told.iter().filter(|kind| *kind == "subscription.activated").count(), 1, "{told:?}");
    assert_eq!(world.stripe.asked(), 0);
}

/// `sub_<number>` in this state.
fn nth(world: &World, number: usize, status: &str, second: i64) -> Value {
    let mut subscription = subscription(status, &json!({"org_id": world.org_id}));
    subscription["id"] = json!(format!("sub_{number}"));
    event(&format!("evt_{number}_{status}"), "customer.subscription.updated", second, &subscription)
}

/// With more paid subscriptions than are kept, none is forgotten: the one too many waits for an operator.
#[tokio::test]
async fn the_seventeenth_paid_subscription_is_put_aside_and_not_lost() {
    let world = World::new().await;
    let nth = |number, status, second| nth(&world, number, status, second);
    for number in 0..16 {
        assert_eq!(world.receive(&nth(number, "active", 0)).await, Received::Applied);
    }
    let received = world.receive(&nth(16, "active", 0)).await;
    assert_eq!(received, Received::Parked(ParkReason::TooManySubscriptions));
    assert_eq!(world.account().await.stripe.working(), 16);
    world.receive(&nth(0, "canceled", 9)).await;
    let which = Replay::Reason(ParkReason::TooManySubscriptions);
    assert_eq!(world.replay(&which).await.applied.len(), 1);
    assert_eq!(world.account().await.stripe.working(), 16);
}

/// An old word on a subscription that was forgotten: Stripe is asked, and says that it is over.
#[tokio::test]
async fn stripe_is_asked_about_what_may_be_forgotten() {
    let world = World::new().await;
    let nth = |number: i64, status: &str, second: i64| {
        let mut subscription = subscription(status, &json!({"org_id": world.org_id}));
        subscription["id"] = json!(format!("sub_{number}"));
        event(
            &format!("evt_{number}_{status}_{second}"),
            "customer.subscription.updated",
            second,
            &subscription,
        )
    };
    for number in 0..9 {
        world.receive(&nth(number, "active", number)).await;
        world.receive(&nth(number, "canceled", 100 + number)).await;
    }
    let mut over = subscription("canceled", &json!({}));
    over["id"] = json!("sub_0");
    world.stripe.says(over);
    assert_eq!(world.receive(&nth(0, "past_due", 50)).await, Received::Applied);
    assert_eq!((world.stripe.asked(), world.status().await), (1, Some("canceled")));
    assert!(!world.published().await.contains(&"subscription.past_due".to_owned()));
}

#[tokio::test]
async fn several_events_of_one_change_are_in_order() {
    let world = World::new().await;
    world.receive(&world.subscription_event("evt_1", "updated", 5, "past_due")).await;
    world.stripe.says(subscription("active", &json!({})));
    world.receive(&world.subscription_event("evt_2", "updated", 5, "active")).await;
    world.receive(&event("evt_3", "invoice.paid", 6, &invoice(1, "paid", 1))).await;
    let mut sequences: Vec<_> =
        world.database.events().await.into_iter().map(|event| event.sequence).collect();
    let count = sequences.len();
    sequences.sort_unstable();
    sequences.dedup();
    assert_eq!(sequences.len(), count);
}

#[tokio::test]
async fn another_api_version_is_no_reason_to_put_an_event_aside() {
    let world = World::new().await;
    let mut old = world.subscription_event("evt_1", "created", 0, "active");
    old["api_version"] = json!("2023-10-16");
    let object = &mut old["data"]["object"];
    object["current_period_end"] = json!(1_900_000_000);
    object["items"] = json!({"data": [{"price": {"id": "price_1"}, "quantity": 1}]});
    assert_eq!(world.receive(&old).await, Received::Applied);
    let account = world.account().await;
    assert_eq!(account.stripe.subscription().unwrap().current_period_end.unwrap().as_second(), 1_900_000_000);
}

#[tokio::test]
async fn an_invoice_without_a_subscription_is_none_of_our_business() {
    let world = World::new().await;
    world.receive(&world.subscription_event("evt_0", "created", 0, "active")).await;
    let before = world.account().await;
    let mut one_off = invoice(1, "paid", 1);
    one_off["parent"] = Value::Null;
    assert_eq!(world.receive(&event("evt_1", "invoice.paid", 1, &one_off)).await, Received::Applied);
    assert_eq!(world.account().await, before);
    assert_eq!(world.published().await, ["subscription.activated"]);
}

#[tokio::test]
async fn stripe_is_asked_when_two_changes_of_one_second_disagree() {
    let world = World::new().await;
    world.receive(&world.subscription_event("evt_1", "updated", 5, "past_due")).await;
    let second = world.subscription_event("evt_2", "updated", 5, "active");

    let error = world.try_receive(&second).await.unwrap_err();
    assert!(matches!(error, BillingError::Stripe(_)), "{error:?}");
    assert_eq!(world.database.count("stripe_event").await, 1, "a failing handler leaves no marker");

    world.stripe.says(subscription("active", &json!({})));
    assert_eq!(world.receive(&second).await, Received::Applied);
    assert_eq!(world.status().await, Some("active"));
    assert_eq!(world.stripe.asked(), 2);

    world.receive(&world.subscription_event("evt_3", "updated", 6, "canceled")).await;
    assert_eq!(world.status().await, Some("canceled"));
    assert_eq!(world.stripe.asked(), 2, "another second is clear by itself");
}

#[tokio::test]
async fn an_event_costs_few_calls() {
    let world = World::new().await;
    let first = world.subscription_event("evt_1", "created", 0, "active");
    world.table.usage().take();
    world.receive(&first).await;
    let calls: Vec<_> = world.table.usage().take().into_iter().map(|call| call.operation).collect();
    assert_eq!(calls, ["BatchGetItem", "GetItem", "TransactWriteItems", "Query"]);
    world.receive(&first).await;
    let calls: Vec<_> = world.table.usage().take().into_iter().map(|call| call.operation).collect();
    assert_eq!(calls, ["BatchGetItem", "Query"]);
}
