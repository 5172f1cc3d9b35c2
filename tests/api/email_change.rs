//! A change of address through the front door: what people get to read, and where the address is copied to.

use jiff::SignedDuration;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use system_tests::answer::Answer;

use crate::{
    oauth::known,
    passkeys::{Device, proof},
    product::Product,
};

const OLD: &str = "ada@example.com";
const NEW: &str = "ada@example.org";

async fn ask(product: &Product, token: &str) -> Answer {
    let asked = product.post_as("/v1/me/email-changes", token, &json!({ "email": NEW })).await;
    product.settle().await;
    asked
}

async fn step(product: &Product, step: &str, token: &str) -> Answer {
    let taken = product.post(&format!("/v1/auth/email-changes/{step}"), &json!({ "token": token })).await;
    product.settle().await;
    taken
}

/// The thief's words, and number.
const EVIL: &str = "the thief has this one";
const NUMBER: &str = "+436641234567";

/// What somebody with the stolen session makes for themselves, and holds besides.
struct Loot {
    passkey: Device,
    seed: String,
    session: String,
    /// A login with the password that lacks the app's code.
    half: String,
    /// An answer to a passkey's challenge, which was not sent yet.
    pending: Value,
    reset: String,
    device_link: String,
    account: Value,
}

impl Product {
    async fn change_password(&self, token: &str, password: &str) {
        let request = self.request(Method::PUT, "/v1/me/password").bearer_auth(token);
        let set = self.send(request.json(&json!({ "password": password }))).await;
        assert_eq!(set.status, StatusCode::NO_CONTENT, "{set:?}");
    }

    async fn looted(&self, token: &str) -> Loot {
        self.change_password(token, EVIL).await;
        let mut passkey = Device::new(self);
        assert_eq!(self.add_passkey(&mut passkey, token, "Evil").await.status, StatusCode::CREATED);
        assert_eq!(self.connect(token, known("eve@example.com")).await.status, StatusCode::CREATED);
        self.with_phone(token, NUMBER).await;
        let (seed, _) = self.set_up(token).await;
        self.set_up_sms(token, NUMBER).await;
        let options = self.post_nothing("/v1/me/passkeys/options", token).await;
        let made = Device::new(self).create(&options.body["public_key"]).await;
        let mut pending = proof(&options, &made);
        pending["name"] = json!("Later");
        let by_password = json!({ "email": NEW, "password": EVIL });
        let half = self.post("/v1/auth/password/verify", &by_password).await.text("/challenge/token");
        let sent = self.post_nothing("/v1/me/connected-accounts/local/authorizations", token).await;
        let account = self.there(&sent, known("mallory@example.com")).await;
        self.post("/v1/auth/password/resets", &json!({ "email": NEW })).await;
        self.settle().await;
        let (reset, device_link) = (self.link(NEW).await, self.device_link(token).await);
        let session = self.sign_in_by(&mut passkey, None).await.tokens().text("/access_token");
        let erased = self.send(self.request(Method::DELETE, "/v1/me").bearer_auth(&session)).await;
        assert_eq!(erased.status, StatusCode::NO_CONTENT, "{erased:?}");
        Loot { passkey, seed, session, half, pending, reset, device_link, account }
    }

    /// Nothing of it signs in as the person any more, or adds what would.
    async fn is_worthless(&self, mut loot: Loot, token: &str, user_id: &str) {
        for token in [token, &loot.session] {
            assert_eq!(self.get("/v1/me", token).await.problem(), "session_ended");
            let later = self.post_as("/v1/me/passkeys", token, &loot.pending).await;
            assert_eq!(later.problem(), "session_ended");
            let later = self.post_as("/v1/me/connected-accounts/local/verify", token, &loot.account).await;
            assert_eq!(later.problem(), "session_ended");
        }
        for email in [OLD, NEW] {
            let by_password = json!({ "email": email, "password": EVIL });
            let refused = self.post("/v1/auth/password/verify", &by_password).await;
            assert_eq!(refused.problem(), "login_failed", "{email}");
        }
        let code = self.app(&loot.seed);
        assert_eq!(self.second(&loot.half, "totp", &code).await.problem(), "session_ended");
        assert_eq!(self.send_code(&loot.half).await.problem(), "session_ended");
        assert_eq!(self.sign_in_by(&mut loot.passkey, None).await.problem(), "login_failed");
        assert_eq!(self.redeem(&loot.device_link).await.problem(), "login_failed");
        let reset = json!({ "token": loot.reset, "password": EVIL });
        assert_eq!(self.post("/v1/auth/password/resets/verify", &reset).await.problem(), "reset_failed");
        // the account elsewhere is nobody's: whoever comes with it is somebody else
        let other = self.with_account(known("eve@example.com")).await.tokens();
        assert_ne!(other.text("/user_id"), user_id, "{other:?}");
        assert_ne!(self.sign_in(NEW).await.text("/user_id"), user_id);
    }
}

