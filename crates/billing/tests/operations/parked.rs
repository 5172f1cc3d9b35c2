//! Events that were put aside: what waits for its customer, what operators see, and how it is decided anew.

use crate::support::{World, cause, event, invoice, subscription};
use billing::{ParkReason, ParkedEvent, Received, Replay, Replayed};
use futures::future::join_all;
use serde_json::{Value, json};
use test_support::{Crashes, Moment};

fn id(text: &str) -> stripe_client::EventId {
    text.parse().unwrap()
}

/// `sub_1` without anything that says whose it is.
fn anonymous(id: &str, second: i64, status: &str) -> Value {
    event(id, "customer.subscription.updated", second, &subscription(status, &json!({})))
}

impl World {
    /// What an operator sees after a while.
    async fn parked(&self, reason: Option<ParkReason>) -> Vec<String> {
        let parked = self.settled().parked(reason, None, 100).await.unwrap();
        parked.events.into_iter().map(|parked| parked.event_id.to_string()).collect()
    }

    /// Two words of one second, which need Stripe, and another one behind them.
    async fn waiting_with_a_bad_one(&self) {
        for waiting in [
            anonymous("evt_1", 5, "past_due"),
            anonymous("evt_2", 5, "active"),
            event("evt_3", "invoice.paid", 6, &invoice(1, "paid", 1)),
        ] {
            assert_eq!(self.receive(&waiting).await, Received::Parked(ParkReason::UnknownCustomer));
        }
    }
}

#[tokio::test]
async fn one_that_fails_keeps_neither_the_next_ones_nor_later_webhooks() {
    let world = World::new().await;
    world.waiting_with_a_bad_one().await;
    let known = |number: i64| {
        let session = json!({"id": "cs_1", "customer": "cus_1", "metadata": {"org_id": world.org_id}});
        event(&format!("evt_known{number}"), "checkout.session.completed", number, &session)
    };
    // Stripe does not answer, so evt_2 cannot be decided.
    assert_eq!(world.receive(&known(0)).await, Received::Applied);
    assert_eq!(world.parked(None).await, ["evt_2"]);
    assert_eq!(world.published().await.len(), 2, "those before and behind it are applied");
    for number in 1..6 {
        assert_eq!(world.receive(&known(number)).await, Received::Applied);
    }
    assert_eq!(world.stripe.asked(), 3, "it is not tried for ever");
    let seen = world.settled().parked(None, None, 10).await.unwrap();
    assert_eq!(seen.events[0].failures, 3);

    let failed = world.replay(&Replay::All).await;
    assert_eq!(failed, Replayed { failed: vec![id("evt_2")], complete: true, ..Replayed::default() });
    world.stripe.says(subscription("active", &json!({})));
    let applied = world.replay(&Replay::Event(id("evt_2"))).await;
    assert_eq!(applied, Replayed { applied: vec![id("evt_2")], complete: true, ..Replayed::default() });
    assert_eq!((world.status().await, world.parked(None).await.len()), (Some("active"), 0));
}

#[tokio::test]
async fn a_row_that_cannot_be_read_does_not_keep_the_others() {
    let world = World::new().await;
    world.receive(&event("evt_1", "invoice.paid", 1, &invoice(1, "paid", 1))).await;
    let key = billing::keys::ParkedStripeEvent::key("cus_1".to_owned(), "evt_0".parse().unwrap());
    let text = |text: &str| aws_sdk_dynamodb::types::AttributeValue::S(text.to_owned());
    let broken = world.database.client.put_item().table_name(test_support::TABLE_NAME);
    broken.item("pk", text(&key.pk())).item("sk", text(&key.sk())).send().await.unwrap();
    assert_eq!(
        world.receive(&world.subscription_event("evt_2", "created", 0, "active")).await,
        Received::Applied
    );
    assert_eq!(world.parked(None).await.len(), 0);
    assert_eq!(world.published().await.len(), 2);
}

