//! Registering, listing and removing devices, on a real engine and a push service that speaks SNS's protocol.

use std::{collections::BTreeSet, sync::Arc};

use crate::support::{self, World};
use futures::future::join_all;
use primitives::{Expected, Fault, FaultKind, Ids, Keys, Limit, SignedDuration, UserId};
use push::Device;
use push::events::DevicePlatform;
use table::{Consistency, CursorKey, Listed};
use test_support::Moment;

/// What the list shows after a while: right after a change it may be late.
async fn list(world: &World, user: UserId) -> Vec<Device> {
    world.database.settle();
    let cursors = Arc::new(Keys::only(CursorKey::from_secret("secret")));
    let live = BTreeSet::from([support::session_of(user)]);
    world.devices.list(&cursors, (user, &live), Limit::try_from(100).unwrap(), None).await.unwrap().items
}

async fn told(world: &World) -> Vec<(String, Option<String>)> {
    let reason = |event: &events::Envelope| event.data["reason"].as_str().map(str::to_owned);
    world.database.events().await.iter().map(|event| (event.kind.clone(), reason(event))).collect()
}

#[tokio::test]
async fn registering_again_is_registering_once() {
    let world = World::start().await;
    let ada = Ids::unguessable();
    let first = world.register(ada, "token").await.unwrap();
    world.clock.advance(SignedDuration::from_hours(1));
    let second = world.register(ada, "token").await.unwrap();
    assert!(first.is_new && !second.is_new);
    assert_eq!(first.device.device_id, second.device.device_id);
    assert_eq!(second.device.registered_at, first.device.registered_at);
    assert!(second.device.seen_at > first.device.seen_at);
    assert_eq!(list(&world, ada).await.len(), 1);
    assert_eq!(world.services.endpoints().len(), 1);
    assert_eq!(told(&world).await, [("device.registered".to_owned(), None)]);
}

