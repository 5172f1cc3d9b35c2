//! Joining an organization by the domain of one's address.

use futures::future::join_all;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use system_tests::answer::Answer;

use crate::{
    domains::at,
    invites::{counted, refused},
    product::Product,
};

const REQUESTS: &str = "/v1/orgs/current/join-requests";

impl Product {
    /// An organization that people join by `acme.example` like this: its owner's token, its id and the
    /// domain.
    pub(crate) async fn joined_by_domain(&self, capture: &str) -> (String, String, Answer) {
        let (ada, org_id) = self.owner("ada@example.com", "acme").await;
        let domain = self.verified(&ada, "acme.example").await;
        let set = self.capture(&ada, &domain, &json!({ "capture": capture, "default_role": "viewer" })).await;
        assert_eq!(set.status, StatusCode::OK, "{set:?}");
        self.settle().await;
        (ada, org_id, domain)
    }

    pub(crate) async fn ask_to_join(&self, token: &str, org_id: &str) -> Answer {
        self.post_as("/v1/me/join-requests", token, &json!({ "org_id": org_id })).await
    }

    pub(crate) async fn decide(&self, by: &str, request: &Answer, verb: &str) -> Answer {
        let body = if verb == "approve" { json!({}) } else { Value::Null };
        self.post_as(&format!("{REQUESTS}/{}/{verb}", request.text("/id")), by, &body).await
    }