/// Neither from the list nor from a replay.
#[tokio::test]
async fn a_row_that_cannot_be_read_is_shown_with_its_key_among_the_others() {
    let world = World::new().await;
    let text = |text: &str| aws_sdk_dynamodb::types::AttributeValue::S(text.to_owned());
    for number in 0..3 {
        let mut mode = world.subscription_event(&format!("evt_{number}"), "updated", number, "active");
        mode["livemode"] = json!(true);
        world.receive(&mode).await;
    }
    let spoil = world.database.client.update_item().table_name(test_support::TABLE_NAME);
    let key = billing::keys::ParkedStripeEvent::key("wrong_livemode".to_owned(), "evt_1".parse().unwrap());
    let spoil = spoil.key("pk", text(&key.pk())).key("sk", text(&key.sk()));
    let spoil =
        spoil.update_expression("SET summary = :whim").expression_attribute_values(":whim", text("whim"));
    spoil.send().await.unwrap();

    let row = billing::UnreadableRow { pk: key.pk(), sk: key.sk() };
    let events = world.settled();
    let all = events.parked(None, None, 10).await.unwrap();
    assert_eq!((&all.unreadable, &all.next), (&vec![row.clone()], &None));
    assert_eq!(world.parked(None).await, ["evt_2", "evt_0"]);
    let two = events.parked(None, None, 2).await.unwrap();
    assert_eq!((two.events.len(), &two.unreadable), (1, &vec![row]));
    let rest = events.parked(None, two.next.as_deref(), 2).await.unwrap();
    assert_eq!((rest.events.len(), rest.unreadable.len(), rest.next), (1, 0, None));

    let replayed = world.replay(&Replay::All).await;
    assert_eq!(
        (replayed.parked.len(), replayed.unreadable, replayed.complete),
        (2, vec!["evt_1".to_owned()], true)
    );
}

#[tokio::test]
async fn what_waits_is_left_to_the_next_delivery_when_the_time_is_up() {
    let world = World::new().await;
    world.receive(&event("evt_1", "invoice.paid", 1, &invoice(1, "paid", 1))).await;
    let known = world.subscription_event("evt_2", "created", 0, "active");
    let soon = tokio::time::Instant::now() + std::time::Duration::from_secs(2);
    let error = table::within_deadline(soon, world.try_receive(&known)).await.unwrap_err();
    assert!(matches!(error, billing::BillingError::Contended), "{error:?}");
    assert_eq!(world.parked(None).await, ["evt_1"]);
    assert_eq!(world.receive(&known).await, Received::Duplicate);
    assert!(world.parked(None).await.is_empty());
}

#[tokio::test]
async fn operators_see_the_latest_first_with_reason_and_kind() {
    let world = World::new().await;
    for number in 0..120 {
        let second = i64::from(number);
        let mut event = world.subscription_event(&format!("evt_{number:03}"), "updated", second, "active");
        let member = if number % 3 == 0 { "account" } else { "livemode" };
        event[member] = if number % 3 == 0 { json!("acct_2") } else { json!(true) };
        world.receive(&event).await;
        if number % 7 == 0 {
            world.clock.advance(primitives::SignedDuration::from_secs(1));
        }
    }
    let all = world.parked(None).await;
    assert_eq!((all.len(), all[0].as_str()), (100, "evt_119"));
    let events = world.stripe_events();
    let mut seen = Vec::new();
    let mut after: Option<String> = None;
    loop {
        let page = events.parked(None, after.as_deref(), 13).await.unwrap();
        seen.extend(page.events);
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    let mut ids: Vec<_> = seen.iter().map(|parked| parked.event_id.to_string()).collect();
    assert!(
        seen.is_sorted_by(|a, b| (a.parked_at, a.event_id.as_str()) > (b.parked_at, b.event_id.as_str()))
    );
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), 120);
    let others = events.parked(Some(ParkReason::OtherAccount), None, 1000).await.unwrap();
    assert_eq!(others.events.len(), 40);
    assert!(
        others
            .events
            .iter()
            .all(|it| it.event_type == "customer.subscription.updated" && it.waits_for == "other_account")
    );
}

