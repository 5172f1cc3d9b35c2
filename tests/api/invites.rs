//! Invites: who comes in by one, how often, and what a link is worth in other hands.

use std::collections::BTreeMap;

use futures::future::join_all;
use jiff::SignedDuration;
use reqwest::StatusCode;
use serde_json::{Value, json};
use system_tests::answer::Answer;

use crate::{product::Product, stored};

impl Product {
    /// The token of the link that was mailed last to this address.
    pub(crate) async fn invited(&self, by: &str, email: &str, role: &str) -> (String, String) {
        let invited = self.invite(by, email, role).await;
        assert_eq!(invited.status, StatusCode::CREATED, "{invited:?}");
        self.settle().await;
        (invited.text("/id"), self.link(email).await)
    }

    pub(crate) async fn accept(&self, token: &str, link: &str) -> Answer {
        self.post_as("/v1/invites/accept", token, &json!({ "token": link })).await
    }

    pub(crate) async fn preview(&self, link: &str) -> Answer {
        self.post("/v1/invites/preview", &json!({ "token": link })).await
    }

    pub(crate) async fn decline(&self, link: &str) -> Answer {
        self.post("/v1/invites/decline", &json!({ "token": link })).await
    }

    pub(crate) async fn on_invite(&self, by: &str, id: &str, act: &str) -> Answer {
        let path = format!("/v1/orgs/current/invites/{id}/{act}");
        self.post_nothing(&path, by).await
    }

    /// How many seats are taken, how many members there are, and how many invites are open.
    pub(crate) async fn seats(&self) -> (u64, usize, usize) {
        self.settle().await;
        let items = stored::items(self).await;
        let of = |kind: &'static str| items.iter().filter(move |item| item["kind"] == kind);
        let open = of("invite").filter(|invite| invite["status"] == "pending").count();
        assert_eq!(of("invited").count(), open, "a row for each open invite and no other");
        assert_eq!(of("member").count(), of("membership").count());
        let promised: i64 = of("seats").filter_map(|seats| seats["pending"].as_i64()).sum();
        assert_eq!(usize::try_from(promised), Ok(open), "what is counted of them");
        (of("seats").map(|seats| seats["n"].as_u64().unwrap()).sum(), of("member").count(), open)
    }
}

pub(crate) fn refused(answer: &Answer) -> (u16, &str) {
    (answer.status.as_u16(), answer.problem_or_empty())
}