    async fn person(&self, email: &str) -> String {
        self.sign_in(email).await.text("/access_token")
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn somebody_asks_and_is_approved() {
    let product = Product::start().await;
    let (ada, org_id, _) = product.joined_by_domain("request").await;
    let bob = product.person("bob@acme.example").await;
    let joinable = product.get("/v1/me/joinable-organizations", &bob).await;
    let expected =
        json!({ "org_id": org_id, "name": "acme", "domain": "acme.example", "needs_approval": true });
    assert_eq!(joinable.body, json!({ "items": [expected], "next_cursor": null }));
    let asked = product.ask_to_join(&bob, &org_id).await;
    assert_eq!((asked.status, &asked.body["status"]), (StatusCode::CREATED, &json!("pending")), "{asked:?}");
    assert_eq!((&asked.body["email"], &asked.body["role"]), (&json!("bob@acme.example"), &json!("viewer")));
    assert_eq!(product.ask_to_join(&bob, &org_id).await.body, asked.body, "asked is asked");
    product.settle().await;
    let subjects = product.subjects("ada@example.com").await;
    assert!(subjects.contains(&"bob@acme.example asks to join acme".to_owned()), "{subjects:?}");
    for query in ["", "?status=pending"] {
        let listed = product.get(&format!("{REQUESTS}{query}"), &ada).await;
        assert_eq!(listed.body, json!({ "items": [asked.body], "next_cursor": null }), "{query}");
    }
    let path = format!("{REQUESTS}/{}/approve", asked.text("/id"));
    let approved = product.post_as(&path, &ada, &json!({ "role": "member" })).await;
    assert_eq!((approved.status, &approved.body["role"]), (StatusCode::OK, &json!("member")), "{approved:?}");
    assert_eq!(product.post_as(&path, &ada, &json!({})).await.body, approved.body, "approved is approved");
    assert_eq!(refused(&product.decide(&ada, &asked, "decline").await), (409, "join_request_closed"));
    let switched = product.post_as("/v1/auth/switch-org", &bob, &json!({ "org_id": org_id })).await;
    assert_eq!(switched.status, StatusCode::OK, "{switched:?}");
    assert_eq!(refused(&product.ask_to_join(&bob, &org_id).await), (409, "already_member"));
    product.settle().await;
    let joinable = product.get("/v1/me/joinable-organizations", &bob).await;
    assert_eq!(joinable.body["items"], json!([]), "one is in it");
    let told = product.events().await;
    let count = |kind: &str| told.iter().filter(|event| *event == kind).count();
    let kinds = ["join_request.created", "join_request.approved", "join_request.declined", "member.added"];
    assert_eq!(kinds.map(count), [1, 1, 0, 2]);
    let of_status = product.get(&format!("{REQUESTS}?status=approved"), &ada).await;
    assert_eq!(of_status.body["items"][0]["role"], "member", "{of_status:?}");
}

/// Who asks is the business of those who say yes or no, as long as the domain is a way in.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_is_approved_by_a_domain_that_is_no_way_in_any_more() {
    let product = Product::start().await;
    let (ada, org_id, domain) = product.joined_by_domain("request").await;
    let bob = product.person("bob@acme.example").await;
    let asked = product.ask_to_join(&bob, &org_id).await;
    let (max, _) = product.joined(&ada, "max@example.net", "admin").await;
    let (eve, _) = product.joined(&ada, "eve@example.net", "member").await;
    let listed = product.get(REQUESTS, &eve).await;
    assert_eq!((refused(&listed), &listed.body["needed"]), ((403, "forbidden"), &json!("members:write")));
    assert_eq!(product.get(REQUESTS, &max).await.text("/items/0/id"), asked.text("/id"));
    let closed = (409, "join_request_closed");
    product.capture(&ada, &domain, &json!({ "capture": "off" })).await;
    assert_eq!(refused(&product.decide(&ada, &asked, "approve").await), closed, "nobody joins by it");
    product.capture(&ada, &domain, &json!({ "capture": "automatic" })).await;
    let record = domain.text("/txt_record/name");
    product.dns(&record, &json!({ "texts": [] })).await;
    product.advance(jiff::SignedDuration::from_hours(10 * 24)).await;
    let ada = product.person("ada@example.com").await;
    let ada = product.within(&ada).await;
    assert_eq!(refused(&product.decide(&ada, &asked, "approve").await), closed, "it has lapsed");
    product.set_record(&domain).await;
    assert_eq!(product.verify(&ada, &domain).await.status, StatusCode::OK);
    assert_eq!(refused(&product.decide(&ada, &asked, "approve").await), closed, "capture is off");
    let bob = product.person("bob@acme.example").await;
    product.capture(&ada, &domain, &json!({ "capture": "request" })).await;
    assert_eq!(product.ask_to_join(&bob, &org_id).await.body["id"], asked.body["id"], "asked is asked");
    let approved = product.decide(&ada, &asked, "approve").await;
    assert_eq!(approved.status, StatusCode::OK, "{approved:?}");
}

/// One that is about to be erased is joined by nobody.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_deleted_organization_is_not_offered() {
    let product = Product::start().await;
    let (ada, _, _) = product.joined_by_domain("automatic").await;
    let bob = product.person("bob@acme.example").await;
    let offered = async || {
        product.settle().await;
        product.get("/v1/me/joinable-organizations", &bob).await.body["items"].as_array().unwrap().len()
    };
    assert_eq!(offered().await, 1);
    assert_eq!(product.delete_org(&ada).await.status, StatusCode::NO_CONTENT);
    assert_eq!(offered().await, 0);
    assert_eq!(product.restore_org(&ada).await.status, StatusCode::OK);
    assert_eq!(offered().await, 1);
}

