//! What targets work with: the samples in `events/`, and the whole product.

use std::path::Path;

use local::{Cloud, InvokeError, Options, functions};
use reqwest::{Client, RequestBuilder};
use serde_json::{Value, json};
use system_tests::answer::Answer;
use tokio::runtime::Runtime;
use totp_rs::{Builder, Secret};

/// An event of `events/`, such as `queue-mail/trial-ending`.
pub(crate) fn sample(name: &str) -> Value {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("../events/{name}.json"));
    serde_json::from_str(&std::fs::read_to_string(file).unwrap()).unwrap()
}

/// All events of a function, the first one first.
pub(crate) fn samples(function: &str) -> Vec<Value> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../events").join(function);
    let mut names: Vec<String> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path().file_stem().unwrap().to_string_lossy().into_owned())
        .collect();
    names.sort();
    names.iter().map(|name| sample(&format!("{function}/{name}"))).collect()
}

/// The product in memory, driven from a test without `async`, as the engine's targets are.
pub(crate) struct World {
    runtime: Runtime,
    pub(crate) cloud: Cloud,
}

impl World {
    pub(crate) fn start() -> Self {
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        let registry = functions::registry(&functions::Hosts::default());
        // requests come from everywhere, and staff's too
        let addresses = [("AdminAddresses".to_owned(), "127.0.0.0/8,10.0.0.0/8".to_owned())];
        let options = Options {
            parameters: addresses.into(),
            ..Options::ephemeral(system_tests::template::text(), registry)
        };
        let cloud = runtime.block_on(Cloud::start(options)).unwrap();
        Self { runtime, cloud }
    }

    /// Calls a function with an event as its source would.
    pub(crate) fn invoke(&self, function: &str, event: Value) -> Result<Value, InvokeError> {
        self.runtime.block_on(self.cloud.invoke(function, event))
    }

    fn send(&self, request: RequestBuilder) -> Answer {
        self.runtime.block_on(Answer::to(request)).unwrap()
    }

    /// Somebody with a session in an organization of their own.
    pub(crate) fn sign_in(&self, email: &str) -> Person {
        let (http, api) = (Client::new(), self.cloud.api_url());
        let post = |path: &str, token: &str, body: Value| {
            let answer = self.send(http.post(format!("{api}{path}")).bearer_auth(token).json(&body));
            assert!(answer.status.is_success(), "{answer:?}");
            answer
        };
        let asked = post("/v1/auth/magic-links", "", json!({ "email": email }));
        assert!(self.runtime.block_on(self.cloud.drain()));
        let mail = self.cloud.inspect(|state| {
            state.mails.iter().rev().find(|mail| mail.to == [email]).and_then(|mail| mail.text.clone())
        });
        let link_token =
            mail.unwrap().split("token=").nth(1).unwrap().split_whitespace().next().unwrap().to_owned();
        let proof = json!({ "token": link_token, "browser_token": asked.text("/browser_token") });
        let session = post("/v1/auth/magic-links/verify", "", proof).tokens();
        let slug = email.split('@').next().unwrap();
        let org = post(
            "/v1/orgs",
            &session.text("/access_token"),
            json!({ "name": slug, "slug": format!("{slug}-org") }),
        );
        let session =
            post("/v1/auth/switch-org", &session.text("/access_token"), json!({ "org_id": org.text("/id") }))
                .tokens();
        Person {
            link_token,
            access_token: session.text("/access_token"),
            refresh_token: session.text("/refresh_token"),
            org_id: org.text("/id"),
        }
    }

    /// The same person as an operator, with a session in which two factors were shown.
    pub(crate) fn as_staff(&self, person: Person, email: &str) -> Person {
        let put = json!({
            "command": "staff.put", "email": email, "role": "operator", "reason": "begins here today",
        });
        self.invoke("operator", put).unwrap();
        let (http, api) = (Client::new(), self.cloud.api_url());
        let post = |path: &str, body: Value| {
            let request = http.post(format!("{api}{path}")).bearer_auth(&person.access_token);
            let answer = self.send(request.json(&body));
            assert!(answer.status.is_success(), "{answer:?}");
            answer
        };
        let started = post("/v1/me/mfa/factors", json!({ "kind": "totp" }));
        let secret = Secret::try_from_base32(started.text("/secret")).unwrap();
        let now = u64::try_from(self.cloud.clock().now().as_second()).unwrap();
        let code = Builder::new().with_secret(secret).build().unwrap().generate(now).to_string();
        post(&format!("/v1/me/mfa/factors/{}/confirm", started.text("/id")), json!({ "code": code }));
        let session = post("/v1/auth/refresh", json!({ "refresh_token": person.refresh_token }));
        Person { access_token: session.text("/access_token"), ..person }
    }

    /// The secret that Stripe signs with.
    pub(crate) fn stripe_secret(&self) -> primitives::Secret<String> {
        let arn = &self.cloud.environment()["STRIPE_SECRET_ARN"];
        let text = self.cloud.inspect(|state| state.secrets[arn].current().map(str::to_owned)).unwrap();
        let document: Value = serde_json::from_str(&text).unwrap();
        primitives::Secret::new(document["webhook_secrets"][0].as_str().unwrap().to_owned())
    }
}

/// What somebody who is signed in holds.
pub(crate) struct Person {
    pub(crate) link_token: String,
    pub(crate) access_token: String,
    pub(crate) refresh_token: String,
    pub(crate) org_id: String,
}

/// The events of a subscription's life, as the local Stripe writes them.
pub(crate) fn stripe_events() -> Vec<Value> {
    let world = World::start();
    let http = Client::new();
    for action in ["subscribe", "payment_failed", "paid", "cancel"] {
        let url = format!("{}/_local/api/stripe/{action}", world.cloud.api_url());
        let body = json!({ "org_id": "org_01kar8h5g0e0vsx4q1v3f6m2ah" });
        assert!(world.send(http.post(url).json(&body)).status.is_success());
    }
    world.cloud.inspect(|state| state.stripe.events.iter().cloned().collect())
}
