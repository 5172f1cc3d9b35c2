use jiff::SignedDuration;
use reqwest::StatusCode;
use serde_json::{Value, json};

use super::{START, VERIFY};
use crate::{
    invites::refused,
    oauth::{There, known, query},
    product::Product,
    stored,
};

fn claims(token: &str) -> Value {
    use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(token.split('.').nth(1).unwrap()).unwrap()).unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn somebody_new_comes_in_as_a_member_and_is_the_same_person_the_next_time() {
    let product = Product::start().await;
    let acme = product.with_sso("acme", &json!({ "default_role": "viewer" })).await;
    let first = product.by_sso("Bob@acme.example").await;
    assert_eq!((first.status, first.text("/status").as_str()), (StatusCode::OK, "complete"), "{first:?}");
    let token = first.text("/tokens/access_token");
    assert_eq!(first.text("/tokens/org_id"), acme.org_id, "the session is in the organization");
    let said = claims(&token);
    assert_eq!(
        (&said["amr"], &said["acr"], &said["sso"]),
        (&json!(["sso"]), &json!("aal1"), &acme.connection.body["id"])
    );
    let me = product.get("/v1/me", &token).await;
    assert_eq!(
        (me.text("/email").as_str(), me.text("/membership/role").as_str()),
        ("bob@acme.example", "viewer")
    );
    assert_eq!(product.get("/v1/orgs/current", &token).await.status, StatusCode::OK);
    assert_eq!(product.get("/v1/me/sessions", &token).await.text("/items/0/method"), "sso");
    let (seats, members, _) = product.seats().await;
    assert_eq!((seats, members), (2, 2), "the seat is taken in the same transaction");

    // the name that never changes counts: the address may be another one of the organization's by then
    let renamed = There { email: "bob.jones@acme.example", subject: "Bob@acme.example", verified: true };
    let again = product.by_sso_in(renamed, "").await;
    assert_eq!(again.text("/tokens/user_id"), first.text("/tokens/user_id"), "{again:?}");
    // and whoever recreated the account there is found by the address
    let recreated = There { subject: "another", ..known("bob@acme.example") };
    assert_eq!(product.by_sso_in(recreated, "").await.text("/tokens/user_id"), first.text("/tokens/user_id"));
    product.settle().await;
    let events = product.events().await;
    for (name, times) in [("user.created", 2), ("member.added", 2), ("sso_connection.created", 1)] {
        assert_eq!(events.iter().filter(|event| *event == name).count(), times, "{name} in {events:?}");
    }
    assert_eq!(
        product.subjects("bob@acme.example").await,
        [""; 0],
        "nobody is told what they did a moment ago"
    );
    // by mail it is the same person
    let by_mail = product.sign_in("bob@acme.example").await;
    assert_eq!(by_mail.text("/user_id"), first.text("/tokens/user_id"));
    // when it was used last, and no secret, is shown
    let shown = product.get(&acme.at(), &acme.ada).await;
    assert!(shown.body["last_sign_in_at"].is_string(), "{shown:?}");
    for item in stored::items(&product).await {
        assert!(!item.to_string().contains("local-sso-secret"), "{item}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn somebody_is_sent_away_with_what_brings_them_back() {
    let product = Product::start().await;
    let acme = product.with_sso("acme", &json!({})).await;
    let sent = product.sso_away("bob@acme.example").await;
    assert_eq!((sent.status, sent.body["expires_in"].as_i64()), (StatusCode::CREATED, Some(600)), "{sent:?}");
    let asked = query(&sent.text("/authorize_url"));
    let back = format!("{}/_local/app/auth/sso/{}", product.cloud.api_url(), acme.org_id);
    for (name, value) in [
        ("response_type", "code"),
        ("client_id", "gantry-sso"),
        ("redirect_uri", back.as_str()),
        ("code_challenge_method", "S256"),
        ("scope", "openid email"),
        ("login_hint", "bob@acme.example"),
    ] {
        assert_eq!(asked[name], value, "{asked}");
    }
    let by_slug = product.post(START, &json!({ "org_slug": "acme" })).await;
    assert_eq!(query(&by_slug.text("/authorize_url"))["redirect_uri"], back.as_str());
    for (body, pointer) in [
        (json!({ "email": "bob@elsewhere.example" }), "/email"),
        (json!({ "org_slug": "nobodys" }), "/org_slug"),
    ] {
        let refusal = product.post(START, &body).await;
        assert_eq!(refused(&refusal), (422, "invalid_request"), "{refusal:?}");
        let error = &refusal.body["errors"][0];
        assert_eq!((&error["pointer"], &error["code"]), (&json!(pointer), &json!("unknown_value")));
    }
    for body in [json!({}), json!({ "email": "bob@acme.example", "org_slug": "acme" })] {
        assert_eq!(refused(&product.post(START, &body).await), (422, "invalid_request"), "{body}");
    }
    let looked = product.post("/v1/auth/discover", &json!({ "email": "whoever@acme.example" })).await;
    assert_eq!(
        looked.body,
        json!({ "methods": ["magic_link", "password", "passkey"], "sso": { "required": false } })
    );
    for body in [json!({ "email": "whoever@elsewhere.example" }), json!({})] {
        assert_eq!(product.post("/v1/auth/discover", &body).await.body["sso"], Value::Null);
    }
}

/// A session begins in the browser that was sent away, once, in time; and one that nobody here asked for does
/// not.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_attempt_is_one_browser_s_and_none_begins_at_the_provider() {
    let product = Product::start().await;
    product.with_sso("acme", &json!({})).await;
    let bob = known("bob@acme.example");
    let (sent, other) = (product.sso_away(bob.email).await, product.sso_away(bob.email).await);
    let back = product.there(&sent, bob).await;
    let with = |name: &str, value: Value| {
        let mut changed = back.clone();
        changed[name] = value;
        changed
    };
    for changed in [
        with("browser_token", json!(other.text("/browser_token"))),
        with("browser_token", json!("another")),
        with("state", json!(query(&other.text("/authorize_url"))["state"])),
        // a code that the provider gives without being asked has no state of ours
        with("state", json!("begun-at-the-provider")),
        with("iss", json!("https://evil.example")),
        with("iss", Value::Null),
    ] {
        assert_eq!(refused(&product.post(VERIFY, &changed).await), (401, "login_failed"), "{changed}");
    }
    let first = product.post(VERIFY, &back).await;
    assert_eq!(first.status, StatusCode::OK, "{first:?}");
    // its answer was lost
    let again = product.post(VERIFY, &back).await;
    for token in ["/tokens/access_token", "/tokens/refresh_token"] {
        assert_eq!(again.text(token), first.text(token));
    }
    let stolen = product.there(&sent, known("eve@acme.example")).await;
    assert_eq!(refused(&product.post(VERIFY, &stolen).await), (401, "login_failed"), "another code");
    product.advance(SignedDuration::from_secs(61)).await;
    assert_eq!(refused(&product.post(VERIFY, &back).await), (401, "login_failed"));
    // nor does what is for an organization sign anybody in elsewhere, or the other way round
    let sent = product.sso_away(bob.email).await;
    let back = product.there(&sent, bob).await;
    let elsewhere = product.post("/v1/auth/oauth/local/verify", &back).await;
    assert_eq!(refused(&elsewhere), (401, "login_failed"));
    let sent =
        product.send(product.request(reqwest::Method::POST, "/v1/auth/oauth/local/authorizations")).await;
    let back = product.there(&sent, bob).await;
    assert_eq!(refused(&product.post(VERIFY, &back).await), (401, "login_failed"));
    let late = product.sso_away(bob.email).await;
    product.advance(SignedDuration::from_secs(601)).await;
    let late = product.there(&late, bob).await;
    assert_eq!(refused(&product.post(VERIFY, &late).await), (401, "login_failed"));
}

/// What an organization's provider says counts for the organization's own addresses.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_provider_speaks_for_the_domains_of_its_organization_alone() {
    let product = Product::start().await;
    let acme = product.with_sso("acme", &json!({})).await;
    let (victim, _) = product.owner("vic@other.example", "other").await;
    for (email, verified) in [
        ("vic@other.example", true),
        ("nobody@other.example", true),
        ("bob@sub.acme.example", true),
        ("bob@acme.example.evil.example", true),
        ("bob@acme.example", false),
    ] {
        let sent = product.sso_away("bob@acme.example").await;
        let back = product.there(&sent, There { email, subject: email, verified }).await;
        assert_eq!(
            refused(&product.post(VERIFY, &back).await),
            (403, "sso_domain_mismatch"),
            "{email} {verified}"
        );
    }
    product.settle().await;
    let shown = product.get(&acme.at(), &acme.ada).await;
    assert!(shown.text("/last_error/detail").contains("domain"), "{shown:?}");
    assert!(!shown.body.to_string().contains("other.example"), "nothing of the person is told");
    assert_eq!(product.get("/v1/me", &victim).await.body["organizations"].as_array().unwrap().len(), 1);

    // whoever was linked and has another address here by now is nobody that the organization may speak for
    let bob = product.by_sso("bob@acme.example").await.text("/tokens/access_token");
    let bob = product.step_up_by_mail(&bob, "bob@acme.example").await;
    let body = json!({ "email": "bob@home.example" });
    assert_eq!(product.post_as("/v1/me/email-changes", &bob, &body).await.status, StatusCode::ACCEPTED);
    product.settle().await;
    let token = product.link("bob@home.example").await;
    let confirmed = product.post("/v1/auth/email-changes/confirm", &json!({ "token": token })).await;
    assert_eq!(confirmed.status, StatusCode::NO_CONTENT);
    assert_eq!(refused(&product.by_sso("bob@acme.example").await), (403, "sso_domain_mismatch"));
    // and another name there with the old address is nobody either, as long as it can be taken back
    let other = There { subject: "another", ..known("bob@acme.example") };
    assert_eq!(refused(&product.by_sso_in(other, "").await), (409, "email_taken"));
}