/// The domain ceases to be a way in between what a yes rests on and what it writes.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_yes_while_the_domain_is_closed() {
    // the first transaction of `api-members` is the request
    let (product, held) = Product::held("api-members", 1).await;
    let (ada, org_id, domain) = product.joined_by_domain("request").await;
    let bob = product.person("bob@acme.example").await;
    let asked = product.ask_to_join(&bob, &org_id).await;
    let closes = held.meanwhile(async {
        let set = product.capture(&ada, &domain, &json!({ "capture": "off" })).await;
        assert_eq!(set.status, StatusCode::OK, "{set:?}");
    });
    let (answer, ()) = futures::join!(product.decide(&ada, &asked, "approve"), closes);
    assert_eq!(refused(&answer), (409, "join_request_closed"), "{answer:?}");
    product.settle().await;
    assert_eq!(product.members(&ada, "").await, ["ada@example.com"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_was_declined_does_not_ask_again_soon() {
    let product = Product::start().await;
    let (ada, org_id, domain) = product.joined_by_domain("request").await;
    let bob = product.person("bob@acme.example").await;
    let asked = product.ask_to_join(&bob, &org_id).await;
    for _ in 0..2 {
        let declined = product.decide(&ada, &asked, "decline").await;
        assert_eq!(declined.status, StatusCode::NO_CONTENT, "{declined:?}");
    }
    assert_eq!(refused(&product.decide(&ada, &asked, "approve").await), (409, "join_request_closed"));
    assert_eq!(refused(&product.ask_to_join(&bob, &org_id).await), (409, "join_request_declined"));
    // a no stands when others come in at once
    product.capture(&ada, &domain, &json!({ "capture": "automatic" })).await;
    assert_eq!(refused(&product.ask_to_join(&bob, &org_id).await), (409, "join_request_declined"));
    product.dns("_gantry-challenge.acme.example", &json!({ "failure": "servfail" })).await;
    product.jump(jiff::SignedDuration::from_hours(31 * 24)).await;
    let bob = product.person("bob@acme.example").await;
    let again = product.ask_to_join(&bob, &org_id).await;
    assert!(again.status == StatusCode::CREATED || refused(&again).0 == 402, "its trial is over: {again:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn people_come_in_at_once_but_nobody_who_was_taken_out() {
    let product = Product::start().await;
    let (ada, org_id, domain) = product.joined_by_domain("automatic").await;
    let bob = product.person("bob@acme.example").await;
    let joined = product.ask_to_join(&bob, &org_id).await;
    assert_eq!(
        (joined.status, &joined.body["status"]),
        (StatusCode::CREATED, &json!("approved")),
        "{joined:?}"
    );
    product.settle().await;
    let members = product.get("/v1/orgs/current/members", &ada).await;
    let member =
        members.body["items"].as_array().unwrap().iter().find(|one| one["role"] == "viewer").unwrap();
    assert_eq!(member["email"], "bob@acme.example");
    let removed = product.remove_member(&ada, member["id"].as_str().unwrap()).await;
    assert_eq!(removed.status, StatusCode::NO_CONTENT);
    let again = product.ask_to_join(&bob, &org_id).await;
    assert_eq!((again.status, &again.body["status"]), (StatusCode::CREATED, &json!("pending")), "{again:?}");
    assert_eq!(product.decide(&ada, &again, "approve").await.status, StatusCode::OK, "somebody says yes");

    // who waits when it becomes automatic asks once more, and is in
    product.capture(&ada, &domain, &json!({ "capture": "request" })).await;
    let eve = product.person("eve@acme.example").await;
    let waiting = product.ask_to_join(&eve, &org_id).await;
    assert_eq!(waiting.body["status"], "pending");
    product.capture(&ada, &domain, &json!({ "capture": "automatic" })).await;
    let joined = product.ask_to_join(&eve, &org_id).await;
    assert_eq!((&joined.body["id"], &joined.body["status"]), (&waiting.body["id"], &json!("approved")));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_else_comes_in_by_a_domain() {
    let product = Product::start().await;
    let (ada, org_id, domain) = product.joined_by_domain("automatic").await;
    let nothing = json!({ "items": [], "next_cursor": null });
    for email in ["bob@example.com", "bob@mail.acme.example", "bob@notacme.example"] {
        let person = product.person(email).await;
        assert_eq!(product.get("/v1/me/joinable-organizations", &person).await.body, nothing, "{email}");
        assert_eq!(refused(&product.ask_to_join(&person, &org_id).await), (404, "not_found"), "{email}");
    }
    let bob = product.person("bob@acme.example").await;
    let other = product.ask_to_join(&bob, "org_01kar8h5g0e0vsx4q1v3f6m2ah").await;
    assert_eq!(refused(&other), (404, "not_found"));
    // the organization admits other addresses alone
    let policies = product.request(Method::PATCH, "/v1/orgs/current/policies").bearer_auth(&ada);
    let policies = product.send(policies.json(&json!({ "allowed_email_domains": ["example.org"] }))).await;
    assert_eq!(policies.status, StatusCode::OK, "{policies:?}");
    assert_eq!(refused(&product.ask_to_join(&bob, &org_id).await), (403, "domain_not_allowed"));
    let policies = product.request(Method::PATCH, "/v1/orgs/current/policies").bearer_auth(&ada);
    product.send(policies.json(&json!({ "allowed_email_domains": null }))).await;
    for capture in ["off", "automatic"] {
        product.capture(&ada, &domain, &json!({ "capture": capture })).await;
        if capture == "off" {
            assert_eq!(refused(&product.ask_to_join(&bob, &org_id).await), (404, "not_found"));
        }
    }
    assert_eq!(product.delete(&at(&domain), &ada).await.status, StatusCode::NO_CONTENT);
    assert_eq!(refused(&product.ask_to_join(&bob, &org_id).await), (404, "not_found"), "it has no domain");
    let (eve, _) = product.joined(&ada, "eve@example.net", "member").await;
    let refusal = product
        .post_as(&format!("{REQUESTS}/jrq_01kar8h5g0e0vsx4q1v3f6m2ah/approve"), &eve, &json!({}))
        .await;
    assert_eq!(refused(&refusal), (403, "forbidden"));
    let refusal = product
        .post_as(&format!("{REQUESTS}/jrq_01kar8h5g0e0vsx4q1v3f6m2ah/approve"), &ada, &json!({}))
        .await;
    assert_eq!(refused(&refusal), (404, "not_found"));
}

/// A trial has twenty seats: the owner has one.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn twenty_at_once_find_nineteen_seats_and_each_person_one() {
    let product = Product::crowded().await;
    let (ada, org_id, _) = product.joined_by_domain("automatic").await;
    let mut people = Vec::new();
    for number in 0..20 {
        people.push(product.person(&format!("p{number}@acme.example")).await);
    }
    let join = async |token: &String| {
        loop {
            let answer = product.ask_to_join(token, &org_id).await;
            if !answer.status.is_server_error() {
                return answer;
            }
        }
    };
    let answers = join_all(people.iter().map(join)).await;
    let counts = counted(&answers);
    assert_eq!((counts[&(201, "")], counts[&(402, "seat_limit_reached")]), (19, 1), "{counts:?}");
    product.settle().await;
    assert_eq!(product.members(&ada, "?limit=100").await.len(), 20);
    // one person, many times
    let (ben, org_id) = product.owner("ben@example.com", "beta").await;
    let domain = product.verified(&ben, "beta.example").await;
    product.capture(&ben, &domain, &json!({ "capture": "automatic" })).await;
    let cleo = product.person("cleo@beta.example").await;
    let answers = join_all((0..8).map(|_| product.ask_to_join(&cleo, &org_id))).await;
    let counts = counted(&answers);
    assert_eq!((counts[&(201, "")], counts[&(409, "already_member")]), (1, 7), "{counts:?}");
    product.settle().await;
    assert_eq!(product.members(&ben, "?limit=100").await.len(), 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_a_yes_and_a_no_at_once_one_counts() {
    let product = Product::crowded().await;
    let (ada, org_id, _) = product.joined_by_domain("request").await;
    for number in 0..4 {
        let person = product.person(&format!("p{number}@acme.example")).await;
        let asked = join_all((0..4).map(|_| product.ask_to_join(&person, &org_id))).await;
        assert!(asked.iter().all(|answer| answer.body["id"] == asked[0].body["id"]), "{asked:?}");
        let yes = join_all((0..3).map(|_| product.decide(&ada, &asked[0], "approve")));
        let no = join_all((0..3).map(|_| product.decide(&ada, &asked[0], "decline")));
        let (yes, no) = futures::join!(yes, no);
        let (yes, no) = (counted(&yes), counted(&no));
        let closed = (409, "join_request_closed");
        let is_in = yes.get(&(200, "")) == Some(&3) && no.get(&closed) == Some(&3);
        let is_out = no.get(&(204, "")) == Some(&3) && yes.get(&closed) == Some(&3);
        assert!(is_in != is_out, "{yes:?} {no:?}");
        product.settle().await;
        let me = product.get("/v1/me", &person).await;
        assert_eq!(me.body["organizations"].as_array().unwrap().len(), usize::from(is_in), "{me:?}");
        product.advance(jiff::SignedDuration::from_secs(5)).await;
    }
}
