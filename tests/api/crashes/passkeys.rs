//! Passkeys.

use super::*;
use crate::passkeys::{Device, proof};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn signing_in_with_a_passkey() {
    let prepare: Prepare = |product| {
        Box::pin(async move {
            let (mut device, _) = product.with_passkey("ada@example.com").await;
            let options = product.passkey_options(None).await;
            let credential = device.get(&options.body["public_key"]).await;
            let body = proof(&options, &credential).to_string();
            let headers = [("content-type", "application/json")];
            ("api-auth", request("POST", "/v1/auth/passkeys/verify", &headers, &body))
        })
    };
    Case { prepare, happens_again: false, ahead: SignedDuration::ZERO, wait: AT_ONCE }.check().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn adding_a_passkey() {
    let prepare: Prepare = |product| {
        Box::pin(async move {
            let token = product.sign_in("ada@example.com").await.text("/access_token");
            let options = product.post_nothing("/v1/me/passkeys/options", &token).await;
            let credential = Device::new(product).create(&options.body["public_key"]).await;
            let mut body = proof(&options, &credential);
            body["name"] = json!("Key");
            let bearer = format!("Bearer {token}");
            let headers = [("content-type", "application/json"), ("authorization", bearer.as_str())];
            ("api-account", request("POST", "/v1/me/passkeys", &headers, &body.to_string()))
        })
    };
    Case { prepare, happens_again: false, ahead: SignedDuration::ZERO, wait: AT_ONCE }.check().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn removing_a_passkey() {
    let prepare: Prepare = |product| {
        Box::pin(async move {
            let (mut device, token) = product.with_passkey("ada@example.com").await;
            product.sign_in_by(&mut device, None).await;
            product.settle().await;
            let id = product.get("/v1/me/passkeys", &token).await.text("/items/0/id");
            let bearer = format!("Bearer {token}");
            let path = format!("/v1/me/passkeys/{id}");
            ("api-account", request("DELETE", &path, &[("authorization", &bearer)], ""))
        })
    };
    Case { prepare, happens_again: false, ahead: SignedDuration::ZERO, wait: AT_ONCE }.check().await;
}
