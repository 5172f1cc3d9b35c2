use jiff::SignedDuration;
use reqwest::StatusCode;
use serde_json::{Value, json};

use super::Acme;
use crate::{invites::refused, passwords::GOOD, product::Product};

impl Product {
    /// A login by mail that lacks a second factor: its token.
    pub(super) async fn sign_in_half(&self, email: &str) -> String {
        let asked = self.post("/v1/auth/magic-links", &json!({ "email": email })).await;
        self.settle().await;
        let (token, _) = self.proof(email).await;
        let body = json!({ "token": token, "browser_token": asked.text("/browser_token") });
        let half = self.post("/v1/auth/magic-links/verify", &body).await;
        half.text("/challenge/token")
    }

    /// The owner with an authenticator app, shown in the session: its token, and what the app was set up
    /// with.
    async fn with_factor(&self, acme: &Acme) -> (String, String) {
        let (secret, _) = self.set_up(&acme.ada).await;
        self.advance(SignedDuration::from_secs(30)).await;
        let half = self.sign_in_half("owner@acme.test").await;
        let session = self.second(&half, "totp", &self.app(&secret)).await.tokens();
        (session.text("/access_token"), secret)
    }

    /// An organization that asks for SSO, with one owner who comes in past it: that owner's token and secret.
    async fn with_required_sso(&self) -> (Acme, String, String) {
        let acme = self.with_sso("acme", &json!({})).await;
        let (ada, secret) = self.with_factor(&acme).await;
        let member = self.own_member(&ada).await;
        let set =
            self.policies(&ada, &json!({ "sso_required": true, "break_glass_member_ids": [member] })).await;
        assert_eq!(set.status, StatusCode::OK, "{set:?}");
        assert_eq!(
            (&set.body["sso_required"], &set.body["break_glass_member_ids"]),
            (&json!(true), &json!([member]))
        );
        self.settle().await;
        (acme, ada, secret)
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sso_is_required_where_nobody_is_locked_out_by_it() {
    let product = Product::start().await;
    let acme = product.with_sso("acme", &json!({ "enabled": false })).await;
    let member = product.own_member(&acme.ada).await;
    let (eve, eves) = product.joined(&acme.ada, "eve@example.com", "admin").await;
    let require = json!({ "sso_required": true, "break_glass_member_ids": [member] });
    let lock_out = (409, "would_lock_out");
    assert_eq!(refused(&product.policies(&acme.ada, &require).await), lock_out, "no connection is in use");
    assert_eq!(product.change_sso(&acme, &json!({ "enabled": true })).await.status, StatusCode::OK);
    let no_factor = product.policies(&acme.ada, &require).await;
    assert_eq!(refused(&no_factor), (422, "invalid_request"), "no second factor");
    assert_eq!(no_factor.body["errors"][0]["pointer"], "/break_glass_member_ids");
    let (ada, _) = product.with_factor(&acme).await;
    for (body, expected) in [
        (json!({ "sso_required": true }), lock_out),
        (json!({ "sso_required": true, "break_glass_member_ids": [] }), lock_out),
        (json!({ "sso_required": true, "break_glass_member_ids": [eves] }), (422, "invalid_request")),
        (json!({ "sso_required": true, "break_glass_member_ids": [member, eves] }), (422, "invalid_request")),
    ] {
        assert_eq!(refused(&product.policies(&ada, &body).await), expected, "{body}");
    }
    // an admin who came otherwise would be out with the next request
    assert_eq!(refused(&product.policies(&eve, &require).await), lock_out);
    assert_eq!(product.policies(&ada, &require).await.status, StatusCode::OK);
    let shown = product.get("/v1/orgs/current/policies", &ada).await;
    assert_eq!(shown.body["sso_required"], true, "{shown:?}");
    // from then on the connection stays, and so does the owner who comes in past it
    let ada_acme = Acme { ada: ada.clone(), ..acme };
    assert_eq!(refused(&product.change_sso(&ada_acme, &json!({ "enabled": false })).await), lock_out);
    assert_eq!(refused(&product.delete(&ada_acme.at(), &ada).await), (409, "sso_required"));
    product.settle().await;
    let bob = product.by_sso("bob@acme.example").await.text("/tokens/access_token");
    let bobs = product.own_member(&bob).await;
    assert_eq!(product.set_member(&ada, &bobs, "owner").await.status, StatusCode::OK);
    assert_eq!(refused(&product.set_member(&ada, &member, "admin").await), lock_out);
    assert_eq!(refused(&product.post_nothing("/v1/orgs/current/leave", &ada).await), lock_out);
    let given = json!({ "member_id": bobs, "own_role": "member" });
    assert_eq!(
        refused(&product.post_as("/v1/orgs/current/transfer-ownership", &ada, &given).await),
        lock_out
    );
    let own_factor = product.get("/v1/me/mfa", &ada).await.text("/factors/0/id");
    let removed = product.delete(&format!("/v1/me/mfa/factors/{own_factor}"), &ada).await;
    assert_eq!(refused(&removed), (409, "last_factor"));
    // taken back, all of it goes
    assert_eq!(product.policies(&ada, &json!({ "sso_required": false })).await.status, StatusCode::OK);
    assert_eq!(product.delete(&ada_acme.at(), &ada).await.status, StatusCode::NO_CONTENT);
}

/// Whoever is there when it is turned on, and did not come by the provider, is out with the next request in
/// that organization, and nowhere else.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sessions_by_other_ways_end_in_the_organization_with_their_next_request() {
    let product = Product::start().await;
    let acme = product.with_sso("acme", &json!({})).await;
    let (eve, _) = product.joined(&acme.ada, "eve@acme.example", "admin").await;
    let by_sso = product.by_sso("bob@acme.example").await.text("/tokens/access_token");
    let (ada, _) = product.with_factor(&acme).await;
    let one_factor = product.post_as("/v1/auth/switch-org", &eve, &json!({ "org_id": acme.org_id })).await;
    assert_eq!(one_factor.status, StatusCode::OK);
    let member = product.own_member(&ada).await;
    let require = json!({ "sso_required": true, "break_glass_member_ids": [member] });
    assert_eq!(product.policies(&ada, &require).await.status, StatusCode::OK);
    product.settle().await;
    for path in ["/v1/orgs/current", "/v1/orgs/current/members"] {
        assert_eq!(refused(&product.get(path, &eve).await), (403, "sso_required"), "{path}");
        assert_eq!(product.get(path, &by_sso).await.problem_or_empty(), "", "{path}");
        assert_eq!(product.get(path, &ada).await.problem_or_empty(), "", "{path}");
    }
    // the owner's session from before, with one factor, shows the second one
    assert_eq!(refused(&product.get("/v1/orgs/current", &acme.ada).await), (403, "mfa_required"));
    assert_eq!(product.get("/v1/me", &eve).await.status, StatusCode::OK, "what is the person's own stays");
    let beta = product.post_as("/v1/orgs", &eve, &json!({ "name": "Beta", "slug": "beta" })).await;
    let switch = async |org_id: &Value| {
        product.post_as("/v1/auth/switch-org", &eve, &json!({ "org_id": org_id })).await
    };
    assert_eq!(switch(&beta.body["id"]).await.status, StatusCode::OK);
    assert_eq!(refused(&switch(&json!(acme.org_id)).await), (403, "sso_required"));
    let looked = product.post("/v1/auth/discover", &json!({ "email": "eve@acme.example" })).await;
    assert_eq!(looked.body["sso"], json!({ "required": true }));
    // by the provider they are in again, and a session by it goes when its connection does
    let eve = product.by_sso("eve@acme.example").await;
    assert_eq!(
        product.get("/v1/orgs/current", &eve.text("/tokens/access_token")).await.status,
        StatusCode::OK
    );
}

/// What a page shows of a person's organizations says where the way leads by the provider.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_person_sees_which_of_their_organizations_ask_for_sso() {
    let product = Product::start().await;
    let (acme, ada, _) = product.with_required_sso().await;
    let beta = product.post_as("/v1/orgs", &ada, &json!({ "name": "Beta", "slug": "beta" })).await;
    assert_eq!(beta.status, StatusCode::CREATED, "{beta:?}");
    let asks = async |token: &str| {
        product.settle().await;
        let me = product.get("/v1/me", token).await;
        let listed = product.get("/v1/me/memberships", token).await;
        let places = me.body["organizations"].as_array().unwrap().clone();
        assert_eq!(listed.body["items"], json!(places), "{listed:?}");
        let mut asks: Vec<_> = places
            .iter()
            .map(|place| (place["slug"].as_str().unwrap().to_owned(), place["sso_required"].clone()))
            .collect();
        asks.sort_by(|one, other| one.0.cmp(&other.0));
        asks
    };
    let expected = |required: bool| [("acme".to_owned(), json!(required)), ("beta".to_owned(), json!(false))];
    assert_eq!(asks(&ada).await, expected(true));
    // whoever comes in sees it at once
    let (_, link) = product.invited(&ada, "eve@example.com", "member").await;
    let eve = product.sign_in("eve@example.com").await.text("/access_token");
    let joined = product.accept(&eve, &link).await;
    assert_eq!((joined.status, &joined.body["sso_required"]), (StatusCode::OK, &json!(true)), "{joined:?}");
    assert_eq!(asks(&eve).await, expected(true)[..1]);
    let bob = product.by_sso("bob@acme.example").await.text("/tokens/access_token");
    assert_eq!(product.get("/v1/me", &bob).await.body["organizations"][0]["sso_required"], true);
    // and when it ends, with other policies before and after
    for policies in [json!({ "sso_required": false }), json!({ "support_access": false })] {
        assert_eq!(product.policies(&ada, &policies).await.status, StatusCode::OK);
        for token in [&eve, &bob] {
            assert_eq!(asks(token).await, expected(false)[..1], "{policies} {}", acme.org_id);
        }
        assert_eq!(asks(&ada).await, expected(false));
    }
}

