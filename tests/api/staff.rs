//! Our own people: who of them is let in, what they find, what they do to an account or an organization, and
//! that all of it is written down.

use futures::future::join_all;
use jiff::SignedDuration;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use system_tests::{
    answer::Answer,
    documents::permissions::{Caller, Route},
};

use crate::{
    authorisation::{all, call},
    oauth,
    passkeys::Device,
    product::Product,
    stored,
};

const ADA: &str = "ada@example.com";
const REASON: &str = "they called about a stolen phone";

impl Product {
    /// Says by a command of the deployment that somebody is staff: their id.
    pub(crate) async fn appoint(&self, email: &str, role: &str) -> String {
        let command =
            json!({ "command": "staff.put", "email": email, "role": role, "reason": "begins here today" });
        let answer = self.cloud.invoke("operator", command).await.unwrap();
        answer["member"]["user_id"].as_str().unwrap_or_else(|| panic!("{answer}")).to_owned()
    }

    /// Somebody of the staff, with a session in which two factors were shown.
    pub(crate) async fn staff(&self, email: &str, role: &str) -> String {
        self.appoint(email, role).await;
        self.settle().await;
        let session = self.sign_in(email).await;
        self.set_up(&session.text("/access_token")).await;
        let body = json!({ "refresh_token": session.text("/refresh_token") });
        self.post("/v1/auth/refresh", &body).await.text("/access_token")
    }

    pub(crate) async fn act(&self, path: &str, token: &str) -> Answer {
        self.post_as(path, token, &json!({ "reason": REASON, "ticket": "SUP-1" })).await
    }

    /// The data of the audit rows about this, as they are stored.
    async fn audited(&self, action: &str) -> Vec<Value> {
        let rows = stored::items(self)
            .await
            .into_iter()
            .filter(|item| item["kind"] == "audit" && item["event"]["type"] == action);
        rows.map(|row| row["event"].clone()).collect()
    }
}

