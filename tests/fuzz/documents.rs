//! Signed and structured documents.

use bolero::check;
use events::Envelope;
use local::Pattern;
use primitives::{Secret, SignedDuration, Timestamp};
use push::Delivery;
use serde_json::{Value, json};
use stripe_client::{Account, ClientOptions, Content, Event, SignatureError, WebhookSecrets, sign, verify};

use crate::mutation::{Change, Piece, mutated, text};
use crate::world::sample;

fn noon() -> Timestamp {
    "2026-11-25T12:00:00Z".parse().unwrap()
}

#[test]
fn stripe_signature() {
    let secret = || Secret::new("whsec_of_tests".to_owned());
    let secrets = WebhookSecrets::new(vec![secret()]).unwrap();
    let words = ["t=", "v1=", ",", "v0=", "1795608000", "0", " "];
    check!().with_type::<(Vec<u8>, Vec<Piece>, i32, u8)>().for_each(|(body, pieces, seconds, place)| {
        let genuine = sign(body, &secret(), noon());
        assert_eq!(verify(body, &genuine, &secrets, noon()), Ok(()));
        let later = noon() + SignedDuration::from_secs(i64::from(*seconds));
        let in_time = i64::from(*seconds).abs() <= 300;
        assert_eq!(verify(body, &genuine, &secrets, later).is_ok(), in_time, "{seconds}");
        let mut other = body.clone();
        other.push(*place);
        assert_eq!(verify(&other, &genuine, &secrets, noon()), Err(SignatureError::Mismatch));

        let noise = text(&words, pieces);
        let (time, signature) = genuine.split_once(',').unwrap();
        for header in [
            noise.clone(),
            format!("{genuine}{noise}"),
            format!("{noise}{genuine}"),
            format!("{time},{noise}"),
        ] {
            if verify(body, &header, &secrets, noon()).is_ok() {
                assert!(header.contains(signature) && header.contains(time), "nobody else made {header:?}");
                assert_eq!(header.split(',').filter(|part| part.trim().starts_with("t=")).count(), 1);
            }
        }
    });
}

/// Texts that are in the wire format's enumerations and ids, so that changes hit what is looked at.
const STRIPE: &[&str] = &[
    "customer.subscription.updated",
    "customer.subscription.deleted",
    "invoice.paid",
    "invoice.payment_failed",
    "checkout.session.completed",
    "active",
    "past_due",
    "canceled",
    "paid",
    "open",
    "sub_1",
    "in_1",
    "cus_1",
];

#[test]
fn stripe_event() {
    let samples = crate::world::stripe_events();
    check!().with_type::<(u8, Vec<Change>)>().for_each(|(which, changes)| {
        let sample = &samples[usize::from(*which) % samples.len()];
        let body = mutated(sample, STRIPE, changes).to_string();
        let Ok(event) = Event::parse(body.as_bytes()) else { return };
        let told: Value = serde_json::from_str(&body).unwrap();
        assert_eq!(told["id"], event.id.as_str());
        assert!(told["type"].as_str().unwrap().starts_with(&event.kind), "as much of it as is kept");
        let again = Event::parse(body.as_bytes()).unwrap();
        assert_eq!(format!("{:?}", event.read()), format!("{:?}", again.read()), "the same says the same");
        let object = &told["data"]["object"];
        match event.read() {
            Ok(Content::Subscription(_, subscription)) => {
                assert_eq!(object["id"], subscription.id.as_str());
                assert!(event.kind.starts_with("customer.subscription."));
            }
            Ok(Content::Invoice(_, invoice)) => {
                assert_eq!(object["id"], invoice.id.as_str());
                assert!(event.kind.starts_with("invoice."));
            }
            Ok(Content::CheckoutCompleted(_)) => assert_eq!(event.kind, "checkout.session.completed"),
            Ok(_) | Err(_) => {}
        }
    });
}