pub(crate) fn counted(answers: &[Answer]) -> BTreeMap<(u16, &str), usize> {
    let mut counted = BTreeMap::new();
    for answer in answers {
        *counted.entry(refused(answer)).or_insert(0) += 1;
    }
    counted
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn by_an_invite_its_own_address_comes_in_once() {
    let product = Product::start().await;
    let (ada, org) = product.owner("ada@example.com", "acme").await;
    let me = json!({ "name": "Ada" });
    product.send(product.request(reqwest::Method::PATCH, "/v1/me").bearer_auth(&ada).json(&me)).await;
    let id = product.invite(&ada, "Bob@Example.com", "member").await.text("/id");
    product.settle().await;
    let link = product.link("bob@example.com").await;
    assert_eq!(product.subjects("bob@example.com").await, ["You are invited to acme on Gantry"]);
    let preview = product.preview(&link).await;
    assert_eq!(preview.status, StatusCode::OK, "{preview:?}");
    let told = ["org_name", "role", "invited_by", "email_hint"].map(|name| preview.text(&format!("/{name}")));
    assert_eq!(told, ["acme", "member", "Ada", "b…@example.com"]);
    assert_eq!(preview.body.as_object().unwrap().len(), 5, "and when it ends");

    let eve = product.sign_in("eve@example.com").await.text("/access_token");
    assert_eq!(refused(&product.accept(&eve, &link).await), (403, "wrong_account"));
    let bob = product.sign_in("bob@example.com").await.text("/access_token");
    let joined = product.accept(&bob, &link).await;
    assert_eq!(joined.status, StatusCode::OK, "{joined:?}");
    assert_eq!((joined.text("/org_id"), joined.text("/role")), (org, "member".to_owned()));
    assert_eq!(product.accept(&bob, &link).await.body, joined.body, "the same twice is once");
    assert_eq!(refused(&product.preview(&link).await), (410, "invite_closed"));
    assert_eq!(refused(&product.decline(&link).await), (410, "invite_closed"));
    let shown = product.get(&format!("/v1/orgs/current/invites/{id}"), &ada).await;
    assert_eq!((shown.text("/status"), shown.text("/email")), ("accepted".into(), "bob@example.com".into()));
    assert_eq!(refused(&product.invite(&ada, "bob@example.com", "viewer").await), (409, "already_member"));
    assert_eq!(product.seats().await, (2, 2, 0));
    let events = product.events().await;
    let of = |name: &str| events.iter().filter(|event| *event == name).count();
    assert_eq!((of("invite.created"), of("invite.accepted"), of("member.added")), (1, 1, 2));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_link_is_worth_nothing_once_its_invite_is_closed() {
    let product = Product::start().await;
    let (ada, _) = product.owner("ada@example.com", "acme").await;
    let bob = product.sign_in("bob@example.com").await.text("/access_token");
    let (id, first) = product.invited(&ada, "bob@example.com", "member").await;
    assert_eq!(refused(&product.invite(&ada, "bob@example.com", "member").await), (409, "invite_pending"));
    let resent = product.on_invite(&ada, &id, "resend").await;
    assert_eq!((resent.status, resent.text("/status")), (StatusCode::OK, "pending".to_owned()), "{resent:?}");
    product.settle().await;
    let second = product.link("bob@example.com").await;
    assert_ne!(first, second);
    for link in [&first, "x", &"A".repeat(91)] {
        assert_eq!(refused(&product.accept(&bob, link).await), (410, "invite_closed"), "{link}");
        assert_eq!(refused(&product.preview(link).await), (410, "invite_closed"));
        assert_eq!(refused(&product.decline(link).await), (410, "invite_closed"));
    }
    let path = format!("/v1/orgs/current/invites/{id}");
    for _ in 0..2 {
        assert_eq!(product.delete(&path, &ada).await.status, StatusCode::NO_CONTENT);
    }
    assert_eq!(refused(&product.accept(&bob, &second).await), (410, "invite_closed"));
    for act in ["resend", "confirm"] {
        assert_eq!(refused(&product.on_invite(&ada, &id, act).await), (410, "invite_closed"));
    }
    assert_eq!(product.seats().await, (1, 1, 0));

    let (_, link) = product.invited(&ada, "bob@example.com", "member").await;
    for _ in 0..2 {
        assert_eq!(product.decline(&link).await.status, StatusCode::NO_CONTENT);
    }
    assert_eq!(refused(&product.accept(&bob, &link).await), (410, "invite_closed"));
    assert_eq!(product.seats().await, (1, 1, 0));

    let (id, link) = product.invited(&ada, "bob@example.com", "member").await;
    product.jump(SignedDuration::from_hours(7 * 24)).await;
    let ada = product.sign_in("ada@example.com").await.text("/access_token");
    let bob = product.sign_in("bob@example.com").await.text("/access_token");
    assert_eq!(refused(&product.accept(&bob, &link).await), (410, "invite_closed"), "a week later");
    let ada = product.within(&ada).await;
    let listed = product.get("/v1/orgs/current/invites?status=pending", &ada).await;
    assert_eq!((listed.text("/items/0/id"), listed.text("/items/0/status")), (id.clone(), "expired".into()));
    let again = product.on_invite(&ada, &id, "resend").await;
    assert_eq!((again.status, again.text("/status")), (StatusCode::OK, "pending".to_owned()), "{again:?}");
    product.settle().await;
    let joined = product.accept(&bob, &product.link("bob@example.com").await).await;
    assert_eq!(joined.status, StatusCode::OK, "{joined:?}");
    let all = product.get("/v1/orgs/current/invites", &ada).await;
    let became: Vec<_> = all.body["items"].as_array().unwrap().iter().map(|item| &item["status"]).collect();
    assert_eq!(became, ["revoked", "declined", "accepted"]);
}

impl Product {
    /// The same session in the only organization of the person.
    pub(crate) async fn within(&self, token: &str) -> String {
        let org = self.get("/v1/me", token).await.text("/organizations/0/org_id");
        self.post_as("/v1/auth/switch-org", token, &json!({ "org_id": org }))
            .await
            .tokens()
            .text("/access_token")
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_invite_is_as_good_as_whoever_answers_for_it() {
    let product = Product::start().await;
    let (ada, _) = product.owner("ada@example.com", "acme").await;
    let (bob, member) = product.joined(&ada, "bob@example.com", "admin").await;
    let (id, link) = product.invited(&bob, "eve@example.com", "member").await;
    let eve = product.sign_in("eve@example.com").await.text("/access_token");
    product.set_member(&ada, &member, "viewer").await;
    assert_eq!(refused(&product.accept(&eve, &link).await), (409, "confirmation_pending"));
    product.delete(&format!("/v1/orgs/current/members/{member}"), &ada).await;
    assert_eq!(refused(&product.accept(&eve, &link).await), (409, "confirmation_pending"));
    let shown = product.get(&format!("/v1/orgs/current/invites/{id}"), &ada).await;
    assert_eq!(shown.body["needs_confirmation"], true, "{shown:?}");
    // a membership of the same person that began later does not answer for it
    product.joined(&ada, "bob@example.com", "admin").await;
    assert_eq!(refused(&product.accept(&eve, &link).await), (409, "confirmation_pending"));
    let confirmed = product.on_invite(&ada, &id, "confirm").await;
    assert_eq!((confirmed.status, &confirmed.body["needs_confirmation"]), (StatusCode::OK, &json!(false)));
    assert_eq!(product.accept(&eve, &link).await.status, StatusCode::OK);
    assert_eq!(product.seats().await, (3, 3, 0));
}

/// An invite from before lets nobody in again who was taken out, whatever becomes of the addresses.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_invite_never_revives_a_member() {
    let product = Product::start().await;
    let (ada, _) = product.owner("ada@example.com", "acme").await;
    let (_, link) = product.invited(&ada, "old@example.com", "member").await;
    let (bob, member) = product.joined(&ada, "bob@example.com", "member").await;
    product.delete(&format!("/v1/orgs/current/members/{member}"), &ada).await;
    // the same person has the other address now
    product.post_as("/v1/me/email-changes", &bob, &json!({ "email": "old@example.com" })).await;
    product.settle().await;
    let confirm = json!({ "token": product.link("old@example.com").await });
    let changed = product.post("/v1/auth/email-changes/confirm", &confirm).await;
    assert_eq!(changed.status, StatusCode::NO_CONTENT, "{changed:?}");
    assert_eq!(refused(&product.accept(&bob, &link).await), (410, "invite_closed"));
    let path = product.get("/v1/orgs/current/invites?status=pending", &ada).await.text("/items/0/id");
    product.delete(&format!("/v1/orgs/current/invites/{path}"), &ada).await;
    product.advance(SignedDuration::from_secs(1)).await;
    let (_, link) = product.invited(&ada, "old@example.com", "viewer").await;
    assert_eq!(product.accept(&bob, &link).await.status, StatusCode::OK, "one from after does");
    assert_eq!(product.seats().await, (2, 2, 0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_invite_goes_to_another_address_instead() {
    let product = Product::start().await;
    let (ada, _) = product.owner("ada@example.com", "acme").await;
    let (id, first) = product.invited(&ada, "bob@example.com", "member").await;
    let rebind = async |email: &str| {
        let path = format!("/v1/orgs/current/invites/{id}/rebind");
        product.post_as(&path, &ada, &json!({ "email": email })).await
    };
    assert_eq!(refused(&rebind("ada@example.com").await), (409, "already_member"));
    product.invited(&ada, "eve@example.com", "member").await;
    assert_eq!(refused(&rebind("eve@example.com").await), (409, "invite_pending"));
    let rebound = rebind("robert@example.com").await;
    assert_eq!((rebound.status, rebound.text("/email")), (StatusCode::OK, "robert@example.com".to_owned()));
    assert_eq!(product.seats().await, (3, 1, 2));
    let bob = product.sign_in("bob@example.com").await.text("/access_token");
    assert_eq!(refused(&product.accept(&bob, &first).await), (410, "invite_closed"));
    let robert = product.sign_in("robert@example.com").await.text("/access_token");
    assert_eq!(refused(&product.accept(&robert, &first).await), (410, "invite_closed"));
    let mails = product.mails("robert@example.com").await;
    let invite = mails.iter().find(|mail| mail["subject"].as_str().unwrap().contains("invited")).unwrap();
    let text = invite["text"].as_str().unwrap();
    let link = text.split("token=").nth(1).unwrap().split_whitespace().next().unwrap();
    assert_eq!(product.accept(&robert, link).await.status, StatusCode::OK);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_open_invite_holds_a_seat_until_its_time_is_over() {
    let product = Product::start().await;
    let (ada, _) = product.owner("ada@example.com", "acme").await;
    for number in 1..20 {
        let invited = product.invite(&ada, &format!("p{number}@example.com"), "member").await;
        assert_eq!(invited.status, StatusCode::CREATED, "{invited:?}");
    }
    let full = product.invite(&ada, "p20@example.com", "member").await;
    assert_eq!(refused(&full), (402, "seat_limit_reached"), "{full:?}");
    product.settle().await;
    let first =
        product.get("/v1/orgs/current/invites?status=pending&limit=1", &ada).await.text("/items/0/id");
    product.delete(&format!("/v1/orgs/current/invites/{first}"), &ada).await;
    assert_eq!(product.invite(&ada, "p20@example.com", "member").await.status, StatusCode::CREATED);
    assert_eq!(product.seats().await, (20, 1, 19));

    product.jump(SignedDuration::from_hours(7 * 24)).await;
    let ada = product.sign_in("ada@example.com").await.text("/access_token");
    let ada = product.within(&ada).await;
    let invited = product.invite(&ada, "late@example.com", "member").await;
    assert_eq!(invited.status, StatusCode::CREATED, "nobody is refused since nobody noted it: {invited:?}");
    assert_eq!(product.seats().await, (2, 1, 1));
    let expired = product.events().await.iter().filter(|name| *name == "invite.expired").count();
    assert_eq!(expired, 19);
}

/// Many at once want the last seat.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_twenty_invites_at_once_into_the_last_seat_one_is_sent() {
    let product = Product::crowded().await;
    let (ada, _) = product.owner("ada@example.com", "acme").await;
    for number in 1..19 {
        product.invite(&ada, &format!("p{number}@example.com"), "member").await;
    }
    let emails: Vec<_> = (0..20).map(|number| format!("q{number}@example.com")).collect();
    let answers = join_all(emails.iter().map(|email| product.invite(&ada, email, "member"))).await;
    let counted = counted(&answers);
    assert_eq!(counted, [((201, ""), 1), ((402, "seat_limit_reached"), 19)].into());
    assert_eq!(product.seats().await, (20, 1, 19));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fifty_who_accept_one_invite_are_one_member() {
    let product = Product::crowded().await;
    let (ada, _) = product.owner("ada@example.com", "acme").await;
    let (_, link) = product.invited(&ada, "bob@example.com", "owner").await;
    let bob = product.sign_in("bob@example.com").await.text("/access_token");
    let answers = join_all((0..50).map(|_| product.accept(&bob, &link))).await;
    let bodies: Vec<_> = answers.iter().filter(|answer| answer.status.is_success()).collect();
    assert!(!bodies.is_empty() && bodies.iter().all(|answer| answer.body == bodies[0].body), "{answers:?}");
    let late = |answer: &&Answer| !answer.status.is_success();
    assert!(answers.iter().filter(late).all(|answer| answer.status == 503), "{:?}", counted(&answers));
    assert_eq!(product.seats().await, (2, 2, 0));
    let added = product.events().await.iter().filter(|name| *name == "member.added").count();
    assert_eq!(added, 2);
}

/// What becomes of an invite is decided once, whoever is first.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_invite_has_one_end() {
    for turn in 0..3 {
        let product = Product::crowded().await;
        let (ada, _) = product.owner("ada@example.com", "acme").await;
        let (id, link) = product.invited(&ada, "bob@example.com", "member").await;
        let bob = product.sign_in("bob@example.com").await.text("/access_token");
        let path = format!("/v1/orgs/current/invites/{id}");
        let act = async |number: usize| match (number + turn) % 4 {
            0 => product.accept(&bob, &link).await,
            1 => product.decline(&link).await,
            2 => product.delete(&path, &ada).await,
            _ => product.on_invite(&ada, &id, "resend").await,
        };
        let answers = join_all((0..16).map(act)).await;
        let (seats, members, open) = product.seats().await;
        assert_eq!(seats, (members + open) as u64, "{answers:?}");
        let events = product.events().await;
        let of = |name: &str| events.iter().filter(|event| *event == name).count();
        let ends = of("invite.accepted") + of("invite.declined") + of("invite.revoked");
        assert_eq!((ends, open), (1, 0), "{answers:?}");
        assert_eq!(members, 1 + of("invite.accepted"));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn members_and_invites_of_another_organization_are_not_there() {
    let product = Product::start().await;
    let (ada, _) = product.owner("ada@example.com", "acme").await;
    let (id, _) = product.invited(&ada, "eve@example.com", "member").await;
    let member = product.own_member(&ada).await;
    let (bob, _) = product.owner("bob@example.com", "beta").await;
    let before = stored::items(&product).await;
    let paths = |invite: &str, member: &str| {
        let (invites, members) = ("/v1/orgs/current/invites", "/v1/orgs/current/members");
        [
            ("GET", format!("{invites}/{invite}"), Value::Null),
            ("DELETE", format!("{invites}/{invite}"), Value::Null),
            ("POST", format!("{invites}/{invite}/resend"), Value::Null),
            ("POST", format!("{invites}/{invite}/rebind"), json!({ "email": "mallory@example.com" })),
            ("POST", format!("{invites}/{invite}/confirm"), Value::Null),
            ("GET", format!("{members}/{member}"), Value::Null),
            ("PATCH", format!("{members}/{member}"), json!({ "role": "viewer" })),
            (
                "POST",
                "/v1/orgs/current/transfer-ownership".to_owned(),
                json!({ "member_id": member, "own_role": "viewer" }),
            ),
        ]
    };
    let foreign = paths(&id, &member);
    let unknown = paths("inv_01kar8h5g0e0vsx4q1v3f6m2ah", "mbr_01kar8h5g0e0vsx4q1v3f6m2ah");
    for (foreign, unknown) in foreign.into_iter().zip(unknown) {
        let ask = async |(method, path, body): (&str, String, Value)| {
            let request = product.request(method.parse().unwrap(), &path).bearer_auth(&bob);
            let mut answer = product.send(if body.is_null() { request } else { request.json(&body) }).await;
            answer.body["instance"] = Value::Null;
            answer
        };
        let case = format!("{foreign:?}");
        let (foreign, unknown) = (ask(foreign).await, ask(unknown).await);
        assert_eq!(refused(&foreign), (404, "not_found"), "{case}: {foreign:?}");
        assert_eq!(foreign.body, unknown.body, "{case}");
    }
    // whoever is not there need not be taken out
    for member in [&*member, "mbr_01kar8h5g0e0vsx4q1v3f6m2ah"] {
        assert_eq!(product.remove_member(&bob, member).await.status, StatusCode::NO_CONTENT);
    }
    let notable = |items: Vec<Value>| -> Vec<Value> {
        items.into_iter().filter(|item| item["kind"] != "limit").collect()
    };
    assert_eq!(notable(stored::items(&product).await), notable(before), "nothing was written");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_many_invites_each_is_tried_for_itself() {
    let product = Product::start().await;
    let (ada, _) = product.owner("ada@example.com", "acme").await;
    let batch = async |key: &str, items: Value| {
        let request = product.request(reqwest::Method::POST, "/v1/orgs/current/invites/batch");
        let request = request.bearer_auth(&ada).header("idempotency-key", key);
        product.send(request.json(&json!({ "items": items }))).await
    };
    let item = |email: &str, role: &str| json!({ "email": email, "role": role });
    let items = json!([
        item("bob@example.com", "admin"),
        item("b@", "member"),
        item("ada@example.com", "member"),
        item("Bob@example.com", "admin"),
        item("bob@example.com", "viewer"),
        item("eve@example.com", "viewer"),
    ]);
    let some = batch("one", items.clone()).await;
    assert_eq!(
        (some.status, &some.body["succeeded"], &some.body["failed"]),
        (StatusCode::MULTI_STATUS, &json!(3), &json!(3))
    );
    let of = |name: &str| -> Vec<Value> {
        some.body["items"]
            .as_array()
            .unwrap()
            .iter()
            .map(|item| item.pointer(name).cloned().unwrap_or_default())
            .collect()
    };
    assert_eq!(
        json!(of("/status")),
        json!(["created", "refused", "refused", "duplicate", "refused", "created"])
    );
    assert_eq!(
        json!(of("/problem/code")),
        json!([null, "invalid_request", "already_member", null, "invite_pending", null])
    );
    assert_eq!(of("/problem/errors/0/pointer")[1], "/items/1/email");
    assert_eq!(of("/invite/id")[0], of("/invite/id")[3]);
    let replayed = batch("one", items.clone()).await;
    assert_eq!(
        (&replayed.headers["idempotent-replayed"], &replayed.body),
        (&"true".parse().unwrap(), &some.body)
    );
    // as after a crash before the answer was kept: nobody gets a second mail
    let again =
        batch("two", json!([item("bob@example.com", "admin"), item("eve@example.com", "viewer")])).await;
    assert_eq!((again.status, &again.body["items"][1]["status"]), (StatusCode::OK, &json!("duplicate")));
    assert_eq!(product.seats().await, (3, 1, 2));
    assert_eq!(product.mails("bob@example.com").await.len(), 1);
    for wrong in
        [json!([]), json!(vec![item("a@example.com", "member"); 101]), json!([item("a@example.com", "boss")])]
    {
        assert_eq!(refused(&batch("three", wrong).await), (422, "invalid_request"));
    }
    let many: Vec<_> = (0..30).map(|number| item(&format!("p{number}@example.com"), "member")).collect();
    let full = batch("four", json!(many)).await;
    assert_eq!(
        (&full.body["succeeded"], &full.body["failed"]),
        (&json!(17), &json!(13)),
        "as many as there are seats"
    );
    assert_eq!(full.text("/items/17/problem/code"), "seat_limit_reached");
    assert_eq!(product.seats().await, (20, 1, 19));
}

/// To send mails to strangers is not what invites are for.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_address_gets_five_invites_an_hour() {
    let product = Product::start().await;
    let (ada, _) = product.owner("ada@example.com", "acme").await;
    let (id, _) = product.invited(&ada, "eve@example.com", "member").await;
    for _ in 0..4 {
        product.advance(SignedDuration::from_secs(61)).await;
        assert_eq!(product.on_invite(&ada, &id, "resend").await.status, StatusCode::OK);
    }
    product.advance(SignedDuration::from_secs(61)).await;
    let limited = product.on_invite(&ada, &id, "resend").await;
    assert_eq!(refused(&limited), (429, "rate_limited"), "{limited:?}");
    assert!(limited.headers.contains_key("retry-after") && limited.headers.contains_key("ratelimit"));
    product.settle().await;
    assert_eq!(product.mails("eve@example.com").await.len(), 5);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_organization_admits_addresses_of_its_domains() {
    let product = Product::start().await;
    let (ada, _) = product.owner("ada@example.com", "acme").await;
    let admit = async |domains: Value| {
        let request = product.request(reqwest::Method::PATCH, "/v1/orgs/current/policies").bearer_auth(&ada);
        product.send(request.json(&json!({ "allowed_email_domains": domains }))).await
    };
    let set = admit(json!(["Example.COM", "bücher.example", "example.com"])).await;
    assert_eq!(set.body["allowed_email_domains"], json!(["example.com", "xn--bcher-kva.example"]), "{set:?}");
    assert_eq!((set.text("/mfa/mode"), &set.body["version"]), ("optional".to_owned(), &json!(1)));
    for wrong in [json!([]), json!(["nodots"]), json!(["a@b.example"]), json!("example.com")] {
        assert_eq!(refused(&admit(wrong).await), (422, "invalid_request"));
    }
    let many: Vec<_> = (0..21).map(|number| format!("d{number}.example")).collect();
    let many = admit(json!(many)).await;
    assert_eq!(many.text("/errors/0/code"), "out_of_range", "{many:?}");
    assert_eq!(product.invite(&ada, "bob@example.com", "member").await.status, StatusCode::CREATED);
    for foreign in ["bob@example.org", "bob@sub.example.com"] {
        let no = product.invite(&ada, foreign, "member").await;
        let error = (no.text("/errors/0/pointer"), no.text("/errors/0/code"));
        assert_eq!((refused(&no).0, error), (422, ("/email".into(), "domain_not_allowed".into())), "{no:?}");
    }
    let any = admit(Value::Null).await;
    assert_eq!((&any.body["allowed_email_domains"], &any.body["version"]), (&Value::Null, &json!(2)));
    assert_eq!(product.invite(&ada, "bob@example.org", "member").await.status, StatusCode::CREATED);
}
