//! From one event to every device of its organization: none left out, none told twice.

use std::collections::{BTreeSet, HashMap};

use access::{Permission, Role};
use futures::future::join_all;
use primitives::{Fault, FaultKind, Ids, SignedDuration};
use push::{Delivery, DeliveryError, FanOutError};
use test_support::{Moment, Publication};

use crate::support::{World, about, event, session_of};

async fn deliver_all(world: &World) {
    for delivery in world.deliveries() {
        world.courier.deliver(&delivery).await.unwrap();
    }
}

fn expected(endpoints: &BTreeSet<String>, event: &events::Envelope) -> BTreeSet<Publication> {
    let notification_id = event.id.to_string();
    let publication = |endpoint: &String| Publication {
        endpoint: endpoint.clone(),
        notification_id: notification_id.clone(),
    };
    endpoints.iter().map(publication).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn ten_thousand_devices_are_told_once_each_though_every_message_comes_twice() {
    let world = World::start().await;
    let org = Ids::unguessable();
    let endpoints = world.populate(org, 400, 25).await;
    world.populate(Ids::unguessable(), 3, 2).await;
    let event = event(org);
    world.fan_out.run(&event).await.unwrap();
    world.fan_out.run(&event).await.unwrap();
    let deliveries = world.deliveries();
    assert_eq!(deliveries.len(), 16, "25 people each, and none again for the repeated event");
    assert!(world.services.messages("push-delivery").iter().all(|body| body.len() < 2_000));

    for chunk in deliveries.chunks(4) {
        let twice = chunk.iter().chain(chunk).map(|delivery| world.courier.deliver(delivery));
        for outcome in join_all(twice).await {
            assert!(matches!(outcome, Ok(()) | Err(DeliveryError::InFlight)), "{outcome:?}");
        }
    }
    assert_eq!(world.services.publications().len(), 10_000);
    assert_eq!(world.told(), expected(&endpoints, &event));
    deliver_all(&world).await;
    assert_eq!(world.services.publications().len(), 10_000, "a part that is done stays done");
}

#[tokio::test]
async fn an_event_that_is_not_for_devices_is_passed_over() {
    let world = World::start().await;
    let org = Ids::unguessable();
    world.populate(org, 1, 1).await;
    let mut other = event(org);
    "trial.started".clone_into(&mut other.kind);
    world.fan_out.run(&other).await.unwrap();
    let mut nobodys = event(org);
    nobodys.org_id = None;
    world.fan_out.run(&nobodys).await.unwrap();
    assert!(world.deliveries().is_empty());
}

#[tokio::test]
async fn only_those_are_told_whose_role_lets_them_look_at_it() {
    let world = World::start().await;
    let org = Ids::unguessable();
    let (mut may_know, mut all) = (BTreeSet::new(), BTreeSet::new());
    for role in [Role::Owner, Role::Admin, Role::Member, Role::Viewer] {
        let endpoints = world.populate_with(org, role, 2, 1).await;
        if role.holds(Permission::ReadBilling) {
            may_know.extend(endpoints.clone());
        }
        all.extend(endpoints);
    }
    assert_eq!((may_know.len(), all.len()), (4, 8));
    for kind in ["trial.ending", "trial.ended", "subscription.activated", "invoice.payment_failed"] {
        world.services.clear();
        let about_money = about(kind, org);
        world.fan_out.run(&about_money).await.unwrap();
        deliver_all(&world).await;
        assert_eq!(world.told(), expected(&may_know, &about_money), "{kind}");
    }
    world.services.clear();
    let about_members = about("member.added", org);
    world.fan_out.run(&about_members).await.unwrap();
    deliver_all(&world).await;
    assert_eq!(world.told(), expected(&all, &about_members));
}

#[tokio::test]
async fn a_device_hears_nothing_more_from_the_first_event_after_its_session_ended() {
    let world = World::start().await;
    let org = Ids::unguessable();
    world.populate(org, 3, 2).await;
    let tell = async || {
        let event = event(org);
        world.fan_out.run(&event).await.unwrap();
        let delivery = world.deliveries().pop().unwrap();
        world.courier.deliver(&delivery).await.unwrap();
        (world.services.publications().len(), delivery)
    };
    let (told, delivery) = tell().await;
    assert_eq!(told, 6);
    world.ended.lock().unwrap().insert(session_of(delivery.people[0]));
    assert_eq!(tell().await.0, 6 + 4);
    assert_eq!(world.database.count("device").await, 4, "they are removed");
    let removed = world.database.events().await;
    assert!(removed.len() == 2 && removed.iter().all(|event| event.data["reason"] == "signed_out"));
    assert_eq!(tell().await.0, 6 + 4 + 4);
}

#[tokio::test]
async fn a_device_that_signed_in_again_is_told_for_its_new_session() {
    let world = World::start().await;
    let org = Ids::unguessable();
    world.populate(org, 1, 0).await;
    let event = event(org);
    world.fan_out.run(&event).await.unwrap();
    let delivery = world.deliveries().remove(0);
    world.register(delivery.people[0], "token").await.unwrap();
    let session = session_of(delivery.people[0]);
    world.ended.lock().unwrap().insert(session);
    // dies before the removal, so that the device can come back
    let dies = world.crashes.run(3, Moment::Before, world.courier.deliver(&delivery));
    assert!(dies.await.is_none() && world.database.count("device").await == 1);
    world.ended.lock().unwrap().remove(&session);
    world.register(delivery.people[0], "token").await.unwrap();
    world.clock.advance(SignedDuration::from_secs(91));
    world.courier.deliver(&delivery).await.unwrap();
    assert_eq!(world.told().len(), 1);
}

#[tokio::test]
async fn an_endpoint_that_is_refused_for_good_keeps_none_of_the_others_waiting() {
    let world = World::start().await;
    let org = Ids::unguessable();
    let mut endpoints = world.populate(org, 25, 1).await;
    let refused = endpoints.pop_first().unwrap();
    world.services.reject_endpoint(&refused);
    let event = event(org);
    world.fan_out.run(&event).await.unwrap();
    deliver_all(&world).await;
    deliver_all(&world).await;
    assert_eq!(world.told(), expected(&endpoints, &event));
    assert_eq!(world.services.publications().len(), 24, "nobody twice: the part is done");
    assert_eq!(world.database.count("device").await, 25, "what was refused is no reason to remove it");
}

#[tokio::test]
async fn every_device_is_tried_though_one_cannot_be_read_or_told() {
    let world = World::start().await;
    let org = Ids::unguessable();
    let endpoints = world.populate(org, 25, 2).await;
    let event = event(org);
    world.fan_out.run(&event).await.unwrap();
    let delivery = world.deliveries().remove(0);
    world.services.refuse("Publish", 1);
    let error = world.courier.deliver(&delivery).await.unwrap_err();
    assert!(matches!(error, DeliveryError::Incomplete { failed: 1, .. }), "{error:?}");
    assert_eq!(world.services.publications().len(), 49);
    world.courier.deliver(&delivery).await.unwrap();
    assert_eq!((world.told(), world.services.publications().len()), (expected(&endpoints, &event), 50));
}

#[tokio::test]
async fn a_delivery_without_time_notes_what_it_did_and_leaves_the_rest() {
    let world = World::start().await;
    let (endpoints, event, delivery) = small_delivery(&world).await;
    let now = tokio::time::Instant::now();
    let error = table::within_deadline(now, world.courier.deliver(&delivery)).await.unwrap_err();
    assert!(matches!(error, DeliveryError::OutOfTime) && error.kind() == FaultKind::Unavailable, "{error:?}");
    world.courier.deliver(&delivery).await.unwrap();
    assert_eq!(world.told(), expected(&endpoints, &event));
}

#[tokio::test]
async fn a_phone_that_changed_hands_a_moment_ago_shows_nothing_of_the_one_before() {
    let world = World::start().await;
    let (org, ada, bob) = (Ids::unguessable(), Ids::unguessable(), Ids::unguessable());
    world.join(org, ada).await;
    world.register(ada, "phone").await.unwrap();
    let tell = async || {
        let event = event(org);
        world.fan_out.run(&event).await.unwrap();
        world.courier.deliver(world.deliveries().last().unwrap()).await.unwrap();
        world.services.publications().len()
    };
    assert_eq!(tell().await, 1, "a device of a moment ago is told");
    world.register(bob, "phone").await.unwrap();
    assert_eq!(tell().await, 1, "now it is Bob's");
}

#[tokio::test]
async fn two_events_are_two_notifications() {
    let world = World::start().await;
    let org = Ids::unguessable();
    world.populate(org, 2, 1).await;
    for event in [event(org), event(org)] {
        world.fan_out.run(&event).await.unwrap();
    }
    deliver_all(&world).await;
    assert_eq!(world.told().len(), 4);
}

#[tokio::test]
async fn messages_that_a_batch_leaves_behind_are_sent_again() {
    let world = World::start().await;
    let org = Ids::unguessable();
    let endpoints = world.populate(org, 60, 1).await;
    let event = event(org);
    world.services.fail_entries("SendMessageBatch", [1, 2, 4]);
    world.fan_out.run(&event).await.unwrap();
    assert_eq!(world.deliveries().len(), 3);
    deliver_all(&world).await;
    assert_eq!(world.told(), expected(&endpoints, &event));
}

#[tokio::test]
async fn a_queue_that_takes_nothing_fails_the_event_and_the_next_attempt_ends_it() {
    let world = World::start().await;
    let org = Ids::unguessable();
    let endpoints = world.populate(org, 3, 1).await;
    let event = event(org);
    world.services.refuse("SendMessageBatch", 1);
    let error = world.fan_out.run(&event).await.unwrap_err();
    assert!(matches!(error, FanOutError::Queue { left: 1, .. }) && error.kind() == FaultKind::Unavailable);
    world.fan_out.run(&event).await.unwrap();
    deliver_all(&world).await;
    assert_eq!(world.told(), expected(&endpoints, &event));
}

#[tokio::test]
async fn a_fan_out_without_time_stops_and_is_ended_by_the_next_attempt() {
    let world = World::start().await;
    let org = Ids::unguessable();
    world.populate(org, 3, 1).await;
    let event = event(org);
    let now = tokio::time::Instant::now();
    let error = table::within_deadline(now, world.fan_out.run(&event)).await.unwrap_err();
    assert!(matches!(error, FanOutError::OutOfTime { parts: 0 }));
    world.fan_out.run(&event).await.unwrap();
    assert_eq!(world.deliveries().len(), 1);
}

#[tokio::test]
async fn a_crash_at_any_call_of_a_fan_out_loses_nobody_and_tells_nobody_twice() {
    const MEMBERS: u32 = 260;
    let deaths = {
        let world = World::start().await;
        let org = Ids::unguessable();
        world.populate(org, MEMBERS, 0).await;
        let event = event(org);
        let (_, calls) = world.crashes.count(world.fan_out.run(&event)).await;
        assert_eq!(calls, 7, "the place, then two pages: read, send, store");
        world.crashes.deaths()
    };
    for (call, moment) in deaths {
        let world = World::start().await;
        let org = Ids::unguessable();
        world.populate(org, MEMBERS, 0).await;
        let event = event(org);
        assert!(world.crashes.run(call, moment, world.fan_out.run(&event)).await.is_none());
        world.fan_out.run(&event).await.unwrap();
        // a part that is in the queue twice is carried out once
        let parts: HashMap<_, _> =
            world.deliveries().into_iter().map(|delivery| (delivery.part, delivery.people)).collect();
        assert_eq!(parts.len(), 11, "{call} {moment:?}");
        let told: Vec<_> = parts.into_values().flatten().collect();
        let people: BTreeSet<_> = told.iter().collect();
        assert_eq!((told.len(), people.len()), (260, 260), "{call} {moment:?}");
    }
}

/// Three people, each with a device that is there, and one with a device that is gone.
async fn small_delivery(world: &World) -> (BTreeSet<String>, events::Envelope, Delivery) {
    let org = Ids::unguessable();
    let endpoints = world.populate(org, 3, 1).await;
    world.populate(org, 1, 0).await;
    let event = event(org);
    world.fan_out.run(&event).await.unwrap();
    let delivery = world.deliveries().remove(0);
    let gone = world.register(*delivery.people.last().unwrap(), "gone").await.unwrap();
    world.services.disable_endpoint(&gone.device.endpoint_arn);
    (endpoints, event, delivery)
}

#[tokio::test]
async fn a_crash_at_any_call_of_a_delivery_leaves_the_same_devices_told_as_no_crash() {
    let deaths = {
        let world = World::start().await;
        let (_, _, delivery) = small_delivery(&world).await;
        let (_, calls) = world.crashes.count(world.courier.deliver(&delivery)).await;
        assert_eq!(calls, 14, "claim: 1; reads: 4; tells: 4; the device that is gone: 4; mark: 1");
        world.crashes.deaths()
    };
    for (call, moment) in deaths {
        let world = World::start().await;
        let (endpoints, event, delivery) = small_delivery(&world).await;
        assert!(world.crashes.run(call, moment, world.courier.deliver(&delivery)).await.is_none());
        world.clock.advance(SignedDuration::from_secs(91));
        world.courier.deliver(&delivery).await.unwrap();
        assert_eq!(world.told(), expected(&endpoints, &event), "{call} {moment:?}");
        assert_eq!(world.database.count("device").await, 3, "{call} {moment:?}");
        let mut events = world.database.events().await;
        events.retain(|event| event.kind == "device.removed");
        assert_eq!(events.len(), 1, "{call} {moment:?}");
        assert_eq!(events[0].data["reason"], "endpoint_disabled");
        let there: BTreeSet<_> = world.services.endpoints().into_iter().map(|(arn, ..)| arn).collect();
        assert!(there.is_superset(&endpoints), "{call} {moment:?}");
    }
}

#[tokio::test]
async fn a_part_in_flight_is_left_to_its_worker_until_the_lease_ends() {
    let world = World::start().await;
    let (endpoints, event, delivery) = small_delivery(&world).await;
    assert!(world.crashes.run(2, Moment::Before, world.courier.deliver(&delivery)).await.is_none());
    let error = world.courier.deliver(&delivery).await.unwrap_err();
    assert!(matches!(error, DeliveryError::InFlight) && error.kind() == FaultKind::Unavailable);
    world.clock.advance(SignedDuration::from_secs(91));
    world.courier.deliver(&delivery).await.unwrap();
    assert_eq!(world.told(), expected(&endpoints, &event));
}

#[tokio::test]
async fn after_a_throttled_attempt_only_the_rest_is_told() {
    let world = World::start().await;
    let org = Ids::unguessable();
    let endpoints = world.populate(org, 5, 4).await;
    let event = event(org);
    world.fan_out.run(&event).await.unwrap();
    let delivery = world.deliveries().remove(0);
    world.services.refuse("Publish", 7);
    let error = world.courier.deliver(&delivery).await.unwrap_err();
    assert!(
        matches!(error, DeliveryError::Incomplete { failed: 7, .. })
            && error.kind() == FaultKind::Unavailable
    );
    world.courier.deliver(&delivery).await.unwrap();
    assert_eq!(world.services.publications().len(), 20);
    assert_eq!(world.told(), expected(&endpoints, &event));
}

#[tokio::test]
async fn a_device_that_registers_again_while_it_is_found_gone_stays() {
    let world = World::start().await;
    let ada = Ids::unguessable();
    let device = world.register(ada, "token").await.unwrap().device;
    world.services.disable_endpoint(&device.endpoint_arn);
    let delivery = Delivery {
        event_id: Ids::unguessable(),
        org_id: Ids::unguessable(),
        correlation_id: "test".to_owned(),
        part: "part".to_owned(),
        alert: push::Alert {
            title: "title".to_owned(),
            body: "body".to_owned(),
            event_type: "trial.ended".to_owned(),
        },
        people: vec![ada],
    };
    // dies after SNS has said that the device is gone
    assert!(world.crashes.run(2, Moment::After, world.courier.deliver(&delivery)).await.is_none());
    world.register(ada, "token").await.unwrap();
    world.clock.advance(SignedDuration::from_secs(91));
    world.courier.deliver(&delivery).await.unwrap();
    assert_eq!(world.database.count("device").await, 1);
    assert_eq!(world.told().len(), 1);
}
