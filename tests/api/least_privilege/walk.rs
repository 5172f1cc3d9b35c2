//! Everything that the product can do, the rare paths included: every action that a policy allows is needed
//! by something here.

use jiff::SignedDuration;
use primitives::Ids;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use super::{
    api_keys, billing, domains, exports, members, operators, organizations, scim, sso, staff, usage,
};
use crate::{
    known, oauth,
    passkeys::{Device, proof},
    product::Product,
    rotation::rotated,
    samples::{know_the_samples, samples},
};

pub(crate) async fn everything(product: &Product) {
    deliver_samples(product).await;
    let (ada, acme) = product.owner("ada@example.com", "acme").await;
    let (bob, beta) = product.owner("bob@example.com", "beta").await;
    sign_in_and_out(product).await;
    passwords_and_factors(product).await;
    passkeys(product).await;
    device_links(product).await;
    accounts_elsewhere(product).await;
    phones(product).await;
    organizations(product, &ada).await;
    devices(product, &ada, &bob).await;
    stripe(product, &acme, &beta).await;
    trials(product).await;
    erasure(product).await;
    rotations(product).await;
    operators::publish_again(product).await;
    refused_mails(product).await;
    operator_and_stripe(product).await;
    undelivered_mails(product).await;
    members::come_and_go(product).await;
    api_keys::made_and_used(product).await;
    organizations::come_and_go(product).await;
    billing::paid_and_changed(product).await;
    domains::come_and_go(product).await;
    sso::come_and_go(product).await;
    scim::come_and_go(product).await;
    exports::made_and_read(product).await;
    usage::counted_and_summed_up(product).await;
    staff::works(product).await;
}

/// A mail comes back, the next one is held, and an operator has mails sent to the address again. What is
/// told of mails and cannot be read is left in the queue.
async fn undelivered_mails(product: &Product) {
    let email = "bounce@simulator.amazonses.com";
    for _ in 0..2 {
        product.post("/v1/auth/magic-links", &json!({ "email": email })).await;
        product.settle().await;
    }
    assert_eq!(product.mails(email).await.len(), 1);
    let operator = async |command| product.cloud.invoke("operator", command).await.unwrap();
    let listed = operator(json!({ "command": "mail.suppressed" })).await;
    assert!(!listed["suppressed"].as_array().unwrap().is_empty(), "{listed}");
    let one = operator(json!({ "command": "mail.suppressed", "email": email })).await;
    assert_eq!(one["suppressed"]["reason"], "bounced", "{one}");
    let lifted = operator(json!({ "command": "mail.lift", "email": email, "reason": "a walk" })).await;
    assert_eq!(lifted["lifted"], true);
    let poison = json!({ "messageId": "poison", "body": "{}", "receiptHandle": "none",
        "eventSourceARN": "arn:aws:sqs:eu-central-1:000000000000:MailFeedbackQueue" });
    let answer = product.cloud.invoke("queue-mail-feedback", json!({ "Records": [poison] })).await.unwrap();
    assert_eq!(answer["batchItemFailures"][0]["itemIdentifier"], "poison");
}

/// Two events that an older version did not understand: one can be applied now, the other has to wait for
/// its customer.
async fn operator_and_stripe(product: &Product) {
    let (_, org_id) = product.owner("gus@example.com", "gus-and-sons").await;
    let event = |number: usize, metadata: Value| {
        let customer = format!("cus_operator{number}");
        let object = json!({ "id": format!("sub_operator{number}"), "customer": customer, "status": "active",
            "created": 1_800_000_000, "metadata": metadata });
        json!({ "id": format!("evt_operator{number}"), "type": "customer.subscription.created", "livemode": false,
            "created": 1_800_000_000, "data": { "object": object } })
    };
    for event in [event(1, json!({ "org_id": "org_01h2xcejqtf2nbrexx3vqjhp41" })), event(2, json!({}))] {
        assert_eq!(product.hook(&event).await.text("/outcome"), "parked");
    }
    product.misunderstand_parked_events().await;
    product.settle().await;
    let listed = product.cloud.invoke("operator", json!({ "command": "stripe.parked" })).await.unwrap();
    let reasons: Vec<_> = listed["events"].as_array().unwrap().iter().map(|event| &event["reason"]).collect();
    assert_eq!(reasons, ["unreadable", "unreadable"], "{listed}");
    let replay =
        async || product.cloud.invoke("operator", json!({ "command": "stripe.replay" })).await.unwrap();
    let done = replay().await;
    assert_eq!(done["parked"].as_array().unwrap().len(), 2, "{done}");
    // Somebody gives the second customer its organization at Stripe.
    let known = event(2, json!({ "org_id": org_id }));
    let mut session = known.clone();
    session["id"] = json!("evt_operator3");
    session["type"] = json!("checkout.session.completed");
    product.misunderstand_parked_events().await;
    product.settle().await;
    assert_eq!(product.hook(&session).await.text("/outcome"), "applied");
    let done = replay().await;
    assert_eq!(done["applied"], json!(["evt_operator2"]), "{done}");
    product.settle().await;
}