/// A thief with a session changes the address and makes ways in. The owner takes it back by the mail.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_thief_set_up_since_is_gone_and_what_the_owner_had_stays() {
    let product = Product::start().await;
    let (mut laptop, token) = product.with_passkey(OLD).await;
    assert_eq!(product.connect(&token, known(OLD)).await.status, StatusCode::CREATED);
    let user_id = product.get("/v1/me", &token).await.text("/id");
    product.advance(SignedDuration::from_secs(1)).await;
    ask(&product, &token).await;
    let confirm = product.link(NEW).await;
    assert_eq!(step(&product, "confirm", &confirm).await.status, StatusCode::NO_CONTENT);
    let undo = product.link(OLD).await;
    let loot = product.looted(&token).await;
    product.advance(SignedDuration::from_secs(30)).await;
    for _ in 0..2 {
        assert_eq!(step(&product, "undo", &undo).await.status, StatusCode::NO_CONTENT);
    }
    product.is_worthless(loot, &token, &user_id).await;

    let told = product.mails(OLD).await.remove(0);
    let told = told["text"].as_str().unwrap().split_whitespace().collect::<Vec<_>>().join(" ");
    for gone in [
        "a password",
        "a passkey (“Evil”)",
        "an account (“local”)",
        "a phone",
        "an authenticator app",
        "codes by SMS",
    ] {
        assert!(told.contains(gone), "{gone}: {told}");
    }
    assert!(!told.contains("My laptop") && told.contains("to be erased, and is not any more"), "{told}");
    product.advance(SignedDuration::from_secs(60)).await;
    for mine in [
        product.sign_in(OLD).await,
        product.sign_in_by(&mut laptop, Some(OLD)).await.tokens(),
        product.with_account(known(OLD)).await.tokens(),
    ] {
        assert_eq!(mine.text("/user_id"), user_id, "{mine:?}");
    }
    let token = product.sign_in_by(&mut laptop, None).await.tokens().text("/access_token");
    let me = product.get("/v1/me", &token).await;
    assert_eq!((&me.body["deletion"], &me.body["phone"]), (&Value::Null, &Value::Null), "{me:?}");
    let passkeys = product.get("/v1/me/passkeys", &token).await;
    let names = passkeys.body["items"].as_array().unwrap().iter().map(|it| it["name"].clone());
    assert_eq!(names.collect::<Vec<_>>(), [json!("My laptop")]);
    let accounts = product.get("/v1/me/connected-accounts", &token).await;
    let emails = accounts.body["items"].as_array().unwrap().iter().map(|it| it["email"].clone());
    assert_eq!(emails.collect::<Vec<_>>(), [json!(OLD)]);
    let mfa = product.get("/v1/me/mfa", &token).await;
    assert_eq!(mfa.body["factors"].as_array().unwrap().len(), 0, "{mfa:?}");
    assert_eq!(mfa.body["recovery_codes_left"], 0, "{mfa:?}");
}