/// As an app does it: it comes back when it is asked to.
async fn register_at_last(world: &World, user: UserId, token: &str) -> push::Registered {
    loop {
        match world.register(user, token).await {
            Ok(registered) => return registered,
            Err(error) => {
                assert_eq!(
                    (error.kind(), error.retry_after()),
                    (FaultKind::Unavailable, Some(1)),
                    "{error:?}"
                );
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn fifty_registrations_of_one_token_at_once_make_one_device() {
    let world = World::start().await;
    let ada = Ids::unguessable();
    let registered = join_all((0..50).map(|_| register_at_last(&world, ada, "token"))).await;
    let devices: BTreeSet<_> = registered.into_iter().map(|registered| registered.device.device_id).collect();
    assert_eq!((devices.len(), list(&world, ada).await.len()), (1, 1));
    assert_eq!(world.database.count("device_token").await, 1);
    assert_eq!(told(&world).await.len(), 1);
}

/// What holds whatever has been done: rows, roster, tokens and endpoints are of the same devices.
async fn agree(world: &World, people: &[UserId]) {
    let mut arns = BTreeSet::new();
    for person in people {
        let devices = list(world, *person).await;
        let listed: Option<Listed> =
            world.table.get(&push::keys::Devices::key(*person), Consistency::Strong).await.unwrap();
        assert_eq!(listed.as_ref().map_or(0, Listed::len), devices.len());
        for device in devices {
            assert!(listed.as_ref().unwrap().contains(&device.device_id.to_string()));
            assert!(arns.insert(device.endpoint_arn), "one endpoint, one device");
        }
    }
    let endpoints: BTreeSet<_> = world
        .services
        .endpoints()
        .into_iter()
        .filter(|(_, _, enabled)| *enabled)
        .map(|(arn, ..)| arn)
        .collect();
    assert_eq!(endpoints, arns, "every device is reached, and nobody else");
}

#[tokio::test(flavor = "multi_thread")]
async fn fifty_phones_of_one_person_at_once_leave_twenty_and_nobody_is_told_of_a_conflict() {
    for held in [0, 19, 20] {
        let world = World::start().await;
        let ada = Ids::unguessable();
        for n in 0..held {
            world.register(ada, &format!("before-{n}")).await.unwrap();
        }
        let names: Vec<_> = (0..50).map(|n| n.to_string()).collect();
        join_all(names.iter().map(|name| register_at_last(&world, ada, name))).await;
        assert_eq!(list(&world, ada).await.len(), 20, "{held} before");
        agree(&world, &[ada]).await;
    }
}

async fn nineteen(world: &World, user: UserId) {
    for n in 0..19 {
        world.register(user, &format!("{user}-{n}")).await.unwrap();
    }
}

#[tokio::test]
async fn contention_without_time_left_asks_to_come_back() {
    let world = World::start().await;
    let ada = Ids::unguessable();
    nineteen(&world, ada).await;
    let (now, outcomes) = (tokio::time::Instant::now(), (0..10).map(|n| n.to_string()).collect::<Vec<_>>());
    let all = join_all(outcomes.iter().map(|name| world.register(ada, name)));
    let refused: Vec<_> =
        table::within_deadline(now, all).await.into_iter().filter_map(Result::err).collect();
    assert!(!refused.is_empty(), "they all want the same room");
    for error in refused {
        assert_eq!((error.kind(), error.retry_after()), (FaultKind::Unavailable, Some(1)), "{error:?}");
    }
    agree(&world, &[ada]).await;
}

/// Registers one more while somebody else is faster, with time to take back what was done and for nothing
/// else.
async fn gives_up(world: &World, user: UserId) -> Result<push::Registered, push::DeviceError> {
    world.services.hold("GetEndpointAttributes");
    let soon = tokio::time::Instant::now() + std::time::Duration::from_secs(2);
    let registers = table::within_deadline(soon, world.register(user, "token"));
    let faster = async {
        world.services.arrived("GetEndpointAttributes").await;
        let roster = table::Roster::new(push::keys::Devices::key(user), 20);
        let table = world.database.table(&world.clock);
        table.commit(&support::cause(), roster.add("faster", &"now")).await.unwrap();
        world.services.release("GetEndpointAttributes");
    };
    futures::join!(registers, faster).0
}

#[tokio::test]
async fn whoever_gives_up_takes_the_endpoint_away_again_and_a_crash_there_is_in_nobodys_way() {
    let world = World::start().await;
    let ada = Ids::unguessable();
    nineteen(&world, ada).await;
    let (outcome, calls) = world.crashes.count(Box::pin(gives_up(&world, ada))).await;
    assert_eq!(outcome.unwrap_err().retry_after(), Some(1));
    assert_eq!(world.services.endpoints().len(), 19);
    assert_eq!(calls, 7, "token and roster, two of SNS, commit; token, endpoint, token given free");
    for call in 3..calls {
        for moment in [Moment::Before, Moment::After] {
            let world = World::start().await;
            let ada = Ids::unguessable();
            nineteen(&world, ada).await;
            assert!(world.crashes.run(call, moment, Box::pin(gives_up(&world, ada))).await.is_none());
            world.clock.advance(SignedDuration::from_secs(21));
            assert!(world.register(ada, "token").await.unwrap().is_new, "{call} {moment:?}");
            assert_eq!((list(&world, ada).await.len(), world.services.endpoints().len()), (19, 19));
        }
    }
}

#[tokio::test]
async fn whoever_gives_up_leaves_the_endpoint_of_a_token_that_is_somebodys() {
    let world = World::start().await;
    let (ada, bob) = (Ids::unguessable(), Ids::unguessable());
    world.register(ada, "token").await.unwrap();
    nineteen(&world, bob).await;
    Box::pin(gives_up(&world, bob)).await.unwrap_err();
    assert_eq!((list(&world, ada).await.len(), world.services.endpoints().len()), (1, 20));
}

#[tokio::test]
async fn a_phone_goes_over_to_whoever_signs_in_on_it() {
    let world = World::start().await;
    let (ada, bob) = (Ids::unguessable(), Ids::unguessable());
    let of_ada = world.register(ada, "token").await.unwrap().device;
    let of_bob = world.register(bob, "token").await.unwrap();
    assert!(of_bob.is_new && of_bob.device.device_id != of_ada.device_id);
    assert_eq!(of_bob.device.endpoint_arn, of_ada.endpoint_arn);
    assert!(list(&world, ada).await.is_empty());
    assert_eq!(list(&world, bob).await.len(), 1);
    let mut told = told(&world).await;
    told.sort();
    let name = |name: &str| name.to_owned();
    assert_eq!(
        told,
        [
            (name("device.registered"), None),
            (name("device.registered"), None),
            (name("device.removed"), Some(name("replaced"))),
        ]
    );
}

#[tokio::test]
async fn one_text_may_be_a_token_of_both_services() {
    let world = World::start().await;
    let ada = Ids::unguessable();
    let token = "740f4707bebcf74f9b7c25d48e335894";
    world.register_on(DevicePlatform::Apns, ada, token).await.unwrap();
    world.register_on(DevicePlatform::Fcm, ada, token).await.unwrap();
    assert_eq!(list(&world, ada).await.len(), 2);
}

#[tokio::test]
async fn both_spellings_of_a_token_of_apples_are_one_phone() {
    let world = World::start().await;
    let ada = Ids::unguessable();
    let token = "740f4707bebcf74f9b7c25d48e3358945f6aa01da5ddb387462c7eaf61bb78ad";
    let lower = world.register_on(DevicePlatform::Apns, ada, token).await.unwrap();
    let upper = world.register_on(DevicePlatform::Apns, ada, &token.to_uppercase()).await.unwrap();
    assert_eq!((upper.is_new, upper.device.device_id), (false, lower.device.device_id));
    assert_eq!(world.services.endpoints(), [(lower.device.endpoint_arn, token.to_owned(), true)]);
}

#[tokio::test]
async fn a_disabled_endpoint_is_enabled_again_when_the_app_comes_back() {
    let world = World::start().await;
    let ada = Ids::unguessable();
    let device = world.register(ada, "token").await.unwrap().device;
    world.services.disable_endpoint(&device.endpoint_arn);
    world.register(ada, "token").await.unwrap();
    assert_eq!(world.services.endpoints(), [(device.endpoint_arn, "a-phone-token".to_owned(), true)]);
}

#[tokio::test]
async fn only_the_own_device_can_be_removed() {
    let world = World::start().await;
    let (ada, bob) = (Ids::unguessable(), Ids::unguessable());
    let device = world.register(ada, "token").await.unwrap().device;
    world.devices.remove(&support::cause(), bob, device.device_id, &Expected::Any).await.unwrap();
    assert_eq!(list(&world, ada).await.len(), 1);
    agree(&world, &[ada, bob]).await;

    for _ in 0..2 {
        world.devices.remove(&support::cause(), ada, device.device_id, &Expected::Any).await.unwrap();
        assert!(list(&world, ada).await.is_empty() && world.services.endpoints().is_empty());
    }
    assert_eq!(told(&world).await.len(), 2, "registered and removed, once each");
    assert!(world.register(ada, "token").await.unwrap().is_new);
    agree(&world, &[ada, bob]).await;
}

#[tokio::test]
async fn the_device_unseen_for_longest_makes_room_for_the_twenty_first() {
    let world = World::start().await;
    let ada = Ids::unguessable();
    for n in 0..20 {
        world.register(ada, &format!("token-{n}")).await.unwrap();
        world.clock.advance(SignedDuration::from_secs(1));
    }
    world.register(ada, "token-0").await.unwrap();
    world.register(ada, "token-20").await.unwrap();
    let devices = list(&world, ada).await;
    assert_eq!(devices.len(), 20);
    assert!(devices.iter().all(|device| !device.endpoint_arn.ends_with("/a-phone-token-1")));
    agree(&world, &[ada]).await;
}

#[tokio::test]
async fn a_refused_token_registers_nothing() {
    let world = World::start().await;
    world.services.refuse("CreatePlatformEndpoint", 10);
    let error = world.register(Ids::unguessable(), "token").await.unwrap_err();
    assert_eq!(error.kind(), FaultKind::Unavailable);
    assert!(world.database.items().await.is_empty());
}

#[tokio::test]
async fn a_crash_at_any_call_of_a_registration_is_healed_by_the_next_attempt() {
    let calls = {
        let world = World::start().await;
        world.crashes.count(world.register(Ids::unguessable(), "token")).await.1
    };
    assert!(calls >= 4, "create, get, read and commit");
    for call in 0..calls {
        for moment in [Moment::Before, Moment::After] {
            let world = World::start().await;
            let ada = Ids::unguessable();
            assert!(world.crashes.run(call, moment, world.register(ada, "token")).await.is_none());
            world.register(ada, "token").await.unwrap();
            assert_eq!(list(&world, ada).await.len(), 1, "{call} {moment:?}");
            assert_eq!(told(&world).await.len(), 1, "{call} {moment:?}");
            assert_eq!(world.services.endpoints().len(), 1, "{call} {moment:?}");
        }
    }
}

#[tokio::test]
async fn a_crash_at_any_call_of_a_removal_leaves_nobody_unreached_and_the_next_attempt_ends_it() {
    let calls = {
        let world = World::start().await;
        let ada = Ids::unguessable();
        let device = world.register(ada, "token").await.unwrap().device.device_id;
        world.crashes.count(world.devices.remove(&support::cause(), ada, device, &Expected::Any)).await.1
    };
    assert_eq!(calls, 5, "device and roster, token, commit, endpoint, token given free");
    for call in 0..calls {
        for moment in [Moment::Before, Moment::After] {
            let world = World::start().await;
            let ada = Ids::unguessable();
            let device = world.register(ada, "token").await.unwrap().device.device_id;
            let cause = support::cause();
            let removal = world.devices.remove(&cause, ada, device, &Expected::Any);
            assert!(world.crashes.run(call, moment, removal).await.is_none());
            world.devices.remove(&support::cause(), ada, device, &Expected::Any).await.unwrap();
            assert!(list(&world, ada).await.is_empty(), "{call} {moment:?}");
            assert_eq!(told(&world).await.len(), 2, "{call} {moment:?}");
            // what the crash left of the deletion is in nobody's way for longer than a call can take
            world.clock.advance(SignedDuration::from_secs(21));
            assert!(world.register(ada, "token").await.unwrap().is_new, "{call} {moment:?}");
            agree(&world, &[ada]).await;
        }
    }
}

/// Registers while SNS is slow to delete the endpoint: not before it has.
async fn registers_only_after_the_deletion(world: &World, user: UserId) {
    world.services.arrived("DeleteEndpoint").await;
    let now = tokio::time::Instant::now();
    let error = table::within_deadline(now, world.register(user, "token")).await.unwrap_err();
    assert_eq!((error.kind(), error.retry_after()), (FaultKind::Unavailable, Some(1)));
    let registers = async {
        let registered = world.register(user, "token").await;
        assert!(registered.unwrap().is_new);
    };
    let goes_on = async { world.services.release("DeleteEndpoint") };
    futures::join!(registers, goes_on);
}

#[tokio::test]
async fn whoever_registers_while_the_endpoint_is_being_deleted_is_reached() {
    for next in ["the same person", "another"] {
        let world = World::start().await;
        let (ada, bob) = (Ids::unguessable(), Ids::unguessable());
        let next = if next == "another" { bob } else { ada };
        let device = world.register(ada, "token").await.unwrap().device.device_id;
        world.services.hold("DeleteEndpoint");
        let removal =
            async { world.devices.remove(&support::cause(), ada, device, &Expected::Any).await.unwrap() };
        futures::join!(removal, registers_only_after_the_deletion(&world, next));
        assert_eq!(list(&world, next).await.len(), 1);
        agree(&world, &[ada, bob]).await;
    }
}

#[tokio::test]
async fn whoever_registers_a_token_that_made_room_is_reached() {
    let world = World::start().await;
    let (ada, bob) = (Ids::unguessable(), Ids::unguessable());
    world.register(ada, "token").await.unwrap();
    for n in 0..19 {
        world.clock.advance(SignedDuration::from_secs(1));
        world.register(ada, &format!("other-{n}")).await.unwrap();
    }
    world.services.hold("DeleteEndpoint");
    let twenty_first = async { world.register(ada, "one-more").await.unwrap() };
    futures::join!(twenty_first, registers_only_after_the_deletion(&world, bob));
    agree(&world, &[ada, bob]).await;
}

#[tokio::test]
async fn an_endpoint_that_cannot_be_deleted_keeps_no_device() {
    let world = World::start().await;
    let ada = Ids::unguessable();
    let device = world.register(ada, "token").await.unwrap().device.device_id;
    world.services.refuse("DeleteEndpoint", 10);
    world.devices.remove(&support::cause(), ada, device, &Expected::Any).await.unwrap();
    assert!(list(&world, ada).await.is_empty());
    assert_eq!(world.services.endpoints().len(), 1, "it stays, is sent nothing, and is used again");
    world.services.refuse("DeleteEndpoint", 0);
    world.clock.advance(SignedDuration::from_secs(21));
    world.register(ada, "token").await.unwrap();
    agree(&world, &[ada]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn however_registrations_and_removals_of_one_phone_meet_its_holder_is_reached() {
    let world = World::start().await;
    let people: [UserId; 2] = [Ids::unguessable(), Ids::unguessable()];
    for round in 0..30_usize {
        let holder = people[round % 2];
        let device = world.register(holder, "token").await.unwrap().device.device_id;
        let cause = support::cause();
        let removes = world.devices.remove(&cause, holder, device, &Expected::Any);
        let registers = join_all(people.map(|person| world.register(person, "token")));
        let (removed, registered) = futures::join!(removes, registers);
        removed.unwrap();
        for registered in registered {
            registered.unwrap();
        }
        agree(&world, &people).await;
    }
}