/// Mails about what is not in the table, in both lanes: they come again at once, until they are dead
/// letters. And what is no message about an audit log.
async fn refused_mails(product: &Product) {
    let now = product.cloud.clock().now();
    let ended: ::billing::events::TrialEnded = events::example().unwrap();
    let ended = known::event(Some(Ids::unguessable()), &ended, now);
    let link = identity::events::MagicLinkRequested {
        login_id: Ids::unguessable(),
        email: "nobody@example.com".parse().unwrap(),
        expires_at: now + SignedDuration::from_mins(15),
    };
    known::publish(product, &[ended, known::event(None, &link, now)]).await;
    product.settle().await;
    let poison = json!({ "messageId": "poison", "body": "{}", "receiptHandle": "none",
        "eventSourceARN": "arn:aws:sqs:eu-central-1:000000000000:AuditQueue.fifo" });
    let answer = product.cloud.invoke("queue-audit", json!({ "Records": [poison] })).await.unwrap();
    assert_eq!(answer["batchItemFailures"][0]["itemIdentifier"], "poison");
    for queue in ["MailDeadLetters", "SignInMailDeadLetters"] {
        let dead = product.cloud.inspect(|state| state.queues[queue].messages().count());
        assert_eq!(dead, 1, "{queue}");
    }
}

/// Somebody new by an identity provider, again, with one more account, and without it.
async fn accounts_elsewhere(product: &Product) {
    let first = product.with_account(oauth::known("hal@example.com")).await.tokens().text("/access_token");
    product.with_account(oauth::known("hal@example.com")).await;
    let connected = product.connect(&first, oauth::known("hal@work.example")).await;
    assert_eq!(connected.status, StatusCode::CREATED, "{connected:?}");
    product.get("/v1/me/connected-accounts", &first).await;
    let path = format!("/v1/me/connected-accounts/{}", connected.text("/id"));
    let gone = product.send(product.request(Method::DELETE, &path).bearer_auth(&first)).await;
    assert_eq!(gone.status, StatusCode::NO_CONTENT, "{gone:?}");
    product.settle().await;
}

/// With a password, a wrong one, a new one, an authenticator app and a recovery code; and without them
/// again.
async fn passwords_and_factors(product: &Product) {
    let email = "fay@example.com";
    let (first, second) = ("four words nobody guesses", "another four words at last");
    product.registered(email, first).await;
    assert_eq!(product.password(email, second).await.problem(), "login_failed");
    let token = product.reset_token(email).await;
    assert_eq!(product.reset(&token, second).await.status, StatusCode::NO_CONTENT);
    let session = product.password(email, second).await.tokens().text("/access_token");
    let (secret, codes) = product.set_up(&session).await;
    let half = product.password(email, second).await.text("/challenge/token");
    assert_eq!(product.get("/v1/auth/mfa", &half).await.status, StatusCode::OK);
    assert_eq!(product.post_nothing("/v1/auth/complete", &half).await.text("/status"), "mfa_required");
    let half = product.password(email, second).await.text("/challenge/token");
    let session = product.second(&half, "recovery_code", &codes[0]).await.tokens().text("/access_token");
    product.advance(SignedDuration::from_secs(30)).await;
    let step = json!({ "method": "totp", "code": product.app(&secret) });
    let session = product.post_as("/v1/auth/step-up/verify", &session, &step).await.text("/access_token");
    let (_, org_id) = product.owner("gil@example.com", "gil").await;
    assert_eq!(
        product.post_as("/v1/auth/switch-org", &session, &json!({ "org_id": org_id })).await.problem(),
        "not_found"
    );
    let made = product.post_nothing("/v1/me/mfa/recovery-codes", &session).await;
    assert_eq!(made.status, StatusCode::CREATED, "{made:?}");
    let mfa = product.get("/v1/me/mfa", &session).await;
    let factor = format!("/v1/me/mfa/factors/{}", mfa.text("/factors/0/id"));
    for path in [factor.as_str(), "/v1/me/password"] {
        let gone = product.send(product.request(Method::DELETE, path).bearer_auth(&session)).await;
        assert_eq!(gone.status, StatusCode::NO_CONTENT, "{path}: {gone:?}");
    }
    let request = product.request(Method::PUT, "/v1/me/password").bearer_auth(&session);
    let set = product.send(request.json(&json!({ "password": first }))).await;
    assert_eq!(set.status, StatusCode::NO_CONTENT, "{set:?}");
    product.set_up(&session).await;
    product.settle().await;
}