/// Each other way in leads to no organization where SSO is required, and to the organization for its owners.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_other_way_leads_into_an_organization_that_asks_for_sso() {
    let product = Product::start().await;
    let (acme, _, secret) = product.with_required_sso().await;
    let bob = product.by_sso("bob@acme.example").await;
    assert_eq!(bob.text("/tokens/org_id"), acme.org_id);
    let token = product.step_up_by_mail(&bob.text("/tokens/access_token"), "bob@acme.example").await;
    let password = json!({ "password": GOOD });
    let set = product.request(reqwest::Method::PUT, "/v1/me/password").bearer_auth(&token).json(&password);
    assert!(product.send(set).await.status.is_success());
    let connected = product.connect(&token, crate::oauth::known("bob@acme.example")).await;
    assert_eq!(connected.status, StatusCode::CREATED, "{connected:?}");
    product.settle().await;
    let by_mail = product.sign_in("bob@acme.example").await;
    let by_password = product.password("bob@acme.example", GOOD).await;
    let by_account = product.with_account(crate::oauth::known("bob@acme.example")).await;
    for tokens in [by_mail, by_password.tokens(), by_account.tokens()] {
        assert_eq!(tokens.body["org_id"], Value::Null, "{tokens:?}");
        let switched = json!({ "org_id": acme.org_id });
        let switched = product.post_as("/v1/auth/switch-org", &tokens.text("/access_token"), &switched).await;
        assert_eq!(refused(&switched), (403, "sso_required"));
        let fresh = product.get("/v1/orgs/current", &tokens.text("/access_token")).await;
        assert_eq!(refused(&fresh), (403, "no_organization"));
    }
    // a device that a session by the provider signs in is one of other ways
    let link = product.device_link(&token).await;
    let linked = product.redeem(&link).await;
    assert_eq!(
        (linked.status, &linked.body["tokens"]["org_id"]),
        (StatusCode::OK, &Value::Null),
        "{linked:?}"
    );
    product.advance(SignedDuration::from_secs(30)).await;
    let half = product.sign_in_half("owner@acme.test").await;
    let ada = product.second(&half, "totp", &product.app(&secret)).await.tokens();
    assert_eq!(ada.text("/org_id"), acme.org_id, "past the provider, with a second factor");
}
