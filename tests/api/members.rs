//! Members: their roles, their end, and who owns an organization.

use futures::future::join_all;
use jiff::SignedDuration;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use system_tests::answer::Answer;

use crate::{invites::refused, product::Product};

impl Product {
    /// Invites somebody: the answer.
    pub(crate) async fn invite(&self, token: &str, email: &str, role: &str) -> Answer {
        self.post_as("/v1/orgs/current/invites", token, &json!({ "email": email, "role": role })).await
    }

    /// Has somebody join by an invite: an access token in the organization, and the member.
    pub(crate) async fn joined(&self, by: &str, email: &str, role: &str) -> (String, String) {
        let invited = self.invite(by, email, role).await;
        assert_eq!(invited.status, StatusCode::CREATED, "{invited:?}");
        self.settle().await;
        let link = self.link(email).await;
        let token = self.sign_in(email).await.text("/access_token");
        let joined = self.post_as("/v1/invites/accept", &token, &json!({ "token": link })).await;
        assert_eq!(joined.status, StatusCode::OK, "{joined:?}");
        let body = json!({ "org_id": joined.text("/org_id") });
        let session = self.post_as("/v1/auth/switch-org", &token, &body).await.tokens();
        self.settle().await;
        (session.text("/access_token"), joined.text("/id"))
    }

    pub(crate) async fn set_member(&self, token: &str, member: &str, role: &str) -> Answer {
        let path = format!("/v1/orgs/current/members/{member}");
        self.send(self.request(Method::PATCH, &path).bearer_auth(token).json(&json!({ "role": role }))).await
    }

    pub(crate) async fn remove_member(&self, token: &str, member: &str) -> Answer {
        self.delete(&format!("/v1/orgs/current/members/{member}"), token).await
    }

    /// Who the members with this role are, by address.
    pub(crate) async fn members(&self, token: &str, query: &str) -> Vec<String> {
        let page = self.get(&format!("/v1/orgs/current/members{query}"), token).await;
        assert_eq!(page.status, StatusCode::OK, "{page:?}");
        let items = page.body["items"].as_array().unwrap().iter();
        items.map(|member| member["email"].as_str().unwrap().to_owned()).collect()
    }