/// A phone is signed in by a code on a screen.
async fn device_links(product: &Product) {
    let token = product.sign_in("dan@example.com").await.text("/access_token");
    let link = product.device_link(&token).await;
    assert_eq!(product.redeem(&link).await.text("/status"), "complete");
    // the mail about the device goes another way, and could come later than the one with the code
    product.settle().await;
    product.post_as("/v1/auth/step-up", &token, &json!({ "method": "mail" })).await;
    product.settle().await;
    let body = json!({ "method": "mail", "code": product.mailed_code("dan@example.com").await });
    let stepped = product.post_as("/v1/auth/step-up/verify", &token, &body).await;
    assert_eq!(stepped.status, StatusCode::OK, "{stepped:?}");
}

/// A phone is shown to be somebody's, its codes are a second factor, and it goes again.
async fn phones(product: &Product) {
    let (email, password, number) = ("ivy@example.com", "four words nobody guesses", "+436641234567");
    let token = product.registered(email, password).await.text("/access_token");
    product.with_phone(&token, number).await;
    product.set_up_sms(&token, number).await;
    let half = product.password(email, password).await.text("/challenge/token");
    assert_eq!(product.send_code(&half).await.status, StatusCode::ACCEPTED);
    let shown = product.second(&half, "sms", &product.texted(number).await).await;
    assert_eq!(shown.text("/status"), "complete", "{shown:?}");
    let gone = product.send(product.request(Method::DELETE, "/v1/me/phone").bearer_auth(&token)).await;
    assert_eq!(gone.status, StatusCode::NO_CONTENT, "{gone:?}");
}

/// Two passkeys: one is used, named and removed, and one erased with its person.
async fn passkeys(product: &Product) {
    let email = "pia@example.com";
    let (mut device, token) = product.with_passkey(email).await;
    let session = product.sign_in_by(&mut device, Some(email)).await.tokens();
    let options = product.post_nothing("/v1/auth/mfa/passkeys/options", &token).await;
    let mut body = proof(&options, &device.get(&options.body["public_key"]).await);
    body["method"] = json!("passkey");
    let stepped = product.post_as("/v1/auth/step-up/verify", &session.text("/access_token"), &body).await;
    assert_eq!(stepped.problem(), "mfa_failed", "of another session");
    product.settle().await;
    let id = product.get("/v1/me/passkeys", &token).await.text("/items/0/id");
    let path = format!("/v1/me/passkeys/{id}");
    let rename = product.request(Method::PATCH, &path).bearer_auth(&token).json(&json!({ "name": "Key" }));
    assert_eq!(product.send(rename).await.status, StatusCode::OK);
    let remove = product.request(Method::DELETE, &path).bearer_auth(&token);
    assert_eq!(product.send(remove).await.status, StatusCode::NO_CONTENT);
    let added = product.add_passkey(&mut Device::new(product), &token, "Key").await;
    assert_eq!(added.status, StatusCode::CREATED, "{added:?}");
}

async fn rotations(product: &Product) {
    for secret in rotated() {
        let rotated = product.local_post(&format!("/secrets/{secret}/rotate"), &json!({})).await;
        assert!(rotated["version"].is_string(), "{rotated}");
    }
    // whoever signs first with the new key publishes it
    product.advance(SignedDuration::from_mins(6)).await;
    let signed_in = product.with_account(oauth::known("hal@example.com")).await;
    assert_eq!(signed_in.status, StatusCode::OK, "{signed_in:?}");
}

