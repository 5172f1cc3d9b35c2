//! Registering, listing and removing devices, on a real engine and a push service that speaks SNS's protocol.

use crate::support::{self, World};
use events::DevicePlatform;
use futures::future::join_all;
use primitives::{Fault, FaultKind, Ids, Keys, Limit, SignedDuration, UserId};
use push::{Device, DeviceError};
use table::CursorKey;
use test_support::Moment;

async fn list(world: &World, user: UserId) -> Vec<Device> {
    let cursors = Keys::only(CursorKey::from_secret("secret"));
    world.devices.list(&cursors, user, Limit::try_from(100).unwrap(), None).await.unwrap().items
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

#[tokio::test]
async fn twenty_registrations_of_one_token_at_once_make_one_device() {
    let world = World::start().await;
    let ada = Ids::unguessable();
    let registered = join_all((0..20).map(|_| world.register(ada, "token"))).await;
    let done = registered.iter().filter(|registered| registered.is_ok()).count();
    let refused = registered.iter().filter_map(|registered| registered.as_ref().err());
    assert!(done >= 1 && refused.into_iter().all(|error| error.kind() == FaultKind::Conflict));
    assert_eq!(list(&world, ada).await.len(), 1);
    assert_eq!(world.database.count("device_token").await, 1);
    assert_eq!(told(&world).await.len(), 1);
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
    world.register_on(DevicePlatform::Apns, ada, "token").await.unwrap();
    world.register_on(DevicePlatform::Fcm, ada, "token").await.unwrap();
    assert_eq!(list(&world, ada).await.len(), 2);
}

#[tokio::test]
async fn a_disabled_endpoint_is_enabled_again_when_the_app_comes_back() {
    let world = World::start().await;
    let ada = Ids::unguessable();
    let device = world.register(ada, "token").await.unwrap().device;
    world.services.disable_endpoint(&device.endpoint_arn);
    world.register(ada, "token").await.unwrap();
    assert_eq!(world.services.endpoints(), [(device.endpoint_arn, "token".to_owned(), true)]);
}

#[tokio::test]
async fn only_the_own_device_can_be_removed() {
    let world = World::start().await;
    let (ada, bob) = (Ids::unguessable(), Ids::unguessable());
    let device = world.register(ada, "token").await.unwrap().device;
    let foreign = world.devices.remove(&support::cause(), bob, device.device_id).await;
    assert!(matches!(foreign, Err(DeviceError::NotFound)));
    assert_eq!(list(&world, ada).await.len(), 1);

    world.devices.remove(&support::cause(), ada, device.device_id).await.unwrap();
    assert!(list(&world, ada).await.is_empty() && world.services.endpoints().is_empty());
    assert_eq!(world.database.count("device_token").await, 0);
    let again = world.devices.remove(&support::cause(), ada, device.device_id).await;
    assert!(matches!(again, Err(DeviceError::NotFound)));
    assert!(world.register(ada, "token").await.unwrap().is_new);
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
    assert!(devices.iter().all(|device| !device.endpoint_arn.ends_with("/token-1")));
    assert_eq!(world.database.count("device_token").await, 20);
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