/// Two organizations may name the same provider: what is known of somebody by one says nothing to the other.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_organization_s_connection_opens_nothing() {
    let product = Product::start().await;
    let acme = product.with_sso("acme", &json!({})).await;
    let evil = product.with_sso("evil", &json!({})).await;
    let bob = product.by_sso("bob@acme.example").await;
    // evil's connection, with the very same name there
    let sent = product.sso_away("bob@evil.example").await;
    let same = There { email: "bob@evil.example", subject: "bob@acme.example", verified: true };
    let back = product.there(&sent, same).await;
    let other = product.post(VERIFY, &back).await;
    assert_ne!(other.text("/tokens/user_id"), bob.text("/tokens/user_id"), "somebody else");
    assert_eq!(other.text("/tokens/org_id"), evil.org_id);
    // it cannot serve acme's domain
    let stolen = product.connect_sso(&evil.ada, &[&acme.domain], &json!({})).await;
    assert_eq!(refused(&stolen), (422, "invalid_request"), "{stolen:?}");
    assert_eq!(stolen.body["errors"][0]["pointer"], "/domain_ids");
    for (path, by) in [(acme.at(), &evil.ada), (evil.at(), &acme.ada)] {
        assert_eq!(refused(&product.get(&path, by).await), (404, "not_found"));
        assert_eq!(refused(&product.delete(&path, by).await), (404, "not_found"));
    }
}

