//! What services hear of tokens: the issuer's metadata, and whether a token is good now.

use access::{Permission, Role};
use jiff::SignedDuration;
use reqwest::{Method, StatusCode};
use serde_json::json;
use system_tests::answer::Answer;

use crate::product::Product;

impl Product {
    pub(crate) async fn introspect(&self, caller: &str, token: &str) -> Answer {
        let mut form = form_urlencoded::Serializer::new(String::new());
        let form = form.append_pair("token", token).append_pair("token_type_hint", "access_token").finish();
        let request = self.request(Method::POST, "/v1/auth/introspect").bearer_auth(caller);
        self.send(request.header("content-type", "application/x-www-form-urlencoded").body(form)).await
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_token_is_active_where_its_person_is_and_for_nobody_else() {
    let product = Product::start().await;
    let (ada, acme) = product.owner("ada@example.com", "acme").await;
    let bob = product.sign_in("bob@example.com").await;
    let (bob_id, outside) = (bob.text("/user_id"), bob.text("/access_token"));
    product.joined(&ada, "bob@example.com", "member").await;
    let inside = product.post_as("/v1/auth/switch-org", &outside, &json!({ "org_id": acme })).await.tokens();
    let (inside, refresh) = (inside.text("/access_token"), inside.text("/refresh_token"));
    let good = product.introspect(&ada, &inside).await;
    assert_eq!(good.status, StatusCode::OK, "{good:?}");
    assert_eq!(good.headers["cache-control"], "no-store");
    let said =
        ["active", "sub", "org", "iss", "token_type", "acr", "scope"].map(|name| good.body[name].clone());
    let issuer = product.cloud.api_url();
    let held = Permission::ALL.iter().filter(|one| Role::Member.holds(**one));
    let member = held.map(|one| one.name()).collect::<Vec<_>>().join(" ");
    let expected = json!([true, bob_id, acme, issuer, "Bearer", "aal1", member]);
    assert_eq!(json!(said), expected, "{good:?}");
    // what else there is of the same person's is not active here, and nor is anybody else's
    let (eve, _) = product.owner("eve@example.com", "evil").await;
    let inactive = json!({ "active": false });
    for other in [outside.as_str(), &refresh, &eve, &inside[..inside.len() - 2], "x", &"é".repeat(2_000)] {
        assert_eq!(product.introspect(&ada, other).await.body, inactive, "{other}");
    }
    assert_eq!(product.introspect(&eve, &inside).await.body, inactive, "of another organization");
    let refused = product.introspect(&inside, &inside).await;
    assert_eq!((refused.status, refused.text("/needed")), (StatusCode::FORBIDDEN, "tokens:read".to_owned()));
    // it ends at once with its session, and by time
    let own = product.introspect(&ada, &ada).await;
    assert_eq!(own.body["active"], true, "{own:?}");
    product.post_nothing("/v1/auth/sign-out", &inside).await;
    assert_eq!(product.introspect(&ada, &inside).await.body, inactive, "signed out");
    product.advance(SignedDuration::from_mins(14)).await;
    let later = product.sign_in("ada@example.com").await.text("/access_token");
    product.advance(SignedDuration::from_mins(2)).await;
    assert_eq!(product.introspect(&later, &ada).await.body, inactive, "expired");
    // the form of RFC 7662, and no other
    for (kind, body, status) in [
        ("application/json", json!({ "token": ada }).to_string(), 415),
        ("application/x-www-form-urlencoded", "token_type_hint=access_token".to_owned(), 422),
        ("application/x-www-form-urlencoded", format!("token={ada}&token={ada}"), 422),
        ("application/x-www-form-urlencoded", format!("token={ada}&client_id=me"), 422),
        ("application/x-www-form-urlencoded", format!("token={}", "a".repeat(20_000)), 413),
    ] {
        let request = product.request(Method::POST, "/v1/auth/introspect").bearer_auth(&later);
        let answer = product.send(request.header("content-type", kind).body(body)).await;
        assert_eq!(answer.status.as_u16(), status, "{answer:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_metadata_leads_to_all_that_a_service_needs() {
    let product = Product::start().await;
    let (ada, _) = product.owner("ada@example.com", "acme").await;
    let metadata = product.get("/.well-known/oauth-authorization-server", "").await;
    assert_eq!(metadata.text("/issuer"), product.cloud.api_url());
    assert_eq!(metadata.body["access_token_signing_alg_values_supported"], json!(["EdDSA"]));
    let path = |name: &str| metadata.text(name).strip_prefix(product.cloud.api_url()).unwrap().to_owned();
    let keys = product.get(&path("/jwks_uri"), "").await;
    assert_eq!((keys.text("/keys/0/alg"), keys.text("/keys/0/crv")), ("EdDSA".into(), "Ed25519".into()));
    assert_eq!(path("/introspection_endpoint"), "/v1/auth/introspect");
    assert_eq!(product.introspect(&ada, &ada).await.body["active"], true);
}