    pub(crate) async fn own_member(&self, token: &str) -> String {
        self.get("/v1/me", token).await.text("/membership/id")
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_role_holds_from_the_next_request_on() {
    let product = Product::start().await;
    let (ada, _) = product.owner("ada@example.com", "acme").await;
    let (bob, member) = product.joined(&ada, "bob@example.com", "viewer").await;
    assert_eq!(product.members(&bob, "").await, ["ada@example.com", "bob@example.com"]);
    assert_eq!(product.members(&bob, "?role=viewer").await, ["bob@example.com"]);
    assert_eq!(product.members(&bob, "?role=admin").await, [""; 0]);
    // whoever is a member is active
    assert_eq!(product.members(&bob, "?status=active").await, ["ada@example.com", "bob@example.com"]);
    assert_eq!(product.members(&bob, "?status=active&role=viewer").await, ["bob@example.com"]);
    let listed = product.get("/v1/orgs/current/members?status=active&limit=1", &bob).await;
    assert_eq!(
        (listed.text("/items/0/status"), listed.body["next_cursor"].is_string()),
        ("active".into(), true)
    );
    for status in ["suspended", "", "Active"] {
        let unknown = product.get(&format!("/v1/orgs/current/members?status={status}"), &bob).await;
        assert_eq!(refused(&unknown), (422, "invalid_request"), "{status}");
        assert_eq!(unknown.text("/errors/0/pointer"), "?status");
    }
    let invited = product.invite(&bob, "eve@example.com", "viewer").await;
    assert_eq!((refused(&invited), &invited.body["needed"]), ((403, "forbidden"), &json!("invites:write")));

    let updated = product.set_member(&ada, &member, "admin").await;
    assert_eq!((updated.status, updated.text("/role")), (StatusCode::OK, "admin".to_owned()), "{updated:?}");
    let shown = product.get(&format!("/v1/orgs/current/members/{member}"), &bob).await;
    assert_eq!((&shown.body, &shown.headers["etag"]), (&updated.body, &updated.headers["etag"]));
    assert_eq!(product.invite(&bob, "eve@example.com", "admin").await.status, StatusCode::CREATED);
    product.settle().await;
    assert_eq!(product.members(&ada, "?role=admin").await, ["bob@example.com"]);
    let again = product.set_member(&ada, &member, "admin").await;
    assert_eq!(again.body, updated.body, "the same twice is one change");
    let events = product.events().await;
    assert_eq!(events.iter().filter(|name| *name == "member.updated").count(), 1);

    let path = format!("/v1/orgs/current/members/{member}");
    let old = product.request(Method::PATCH, &path).bearer_auth(&ada).header("if-match", "\"1\"");
    let old = product.send(old.json(&json!({ "role": "viewer" }))).await;
    assert_eq!((refused(&old), &old.headers["etag"]), ((412, "version_mismatch"), &updated.headers["etag"]));
    let nothing =
        product.send(product.request(Method::PATCH, &path).bearer_auth(&ada).json(&json!({}))).await;
    assert_eq!((nothing.status, &nothing.body), (StatusCode::OK, &updated.body));
    let empty = product.request(Method::PATCH, &path).bearer_auth(&ada).json(&json!({ "role": null }));
    let empty = product.send(empty).await;
    assert_eq!(
        (refused(&empty), empty.text("/errors/0/pointer")),
        ((422, "invalid_request"), "/role".into())
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_owns_an_organization_is_owners_to_decide() {
    let product = Product::start().await;
    let (ada, _) = product.owner("ada@example.com", "acme").await;
    let owner = product.own_member(&ada).await;
    let (bob, member) = product.joined(&ada, "bob@example.com", "admin").await;
    for answer in [
        product.set_member(&bob, &owner, "viewer").await,
        product.set_member(&bob, &member, "owner").await,
        product.remove_member(&bob, &owner).await,
        product.invite(&bob, "eve@example.com", "owner").await,
    ] {
        assert_eq!((refused(&answer), &answer.body["needed"]), ((403, "forbidden"), &json!("owners:write")));
    }
    for answer in [
        product.set_member(&ada, &owner, "admin").await,
        product.remove_member(&ada, &owner).await,
        product.post_nothing("/v1/orgs/current/leave", &ada).await,
    ] {
        assert_eq!(refused(&answer), (409, "last_owner"), "{answer:?}");
    }
    let transfer = async |token: &str, to: &str, own: &str| {
        let body = json!({ "member_id": to, "own_role": own });
        product.post_as("/v1/orgs/current/transfer-ownership", token, &body).await
    };
    let itself = transfer(&ada, &owner, "admin").await;
    assert_eq!(
        (refused(&itself), itself.text("/errors/0/pointer")),
        ((422, "invalid_request"), "/member_id".into())
    );
    let moved = transfer(&ada, &member, "viewer").await;
    assert_eq!((moved.status, moved.text("/role")), (StatusCode::OK, "owner".to_owned()), "{moved:?}");
    assert_eq!(refused(&transfer(&ada, &member, "viewer").await), (403, "forbidden"));
    product.settle().await;
    assert_eq!(product.members(&bob, "?role=owner").await, ["bob@example.com"]);
    assert_eq!(product.members(&bob, "?role=viewer").await, ["ada@example.com"]);

    product.advance(SignedDuration::from_secs(601)).await;
    let late = product.set_member(&bob, &owner, "owner").await;
    assert_eq!(refused(&late), (401, "step_up_required"), "{late:?}");
    let asked = late.headers["www-authenticate"].to_str().unwrap();
    assert!(asked.contains("acr_values=\"aal1\"") && asked.contains("max_age=600"), "{asked}");
    assert_eq!(product.set_member(&bob, &owner, "admin").await.status, StatusCode::OK, "no owner in it");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_is_taken_out_is_out_with_the_next_request() {
    let product = Product::start().await;
    let (ada, org) = product.owner("ada@example.com", "acme").await;
    let (bob, member) = product.joined(&ada, "bob@example.com", "member").await;
    let (eve, _) = product.joined(&ada, "eve@example.com", "member").await;
    assert_eq!(product.remove_member(&ada, &member).await.status, StatusCode::NO_CONTENT);
    for path in ["/v1/orgs/current", "/v1/orgs/current/members"] {
        assert_eq!(refused(&product.get(path, &bob).await), (403, "no_organization"));
    }
    assert_eq!(product.get("/v1/me", &bob).await.body["organizations"], json!([]));
    let switch = product.post_as("/v1/auth/switch-org", &bob, &json!({ "org_id": org })).await;
    assert_eq!(refused(&switch), (404, "not_found"));
    let again = product.remove_member(&ada, &member).await;
    assert_eq!(again.status, StatusCode::NO_CONTENT, "the answer was lost");
    assert_eq!(product.post_nothing("/v1/orgs/current/leave", &eve).await.status, StatusCode::NO_CONTENT);
    assert_eq!(refused(&product.get("/v1/orgs/current", &eve).await), (403, "no_organization"));
    product.settle().await;
    assert_eq!(product.members(&ada, "").await, ["ada@example.com"]);
    let (_, back) = product.joined(&ada, "bob@example.com", "viewer").await;
    assert_ne!(back, member, "a membership that ended is not used again");
    let removed = product.events().await.iter().filter(|name| *name == "member.removed").count();
    assert_eq!(removed, 2);
}

/// Whatever two owners do to each other at once, one stays.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_owners_who_do_away_with_each_other_leave_one() {
    for turn in 0..4 {
        let product = Product::crowded().await;
        let (ada, _) = product.owner("ada@example.com", "acme").await;
        let first = product.own_member(&ada).await;
        let (bob, second) = product.joined(&ada, "bob@example.com", "owner").await;
        let act = async |token: &str, other: &str, own: bool| match (turn, own) {
            (0, _) | (3, true) => product.set_member(token, other, "viewer").await,
            (2, _) => product.post_nothing("/v1/orgs/current/leave", token).await,
            _ => product.remove_member(token, other).await,
        };
        let answers = join_all([act(&ada, &second, true), act(&bob, &first, false)]).await;
        let done = answers.iter().filter(|answer| answer.status.is_success()).count();
        assert_eq!(done, 1, "turn {turn}: {answers:?}");
        let expected = ["last_owner", "forbidden", "no_organization", "not_found"];
        let no = answers.iter().find(|answer| !answer.status.is_success()).unwrap();
        assert!(expected.contains(&no.problem()), "{no:?}");
        product.settle().await;
        let left = if answers[0].status.is_success() == (turn != 2) { &ada } else { &bob };
        assert_eq!(product.members(left, "?role=owner").await.len(), 1, "turn {turn}: {answers:?}");
    }
}

/// The role and the end of one membership, many at once: the list, the person's side and the seats agree.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_role_that_changes_while_the_member_is_taken_out() {
    let product = Product::crowded().await;
    let (ada, _) = product.owner("ada@example.com", "acme").await;
    let (bob, member) = product.joined(&ada, "bob@example.com", "member").await;
    let act = async |number: usize| match number % 4 {
        0 => product.set_member(&ada, &member, "admin").await,
        1 => product.set_member(&ada, &member, "viewer").await,
        2 => product.set_member(&ada, &member, "owner").await,
        _ => product.remove_member(&ada, &member).await,
    };
    let answers = join_all((0..20).map(act)).await;
    assert!(answers.iter().any(|answer| answer.status == StatusCode::NO_CONTENT), "{answers:?}");
    assert!(answers.iter().all(|answer| answer.status.is_success() || refused(answer) == (404, "not_found")));
    product.settle().await;
    let removed = product.events().await.iter().filter(|name| *name == "member.removed").count();
    assert_eq!(removed, 1, "{answers:?}");
    assert_eq!(refused(&product.get("/v1/orgs/current", &bob).await), (403, "no_organization"));
    assert_eq!(product.members(&ada, "").await, ["ada@example.com"]);
    assert_eq!(product.members(&ada, "?role=owner").await, ["ada@example.com"]);
    let items = crate::stored::items(&product).await;
    let left = |kind: &str| items.iter().filter(|item| item["kind"] == kind).count();
    assert_eq!((left("member"), left("membership"), left("former_member")), (1, 1, 1));
    let of = |kind: &str, name: &str| -> Value {
        items.iter().find(|item| item["kind"] == kind).map(|item| item[name].clone()).unwrap()
    };
    assert_eq!((of("seats", "n"), of("owners", "m").as_object().unwrap().len()), (json!(1), 1));
}

/// An account that ends is no owner whom an organization could be left to.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_organization_is_left_to_nobody_whose_account_ends() {
    let product = Product::start().await;
    let (ada, _) = product.owner("ada@example.com", "acme").await;
    let (bob, member) = product.joined(&ada, "bob@example.com", "owner").await;
    let (eve, admin) = product.joined(&ada, "eve@example.com", "admin").await;
    assert_eq!(product.delete("/v1/me", &bob).await.status, StatusCode::NO_CONTENT);
    assert_eq!(product.delete("/v1/me", &eve).await.status, StatusCode::NO_CONTENT);
    let own = product.own_member(&ada).await;
    for answer in [
        product.post_nothing("/v1/orgs/current/leave", &ada).await,
        product.set_member(&ada, &own, "viewer").await,
        product.remove_member(&ada, &own).await,
        product.delete("/v1/me", &ada).await,
    ] {
        assert_eq!(refused(&answer), (409, "last_owner"), "{answer:?}");
    }
    let transfer = json!({ "member_id": member, "own_role": "viewer" });
    for answer in [
        product.set_member(&ada, &admin, "owner").await,
        product.post_as("/v1/orgs/current/transfer-ownership", &ada, &transfer).await,
    ] {
        assert_eq!(refused(&answer), (409, "member_inactive"), "{answer:?}");
    }
    assert_eq!(product.post_nothing("/v1/me/restore", &bob).await.status, StatusCode::OK);
    assert_eq!(product.post_nothing("/v1/orgs/current/leave", &ada).await.status, StatusCode::NO_CONTENT);
    assert_eq!(product.members(&bob, "?role=owner").await, ["bob@example.com"]);
}

/// Of two owners whose accounts are to end at the same moment, or of whom one leaves then, one stays.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_owners_who_go_at_once_in_any_way_leave_one_who_stays() {
    for turn in 0..3 {
        let product = Product::crowded().await;
        let (ada, _) = product.owner("ada@example.com", "acme").await;
        let own = product.own_member(&ada).await;
        let (bob, _) = product.joined(&ada, "bob@example.com", "owner").await;
        let first = async {
            match turn {
                0 => product.delete("/v1/me", &ada).await,
                1 => product.post_nothing("/v1/orgs/current/leave", &ada).await,
                _ => product.set_member(&ada, &own, "viewer").await,
            }
        };
        let (first, second) = futures::join!(first, product.delete("/v1/me", &bob));
        let done = [&first, &second].iter().filter(|answer| answer.status.is_success()).count();
        assert_eq!(done, 1, "turn {turn}: {first:?} {second:?}");
        let no = if first.status.is_success() { second } else { first };
        assert_eq!(refused(&no), (409, "last_owner"), "turn {turn}");
    }
}

/// Whoever owns an organization that nobody pays for can give it away, and go.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ownership_moves_at_any_level() {
    let product = Product::start().await;
    let (ada, org) = product.owner("ada@example.com", "acme").await;
    let (_, member) = product.joined(&ada, "bob@example.com", "admin").await;
    crate::authorisation::set_level(&product, &org, access::AccessLevel::ExportOnly).await;
    let body = json!({ "member_id": member, "own_role": "viewer" });
    let moved = product.post_as("/v1/orgs/current/transfer-ownership", &ada, &body).await;
    assert_eq!((moved.status, moved.text("/role")), (StatusCode::OK, "owner".to_owned()), "{moved:?}");
    assert_eq!(product.post_nothing("/v1/orgs/current/leave", &ada).await.status, StatusCode::NO_CONTENT);
}