#[test]
fn stripe_secret() {
    let genuine = json!({ "api_key": "sk_test_123", "webhook_secrets": ["whsec_1", "whsec_2"] });
    check!().with_type::<Vec<Change>>().for_each(|changes| {
        let text = mutated(&genuine, &["sk_live_", "rk_test_", "whsec_"], changes).to_string();
        let Ok(account) = Account::from_secret(&text, ClientOptions::default()) else { return };
        let told: Value = serde_json::from_str(&text).unwrap();
        let key = told["api_key"].as_str().unwrap();
        assert_eq!(account.livemode, key.split('_').nth(1) == Some("live"), "{key}");
        assert!(!format!("{account:?}").contains(key), "a secret is never shown");
        // Whoever sends no signature is refused, whatever the secret holds.
        assert!(verify(b"{}", "", &account.webhook_secrets, noon()).is_err());
    });
}

#[test]
fn envelope() {
    let record = &sample("queue-mail/organization-created")["Records"][0];
    let body: Value = serde_json::from_str(record["body"].as_str().unwrap()).unwrap();
    check!().with_type::<Vec<Change>>().for_each(|changes| {
        let document =
            mutated(&body["detail"], &["organization.created", "system", "user", "stripe"], changes);
        let Ok(envelope) = serde_json::from_value::<Envelope>(document) else { return };
        let written = serde_json::to_value(&envelope).unwrap();
        assert_eq!(serde_json::from_value::<Envelope>(written).unwrap(), envelope);
        let created = envelope.data::<orgs::events::OrganizationCreated>();
        assert_eq!(created.is_some(), envelope.kind == "organization.created" && envelope.version == 1);
    });
}

#[test]
fn push_delivery() {
    let record = &sample("queue-push-delivery/two-people")["Records"][0];
    let body: Value = serde_json::from_str(record["body"].as_str().unwrap()).unwrap();
    check!().with_type::<Vec<Change>>().for_each(|changes| {
        let document = mutated(&body, &["usr_01kar8h5g0e0vsx4q1v3f6m2ah"], changes);
        let Ok(delivery) = serde_json::from_value::<Delivery>(document) else { return };
        let written = serde_json::to_value(&delivery).unwrap();
        assert_eq!(serde_json::from_value::<Delivery>(written).unwrap(), delivery);
    });
}

#[test]
fn event_pattern() {
    let pattern = json!({
        "source": ["gantry", { "prefix": "g" }, { "anything-but": ["x", { "suffix": "y" }] }],
        "detail-type": [{ "wildcard": "trial.*" }, { "equals-ignore-case": "A" }, { "exists": true }],
        "detail": { "n": [{ "numeric": [">", 1, "<=", 5] }], "$or": [{ "a": [1] }, { "b": [null] }] },
    });
    let event = json!({ "source": "gantry", "detail-type": "trial.ended", "detail": { "n": 5, "a": [1, "*"], "b": null } });
    let words =
        ["prefix", "suffix", "wildcard", "numeric", "$or", "exists", "anything-but", "*", "trial.ended", "<"];
    check!().with_type::<(Vec<Change>, Vec<Change>)>().for_each(|(of_pattern, of_event)| {
        let document = mutated(&pattern, &words, of_pattern);
        let Ok(pattern) = Pattern::read(&document) else { return };
        let event = mutated(&event, &words, of_event);
        let matches = pattern.matches(&event);
        // A pattern demands everything that it names: with one more demand that nothing meets, it
        // matches nothing.
        let mut more = document.clone();
        more["never"] = json!([{ "exists": true }]);
        if event.get("never").is_none() {
            assert!(!Pattern::read(&more).unwrap().matches(&event), "{more}");
        }
        // And with one more that everything meets, it is the same pattern.
        let mut same = document.clone();
        same["never"] = json!([{ "exists": false }]);
        if event.is_object() && event.get("never").is_none() && document.get("never").is_none() {
            assert_eq!(Pattern::read(&same).unwrap().matches(&event), matches, "{document} {event}");
        }
    });
}
