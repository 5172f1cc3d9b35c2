//! The function on its sample event.
#![expect(clippy::unwrap_used, reason = "tests")]

use std::sync::Arc;

use access::Principal;
use events::ActorRef;
use identity::{
    Entrance, Issuer, LinkKey, Policy, Proof, SessionKey, SessionTokens, SignedIn, login_history, open_proof,
    publish_signing_key, request_login, sign_out, verify_login,
};
use lambda_host::{Environment, Function, Host, LambdaEvent};
use primitives::{Clock, Email, Ids, Keys, LoginId};
use push::events::DevicePlatform;
use push::{Applications, Devices, NewDevice, PushToken};
use push_client::PushClient;
use serde_json::{Value, json};
use table::{Cause, Table};
use test_support::{Crashes, Database, Services, noon};

const SAMPLE: &str = include_str!("../../../events/queue-push-delivery/two-people.json");
/// The people in the sample.
const PEOPLE: [&str; 2] = ["usr_01kar8h5g0e0vsx4q1v3f6m2ah", "usr_01kar8h5g0e0vsx4q1v3f6m2aj"];
const APNS: &str = "740f4707bebcf74f9b7c25d48e3358945f6aa01da5ddb387462c7eaf61bb78ad"; // checkov:skip=CKV_SECRET_6: an example

struct World {
    database: Database,
    services: Services,
    table: Table,
    devices: Devices,
    function: Function,
}

impl World {
    async fn start() -> Self {
        let (database, services) = (Database::start().await, Services::start().await);
        let clock = Clock::fixed(noon());
        let environment = Environment::new(services.environment(&database));
        let ids = Ids::random(clock.clone());
        let host = Host::with(environment, clock, ids, Some(Crashes::default().http_client())).unwrap();
        let table = host.table().unwrap();
        let devices = Devices::new(table.clone(), PushClient::new(host.push_endpoints()));
        let function = queue_push_delivery::function(&host).await.unwrap();
        host.connected().await;
        Self { database, services, table, devices, function }
    }

    async fn signed_in(&self, email: &str) -> SessionTokens {
        let sessions = Keys::only(SessionKey::from_secret("sessions", "http://localhost:3000"));
        let published = publish_signing_key(&self.table, &sessions.current).await.unwrap();
        let issuer = Issuer { keys: Arc::new(sessions), published };
        let (links, policy) = (LinkKey::from_secret("links"), Policy::default());
        let address: Email = email.parse().unwrap();
        let history = login_history(&self.table, address, "192.0.2.1").await.unwrap();
        request_login(&self.table, &links, &policy, &cause(), history).await.unwrap();
        let events = self.database.events().await;
        let asked = events.iter().find(|event| event.data["email"] == email).unwrap();
        let login: LoginId = asked.data["login_id"].as_str().unwrap().parse().unwrap();
        let proof = Proof::Link { token: links.token(login), browser_token: None, confirmed: true };
        let proof = open_proof(&self.table, &Keys::only(links), &proof).await.unwrap();
        let (table, cause) = (&self.table, cause());
        let entrance =
            Entrance { table, issuer: &issuer, policy: &policy, cause: &cause, network: "192.0.2.1" };
        match verify_login(&entrance, &proof, None).await.unwrap() {
            SignedIn::Session(tokens) => tokens,
            SignedIn::Half(challenge) => panic!("{challenge:?}"),
        }
    }

    async fn register(&self, session: &SessionTokens, platform: DevicePlatform, token: &str) -> String {
        let applications = Applications {
            apns: "arn:aws:sns:eu-central-1:000000000000:app/APNS/gantry".to_owned(),
            fcm: "arn:aws:sns:eu-central-1:000000000000:app/GCM/gantry".to_owned(),
        };
        let token = PushToken::new(platform, token).unwrap();
        let new = NewDevice { token, app_version: None, locale: None };
        let person = (session.user_id, session.session_id);
        let registered = self
            .devices
            .register(&cause(), &applications, person, &new, &table::Keep::nothing())
            .await
            .unwrap();
        registered.device.endpoint_arn
    }

    /// Delivers the sample to these two; says which endpoints were told so far, sorted.
    async fn deliver(&self, event: &str, people: [&SessionTokens; 2]) -> Vec<String> {
        let mut sample = SAMPLE.replacen("evt_01kar8h5g0e0vsx4q1v3f6m2ah", event, 1);
        for (place, person) in PEOPLE.iter().zip(people) {
            sample = sample.replace(place, &person.user_id.to_string());
        }
        let sample: Value = serde_json::from_str(&sample).unwrap();
        for _ in 0..2 {
            let event = LambdaEvent::new(sample.clone(), lambda_host::Context::default());
            assert_eq!(self.function.invoke(event).await.unwrap(), json!({ "batchItemFailures": [] }));
        }
        let mut told: Vec<_> = self.services.publications().into_iter().map(|told| told.endpoint).collect();
        told.sort();
        told
    }
}

fn cause() -> Cause {
    Cause { actor: ActorRef::Anonymous, ..Cause::system("test", "test") }
}

#[tokio::test]
async fn the_sample_tells_all_devices_once_and_removes_the_one_that_is_gone() {
    let world = World::start().await;
    let (ada, bob) = (world.signed_in("ada@example.com").await, world.signed_in("bob@example.com").await);
    let phone = world.register(&ada, DevicePlatform::Apns, APNS).await;
    let tablet = world.register(&ada, DevicePlatform::Fcm, "adas-tablet").await;
    let gone = world.register(&bob, DevicePlatform::Fcm, "bobs-phone").await;
    world.services.disable_endpoint(&gone);
    let told = world.deliver("evt_01kar8h5g0e0vsx4q1v3f6m2ah", [&ada, &bob]).await;
    assert_eq!(told, [phone, tablet]);
    assert_eq!(world.database.count("device").await, 2);
    assert_eq!(world.services.endpoints().len(), 2);
}

#[tokio::test]
async fn signing_out_takes_the_sessions_device_from_the_next_event_and_leaves_the_others() {
    let world = World::start().await;
    let (ada, bob) = (world.signed_in("ada@example.com").await, world.signed_in("bob@example.com").await);
    world.register(&ada, DevicePlatform::Apns, APNS).await;
    let of_bob = world.register(&bob, DevicePlatform::Fcm, "bobs-phone").await;
    assert_eq!(world.deliver("evt_01kar8h5g0e0vsx4q1v3f6m2ah", [&ada, &bob]).await.len(), 2);
    world.services.clear();

    let (user_id, session_id) = (ada.user_id, ada.session_id);
    let email = "ada@example.com".parse().unwrap();
    let person = Principal {
        user_id,
        email,
        session_id,
        live_sessions: Arc::default(),
        signed_in_at: noon(),
        person: access::Person::default(),
        shown: access::Shown::default(),
        sso: None,
        actor: None,
        staff: None,
        impersonator: None,
    };
    sign_out(&world.table, &cause(), &person).await.unwrap();
    let told = world.deliver("evt_01kar8h5g0e0vsx4q1v3f6m2aj", [&ada, &bob]).await;
    assert_eq!(told, [of_bob]);
    assert_eq!((world.database.count("device").await, world.services.endpoints().len()), (1, 1));
    let events = world.database.events().await;
    let removed = events.iter().find(|event| event.kind == "device.removed").unwrap();
    assert_eq!(removed.data["reason"], "signed_out");
}
