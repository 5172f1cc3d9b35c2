//! The routes, called as API Gateway calls them, by people who signed in.
#![expect(clippy::unwrap_used, reason = "tests")]

use std::sync::Arc;

use access::{AccessLevel, AccessSchedule, Principal};
use events::ActorRef;
use identity::{
    Entrance, Issuer, LinkKey, Policy, Proof, SessionKey, SignedIn, login_history, open_proof,
    publish_signing_key, request_login, switch_org, verify_login,
};
use lambda_host::{Environment, Function, Host, LambdaEvent};
use orgs::Founder;
use primitives::{Clock, Email, Ids, Keys, LoginId};
use serde_json::{Map, Value, json};
use table::Cause;
use test_support::{Crashes, Database, Services, noon};

const ISSUER: &str = "http://localhost:3000";

struct World {
    database: Database,
    services: Services,
    clock: Clock,
    function: Function,
}

struct Answer {
    status: u64,
    body: Value,
}

impl World {
    async fn start() -> Self {
        let (database, services) = (Database::start().await, Services::start().await);
        let clock = Clock::fixed(noon());
        let environment = Environment::new(services.environment(&database));
        let (ids, client) = (Ids::random(clock.clone()), Crashes::default().http_client());
        let host = Host::with(environment, clock.clone(), ids, Some(client)).unwrap();
        let function = api_devices::function(&host).await.unwrap();
        host.connected().await;
        Self { database, services, clock, function }
    }

