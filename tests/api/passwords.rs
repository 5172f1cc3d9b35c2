//! Passwords: who has one, who gets in by one, and how a lost one is replaced.

use futures::future::join_all;
use jiff::SignedDuration;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use system_tests::answer::Answer;

use crate::product::Product;

const ADA: &str = "ada@example.com";
pub(crate) const GOOD: &str = "four words nobody guesses";
const OTHER: &str = "another four words at last";

impl Product {
    async fn password_from(&self, host: u8, email: &str, password: &str) -> Answer {
        let body = json!({ "email": email, "password": password });
        self.post_from(host, "/v1/auth/password/verify", &body).await
    }

    pub(crate) async fn password(&self, email: &str, password: &str) -> Answer {
        self.post("/v1/auth/password/verify", &json!({ "email": email, "password": password })).await
    }

    /// Somebody new with a password: their first session.
    pub(crate) async fn registered(&self, email: &str, password: &str) -> Answer {
        let asked = self.register(email, password).await;
        let (token, _) = self.proof(email).await;
        let proof = json!({ "token": token, "browser_token": asked.text("/browser_token") });
        self.post("/v1/auth/magic-links/verify", &proof).await.tokens()
    }

    pub(crate) async fn register(&self, email: &str, password: &str) -> Answer {
        let body = json!({ "email": email, "password": password });
        let asked = self.post("/v1/auth/password/registrations", &body).await;
        assert_eq!(asked.status, StatusCode::ACCEPTED, "{asked:?}");
        self.settle().await;
        asked
    }

    pub(crate) async fn reset_token(&self, email: &str) -> String {
        let asked = self.post("/v1/auth/password/resets", &json!({ "email": email })).await;
        assert_eq!(asked.status, StatusCode::ACCEPTED, "{asked:?}");
        self.settle().await;
        self.proof_of_reset(email).await
    }

    pub(crate) async fn proof_of_reset(&self, email: &str) -> String {
        let mail = self.mails(email).await.remove(0);
        let text = mail["text"].as_str().unwrap();
        let token = text.split("/auth/reset#token=").nth(1).unwrap();
        token.split_whitespace().next().unwrap().to_owned()
    }

    pub(crate) async fn reset(&self, token: &str, password: &str) -> Answer {
        let body = json!({ "token": token, "password": password });
        self.post("/v1/auth/password/resets/verify", &body).await
    }
}

fn claims(token: &str) -> Value {
    use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(token.split('.').nth(1).unwrap()).unwrap()).unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn somebody_new_has_the_password_that_they_typed_where_they_opened_the_link() {
    let product = Product::start().await;
    product.registered(ADA, GOOD).await;
    let session = product.password(ADA, GOOD).await;
    assert_eq!((session.status, session.text("/status")), (StatusCode::OK, "complete".to_owned()));
    let claims = claims(&session.text("/tokens/access_token"));
    assert_eq!((&claims["amr"], &claims["acr"]), (&json!(["pwd"]), &json!("aal1")));
    let me = product.get("/v1/me", &session.text("/tokens/access_token")).await;
    assert_eq!(me.body["email"], ADA);
    // another keyboard's spelling of the same
    assert_eq!(product.password(ADA, "ｆour words nobody guesses").await.status, StatusCode::OK);
}