/// What one organization's provider says opens no other organization, whatever the person is there.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_session_by_sso_goes_to_another_organization_after_a_proof_of_the_person_s_own() {
    let product = Product::start().await;
    let acme = product.with_sso("acme", &json!({})).await;
    let (_, beta) = product.owner("bob@acme.example", "beta").await;
    let bob = product.by_sso("bob@acme.example").await;
    assert_eq!(bob.text("/tokens/org_id"), acme.org_id, "not the one chosen last");
    let token = bob.text("/tokens/access_token");
    let to_beta = json!({ "org_id": beta });
    let switched = product.post_as("/v1/auth/switch-org", &token, &to_beta).await;
    assert_eq!(refused(&switched), (401, "step_up_required"), "{switched:?}");
    // nor does it make itself a way in that does
    let password = json!({ "password": "four words nobody guesses" });
    let set = product
        .send(product.request(reqwest::Method::PUT, "/v1/me/password").bearer_auth(&token).json(&password));
    assert_eq!(refused(&set.await), (401, "step_up_required"));
    let token = product.step_up_by_mail(&token, "bob@acme.example").await;
    let switched = product.post_as("/v1/auth/switch-org", &token, &to_beta).await;
    assert_eq!(switched.text("/tokens/org_id"), beta, "{switched:?}");
    // and back
    let token = switched.text("/tokens/access_token");
    let switched = product.post_as("/v1/auth/switch-org", &token, &json!({ "org_id": acme.org_id })).await;
    assert_eq!(switched.text("/tokens/org_id"), acme.org_id);
}