    /// The access token of a person who signed in and owns an organization.
    async fn signed_in(&self, email: &str) -> String {
        let table = self.database.table(&self.clock);
        let sessions = Keys::only(SessionKey::from_secret(Services::SECRET_KEY, ISSUER));
        let published = publish_signing_key(&table, &sessions.current).await.unwrap();
        let issuer = Issuer { keys: Arc::new(sessions), published };
        let (links, policy) = (LinkKey::from_secret("links"), Policy::default());
        let mut cause = Cause::system("test", "test");
        cause.actor = ActorRef::Anonymous;
        let address: Email = email.parse().unwrap();
        let history = login_history(&table, address, "192.0.2.1").await.unwrap();
        request_login(&table, &links, &policy, &cause, history).await.unwrap();
        let events = self.database.events().await;
        let asked = events.iter().find(|event| event.data["email"] == email).unwrap();
        let login: LoginId = asked.data["login_id"].as_str().unwrap().parse().unwrap();
        let proof = Proof::Link { token: links.token(login), browser_token: None, confirmed: true };
        let proof = open_proof(&table, &Keys::only(links), &proof).await.unwrap();
        let entrance =
            Entrance { table: &table, issuer: &issuer, policy: &policy, cause: &cause, network: "192.0.2.1" };
        let SignedIn::Session(tokens) = verify_login(&entrance, &proof, None).await.unwrap() else {
            panic!("something is missing");
        };
        let (user_id, session_id) = (tokens.user_id, tokens.session_id);
        let founder = Founder { user_id, email: email.parse().unwrap(), name: None, most_owned: 10 };
        let slug = email.split('@').next().unwrap().parse().unwrap();
        let name = "Acme".parse().unwrap();
        let (new, changes) =
            orgs::create(&table, &founder, &name, slug, |_| AccessSchedule::new(AccessLevel::Full, []))
                .unwrap();
        table.commit(&cause, changes).await.unwrap();
        let person = Principal {
            user_id,
            email: founder.email,
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
        let switched = switch_org(&table, &issuer, &policy, &cause, &person, new.org.org_id).await.unwrap();
        let SignedIn::Session(tokens) = switched else { panic!("something is missing") };
        tokens.access_token.expose().clone()
    }

    async fn call(&self, method: &str, path: &str, headers: &[(&str, &str)], body: Option<&Value>) -> Answer {
        let sample = include_str!("../../../events/api-devices/wrong-method.json");
        let mut event: Value = serde_json::from_str(sample).unwrap();
        let headers = headers.iter().chain(&[("Content-Type", "application/json")]);
        let (mut single, mut multiple) = (Map::new(), Map::new());
        for (name, value) in headers {
            single.insert((*name).to_owned(), json!(value));
            multiple.insert((*name).to_owned(), json!([value]));
        }
        event["headers"] = single.into();
        event["multiValueHeaders"] = multiple.into();
        for (place, value) in [("httpMethod", method), ("path", path)] {
            event[place] = json!(value);
            event["requestContext"][place] = json!(value);
        }
        event["body"] = body.map_or(Value::Null, |body| json!(body.to_string()));
        self.invoke(event).await
    }

    async fn invoke(&self, event: Value) -> Answer {
        let event = LambdaEvent::new(event, lambda_host::Context::default());
        let answer = self.function.invoke(event).await.unwrap();
        let body = answer["body"].as_str().unwrap_or_default();
        Answer {
            status: answer["statusCode"].as_u64().unwrap(),
            body: serde_json::from_str(body).unwrap_or_default(),
        }
    }

    async fn register(&self, access: &str, token: &str) -> Answer {
        self.call("POST", "/v1/me/devices", &[("Authorization", access)], Some(&device(token))).await
    }

    async fn remove(&self, access: &str, id: &str) -> Answer {
        self.call("DELETE", &format!("/v1/me/devices/{id}"), &[("Authorization", access)], None).await
    }

    /// How many the list shows a while after the last change.
    async fn count(&self, access: &str) -> usize {
        self.database.settle();
        let answer = self.call("GET", "/v1/me/devices", &[("Authorization", access)], None).await;
        assert_eq!(answer.status, 200, "{}", answer.body);
        answer.body["items"].as_array().unwrap().len()
    }
}

fn device(token: &str) -> Value {
    json!({ "platform": "fcm", "token": token, "app_version": "2.4.1", "locale": "de-AT" })
}

async fn two_people(world: &World) -> (String, String) {
    let ada = format!("Bearer {}", world.signed_in("ada@example.com").await);
    let bob = format!("Bearer {}", world.signed_in("bob@example.com").await);
    (ada, bob)
}

#[tokio::test]
async fn a_device_is_registered_listed_and_removed_by_its_owner_alone() {
    let world = World::start().await;
    let (ada, bob) = two_people(&world).await;
    let created = world.register(&ada, "token-of-ada").await;
    assert_eq!((created.status, &created.body["platform"]), (201, &json!("fcm")), "{}", created.body);
    assert!(!created.body.to_string().contains("token-of-ada"), "the token is for the push service alone");
    let again = world.register(&ada, "token-of-ada").await;
    assert_eq!((again.status, &again.body["id"]), (200, &created.body["id"]));

    let id = created.body["id"].as_str().unwrap();
    for not_his in [id, "dev_01kar8h5g0e0vsx4q1v3f6m2ah"] {
        let answer = world.remove(&bob, not_his).await;
        assert_eq!(
            (answer.status, &answer.body),
            (204, &Value::Null),
            "a foreign one is like an unknown one"
        );
    }
    let none = world.remove(&bob, "x").await;
    assert_eq!((none.status, &none.body["code"]), (404, &json!("not_found")), "{}", none.body);
    assert_eq!((world.count(&ada).await, world.count(&bob).await), (1, 0));

    for _ in 0..2 {
        assert_eq!(world.remove(&ada, id).await.status, 204, "also when the first answer was lost");
        assert_eq!((world.count(&ada).await, world.services.endpoints().len()), (0, 0));
    }
}

#[tokio::test]
async fn a_phone_goes_over_to_whoever_signs_in_on_it() {
    let world = World::start().await;
    let (ada, bob) = two_people(&world).await;
    for person in [&ada, &bob] {
        assert_eq!(world.register(person, "one-phone").await.status, 201);
    }
    assert_eq!((world.count(&ada).await, world.count(&bob).await), (0, 1));
}

#[tokio::test]
async fn an_idempotency_key_gives_the_first_answer_again() {
    let world = World::start().await;
    let (ada, _) = two_people(&world).await;
    let headers = [("Authorization", ada.as_str()), ("Idempotency-Key", "key")];
    let first = world.call("POST", "/v1/me/devices", &headers, Some(&device("token-of-ada"))).await;
    let second = world.call("POST", "/v1/me/devices", &headers, Some(&device("token-of-ada"))).await;
    assert_eq!((first.status, second.status), (201, 201));
    assert_eq!(first.body, second.body);
    let other = world.call("POST", "/v1/me/devices", &headers, Some(&device("another-token"))).await;
    assert_eq!(other.status, 422);
}

#[tokio::test]
async fn bad_input_gets_a_problem_and_registers_nothing() {
    let world = World::start().await;
    let (ada, _) = two_people(&world).await;
    for body in [
        json!({ "platform": "fcm" }),
        json!({ "platform": "pager", "token": "a-good-token" }),
        json!({ "platform": "fcm", "token": "short" }),
        json!({ "platform": "fcm", "token": "with spaces in it" }),
        json!({ "platform": "fcm", "token": 5 }),
        json!({ "platform": "apns", "token": "undefined" }),
        json!({ "platform": "apns", "token": "zz".repeat(32) }),
        json!({ "platform": "apns", "token": "a".repeat(63) }),
        json!({ "platform": "apns", "token": "{length = 32, bytes = 0x740f4707 bebcf74f ... 61bb78ad}" }),
        json!({ "platform": "fcm", "token": "a-good-token", "owner": "usr_x" }),
    ] {
        let answer = world.call("POST", "/v1/me/devices", &[("Authorization", &ada)], Some(&body)).await;
        assert_eq!(answer.status, 422, "{body} {}", answer.body);
    }
    assert!(world.services.endpoints().is_empty());
    assert_eq!(world.database.count("device").await, 0);
}

#[tokio::test]
async fn a_token_that_apple_never_gave_is_refused_where_it_stands() {
    let world = World::start().await;
    let (ada, _) = two_people(&world).await;
    let body = json!({ "platform": "apns", "token": "<740f4707 bebcf74f 9b7c25d4 8e335894>" });
    let answer = world.call("POST", "/v1/me/devices", &[("Authorization", &ada)], Some(&body)).await;
    assert_eq!((answer.status, &answer.body["errors"][0]["pointer"]), (422, &json!("/token")));
}

#[tokio::test]
async fn both_spellings_of_a_token_of_apples_are_one_device() {
    let world = World::start().await;
    let (ada, _) = two_people(&world).await;
    let token = "740f4707bebcf74f9b7c25d48e3358945f6aa01da5ddb387462c7eaf61bb78ad"; // checkov:skip=CKV_SECRET_6: an example
    let mut answers = Vec::new();
    for token in [token.to_owned(), token.to_uppercase()] {
        let body = json!({ "platform": "apns", "token": token });
        answers.push(world.call("POST", "/v1/me/devices", &[("Authorization", &ada)], Some(&body)).await);
    }
    assert_eq!((answers[0].status, answers[1].status), (201, 200));
    assert_eq!(answers[0].body["id"], answers[1].body["id"]);
    let endpoints = world.services.endpoints();
    assert_eq!(endpoints.iter().map(|(_, token, _)| token.as_str()).collect::<Vec<_>>(), [token]);
}

#[tokio::test(flavor = "multi_thread")]
async fn fifty_phones_at_once_leave_twenty_and_are_all_answered() {
    let world = World::start().await;
    let (ada, _) = two_people(&world).await;
    let register = async |number: usize| {
        loop {
            let answer = world.register(&ada, &format!("token-of-ada-{number}")).await;
            // a slow machine has no time for all of them at once
            if answer.status != 503 {
                return answer.status;
            }
        }
    };
    let answers = futures::future::join_all((0..50).map(register)).await;
    assert!(answers.iter().all(|status| [200, 201].contains(status)), "{answers:?}");
    assert_eq!((world.count(&ada).await, world.services.endpoints().len()), (20, 20));
}

#[tokio::test]
async fn every_route_asks_who_is_calling() {
    let world = World::start().await;
    let forged = ("Authorization", "Bearer eyJhbGciOiJFZERTQSJ9.e30.AAAA"); // checkov:skip=CKV_SECRET_9: forged
    for headers in [&[][..], &[forged]] {
        for (method, path) in [
            ("POST", "/v1/me/devices"),
            ("GET", "/v1/me/devices"),
            ("DELETE", "/v1/me/devices/dev_01kar8h5g0e0vsx4q1v3f6m2ah"),
        ] {
            let body = device("a-good-token");
            let answer = world.call(method, path, headers, (method == "POST").then_some(&body)).await;
            assert_eq!(answer.status, 401, "{method} {}", answer.body);
        }
    }
    assert!(world.services.endpoints().is_empty());
}

#[tokio::test]
async fn the_samples_get_their_problem_documents() {
    let world = World::start().await;
    for (sample, status) in [
        (include_str!("../../../events/api-devices/register-without-token.json"), 401),
        (include_str!("../../../events/api-devices/list-with-forged-token.json"), 401),
        (include_str!("../../../events/api-devices/unknown-route.json"), 404),
        (include_str!("../../../events/api-devices/wrong-method.json"), 405),
    ] {
        for _ in 0..2 {
            let answer = world.invoke(serde_json::from_str(sample).unwrap()).await;
            assert_eq!(answer.status, status, "{}", answer.body);
            assert!(answer.body["code"].is_string(), "{}", answer.body);
        }
    }
}
