//! Secrets that rotate while an instance lives.
#![expect(clippy::unwrap_used, reason = "tests")]

use std::sync::Arc;

use lambda_host::{Environment, Host, Rotating, SecretError};
use primitives::{Clock, Ids, Keys, SignedDuration};
use serde_json::json;
use test_support::{Database, Services, noon};

const VARIABLE: &str = "LINK_SECRET_ARN";

struct Setting {
    _database: Database,
    services: Services,
    clock: Clock,
    arn: String,
    host: Host,
    secret: Rotating<Keys<String>>,
}

impl Setting {
    async fn new() -> Self {
        let (database, services) = (Database::start().await, Services::start().await);
        let clock = Clock::fixed(noon());
        let environment = Environment::new(services.environment(&database));
        let arn = environment.required(VARIABLE).unwrap().to_owned();
        let host = Host::with(environment, clock.clone(), Ids::random(clock.clone()), None).unwrap();
        let secret = host.secret_keys(VARIABLE, str::to_owned).unwrap();
        services.put_secret(&arn, text("first"));
        Self { _database: database, services, clock, arn, host, secret }
    }

    fn rotate(&self, name: &str) {
        self.services.put_secret(&self.arn, text(name));
    }

    async fn get(&self) -> Arc<Keys<String>> {
        self.secret.get().await.unwrap()
    }
}

/// A key that is long enough.
fn key(name: &str) -> String {
    format!("{name:->32}")
}

fn text(name: &str) -> String {
    json!({ "key": key(name) }).to_string()
}

fn keys(current: &str, previous: &str) -> Keys<String> {
    Keys { current: key(current), previous: Some(key(previous)) }
}

#[tokio::test]
async fn a_rotation_is_noticed_after_five_minutes_and_the_key_before_is_kept() {
    let setting = Setting::new().await;
    assert_eq!(*setting.get().await, Keys::only(key("first")));
    setting.rotate("second");
    setting.clock.advance(SignedDuration::from_secs(299));
    assert_eq!(*setting.get().await, Keys::only(key("first")));
    setting.clock.advance(SignedDuration::from_secs(1));
    assert_eq!(*setting.get().await, keys("second", "first"));
    setting.rotate("third");
    setting.clock.advance(SignedDuration::from_mins(5));
    assert_eq!(*setting.get().await, keys("third", "second"));
}

#[tokio::test]
async fn a_secret_that_did_not_change_costs_one_read_in_five_minutes() {
    let setting = Setting::new().await;
    let first = setting.get().await;
    assert_eq!(setting.services.secret_reads(), 2, "the current version and the one before");
    for _ in 0..10 {
        assert!(Arc::ptr_eq(&setting.get().await, &first));
    }
    assert_eq!(setting.services.secret_reads(), 2);
    setting.clock.advance(SignedDuration::from_mins(5));
    assert!(Arc::ptr_eq(&setting.get().await, &first), "it is not made anew");
    assert_eq!(setting.services.secret_reads(), 3);
}

#[tokio::test]
async fn a_newer_version_is_found_at_once_but_not_looked_for_at_each_forgery() {
    let setting = Setting::new().await;
    let first = setting.get().await;
    setting.rotate("second");
    let second = setting.secret.newer(&first).await.unwrap().unwrap();
    assert_eq!(*second, keys("second", "first"));
    let reads = setting.services.secret_reads();
    for _ in 0..20 {
        assert!(
            Arc::ptr_eq(&setting.secret.newer(&first).await.unwrap().unwrap(), &second),
            "for who came late"
        );
        assert!(setting.secret.newer(&second).await.unwrap().is_none());
    }
    assert_eq!(setting.services.secret_reads(), reads);
    setting.clock.advance(SignedDuration::from_secs(1));
    setting.rotate("third");
    assert_eq!(*setting.secret.newer(&second).await.unwrap().unwrap(), keys("third", "second"));
}

#[tokio::test]
async fn a_rotation_between_the_two_reads_loses_no_key() {
    let setting = Setting::new().await;
    setting.rotate("second");
    setting.services.put_secret_after_a_read(&setting.arn, text("third"));
    let between = setting.get().await;
    assert_eq!(*between, keys("second", "second"), "what was current is known, whichever read came first");
    assert_eq!(*setting.secret.newer(&between).await.unwrap().unwrap(), keys("third", "second"));
}

#[tokio::test]
async fn an_outage_keeps_the_key_in_use_and_is_no_answer_to_what_it_does_not_know() {
    let setting = Setting::new().await;
    let first = setting.get().await;
    setting.clock.advance(SignedDuration::from_mins(5));
    setting.services.refuse("GetSecretValue", 100);
    assert!(Arc::ptr_eq(&setting.get().await, &first));
    let unknown = setting.secret.newer(&first).await;
    assert!(matches!(unknown, Err(SecretError::Unavailable { .. })), "503, not 401");
    setting.services.refuse("GetSecretValue", 0);
    setting.rotate("second");
    assert_eq!(*setting.secret.newer(&first).await.unwrap().unwrap(), keys("second", "first"));
}

#[tokio::test]
async fn a_version_before_that_is_no_key_is_passed_over_and_a_current_one_is_not_taken() {
    let setting = Setting::new().await;
    let first = setting.get().await;
    setting.services.put_secret(&setting.arn, "mistyped");
    let refused = setting.secret.newer(&first).await;
    assert!(matches!(refused, Err(SecretError::Unusable { .. })), "{refused:?}");
    setting.clock.advance(SignedDuration::from_mins(5));
    assert!(Arc::ptr_eq(&setting.get().await, &first), "the good one stays in use");
    setting.rotate("mended");
    let anew = setting.host.secret_keys(VARIABLE, str::to_owned).unwrap();
    assert_eq!(*anew.get().await.unwrap(), Keys::only(key("mended")));
}

#[tokio::test]
async fn a_clock_that_is_set_back_does_not_keep_an_old_key() {
    let setting = Setting::new().await;
    setting.clock.advance(SignedDuration::from_hours(24 * 15));
    setting.get().await;
    setting.rotate("second");
    setting.clock.advance(SignedDuration::from_hours(-24 * 15));
    assert_eq!(*setting.get().await, keys("second", "first"));
}