/// A domain serves as long as it is the organization's.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_domain_that_lapsed_serves_nobody_until_it_is_shown_again() {
    let product = Product::start().await;
    let acme = product.with_sso("acme", &json!({})).await;
    let bob = known("bob@acme.example");
    assert_eq!(product.by_sso_in(bob, "").await.status, StatusCode::OK);
    let removed = product.delete(&crate::domains::at(&acme.domain), &acme.ada).await;
    assert_eq!(refused(&removed), (409, "domain_in_use"));
    let record = acme.domain.text("/txt_record/name");
    product.dns(&record, &json!({ "texts": [] })).await;
    for _ in 0..11 {
        product.advance(SignedDuration::from_hours(24)).await;
    }
    let shown = product.sign_in("owner@acme.test").await.text("/access_token");
    let ada = product.post_as("/v1/auth/switch-org", &shown, &json!({ "org_id": acme.org_id })).await;
    let ada = ada.text("/tokens/access_token");
    assert_eq!(product.get(&crate::domains::at(&acme.domain), &ada).await.text("/status"), "lapsed");
    assert_eq!(refused(&product.sso_away(bob.email).await), (422, "invalid_request"));
    assert_eq!(
        product.post("/v1/auth/discover", &json!({ "email": bob.email })).await.body["sso"],
        Value::Null
    );
    // by the organization's name one is sent there, and comes in by no address of that domain
    let sent = product.post(START, &json!({ "org_slug": "acme" })).await;
    let back = product.there(&sent, bob).await;
    assert_eq!(refused(&product.post(VERIFY, &back).await), (403, "sso_domain_mismatch"));
    product.set_record(&acme.domain).await;
    assert_eq!(product.verify(&ada, &acme.domain).await.status, StatusCode::OK);
    assert_eq!(product.by_sso_in(bob, "").await.status, StatusCode::OK, "the same organization has shown it");
}