async fn listed(product: &Product, token: &str) -> String {
    product.get("/v1/orgs/current/members", token).await.text("/items/0/email")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_address_changes_everywhere_at_once_and_back() {
    let product = Product::start().await;
    let (token, org_id) = product.owner(OLD, "acme").await;
    let asked = ask(&product, &token).await;
    assert_eq!((asked.status, asked.text("/email")), (StatusCode::ACCEPTED, NEW.to_owned()), "{asked:?}");
    assert_eq!(product.get("/v1/me", &token).await.text("/email"), OLD);
    let confirm = product.link(NEW).await;
    assert_eq!(step(&product, "undo", &confirm).await.problem(), "link_expired", "it is for the other step");
    for _ in 0..2 {
        assert_eq!(step(&product, "confirm", &confirm).await.status, StatusCode::NO_CONTENT);
    }
    assert_eq!(product.get("/v1/me", &token).await.text("/email"), NEW);
    assert_eq!(listed(&product, &token).await, NEW);
    let subjects = product.subjects(OLD).await;
    assert_eq!(subjects.last().unwrap(), "The address of your account on Gantry was changed");
    // what is told about the organization goes to the new address
    let subscribe = json!({ "org_id": org_id, "times": 1, "shuffle": false });
    product.local_post("/stripe/subscribe", &subscribe).await;
    product.settle().await;
    assert_eq!(product.subjects(NEW).await.last().unwrap(), "The subscription of acme is active");
    assert_eq!(product.subjects(OLD).await, subjects);

    let undo = product.link(OLD).await;
    for _ in 0..2 {
        assert_eq!(step(&product, "undo", &undo).await.status, StatusCode::NO_CONTENT);
    }
    assert_eq!(product.get("/v1/me", &token).await.problem(), "session_ended");
    let (status, told) = (product.subjects(OLD).await, "The address of your account on Gantry is as it was");
    assert_eq!(status.last().unwrap(), told);
    let again = product.sign_in(OLD).await.text("/access_token");
    assert_eq!(listed(&product, &again).await, OLD);
    assert_eq!(step(&product, "confirm", &confirm).await.status, StatusCode::GONE);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_learns_who_has_an_address_and_only_its_owner_that_it_is_taken() {
    let product = Product::start().await;
    let token = product.sign_in(OLD).await.text("/access_token");
    let strip = |mut answer: Answer| {
        for part in ["id", "email", "created_at", "expires_at"] {
            answer.body[part] = Value::Null;
        }
        (answer.status, answer.body)
    };
    let free = strip(ask(&product, &token).await);
    product.sign_in(NEW).await;
    let taken = strip(ask(&product, &token).await);
    assert_eq!(free, taken);
    let confirm = product.link(NEW).await;
    let refused = step(&product, "confirm", &confirm).await;
    assert_eq!((refused.status, refused.problem()), (StatusCode::CONFLICT, "email_taken"));
    for forged in ["", "x", &confirm[1..], "' OR 1=1 --"] {
        let answer = step(&product, "confirm", forged).await;
        assert!(["link_expired", "invalid_request"].contains(&answer.problem()), "{forged}: {answer:?}");
    }
    let own = product.post_as("/v1/me/email-changes", &token, &json!({ "email": "Ada@Example.com" })).await;
    assert_eq!((own.status, own.problem()), (StatusCode::CONFLICT, "conflict"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_address_is_not_written_to_without_end() {
    let product = Product::start().await;
    let token = product.sign_in(OLD).await.text("/access_token");
    for _ in 0..5 {
        assert_eq!(ask(&product, &token).await.status, StatusCode::ACCEPTED);
    }
    let limited = ask(&product, &token).await;
    assert_eq!((limited.status, limited.problem()), (StatusCode::TOO_MANY_REQUESTS, "rate_limited"));
    assert_eq!(product.mails(NEW).await.len(), 5);
    // with an open screen alone nobody takes the account
    product.advance(SignedDuration::from_secs(601)).await;
    assert_eq!(ask(&product, &token).await.problem(), "step_up_required");
    let path = "/v1/me/email-changes/ech_01kar8h5g0e0vsx4q1v3f6m2ah";
    let cancel = product.send(product.request(Method::DELETE, path).bearer_auth(&token)).await;
    assert_eq!(cancel.status, StatusCode::NO_CONTENT, "to give it up needs none");
}

/// Whoever is thrown out cannot finish what they began; and the owner hears of it when it begins.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_change_is_over_with_the_session_that_asked_for_it() {
    let product = Product::start().await;
    let owner = product.sign_in(OLD).await;
    let user_id = owner.text("/user_id");
    let owner = owner.text("/access_token");
    let staff = product.staff("op@example.com", "operator").await;
    let told = "Another address is wanted for your account on Gantry";
    for turn in 0..4 {
        let thief = product.sign_in(OLD).await;
        assert_eq!(ask(&product, &thief.text("/access_token")).await.status, StatusCode::ACCEPTED, "{turn}");
        assert!(product.subjects(OLD).await.iter().filter(|subject| *subject == told).count() > turn);
        let link = product.link(NEW).await;
        let session = format!("/v1/me/sessions/{}", thief.text("/session_id"));
        let ended = match turn {
            0 => product.post_as("/v1/me/sessions/end", &owner, &json!({ "scope": "others" })).await,
            1 => product.send(product.request(Method::DELETE, &session).bearer_auth(&owner)).await,
            2 => product.act(&format!("/v1/admin/people/{user_id}/sessions/end"), &staff).await,
            _ => product.act(&format!("/v1/admin/people/{user_id}/suspend"), &staff).await,
        };
        assert!(ended.status.is_success(), "{ended:?}");
        assert_eq!(step(&product, "confirm", &link).await.problem(), "link_expired", "{turn}");
    }
    let back = product.act(&format!("/v1/admin/people/{user_id}/unsuspend"), &staff).await;
    assert_eq!(back.text("/email"), OLD);
    assert_eq!(step(&product, "confirm", &product.link(NEW).await).await.problem(), "link_expired");
}