/// A new version of the code, or somebody who set things right, lets what was put aside be applied: once.
#[tokio::test]
async fn a_replay_applies_once_and_tells_what_became_of_each() {
    let world = World::new().await;
    let other: primitives::OrgId = primitives::Ids::unguessable();
    let foreign = |id: &str, second: i64| {
        let metadata = json!({"org_id": other});
        event(id, "customer.subscription.updated", second, &subscription("active", &metadata))
    };
    let mut mode = world.subscription_event("evt_mode", "updated", 3, "active");
    mode["livemode"] = json!(true);
    let invoice = event("evt_waits", "invoice.paid", 4, &invoice(1, "paid", 1));
    for event in [foreign("evt_1", 1), foreign("evt_2", 2), mode, invoice] {
        world.receive(&event).await;
    }
    let still = world.replay(&Replay::All).await;
    assert_eq!((still.parked.len(), still.applied.len(), still.complete), (4, 0, true));

    world.open_account(other).await;
    let which = Replay::Reason(ParkReason::ForeignOrg);
    let runs = join_all((0..8).map(|_| world.replay(&which))).await;
    let applied: Vec<_> = runs.iter().flat_map(|run| &run.applied).collect();
    assert_eq!(applied.len(), 2, "{runs:?}");
    assert!(runs.iter().all(|run| run.complete && run.failed.is_empty()));
    assert_eq!(world.account_of(other).await.stripe.working(), 1);
    assert_eq!(world.parked(None).await, ["evt_mode"], "what waited for the customer came with it");
    let told = world.published().await;
    assert_eq!(told.iter().filter(|kind| *kind == "subscription.activated").count(), 1);
    assert_eq!(told.iter().filter(|kind| *kind == "invoice.paid").count(), 1);
}

/// What was parked by an older version, because it did not know the kind, or was too large to keep.
#[tokio::test]
async fn a_replay_clears_away_what_has_no_effect_and_names_what_was_not_kept() {
    let world = World::new().await;
    let parked = |id: &str, body: Option<String>| -> ParkedEvent {
        let row = json!({"event_id": id, "event_type": "x", "created": "2026-11-23T12:00:00Z",
            "parked_at": "2026-11-23T12:00:00Z", "reason": "unreadable", "waits_for": "unreadable", "body": body});
        serde_json::from_value(row).unwrap()
    };
    let nothing = event("evt_1", "charge.updated", 0, &json!({})).to_string();
    for row in [parked("evt_1", Some(nothing)), parked("evt_2", None), parked("evt_3", Some("{}".to_owned()))]
    {
        world.table.commit(&cause(), table::Changes::new().create(&row)).await.unwrap();
    }
    let replayed = world.replay(&Replay::All).await;
    assert_eq!(replayed.applied, [id("evt_1")], "{replayed:?}");
    assert_eq!(replayed.unreadable, ["evt_2", "evt_3"]);
    assert_eq!(world.parked(None).await, ["evt_3", "evt_2"]);
    let nothing = event("evt_1", "charge.updated", 0, &json!({}));
    assert_eq!(world.receive(&nothing).await, Received::Ignored);
}

#[tokio::test]
async fn a_replay_without_time_stops_and_says_so() {
    let world = World::new().await;
    let mut mode = world.subscription_event("evt_1", "updated", 3, "active");
    mode["livemode"] = json!(true);
    world.receive(&mode).await;
    let run = table::within_deadline(tokio::time::Instant::now(), world.replay(&Replay::All)).await;
    assert_eq!(run, Replayed::default());
}

#[tokio::test]
async fn a_replay_that_dies_at_any_call_is_made_good_by_the_next() {
    let story = async |crashes: &Crashes| {
        let world = World::with_crashes(crashes).await;
        let stranger: primitives::OrgId = "org_01kar8h5g0e0vsx4q1v3f6m2ah".parse().unwrap();
        let metadata = json!({"org_id": stranger});
        let lost = event("evt_1", "customer.subscription.updated", 1, &subscription("active", &metadata));
        world.receive(&lost).await;
        world.receive(&event("evt_2", "invoice.paid", 2, &invoice(1, "paid", 1))).await;
        world.open_account(stranger).await;
        (world, stranger)
    };
    let crashes = Crashes::default();
    let (calm, stranger) = story(&crashes).await;
    let (_, calls) = crashes.count(calm.replay(&Replay::All)).await;
    let expected = (calm.account_of(stranger).await, calm.published().await.len());
    assert!(calls >= 4, "{calls}");
    for call in 0..calls {
        for moment in [Moment::Before, Moment::After] {
            let crashes = Crashes::default();
            let (world, stranger) = story(&crashes).await;
            assert!(crashes.run(call, moment, world.replay(&Replay::All)).await.is_none());
            // at once: what the list says is late
            world.stripe_events().replay(&cause(), &Replay::All).await.unwrap();
            let outcome = (world.account_of(stranger).await, world.published().await.len());
            assert_eq!(outcome, expected, "{moment:?} call {call}");
            assert!(world.parked(None).await.is_empty());
        }
    }
}