async fn deliver_samples(product: &Product) {
    know_the_samples(product).await;
    for (function, case, event) in samples() {
        product
            .cloud
            .invoke(&function, event)
            .await
            .unwrap_or_else(|error| panic!("{function} {case}: {error}"));
    }
    product.settle().await;
}

/// With the code, with wrong ones, with a refresh token that somebody else used as well; and out again.
async fn sign_in_and_out(product: &Product) {
    let email = "carol@example.com";
    let session = product.sign_in(email).await;
    let well_known = ["/.well-known/jwks.json", "/.well-known/oauth-authorization-server"];
    for path in ["/v1/me", "/v1/openapi.json"].into_iter().chain(well_known) {
        assert_eq!(product.get(path, &session.text("/access_token")).await.status, StatusCode::OK);
    }
    product.post("/v1/auth/magic-links", &json!({ "email": email })).await;
    product.settle().await;
    let (_, code) = product.proof(email).await;
    let wrong = if code == "000000" { "000001" } else { "000000" };
    for (code, status) in [(wrong, StatusCode::UNAUTHORIZED), (code.as_str(), StatusCode::OK)] {
        let answer =
            product.post("/v1/auth/magic-links/verify", &json!({ "email": email, "code": code })).await;
        assert_eq!(answer.status, status, "{answer:?}");
    }
    let refresh = async |session: &system_tests::answer::Answer| {
        let body = json!({ "refresh_token": session.text("/refresh_token") });
        product.post("/v1/auth/refresh", &body).await
    };
    let next = refresh(&session).await;
    let next = refresh(&next).await;
    product.advance(SignedDuration::from_secs(61)).await;
    assert_eq!(refresh(&session).await.status, StatusCode::UNAUTHORIZED, "used again: the session ends");
    // for a moment whoever only reads is let in
    product.settle().await;
    assert_eq!(product.get("/v1/me", &next.text("/access_token")).await.problem(), "session_ended");
    let token = product.sign_in(email).await.text("/access_token");
    let out = product.send(product.request(Method::POST, "/v1/auth/sign-out").bearer_auth(&token)).await;
    assert_eq!(out.status, StatusCode::NO_CONTENT);
    account(product, email).await;
}

/// Somebody comes, brings two phones, and has the account erased after a change of mind.
async fn erasure(product: &Product) {
    // so long before that no notice of its trial comes in the hour of the erasure and finds the devices
    // first
    let (gina, _) = product.owner("gina@example.com", "gina-and-sons").await;
    // invited at the address that he takes later, and come by a link
    product.invite(&gina, "fred@example.org", "member").await;
    let link = members::link_of(product, &gina).await;
    product.advance(SignedDuration::from_hours(2)).await;
    let token = product.sign_in("fred@example.com").await.text("/access_token");
    let added = product.add_passkey(&mut Device::new(product), &token, "Key").await;
    assert_eq!(added.status, StatusCode::CREATED, "{added:?}");
    product.exported("/v1/me/exports", &token, &json!({})).await;
    for platform in ["apns", "fcm"] {
        let device = json!({ "platform": platform, "token": "fe".repeat(32) });
        let registered = product.post_as("/v1/me/devices", &token, &device).await;
        assert_eq!(registered.status, StatusCode::CREATED, "{registered:?}");
    }
    let joined = product.post_as("/v1/invites/accept", &token, &json!({ "token": link })).await;
    assert_eq!(joined.status, StatusCode::OK, "{joined:?}");
    // with a key of his, as an administrator
    let into = json!({ "org_id": joined.text("/org_id") });
    let inside = async |token: &str| {
        product.post_as("/v1/auth/switch-org", token, &into).await.text("/tokens/access_token")
    };
    let gina = inside(&product.sign_in("gina@example.com").await.text("/access_token")).await;
    product.set_member(&gina, &joined.text("/id"), "admin").await;
    product.key(&inside(&token).await, &["org:read"]).await;
    product.post_as("/v1/me/email-changes", &token, &json!({ "email": "fred@example.org" })).await;
    product.settle().await;
    let confirm = json!({ "token": product.link("fred@example.org").await });
    let changed = product.post("/v1/auth/email-changes/confirm", &confirm).await;
    assert_eq!(changed.status, StatusCode::NO_CONTENT, "{changed:?}");
    let delete = || product.send(product.request(Method::DELETE, "/v1/me").bearer_auth(&token));
    assert_eq!(delete().await.status, StatusCode::NO_CONTENT);
    let restore = product.request(Method::POST, "/v1/me/restore").bearer_auth(&token);
    let restored = product.send(restore).await;
    assert_eq!(restored.status, StatusCode::OK, "{restored:?}");
    assert_eq!(delete().await.status, StatusCode::NO_CONTENT);
    // the index is a moment behind
    product.settle().await;
    product.days(7).await;
    for _ in 0..2 {
        product.advance(SignedDuration::from_hours(1)).await;
    }
    assert!(product.events().await.contains(&"user.erased".to_owned()));
}

