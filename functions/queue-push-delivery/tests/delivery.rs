//! The function on its sample event.

use events::DevicePlatform;
use lambda_host::{Environment, Host, LambdaEvent};
use primitives::{Clock, Ids};
use push::{Applications, Devices, NewDevice};
use push_client::PushClient;
use serde_json::{Value, json};
use table::Cause;
use test_support::{Crashes, Database, Services, noon};

#[tokio::test]
async fn the_sample_tells_all_devices_once_and_removes_the_one_that_is_gone() {
    let (database, services) = (Database::start().await, Services::start().await);
    let clock = Clock::fixed(noon());
    let environment = Environment::new(services.environment(&database));
    let ids = Ids::random(clock.clone());
    let host = Host::with(environment, clock, ids, Some(Crashes::default().http_client())).unwrap();
    let devices = Devices::new(host.table().await.unwrap(), PushClient::new(host.push_endpoints()));
    let applications = Applications {
        apns: "arn:aws:sns:eu-central-1:000000000000:app/APNS/gantry".to_owned(),
        fcm: "arn:aws:sns:eu-central-1:000000000000:app/GCM/gantry".to_owned(),
    };
    let cause = Cause::system("test", "test");
    for (person, platform, token) in [
        ("usr_01kar8h5g0e0vsx4q1v3f6m2ah", DevicePlatform::Apns, "one"),
        ("usr_01kar8h5g0e0vsx4q1v3f6m2ah", DevicePlatform::Fcm, "two"),
        ("usr_01kar8h5g0e0vsx4q1v3f6m2aj", DevicePlatform::Fcm, "gone"),
    ] {
        let new = NewDevice { platform, token: token.to_owned(), app_version: None, locale: None };
        let person = person.parse().unwrap();
        devices.register(&cause, &applications, person, &new, |_| None).await.unwrap();
    }
    services.disable_endpoint("arn:aws:sns:eu-central-1:000000000000:endpoint/GCM/gantry/gone");

    let function = queue_push_delivery::function(&host).await.unwrap();
    let sample: Value =
        serde_json::from_str(include_str!("../../../events/queue-push-delivery/two-people.json")).unwrap();
    for _ in 0..2 {
        let event = LambdaEvent::new(sample.clone(), lambda_host::Context::default());
        assert_eq!(function.invoke(event).await.unwrap(), json!({ "batchItemFailures": [] }));
    }
    let mut told: Vec<_> = services.publications().into_iter().map(|told| told.endpoint).collect();
    told.sort();
    assert_eq!(
        told,
        [
            "arn:aws:sns:eu-central-1:000000000000:endpoint/APNS/gantry/one",
            "arn:aws:sns:eu-central-1:000000000000:endpoint/GCM/gantry/two",
        ]
    );
    assert_eq!(database.count("device").await, 2);
    assert_eq!(services.endpoints().len(), 2);
}
