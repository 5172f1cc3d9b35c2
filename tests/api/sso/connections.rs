use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use super::CONNECTIONS;
use crate::{invites::refused, product::Product, stored};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_connection_is_made_changed_and_removed() {
    let product = Product::start().await;
    let (ada, org_id) = product.owner("ada@example.com", "acme").await;
    let (one, two) =
        (product.verified(&ada, "one.example").await, product.verified(&ada, "two.example").await);
    let create = async || {
        let request =
            product.request(Method::POST, CONNECTIONS).bearer_auth(&ada).header("idempotency-key", "once");
        product.send(request.json(&product.local_connection(&[&one]))).await
    };
    let made = create().await;
    let issuer = format!("{}/_local/oidc", product.cloud.api_url());
    let expected = json!({
        "id": made.text("/id"), "name": "Local", "issuer": issuer, "client_id": "gantry-sso", "secret_hint": "body",
        "domain_ids": [one.text("/id")], "default_role": "member", "group_claim": null, "group_roles": {},
        "enabled": true, "last_sign_in_at": null, "last_error": null, "created_at": made.body["created_at"], "version": 1,
    });
    assert_eq!((made.status, &made.body), (StatusCode::CREATED, &expected), "{made:?}");
    let at = format!("{CONNECTIONS}/{}", made.text("/id"));
    assert_eq!(made.headers["location"], at.as_str());
    assert_eq!(create().await.body, made.body, "once");
    product.settle().await;
    assert_eq!(product.get(&at, &ada).await.body, made.body);
    assert_eq!(
        product.get(CONNECTIONS, &ada).await.body,
        json!({ "items": [made.body], "next_cursor": null })
    );
    let served = product.get(&crate::domains::at(&one), &ada).await;
    assert_eq!(served.text("/sso_connection_id"), made.text("/id"));

    let change = async |body: &Value| {
        product.send(product.request(Method::PATCH, &at).bearer_auth(&ada).json(body)).await
    };
    assert_eq!(change(&json!({})).await.body, made.body, "nothing is to change");
    let other = json!({ "name": "Other", "domain_ids": [two.text("/id")], "group_claim": "groups",
        "group_roles": { "it": "admin" }, "enabled": false, "client_secret": "another secret of 24 chars" });
    let changed = change(&other).await;
    assert_eq!((changed.status, changed.body["version"].as_u64()), (StatusCode::OK, Some(2)), "{changed:?}");
    assert_eq!(changed.text("/secret_hint"), "hars");
    product.settle().await;
    for (domain, served_by) in [(&one, &Value::Null), (&two, &made.body["id"])] {
        assert_eq!(
            &product.get(&crate::domains::at(domain), &ada).await.body["sso_connection_id"],
            served_by
        );
    }
    assert_eq!(
        refused(&product.sso_away("bob@two.example").await),
        (422, "invalid_request"),
        "it is not in use"
    );
    assert_eq!(change(&json!({ "group_claim": null })).await.body["group_claim"], Value::Null);

    let late = product.request(Method::DELETE, &at).bearer_auth(&ada).header("if-match", "\"2\"");
    assert_eq!(refused(&product.send(late).await), (412, "version_mismatch"));
    assert_eq!(product.delete(&at, &ada).await.status, StatusCode::NO_CONTENT);
    assert_eq!(refused(&product.delete(&at, &ada).await), (404, "not_found"));
    product.settle().await;
    assert_eq!(product.get(&crate::domains::at(&two), &ada).await.body["sso_connection_id"], Value::Null);
    let told = product.events().await;
    let told: Vec<_> = told.iter().filter(|event| event.starts_with("sso_connection.")).collect();
    assert_eq!(
        told,
        [
            "sso_connection.created",
            "sso_connection.updated",
            "sso_connection.updated",
            "sso_connection.removed"
        ]
    );
    // nothing of a secret is anywhere
    for text in stored::items(&product)
        .await
        .iter()
        .map(ToString::to_string)
        .chain([product.local("/events").await.to_string()])
    {
        for secret in ["local-sso-secret", "another secret"] {
            assert!(!text.contains(secret), "{text}");
        }
    }
    assert!(!org_id.is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_no_connection_is_refused() {
    let product = Product::start().await;
    let (ada, _) = product.owner("ada@example.com", "acme").await;
    let domain = product.verified(&ada, "acme.example").await;
    let pending = product.domain(&ada, "pending.example").await;
    let url = product.cloud.api_url().to_owned();
    for (issuer, code) in [
        ("http://acme.example".to_owned(), "url_refused"),
        ("https://169.254.169.254/latest".to_owned(), "url_refused"),
        ("https://10.0.0.1".to_owned(), "url_refused"),
        ("ftp://acme.example".to_owned(), "url_refused"),
        ("acme".to_owned(), "invalid_format"),
        ("https://ada@acme.example".to_owned(), "invalid_format"),
        (format!("{url}/_local/oidc/"), "discovery_failed"),
        (format!("{url}/_local/nothing"), "discovery_failed"),
    ] {
        // not more often than ten times a minute
        product.advance(jiff::SignedDuration::from_secs(10)).await;
        let refusal = product.connect_sso(&ada, &[&domain], &json!({ "issuer": issuer })).await;
        assert_eq!(refused(&refusal), (422, "invalid_request"), "{issuer}");
        let error = &refusal.body["errors"][0];
        assert_eq!(
            (&error["pointer"], &error["code"]),
            (&json!("/issuer"), &json!(code)),
            "{issuer}: {refusal:?}"
        );
    }
    let many: serde_json::Map<_, _> = (0..21).map(|group| (format!("g{group}"), json!("member"))).collect();
    for (other, pointer) in [
        (json!({ "domain_ids": [] }), "/domain_ids"),
        (json!({ "domain_ids": ["dom_01kar8h5g0e0vsx4q1v3f6m2ah"] }), "/domain_ids"),
        (json!({ "default_role": "admin" }), "/default_role"),
        (json!({ "default_role": "owner" }), "/default_role"),
        (json!({ "group_roles": { "it": "owner" } }), "/group_roles/it"),
        (json!({ "group_roles": many }), "/group_roles"),
        (json!({ "group_roles": { "": "member" } }), "/group_roles"),
        (json!({ "client_secret": "" }), "/client_secret"),
    ] {
        product.advance(jiff::SignedDuration::from_secs(10)).await;
        let refusal = product.connect_sso(&ada, &[&domain], &other).await;
        assert_eq!(refused(&refusal), (422, "invalid_request"), "{other}");
        assert_eq!(refusal.body["errors"][0]["pointer"], pointer, "{refusal:?}");
    }
    product.advance(jiff::SignedDuration::from_secs(10)).await;
    let unverified = product.connect_sso(&ada, &[&pending], &json!({})).await;
    assert_eq!(refused(&unverified), (409, "domain_unverified"));
    let made = product.connect_sso(&ada, &[&domain], &json!({})).await;
    assert_eq!(made.status, StatusCode::CREATED, "{made:?}");
    let twice = product.connect_sso(&ada, &[&domain], &json!({})).await;
    assert_eq!(refused(&twice), (409, "domain_in_use"));
    // the secret of one provider is shown to no other
    let at = format!("{CONNECTIONS}/{}", made.text("/id"));
    let liar = crate::oauth::liar::Liar::start().await;
    let moved = product.request(Method::PATCH, &at).bearer_auth(&ada).json(&json!({ "issuer": liar.url }));
    let moved = product.send(moved).await;
    assert_eq!(refused(&moved), (422, "invalid_request"), "{moved:?}");
    assert_eq!(moved.body["errors"][0]["pointer"], "/client_secret");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn connections_are_the_business_of_those_who_run_the_organization() {
    let product = Product::start().await;
    let acme = product.with_sso("acme", &json!({})).await;
    let (eve, _) = product.joined(&acme.ada, "eve@example.com", "member").await;
    for path in [CONNECTIONS.to_owned(), acme.at()] {
        assert_eq!(refused(&product.get(&path, &eve).await), (403, "forbidden"));
    }
    let (max, _) = product.joined(&acme.ada, "max@example.com", "admin").await;
    assert_eq!(product.get(&acme.at(), &max).await.status, StatusCode::OK);
    assert_eq!(product.delete(&acme.at(), &max).await.status, StatusCode::NO_CONTENT);
}

/// Of an organization that is erased no connection is left, and of a person who is erased no name anywhere.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_left_of_what_is_erased() {
    let product = Product::start().await;
    let acme = product.with_sso("acme", &json!({})).await;
    let bob = product.by_sso("bob@acme.example").await.text("/tokens/access_token");
    let bob = product.step_up_by_mail(&bob, "bob@acme.example").await;
    assert_eq!(product.delete("/v1/me", &bob).await.status, StatusCode::NO_CONTENT);
    product.jump(jiff::SignedDuration::from_hours(8 * 24)).await;
    product.advance(jiff::SignedDuration::from_hours(2)).await;
    let kinds: Vec<_> = stored::items(&product).await.iter().map(|item| item["kind"].to_string()).collect();
    assert!(!kinds.iter().any(|kind| kind.contains("sso_subject") || kind.contains("sso_link")), "{kinds:?}");
    assert!(kinds.iter().any(|kind| kind.contains("sso_connection")));
    // whoever comes with the same name is somebody new: nobody took them out
    let again = product.by_sso("bob@acme.example").await;
    assert_eq!(again.status, StatusCode::OK, "{again:?}");
    let ada = product.sign_in("owner@acme.test").await.text("/access_token");
    let ada = product.post_as("/v1/auth/switch-org", &ada, &json!({ "org_id": acme.org_id })).await;
    let gone = product.delete("/v1/orgs/current", &ada.text("/tokens/access_token")).await;
    assert!(gone.status.is_success(), "{gone:?}");
    product.jump(jiff::SignedDuration::from_hours(40 * 24)).await;
    product.advance(jiff::SignedDuration::from_hours(2)).await;
    let kinds: Vec<_> = stored::items(&product).await.iter().map(|item| item["kind"].to_string()).collect();
    assert!(!kinds.iter().any(|kind| kind.contains("sso_connection")), "{kinds:?}");
}