/// Whoever types an address that is not theirs waits for its owner to open the link.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stranger_s_password_dies_when_the_owner_of_the_address_signs_in() {
    let product = Product::start().await;
    product.register(ADA, GOOD).await;
    let (token, _) = product.proof(ADA).await;
    let owner =
        product.post("/v1/auth/magic-links/verify", &json!({ "token": token, "confirm": true })).await;
    assert_eq!(owner.status, StatusCode::OK);
    assert_eq!(product.password(ADA, GOOD).await.problem(), "login_failed");

    // the same for somebody who is there already, even in one browser
    product.registered(ADA, OTHER).await;
    assert_eq!(product.password(ADA, OTHER).await.problem(), "login_failed");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_address_that_nobody_has_is_answered_like_a_wrong_password() {
    let product = Product::start().await;
    product.registered(ADA, GOOD).await;
    let said = |answer: &Answer| {
        let mut body = answer.body.clone();
        body["instance"].take();
        let names: Vec<String> = answer.headers.keys().map(ToString::to_string).collect();
        (answer.status, body, names, answer.headers["ratelimit"].clone())
    };
    let wrong = product.password_from(2, ADA, OTHER).await;
    let nobody = product.password_from(3, "nobody@example.com", OTHER).await;
    assert_eq!(said(&wrong), said(&nobody));
    assert_eq!(wrong.problem(), "login_failed");
    let asked = |email: &str| json!({ "email": email });
    let known = product.post_from(4, "/v1/auth/password/resets", &asked(ADA)).await;
    let unknown = product.post_from(5, "/v1/auth/password/resets", &asked("nobody@example.com")).await;
    assert_eq!(said(&known), said(&unknown));
    product.settle().await;
    assert_eq!(product.subjects("nobody@example.com").await, [""; 0], "nobody is written to");
    assert!(product.events().await.contains(&"login.failed".to_owned()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_fifty_guesses_at_once_ten_are_answered_and_nobody_elsewhere_is_kept_out() {
    let product = Product::start().await;
    product.registered(ADA, GOOD).await;
    let guesses = (0..50).map(|_| product.password_from(9, ADA, OTHER));
    let answers = join_all(guesses).await;
    let told = answers.iter().filter(|answer| answer.status == StatusCode::UNAUTHORIZED).count();
    assert_eq!(told, 10);
    let beyond = answers.iter().find(|answer| answer.status == StatusCode::TOO_MANY_REQUESTS).unwrap();
    assert!(beyond.text("/detail").contains("by a link that you are sent by mail"), "{beyond:?}");
    let right = product.password_from(9, ADA, GOOD).await;
    assert_eq!(right.problem(), "rate_limited", "the right one is not told from a wrong one there");
    assert_eq!(product.failures().await, (10, 1), "each is written down, and that it was enough");
    assert_eq!(product.password_from(10, ADA, GOOD).await.status, StatusCode::OK);
    assert_eq!(product.password(ADA, GOOD).await.status, StatusCode::OK);
    product.advance(SignedDuration::from_hours(1)).await;
    assert_eq!(product.password_from(9, ADA, GOOD).await.status, StatusCode::OK);
}

/// Not by what is said, nor by what was counted: in a network of theirs and in another.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn beyond_the_limit_a_right_password_looks_like_a_wrong_one() {
    for host in [1, 9] {
        let product = Product::start().await;
        product.registered(ADA, GOOD).await;
        for _ in 0..10 {
            product.password_from(host, ADA, OTHER).await;
        }
        let mut left = Vec::new();
        let mut said = Vec::new();
        for password in [OTHER, GOOD, OTHER, GOOD] {
            let answer = product.password_from(host, ADA, password).await;
            let limits = answer.headers["ratelimit"].to_str().unwrap();
            let of_network = limits.split("\"failed-login-client\";r=").nth(1).unwrap();
            left.push(of_network.split(';').next().unwrap().parse::<i32>().unwrap());
            let form = limits.replace(|letter: char| letter.is_ascii_digit(), "");
            let policy = answer.headers["ratelimit-policy"].clone();
            let names: Vec<String> = answer.headers.keys().map(ToString::to_string).collect();
            said.push((answer.status, answer.problem().to_owned(), form, policy, names));
        }
        assert!(said.iter().all(|one| *one == said[0]), "{host}: {said:?}");
        assert_eq!(left, [39, 38, 37, 36], "{host}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_network_that_guesses_at_many_addresses_is_refused_before_anything_is_hashed() {
    let product = Product::start().await;
    product.registered(ADA, GOOD).await;
    for person in 0..50 {
        let email = format!("person-{person}@example.com");
        assert_eq!(product.password_from(9, &email, OTHER).await.status, StatusCode::UNAUTHORIZED);
    }
    assert_eq!(product.password_from(9, ADA, GOOD).await.status, StatusCode::TOO_MANY_REQUESTS);
    // where Ada has signed in before she still does
    assert_eq!(product.password(ADA, GOOD).await.status, StatusCode::OK);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn twenty_sign_ins_at_once_all_come_in() {
    let product = Product::start().await;
    product.registered(ADA, GOOD).await;
    let answers = join_all((0..20).map(|_| product.password(ADA, GOOD))).await;
    for answer in &answers {
        assert_eq!(answer.status, StatusCode::OK, "{answer:?}");
    }
}

/// Fifty of one person's, who all write the same list of sessions: whoever waited too long comes again.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_fifty_sign_ins_at_once_those_who_came_in_last_have_the_sessions() {
    let product = Product::start().await;
    product.registered(ADA, GOOD).await;
    let answers = join_all((0..50).map(|_| product.password(ADA, GOOD))).await;
    let mut live = 0;
    for answer in &answers {
        if answer.status == StatusCode::SERVICE_UNAVAILABLE {
            assert!(answer.headers.contains_key("retry-after"), "{answer:?}");
            continue;
        }
        assert_eq!(answer.status, StatusCode::OK, "{answer:?}");
        let me = product.get("/v1/me", &answer.text("/tokens/access_token")).await;
        live += usize::from(me.status == StatusCode::OK);
    }
    let came_in = answers.iter().filter(|answer| answer.status == StatusCode::OK).count();
    // the first of registering is one of theirs
    assert!(live == came_in || live == 25, "{live} of {came_in}");
    assert!(came_in >= 20, "{came_in}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reset_ends_every_session_and_every_older_link() {
    let product = Product::start().await;
    let first = product.registered(ADA, GOOD).await;
    let (older, newer) = (product.reset_token(ADA).await, product.reset_token(ADA).await);
    let refused = product.reset(&newer, "password1").await;
    assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(
        (refused.text("/errors/0/pointer"), refused.text("/errors/0/code")),
        ("/password".to_owned(), "weak_password".to_owned())
    );
    let reset = product.reset(&newer, OTHER).await;
    assert_eq!(
        (reset.status, &reset.body),
        (StatusCode::NO_CONTENT, &json!("")),
        "nobody is signed in by it"
    );
    assert_eq!(product.reset(&newer, OTHER).await.status, StatusCode::NO_CONTENT, "the answer was lost");
    for used in [&newer, &older] {
        assert_eq!(product.reset(used, GOOD).await.problem(), "reset_failed");
    }
    let me = product.get("/v1/me", &first.text("/access_token")).await;
    assert_eq!(me.problem(), "session_ended");
    let refreshed = json!({ "refresh_token": first.text("/refresh_token") });
    assert_eq!(product.post("/v1/auth/refresh", &refreshed).await.problem(), "invalid_refresh_token");
    assert_eq!(product.password(ADA, GOOD).await.problem(), "login_failed");
    assert_eq!(product.password(ADA, OTHER).await.status, StatusCode::OK);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_link_to_a_new_password_works_once_however_many_use_it_at_once() {
    let product = Product::start().await;
    product.registered(ADA, GOOD).await;
    let token = product.reset_token(ADA).await;
    let answers = join_all((0..20).map(|_| product.reset(&token, OTHER))).await;
    assert!(answers.iter().all(|answer| answer.status == StatusCode::NO_CONTENT), "the same request");
    product.settle().await;
    assert_eq!(product.events().await.iter().filter(|event| *event == "password.changed").count(), 1);

    let product = Product::start().await;
    product.registered(ADA, GOOD).await;
    let token = product.reset_token(ADA).await;
    let words: Vec<String> = (0..50).map(|turn| format!("{turn} words that nobody guesses")).collect();
    let answers = join_all(words.iter().map(|word| product.reset(&token, word))).await;
    let set: Vec<_> = words.iter().zip(&answers).filter(|(_, one)| one.status.is_success()).collect();
    assert_eq!(set.len(), 1, "{answers:?}");
    let again = join_all((0..20).map(|_| product.reset(&token, set[0].0))).await;
    assert!(again.iter().all(|answer| answer.status.is_success()), "the same words: {again:?}");
    product.advance(SignedDuration::from_secs(61)).await;
    assert_eq!(product.reset(&token, set[0].0).await.problem(), "reset_failed", "only for a lost answer");
    assert_eq!(product.password(ADA, set[0].0).await.status, StatusCode::OK);
    assert_eq!(product.password(ADA, GOOD).await.problem(), "login_failed");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn three_resets_an_hour_and_a_link_for_an_hour() {
    let product = Product::start().await;
    product.registered(ADA, GOOD).await;
    let asked = json!({ "email": ADA });
    let ask = || product.post("/v1/auth/password/resets", &asked);
    let answers = join_all((0..20).map(|_| ask())).await;
    let taken = answers.iter().filter(|answer| answer.status == StatusCode::ACCEPTED).count();
    assert_eq!(taken, 3);
    product.settle().await;
    let token = product.proof_of_reset(ADA).await;
    product.advance(SignedDuration::from_mins(60)).await;
    assert_eq!(product.reset(&token, OTHER).await.problem(), "reset_failed");
    assert_eq!(ask().await.status, StatusCode::ACCEPTED);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_s_own_name_is_no_password() {
    let product = Product::start().await;
    let token = product.registered(ADA, GOOD).await.text("/access_token");
    let name = json!({ "name": "Wilhelmina Featherstonehaugh" });
    let patch = product.request(Method::PATCH, "/v1/me").bearer_auth(&token).json(&name);
    assert_eq!(product.send(patch).await.status, StatusCode::OK);
    let body = json!({ "password": "wilhelmina featherstonehaugh1" });
    let put = product.request(Method::PUT, "/v1/me/password").bearer_auth(&token).json(&body);
    let refused = product.send(put).await;
    let by_reset = product.reset(&product.reset_token(ADA).await, "wilhelmina featherstonehaugh1").await;
    for refused in [refused, by_reset] {
        assert_eq!(refused.text("/errors/0/code"), "weak_password", "{refused:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_no_password_may_be_is_refused_where_it_stands() {
    let product = Product::start().await;
    for (password, code) in [
        (json!("short"), "too_short"),
        (json!("x".repeat(257)), "too_long"),
        (json!("x".repeat(200_000)), "too_long"),
        (json!("ada@example.com"), "weak_password"),
        (json!("qwertyuiop"), "weak_password"),
        (json!(12_345_678), "wrong_type"),
        (Value::Null, "required"),
    ] {
        let body = json!({ "email": ADA, "password": password });
        let refused = product.post("/v1/auth/password/registrations", &body).await;
        assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY, "{code}: {refused:?}");
        assert_eq!(refused.text("/errors/0/pointer"), "/password", "{code}");
        assert!(
            [code, "wrong_type"].contains(&refused.text("/errors/0/code").as_str()),
            "{code}: {refused:?}"
        );
    }
    for token in ["", "x", &"A".repeat(64), &"A".repeat(200)] {
        let refused = product.reset(token, GOOD).await;
        assert!(["reset_failed", "invalid_request"].contains(&refused.problem()), "{refused:?}");
    }
}

/// A link from before does not come back to life when the password that made it old is gone.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_link_stays_old_whatever_becomes_of_the_password() {
    let product = Product::start().await;
    product.registered(ADA, GOOD).await;
    let (older, newer) = (product.reset_token(ADA).await, product.reset_token(ADA).await);
    assert_eq!(product.reset(&newer, OTHER).await.status, StatusCode::NO_CONTENT);
    let token = product.password(ADA, OTHER).await.text("/tokens/access_token");
    let removed = product.request(Method::DELETE, "/v1/me/password").bearer_auth(&token);
    assert_eq!(product.send(removed).await.status, StatusCode::NO_CONTENT);
    assert_eq!(product.reset(&older, GOOD).await.problem(), "reset_failed");
    assert_eq!(product.password(ADA, GOOD).await.problem(), "login_failed");
}
