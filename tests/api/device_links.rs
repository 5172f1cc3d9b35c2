//! A code on a screen signs another device in: once, soon, and as long as what it stands on does.

use std::collections::BTreeSet;

use futures::future::join_all;
use jiff::SignedDuration;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use system_tests::answer::Answer;

use crate::product::Product;

const ADA: &str = "ada@example.com";

impl Product {
    /// The token of a new code on this session's screen.
    pub(crate) async fn device_link(&self, token: &str) -> String {
        let made = self.post_nothing("/v1/me/device-links", token).await;
        assert_eq!(made.status, StatusCode::CREATED, "{made:?}");
        made.text("/qr_uri").split_once("/auth/device#token=").unwrap().1.to_owned()
    }

    pub(crate) async fn redeem(&self, link: &str) -> Answer {
        self.redeem_from(1, link).await
    }

    async fn redeem_from(&self, host: u8, link: &str) -> Answer {
        let body = json!({ "token": link, "device_name": "Ada's phone", "platform": "ios" });
        self.post_from(host, "/v1/auth/device-links/verify", &body).await
    }

    async fn devices(&self, token: &str) -> Vec<(String, String)> {
        self.settle().await;
        let sessions = self.get("/v1/me/sessions", token).await;
        let items = sessions.body["items"].as_array().unwrap().iter();
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        items.map(|item| (text(&item["device"]), text(&item["method"]))).collect()
    }
}

/// What an access token says, unchecked.
fn claims(token: &str) -> Value {
    use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
    let part = token.split('.').nth(1).unwrap();
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).unwrap()).unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_code_makes_one_session_however_many_show_it_and_that_one_ends_at_once() {
    let product = Product::crowded().await;
    let token = product.sign_in(ADA).await.text("/access_token");
    // of many that are made at once one works, the last
    let links = join_all((0..10).map(|_| product.device_link(&token))).await;
    let answers = join_all(links.iter().map(|link| product.redeem(link))).await;
    let worked = answers.iter().filter(|answer| answer.status == StatusCode::OK).count();
    assert_eq!(worked, 1, "{answers:?}");
    let link = product.device_link(&token).await;
    let answers = join_all((100..150).map(|host| product.redeem_from(host, &link))).await;
    let sessions: BTreeSet<_> = answers.iter().map(|answer| answer.text("/tokens/session_id")).collect();
    assert_eq!(sessions.len(), 1, "the others hear the same: {answers:?}");
    let phone = answers[0].text("/tokens/access_token");
    let other = json!({ "token": link, "device_name": "Eve's phone" });
    let other = product.post("/v1/auth/device-links/verify", &other).await;
    assert_eq!((other.status, other.problem()), (StatusCode::UNAUTHORIZED, "login_failed"));
    product.advance(SignedDuration::from_secs(61)).await;
    assert_eq!(product.redeem(&link).await.problem(), "login_failed", "only for a lost answer");
    // it is on the list, told of by mail, and no proof of who holds it
    let listed = product.devices(&token).await;
    let linked = ("Ada's phone on iOS".to_owned(), "device_link".to_owned());
    assert_eq!(listed.iter().filter(|device| **device == linked).count(), 2, "{listed:?}");
    let mail = product.mails(ADA).await.remove(0);
    assert!(mail["text"].as_str().unwrap().contains("Ada's phone on iOS"), "{mail}");
    let said = claims(&phone);
    assert_eq!((&said["amr"], &said["acr"]), (&json!(["device_link"]), &json!("aal1")));
    let onwards = product.post_nothing("/v1/me/device-links", &phone).await;
    assert_eq!((onwards.status, onwards.problem()), (StatusCode::UNAUTHORIZED, "step_up_required"));
    // and ends when its person says so
    let path = format!("/v1/me/sessions/{}", answers[0].text("/tokens/session_id"));
    let ended = product.send(product.request(Method::DELETE, &path).bearer_auth(&token)).await;
    assert_eq!(ended.status, StatusCode::NO_CONTENT);
    product.settle().await;
    assert_eq!(product.get("/v1/me", &phone).await.problem(), "session_ended");
    let events = product.events().await;
    let count = |name: &str| events.iter().filter(|event| *event == name).count();
    assert_eq!((count("device_link.created"), count("device_link.redeemed")), (11, 2));
    let stored = crate::stored::items(&product).await;
    assert!(stored.iter().all(|item| !item.to_string().contains(&link[48..])), "a hash of it is stored");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_code_is_worth_what_its_session_and_its_person_are() {
    let product = Product::start().await;
    let session = product.sign_in(ADA).await;
    let (token, own) = (session.text("/access_token"), session.text("/session_id"));
    let link = product.device_link(&token).await;
    let (head, tail) = link.split_at(link.len() - 4);
    let turned: String = tail.chars().rev().collect();
    for wrong in
        [format!("{head}{turned}x"), format!("{head}AAAA"), "gdl_".to_owned(), token[..80].to_owned()]
    {
        let refused = product.redeem(&wrong).await;
        assert_eq!(
            (refused.status, refused.problem()),
            (StatusCode::UNAUTHORIZED, "login_failed"),
            "{wrong}"
        );
    }
    product.advance(SignedDuration::from_mins(5)).await;
    assert_eq!(product.redeem(&link).await.problem(), "login_failed", "after five minutes");
    let other = product.sign_in(ADA).await.text("/access_token");
    let link = product.device_link(&other).await;
    product.post_nothing("/v1/auth/sign-out", &other).await;
    assert_eq!(product.redeem(&link).await.problem(), "login_failed", "its session has ended");
    // a change of credentials
    let link = product.device_link(&token).await;
    let (secret, _) = product.set_up(&token).await;
    assert_eq!(product.redeem(&link).await.problem(), "login_failed", "there is a second factor now");
    // which is asked for on the new device
    product.advance(SignedDuration::from_secs(30)).await;
    let link = product.device_link(&token).await;
    let half = product.redeem(&link).await;
    assert_eq!(half.text("/status"), "mfa_required", "{half:?}");
    let again = product.redeem(&link).await;
    assert_eq!(again.text("/status"), "mfa_required", "the answer was lost: {again:?}");
    let half = again.text("/challenge/token");
    let session = product.second(&half, "totp", &product.app(&secret)).await.tokens();
    assert_eq!(product.redeem(&link).await.problem(), "login_failed", "it is used up");
    let said = claims(&session.text("/access_token"));
    assert_eq!((&said["amr"], &said["acr"]), (&json!(["otp", "device_link", "mfa"]), &json!("aal2")));
    let listed = product.devices(&token).await;
    assert!(listed.contains(&("Ada's phone on iOS".to_owned(), "device_link".to_owned())), "{listed:?}");
    assert_ne!(session.text("/session_id"), own);
    // with both factors it is a proof, and may go on to a third device
    product.device_link(&session.text("/access_token")).await;
}
