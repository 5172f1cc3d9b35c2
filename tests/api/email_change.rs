//! A change of address through the front door: what people get to read, and where the address is copied to.

use jiff::SignedDuration;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use system_tests::answer::Answer;

use crate::product::Product;

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