/// What somebody does with their own account.
async fn account(product: &Product, email: &str) {
    change_address(product, email).await;
    let other = product.sign_in(email).await;
    let token = product.sign_in(email).await.text("/access_token");
    let profile = json!({ "name": "Carol", "time_zone": "Europe/Vienna" });
    let update = product.request(Method::PATCH, "/v1/me").bearer_auth(&token).json(&profile);
    assert_eq!(product.send(update).await.status, StatusCode::OK);
    // a list of several pages, which a late read might not see
    product.settle().await;
    for path in ["/v1/me/sessions?limit=1", "/v1/me/sessions", "/v1/me/memberships"] {
        assert_eq!(product.get(path, &token).await.status, StatusCode::OK, "{path}");
    }
    // nobody here has so many organizations that there is a second page
    let forged = product.get("/v1/me/memberships?cursor=forged", &token).await;
    assert!(forged.status.is_client_error(), "{forged:?}");
    let path = format!("/v1/me/sessions/{}", other.text("/session_id"));
    let ended = product.send(product.request(Method::DELETE, &path).bearer_auth(&token)).await;
    assert_eq!(ended.status, StatusCode::NO_CONTENT);
    product.sign_in(email).await;
    let ended = product.post_as("/v1/me/sessions/end", &token, &json!({ "scope": "others" })).await;
    assert_eq!(ended.status, StatusCode::NO_CONTENT);
}

/// Of somebody who belongs to an organization: given up, asked for again, confirmed, and taken back.
async fn change_address(product: &Product, email: &str) {
    let (token, _) = product.owner(email, "omega").await;
    let other = format!("new-{email}");
    let ask = async |key: &str| {
        let request = product.request(Method::POST, "/v1/me/email-changes").bearer_auth(&token);
        let request = request.header("idempotency-key", key).json(&json!({ "email": other }));
        let asked = product.send(request).await;
        assert_eq!(asked.status, StatusCode::ACCEPTED, "{asked:?}");
        asked.text("/id")
    };
    let path = format!("/v1/me/email-changes/{}", ask("one").await);
    let given_up = product.send(product.request(Method::DELETE, &path).bearer_auth(&token)).await;
    assert_eq!(given_up.status, StatusCode::NO_CONTENT);
    ask("two").await;
    for (step, address) in [("confirm", other.as_str()), ("undo", email)] {
        product.settle().await;
        let link = json!({ "token": product.link(address).await });
        let taken = product.post(&format!("/v1/auth/email-changes/{step}"), &link).await;
        assert_eq!(taken.status, StatusCode::NO_CONTENT, "{step}: {taken:?}");
    }
    product.settle().await;
}

async fn organizations(product: &Product, token: &str) {
    let create = |key: &str, slug: &str| {
        let request =
            product.request(Method::POST, "/v1/orgs").bearer_auth(token).header("idempotency-key", key);
        product.send(request.json(&json!({ "name": "Gamma", "slug": slug })))
    };
    for (key, slug, status) in [
        ("one", "gamma", StatusCode::CREATED),
        ("one", "gamma", StatusCode::CREATED),
        ("two", "gamma", StatusCode::CONFLICT),
    ] {
        assert_eq!(create(key, slug).await.status, status);
    }
    assert_eq!(product.introspect(token, token).await.body["active"], true);
    for path in ["/v1/orgs/current", "/v1/orgs/current/members?limit=1", "/v1/billing/subscription"] {
        assert_eq!(product.get(path, token).await.status, StatusCode::OK, "{path}");
    }
    // Only a list that goes on asks for the key of cursors, or one that somebody comes back to.
    let forged = product.get("/v1/orgs/current/members?cursor=forged", token).await;
    assert!(forged.status.is_client_error(), "{forged:?}");
}

