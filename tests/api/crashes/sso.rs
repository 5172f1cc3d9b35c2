//! The identity providers of organizations.

use super::*;
use crate::{
    oauth::known,
    sso::{CONNECTIONS, VERIFY},
};

fn of(token: &str, method: &str, path: &str, body: &Value) -> (&'static str, Value) {
    ("api-sso", keyed(token, method, path, body))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn connecting_an_identity_provider() {
    check(|product| {
        Box::pin(async move {
            let (ada, _) = product.owner("ada@example.com", "acme").await;
            let domain = product.verified(&ada, "acme.example").await;
            of(&ada, "POST", CONNECTIONS, &product.local_connection(&[&domain]))
        })
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn changing_a_connection() {
    check(|product| {
        Box::pin(async move {
            let acme = product.with_sso("acme", &json!({})).await;
            let second = product.verified(&acme.ada, "second.example").await;
            let body = json!({ "domain_ids": [second.text("/id")], "enabled": false });
            of(&acme.ada, "PATCH", &acme.at(), &body)
        })
    })
    .await;
}

/// Whoever comes back to a function that died at any call begins anew at the provider, which takes each code
/// once: the person and the member are one.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_crash_at_any_call_of_a_sign_in_leaves_one_member_or_none() {
    let calls = crashed(None).await.0;
    assert!(calls >= 6, "{calls}");
    for call in 0..calls {
        for moment in [Moment::Before, Moment::After] {
            let (_, product) = crashed(Some((call, moment))).await;
            let whole = product.by_sso("bob@acme.example").await;
            assert_eq!(whole.text("/status"), "complete", "{call} {moment:?}: {whole:?}");
            let kinds = stored::items(&product).await;
            for (kind, times) in
                [("user", 2), ("sso_subject", 1), ("sso_link", 1), ("member", 2), ("membership", 2)]
            {
                let count = kinds.iter().filter(|item| item["kind"] == kind).count();
                assert_eq!(count, times, "{kind}: {call} {moment:?}");
            }
            product.settle().await;
            let events = product.events().await;
            assert_eq!(
                events.iter().filter(|event| *event == "member.added").count(),
                2,
                "{call} {moment:?}"
            );
        }
    }
}

/// Somebody new comes back to a sandbox that dies at this call: how many calls it made.
async fn crashed(at: Option<(usize, Moment)>) -> (usize, Product) {
    let product = Product::crowded().await;
    product.with_sso("acme", &json!({})).await;
    let sent = product.sso_away("bob@acme.example").await;
    let back = product.there(&sent, known("bob@acme.example")).await;
    let headers = [("content-type", "application/json"), ("host", "localhost")];
    let event = request("POST", VERIFY, &headers, &back.to_string());
    let sandbox = Sandbox::of(&product, ("api-sso", event), SignedDuration::ZERO);
    let function = sandbox.instance().await;
    let calls = match at {
        None => {
            let (answer, calls) = sandbox.crashes.count(sandbox.invoke(&function)).await;
            assert_eq!(answer["statusCode"], 200, "{answer}");
            calls
        }
        Some((call, moment)) => {
            let died = sandbox.crashes.run(call, moment, sandbox.invoke(&function)).await.is_none();
            assert!(died, "call {call} was never made");
            call
        }
    };
    (calls, product)
}