/// Roles follow groups at each sign-in, but for owners.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn roles_follow_groups_and_owners_stay() {
    let product = Product::start().await;
    let groups = json!({ "group_claim": "groups", "group_roles": { "it": "admin", "staff": "member" },
        "default_role": "viewer" });
    let acme = product.with_sso("acme", &groups).await;
    let asked = query(&product.sso_away("bob@acme.example").await.text("/authorize_url"));
    assert_eq!(asked["scope"], "openid email groups");
    let role = async |groups: &str| {
        let signed_in = product.by_sso_in(known("bob@acme.example"), groups).await;
        assert_eq!(signed_in.status, StatusCode::OK, "{signed_in:?}");
        product.settle().await;
        product.get("/v1/me", &signed_in.text("/tokens/access_token")).await.text("/membership/role")
    };
    for (groups, expected) in
        [("staff it", "admin"), ("staff", "member"), ("owner", "viewer"), ("", "viewer")]
    {
        assert_eq!(role(groups).await, expected, "{groups}");
    }
    let bob = product.by_sso("bob@acme.example").await.text("/tokens/access_token");
    let member = product.own_member(&bob).await;
    let made = product.set_member(&acme.ada, &member, "owner").await;
    assert_eq!(made.status, StatusCode::OK, "{made:?}");
    assert_eq!(role("staff").await, "owner", "a group makes nothing else of an owner");
    let updated = product.events().await.iter().filter(|event| *event == "member.updated").count();
    assert_eq!(updated, 3, "admin to member to viewer, and to owner");
}

/// Whoever was taken out does not come back because the provider still knows them.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_comes_back_by_sso_who_was_taken_out() {
    let product = Product::start().await;
    let acme = product.with_sso("acme", &json!({})).await;
    let bob = product.by_sso("bob@acme.example").await.text("/tokens/access_token");
    let member = product.own_member(&bob).await;
    assert_eq!(product.remove_member(&acme.ada, &member).await.status, StatusCode::NO_CONTENT);
    assert_eq!(refused(&product.by_sso("bob@acme.example").await), (403, "member_removed"));
    product.joined(&acme.ada, "bob@acme.example", "admin").await;
    let back = product.by_sso("bob@acme.example").await;
    assert_eq!(back.text("/tokens/org_id"), acme.org_id, "somebody has invited them");
}

/// A second factor is asked for on this way too, by the person's own choice and by the organization's.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_has_a_second_factor_shows_it_and_is_in_the_organization() {
    let product = Product::start().await;
    let acme = product.with_sso("acme", &json!({})).await;
    let bob = product.sign_in("bob@acme.example").await.text("/access_token");
    let (secret, _) = product.set_up(&bob).await;
    product.advance(SignedDuration::from_secs(30)).await;
    let sent = product.sso_away("bob@acme.example").await;
    let back = product.there(&sent, known("bob@acme.example")).await;
    assert_eq!(product.post(VERIFY, &back).await.text("/status"), "mfa_required");
    // the answer was lost
    let half = product.post(VERIFY, &back).await;
    assert_eq!(half.text("/status"), "mfa_required", "{half:?}");
    let session =
        product.second(&half.text("/challenge/token"), "totp", &product.app(&secret)).await.tokens();
    let said = claims(&session.text("/access_token"));
    assert_eq!((&said["amr"], &said["org"]), (&json!(["otp", "sso", "mfa"]), &json!(acme.org_id)));
    assert_eq!(said["sso"], acme.connection.body["id"]);

    // somebody new, where the organization asks for a second factor
    let (secret, _) = product.set_up(&acme.ada).await;
    product.advance(SignedDuration::from_secs(30)).await;
    let half = product.sign_in_half("owner@acme.test").await;
    let ada = product.second(&half, "totp", &product.app(&secret)).await.tokens().text("/access_token");
    let required = product.require(&ada, json!({ "mode": "required", "grace_ends_at": null })).await;
    assert_eq!(required.status, StatusCode::OK, "{required:?}");
    let cleo = product.by_sso("cleo@acme.example").await;
    assert_eq!(cleo.text("/status"), "mfa_enrollment_required", "{cleo:?}");
    let half = cleo.text("/challenge/token");
    product.set_up(&half).await;
    let whole = product.post_as("/v1/auth/complete", &half, &Value::Null).await;
    assert_ne!(whole.text("/status"), "mfa_enrollment_required", "{whole:?}");
}