/// A device comes, comes back after its app was removed, goes to another person, is signed out; the oldest
/// of too many goes by itself.
async fn devices(product: &Product, ada: &str, bob: &str) {
    let register = async |who: &str, platform: &str, number: usize| {
        let device = json!({ "platform": platform, "token": format!("{number:064x}") });
        let request = product.request(Method::POST, "/v1/me/devices").bearer_auth(who);
        let request = request.header("idempotency-key", format!("{platform}-{number}"));
        let answer = product.send(request.json(&device)).await;
        assert!(answer.status.is_success(), "{answer:?}");
        answer.text("/id")
    };
    let remove = async |id: &str| {
        let path = format!("/v1/me/devices/{id}");
        product.send(product.request(Method::DELETE, &path).bearer_auth(ada)).await.status
    };
    for platform in ["apns", "fcm"] {
        let phone = register(ada, platform, 1).await;
        let tablet = register(ada, platform, 2).await;
        disable_endpoints(product).await;
        register(bob, platform, 1).await;
        assert_eq!(remove(&phone).await, StatusCode::NO_CONTENT, "it is bob's now");
        assert_eq!(remove(&tablet).await, StatusCode::NO_CONTENT);
    }
    for number in 10..=30 {
        register(ada, "fcm", number).await;
    }
    // a list of several pages, which a late read might not see
    product.settle().await;
    assert_eq!(product.get("/v1/me/devices?limit=5", ada).await.status, StatusCode::OK);
    product.settle().await;
}

/// Lets every app be gone, as its push service would find out.
async fn disable_endpoints(product: &Product) {
    for endpoint in product.local("/push-endpoints").await["items"].as_array().unwrap() {
        product.local_post("/push-endpoints/disable", &json!({ "arn": endpoint["arn"] })).await;
    }
}

/// A subscription's life; and an event that comes before anybody knows whose it is, waits, and is applied
/// with the one that says so.
async fn stripe(product: &Product, acme: &str, beta: &str) {
    let act = async |action: &str, org_id: &str| {
        let body = json!({ "org_id": org_id, "times": 1, "shuffle": false });
        let answer = product.local_post(&format!("/stripe/{action}"), &body).await;
        let deliveries = answer["deliveries"].as_array().unwrap();
        assert!(deliveries.iter().all(|delivery| delivery["status"] == 200), "{answer}");
    };
    for action in ["subscribe", "payment_failed", "paid", "cancel"] {
        act(action, acme).await;
    }
    let told = product.local("/stripe").await["events"].as_array().unwrap().clone();
    let like = |kind: &str| {
        let event = told.iter().find(|event| event["type"] == kind).unwrap();
        let text = event.to_string().replace(acme, beta).replace("_local", "_later");
        serde_json::from_str::<Value>(&text).unwrap()
    };
    let mut early = like("invoice.paid");
    early["data"]["object"]["parent"] = Value::Null;
    for (event, outcome) in [(early, "parked"), (like("customer.subscription.created"), "applied")] {
        let answer = product.hook(&event).await;
        assert_eq!(answer.text("/outcome"), outcome, "{answer:?}");
    }
    product.settle().await;
}

/// A trial runs out, and those are told who can be: devices that are gone are removed.
async fn trials(product: &Product) {
    let (token_of_dora, _) = product.owner("dora@example.com", "delta").await;
    for (platform, token) in [("apns", "ab"), ("fcm", "cd")] {
        let device = json!({ "platform": platform, "token": token.repeat(32) });
        assert_eq!(
            product.post_as("/v1/me/devices", &token_of_dora, &device).await.status,
            StatusCode::CREATED
        );
    }
    product.days(8).await;
    disable_endpoints(product).await;
    product.days(7).await;
    let left = product.local("/push-endpoints").await["items"].to_string();
    assert!(!left.contains("abab") && !left.contains("cdcd"), "they were gone, and are removed: {left}");
}