fn of_staff() -> impl Iterator<Item = Route> {
    all().into_iter().filter(|route| matches!(route.caller, Caller::Staff(_)))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_is_no_staff_finds_nothing_and_staff_finds_what_its_role_may() {
    let product = Product::start().await;
    let (ada, _) = product.owner(ADA, "acme").await;
    let nothing = product.get("/v1/admin/no-such-thing", &ada).await;
    for route in of_staff() {
        let answer = call(&product, &route, Some(&ada)).await;
        assert_eq!((answer.status, answer.problem()), (StatusCode::NOT_FOUND, "not_found"), "{route:?}");
        assert_eq!(answer.body["detail"], nothing.body["detail"], "as on a path that is not there");
    }
    assert!(product.audited("staff.looked").await.is_empty());
    for role in access::StaffRole::ALL {
        let email = format!("{role}@example.com");
        product.appoint(&email, &role.to_string()).await;
        product.settle().await;
        let alone = product.sign_in(&email).await.text("/access_token");
        let token = product.staff(&email, &role.to_string()).await;
        for route in of_staff() {
            let Caller::Staff(permission) = route.caller else { continue };
            let one_factor = call(&product, &route, Some(&alone)).await;
            assert_eq!(one_factor.problem(), "mfa_required", "{route:?}");
            let answer = call(&product, &route, Some(&token)).await;
            let refused = answer.problem_or_empty() == "forbidden";
            assert_eq!(refused, !role.holds(permission), "{role}: {route:?}: {answer:?}");
            if refused {
                assert_eq!(answer.body["needed"], permission.name());
            }
        }
    }
    // a session of staff lasts eight hours, whatever is shown later, and a proof ten minutes
    let session = product.sign_in("late@example.com").await;
    let (secret, _) = product.set_up(&session.text("/access_token")).await;
    let user_id = product.appoint("late@example.com", "operator").await;
    product.advance(SignedDuration::from_secs(8 * 3600 - 60)).await;
    let refresh = json!({ "refresh_token": session.text("/refresh_token") });
    let token = product.post("/v1/auth/refresh", &refresh).await.text("/access_token");
    let path = format!("/v1/admin/people/{user_id}");
    assert_eq!(product.get(&path, &token).await.status, StatusCode::OK);
    for route in of_staff().filter(|route| route.fresh) {
        assert_eq!(call(&product, &route, Some(&token)).await.problem(), "step_up_required", "{route:?}");
    }
    let step = json!({ "method": "totp", "code": product.app(&secret) });
    let token = product.post_as("/v1/auth/step-up/verify", &token, &step).await.text("/access_token");
    product.advance(SignedDuration::from_secs(60)).await;
    let over = product.get(&path, &token).await;
    assert_eq!((over.status, over.problem()), (StatusCode::UNAUTHORIZED, "session_ended"));
    assert_eq!(product.get("/v1/me", &token).await.status, StatusCode::OK, "it is no end of the session");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn staff_works_from_the_addresses_of_the_list_and_an_empty_one_is_nobodys() {
    for addresses in ["", "203.0.113.0/24"] {
        let parameters = [("AdminAddresses", addresses), ("AdminIpv6Addresses", "2001:db8::/32")];
        let parameters = parameters.map(|(name, value)| (name.to_owned(), value.to_owned()));
        let options = |options| local::Options { parameters: parameters.into(), ..options };
        let product = Product::with(|_| None, options).await;
        let token = product.staff("op@example.com", "operator").await;
        for route in of_staff() {
            for token in [Some(token.as_str()), None] {
                let mut answer = call(&product, &route, token).await;
                assert_eq!(
                    (answer.status, answer.problem()),
                    (StatusCode::FORBIDDEN, "address_not_allowed"),
                    "{route:?}"
                );
                let request = product.request(Method::GET, "/v1/admin/staff");
                let request =
                    request.header("x-forwarded-for", "203.0.113.7").bearer_auth(token.unwrap_or("x"));
                answer = product.send(request).await;
                assert_eq!(answer.problem(), "address_not_allowed", "what a client claims is not believed");
            }
        }
        assert_eq!(product.get("/v1/me", &token).await.status, StatusCode::OK);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_person_is_found_helped_and_suspended() {
    let product = Product::start().await;
    let (ada, _) = product.owner(ADA, "acme").await;
    let (_, codes) = product.set_up(&ada).await;
    let added = product.add_passkey(&mut Device::new(&product), &ada, "Key").await;
    assert_eq!(added.status, StatusCode::CREATED, "{added:?}");
    let operator = product.staff("op@example.com", "operator").await;
    let support = product.staff("help@example.com", "support").await;
    product.settle().await;

    // found, by the whole address and by its beginning
    let exact = product.get("/v1/admin/people?email=Ada@Example.com", &support).await;
    let user_id = exact.text("/items/0/id");
    let prefix = product.get("/v1/admin/people?q=ADA@", &support).await;
    assert_eq!((exact.status, &exact.body), (StatusCode::OK, &prefix.body));
    let none = product.get("/v1/admin/people?email=nobody@example.com", &support).await;
    assert_eq!(none.body["items"], json!([]));
    for query in ["", "?q=ad", "?q=ada&email=ada@example.com", "?email=x", "?phone=1"] {
        let refused = product.get(&format!("/v1/admin/people{query}"), &support).await;
        assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY, "{query}");
    }
    let page = product.get("/v1/admin/people?q=help&limit=1", &support).await;
    assert_eq!(
        (page.text("/items/0/email"), &page.body["next_cursor"]),
        ("help@example.com".into(), &json!(null))
    );
    let path = format!("/v1/admin/people/{user_id}");
    let shown = product.get(&path, &support).await;
    let details = &shown.body["details"];
    assert_eq!(
        (shown.text("/status"), &details["memberships"][0]["slug"], &details["recovery_codes_left"]),
        ("active".to_owned(), &json!("acme"), &json!(codes.len()))
    );
    for foreign in ["usr_01kar8h5g0e0vsx4q1v3f6m2ah", "usr_x", "x"] {
        let answer = product.get(&format!("/v1/admin/people/{foreign}"), &support).await;
        assert_eq!(answer.problem(), "not_found");
    }
    let looked = product.audited("staff.looked").await;
    let nothing = |event: &Value| event["data"]["searched"] == "usr_01kar8h5g0e0vsx4q1v3f6m2ah";
    assert!(looked.iter().any(nothing), "who looks for what is not there has looked: {looked:?}");
    let looked = product.audited("staff.looked").await;
    let seen = |event: &&Value| event["data"]["targets"] == json!([user_id]);
    assert_eq!(looked.iter().filter(seen).count(), 3, "{looked:?}");
    assert!(looked.iter().all(|event| event["actor"]["type"] == "staff"));

    // a lost factor goes, with the codes and all sessions, and she is told
    let factor = format!("{path}/factors/{}/remove", shown.text("/details/factors/0/id"));
    for reason in ["", "too short", "          ."] {
        let refused = product.post_as(&factor, &support, &json!({ "reason": reason })).await;
        assert_eq!(refused.body["errors"][0]["pointer"], "/reason", "{refused:?}");
    }
    for _ in 0..2 {
        assert_eq!(product.act(&factor, &support).await.status, StatusCode::NO_CONTENT);
    }
    assert_eq!(product.get("/v1/me", &ada).await.problem(), "session_ended");
    product.settle().await;
    let told = "An authenticator app was removed from your account on Gantry";
    assert_eq!(product.subjects(ADA).await.iter().filter(|subject| *subject == told).count(), 1);
    let shown = product.get(&path, &support).await;
    assert_eq!(
        (shown.text("/details/factors/0/kind"), &shown.body["details"]["recovery_codes_left"]),
        ("passkey".to_owned(), &json!(codes.len())),
        "there is another factor"
    );
    let passkey = format!("{path}/factors/{}/remove", shown.text("/details/factors/0/id"));
    assert_eq!(product.act(&passkey, &support).await.status, StatusCode::NO_CONTENT);
    let shown = product.get(&path, &support).await;
    let left = (&shown.body["details"]["factors"], &shown.body["details"]["recovery_codes_left"]);
    assert_eq!(left, (&json!([]), &json!(0)));
    let acted = product.audited("staff.acted").await;
    let mut changed: Vec<_> = acted
        .iter()
        .filter(|event| event["data"]["operation"] == "adminRemoveFactor")
        .map(|event| event["data"]["changed"].as_bool().unwrap())
        .collect();
    changed.sort_unstable();
    assert_eq!(changed, [false, true, true], "the second time changes nothing, and is written down");
    let acted =
        acted.iter().find(|event| event["data"]["changed"] == true && event["data"]["ticket"] == "SUP-1");
    assert_eq!(acted.unwrap()["data"]["reason"], REASON);

    // sessions end; suspension is for operators, and says so only to her
    let ada = product.sign_in(ADA).await;
    assert_eq!(product.act(&format!("{path}/sessions/end"), &support).await.status, StatusCode::NO_CONTENT);
    let refresh = json!({ "refresh_token": ada.text("/refresh_token") });
    assert_eq!(product.post("/v1/auth/refresh", &refresh).await.problem(), "invalid_refresh_token");
    let ada = product.sign_in(ADA).await.text("/access_token");
    assert_eq!(product.act(&format!("{path}/suspend"), &support).await.problem(), "forbidden");
    let suspended = product.act(&format!("{path}/suspend"), &operator).await;
    assert_eq!((suspended.text("/status"), &suspended.body["sessions"]), ("suspended".into(), &json!(0)));
    assert_eq!(product.get("/v1/me", &ada).await.problem(), "account_suspended");
    let asked = product.post("/v1/auth/magic-links", &json!({ "email": ADA })).await;
    assert_eq!(asked.status, StatusCode::ACCEPTED, "who only knows the address is told nothing");
    product.settle().await;
    let (link, code) = product.proof(ADA).await;
    let wrong = if code == "000000" { "000001" } else { "000000" };
    let wrong = product.post("/v1/auth/magic-links/verify", &json!({ "email": ADA, "code": wrong })).await;
    assert_eq!(wrong.problem(), "login_failed");
    let proof = json!({ "token": link, "browser_token": asked.text("/browser_token") });
    let refused = product.post("/v1/auth/magic-links/verify", &proof).await;
    assert_eq!((refused.status, refused.problem()), (StatusCode::FORBIDDEN, "account_suspended"));
    let lifted = product.act(&format!("{path}/unsuspend"), &operator).await;
    assert_eq!(lifted.text("/status"), "active");
    let back = product.post("/v1/auth/magic-links/verify", &proof).await;
    assert_eq!(back.status, StatusCode::OK, "the link is as good as before: {back:?}");

    acts_on_staff(&product, &operator, &support).await;
    assert_eq!(product.get(&path, &support).await.problem(), "account_suspended");
}

/// Staff sees every kind of what somebody signs in with, and takes each away.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lost_phone_and_a_lost_account_elsewhere_go_too() {
    let product = Product::start().await;
    let (email, password, number) = ("ivy@example.com", "four words nobody guesses", "+436641234567");
    let ivy = product.registered(email, password).await;
    let path = format!("/v1/admin/people/{}", ivy.text("/user_id"));
    let ivy = ivy.text("/access_token");
    product.with_phone(&ivy, number).await;
    product.set_up_sms(&ivy, number).await;
    let connected = product.connect(&ivy, oauth::known("ivy@work.example")).await;
    assert_eq!(connected.status, StatusCode::CREATED, "{connected:?}");
    let support = product.staff("help@example.com", "support").await;

    let shown = product.get(&path, &support).await;
    assert_eq!(
        (shown.text("/details/phone"), shown.body["details"]["has_password"] == true),
        (number.into(), true)
    );
    let factors = shown.body["details"]["factors"].as_array().unwrap();
    let kinds: Vec<_> = factors.iter().map(|factor| (&factor["kind"], &factor["name"])).collect();
    assert_eq!(json!(kinds), json!([["sms", null], ["connected_account", "local"]]));
    for factor in factors {
        let remove = format!("{path}/factors/{}/remove", factor["id"].as_str().unwrap());
        assert_eq!(product.act(&remove, &support).await.status, StatusCode::NO_CONTENT);
    }
    assert_eq!(product.get("/v1/me", &ivy).await.problem(), "session_ended");
    let left = product.get(&path, &support).await;
    assert_eq!(
        (&left.body["details"]["factors"], &left.body["details"]["recovery_codes_left"]),
        (&json!([]), &json!(0))
    );
    assert_eq!(product.password(email, password).await.text("/status"), "complete", "nothing lacks");
    product.settle().await;
    let subjects = product.subjects(email).await;
    for told in ["no second factor any more", "connected account was removed"] {
        assert!(subjects.iter().any(|subject| subject.contains(told)), "{told}: {subjects:?}");
    }
}

/// A hijacked account is not lost by what the thief asked for, and nobody is rid of a suspension by it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_is_suspended_is_not_erased() {
    let product = Product::start().await;
    let ada = product.sign_in(ADA).await;
    let (path, token) = (format!("/v1/admin/people/{}", ada.text("/user_id")), ada.text("/access_token"));
    let asked = product.send(product.request(Method::DELETE, "/v1/me").bearer_auth(&token)).await;
    assert_eq!(asked.status, StatusCode::NO_CONTENT);
    let operator = product.staff("op@example.com", "operator").await;
    assert!(product.get(&path, &operator).await.body["erase_at"].is_string());
    let suspended = product.act(&format!("{path}/suspend"), &operator).await;
    assert_eq!((suspended.text("/status"), &suspended.body["erase_at"]), ("suspended".into(), &Value::Null));
    product.jump(SignedDuration::from_hours(8 * 24)).await;
    let users = stored::items(&product).await.into_iter().filter(|item| item["kind"] == "user");
    assert!(users.into_iter().any(|user| user["email"] == ADA), "she is there");
}

/// Nobody acts on staff but operators, and nobody on the own account. In the end the support is suspended.
async fn acts_on_staff(product: &Product, operator: &str, support: &str) {
    let (of_support, of_operator) = (
        product.appoint("help@example.com", "support").await,
        product.appoint("op@example.com", "operator").await,
    );
    let own = product.get("/v1/me/mfa", operator).await.text("/factors/0/id");
    let own = product.request(Method::DELETE, &format!("/v1/me/mfa/factors/{own}")).bearer_auth(operator);
    assert_eq!(product.send(own).await.problem(), "last_factor", "staff has one as long as they are staff");
    let suspend = |id: &str| format!("/v1/admin/people/{id}/suspend");
    assert_eq!(product.act(&suspend(&of_operator), operator).await.problem(), "staff_target");
    for act in ["unsuspend", "mail-suppression/lift"] {
        let own = format!("/v1/admin/people/{of_operator}/{act}");
        assert_eq!(product.act(&own, operator).await.problem(), "staff_target", "{act}");
    }
    let factors = product.get(&format!("/v1/admin/people/{of_operator}"), support).await;
    let factor =
        format!("/v1/admin/people/{of_operator}/factors/{}/remove", factors.text("/details/factors/0/id"));
    assert_eq!(product.act(&factor, support).await.problem(), "staff_target");
    assert_eq!(product.act(&suspend(&of_support), operator).await.status, StatusCode::OK);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_organization_is_found_and_suspended() {
    let product = Product::start().await;
    let (ada, org_id) = product.owner(ADA, "acme").await;
    product.owner("bob@example.com", "acme-two").await;
    let operator = product.staff("op@example.com", "operator").await;
    product.settle().await;
    let exact = product.get("/v1/admin/orgs?slug=acme", &operator).await;
    assert_eq!(exact.text("/items/0/id"), org_id);
    let page = product.get("/v1/admin/orgs?q=Acme&limit=1", &operator).await;
    assert_eq!(page.text("/items/0/slug"), "acme");
    let next = format!("/v1/admin/orgs?q=acme&limit=1&cursor={}", page.text("/next_cursor"));
    assert_eq!(product.get(&next, &operator).await.text("/items/0/slug"), "acme-two");
    product.local_post("/stripe/subscribe", &json!({ "org_id": org_id, "times": 1, "shuffle": false })).await;
    product.settle().await;
    let path = format!("/v1/admin/orgs/{org_id}");
    let shown = product.get(&path, &operator).await;
    assert_eq!(
        (shown.text("/subscription/status"), shown.text("/access/level")),
        ("active".into(), "full".into())
    );
    let customer = stored::items(&product).await.into_iter().find(|item| item["kind"] == "stripe_customer");
    let customer = customer.unwrap()["customer"].as_str().unwrap().to_owned();
    let by_customer = product.get(&format!("/v1/admin/orgs?stripe_customer_id={customer}"), &operator).await;
    assert_eq!(by_customer.text("/items/0/id"), org_id);
    let members = product.get(&format!("{path}/members"), &operator).await;
    assert_eq!(members.text("/items/0/email"), ADA);
    for path in ["org_01kar8h5g0e0vsx4q1v3f6m2ah", "org_01kar8h5g0e0vsx4q1v3f6m2ah/members"] {
        assert_eq!(product.get(&format!("/v1/admin/orgs/{path}"), &operator).await.problem(), "not_found");
    }

    let suspend = format!("{path}/suspend");
    let answers = join_all((0..8).map(|_| product.act(&suspend, &operator))).await;
    assert!(answers.iter().all(|answer| answer.body["suspended_at"].is_string()), "{answers:?}");
    for path in ["/v1/orgs/current", "/v1/billing/subscription"] {
        let refused = product.get(path, &ada).await;
        assert_eq!((refused.status, refused.problem()), (StatusCode::FORBIDDEN, "organization_suspended"));
    }
    assert_eq!(product.get("/v1/me", &ada).await.status, StatusCode::OK, "her account is hers");
    let lifted = product.act(&format!("{path}/unsuspend"), &operator).await;
    assert_eq!(lifted.body["suspended_at"], Value::Null);
    assert_eq!(product.get("/v1/orgs/current", &ada).await.status, StatusCode::OK);
    product.settle().await;
    let events = product.events().await;
    let count = |name: &str| events.iter().filter(|event| *event == name).count();
    assert_eq!((count("organization.suspended"), count("organization.unsuspended")), (1, 1));
    assert_eq!(product.audited("staff.acted").await.len(), 9 + 1, "each of them, and who is staff");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_operator_says_who_is_staff_and_one_of_them_stays() {
    let product = Product::crowded().await;
    let operator = product.staff("op@example.com", "operator").await;
    let own = product.appoint("op@example.com", "operator").await;
    let put = async |user_id: &str, role: &str| {
        let request =
            product.request(Method::PUT, &format!("/v1/admin/staff/{user_id}")).bearer_auth(&operator);
        product.send(request.json(&json!({ "role": role, "reason": "helps out this week" }))).await
    };
    let remove = async |user_id: &str| {
        let path = format!("/v1/admin/staff/{user_id}?reason=left+the+company");
        product.send(product.request(Method::DELETE, &path).bearer_auth(&operator)).await
    };
    assert_eq!(put(&own, "support").await.problem(), "last_operator");
    assert_eq!(remove(&own).await.problem(), "last_operator");
    let ada = product.sign_in(ADA).await;
    let (ada, user_id) = (ada.text("/access_token"), ada.text("/user_id"));
    assert_eq!(put(&user_id, "billing").await.text("/role"), "billing");
    let delete = product.send(product.request(Method::DELETE, "/v1/me").bearer_auth(&ada)).await;
    assert_eq!((delete.status, delete.problem()), (StatusCode::CONFLICT, "staff_target"));
    product.settle().await;
    let listed = product.get("/v1/admin/staff", &operator).await;
    assert_eq!(listed.body["items"].as_array().unwrap().len(), 2, "{listed:?}");
    assert_eq!(remove(&user_id).await.status, StatusCode::NO_CONTENT);
    assert_eq!(remove(&user_id).await.status, StatusCode::NO_CONTENT, "it is as it was asked to be");
    let delete = product.send(product.request(Method::DELETE, "/v1/me").bearer_auth(&ada)).await;
    assert_eq!(delete.status, StatusCode::NO_CONTENT);
    assert_eq!(put(&user_id, "operator").await.problem(), "not_found", "whoever is about to leave");
    // two operators take each other out at once: one stays
    let other = product.staff("two@example.com", "operator").await;
    let of_other = product.appoint("two@example.com", "operator").await;
    let out = async |user_id: &str, token: &str| {
        let path = format!("/v1/admin/staff/{user_id}?reason=left+the+company");
        product.send(product.request(Method::DELETE, &path).bearer_auth(token)).await
    };
    let (one, two) = tokio::join!(out(&of_other, &operator), out(&own, &other));
    let gone = [&one, &two].into_iter().filter(|answer| answer.status == StatusCode::NO_CONTENT).count();
    assert_eq!(gone, 1, "{one:?} {two:?}");
    let refused = if one.status == StatusCode::NO_CONTENT { two } else { one };
    assert!(["last_operator", "not_found"].contains(&refused.problem()), "{refused:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_comes_in_while_being_suspended_is_out() {
    let product = Product::crowded().await;
    let operator = product.staff("op@example.com", "operator").await;
    product.registered(ADA, "four words nobody guesses").await;
    let user_id = product.appoint(ADA, "support").await;
    let remove = format!("/v1/admin/staff/{user_id}");
    let nothing = product.delete(&remove, &operator).await;
    assert_eq!(nothing.body["errors"][0]["pointer"], "?reason", "{nothing:?}");
    assert_eq!(nothing.body["errors"][0]["code"], "required");
    let remove = format!("{remove}?reason=only+for+its+id");
    product.send(product.request(Method::DELETE, &remove).bearer_auth(&operator)).await;
    let body = json!({ "email": ADA, "password": "four words nobody guesses" });
    let path = format!("/v1/admin/people/{user_id}/suspend");
    let sign_in = join_all((0..8).map(|_| product.post("/v1/auth/password/verify", &body)));
    let suspend = join_all((0..2).map(|_| product.act(&path, &operator)));
    let (sessions, suspended) = tokio::join!(sign_in, suspend);
    assert!(suspended.iter().all(|answer| answer.status == StatusCode::OK), "{suspended:?}");
    for answer in sessions {
        if answer.status == StatusCode::OK {
            let token = answer.tokens().text("/access_token");
            assert_eq!(product.get("/v1/me", &token).await.problem(), "account_suspended");
        } else {
            assert_eq!(answer.problem(), "account_suspended");
        }
    }
    product.settle().await;
    let events = product.events().await;
    assert_eq!(events.iter().filter(|event| *event == "user.suspended").count(), 1);
    let sessions = stored::items(&product).await.into_iter();
    let hers = sessions.filter(|item| item["kind"] == "session" && item["user_id"] == json!(user_id)).count();
    assert_eq!(hers, 0, "no session is left behind");
}
