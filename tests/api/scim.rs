//! Directories that an identity provider keeps (SCIM).

mod entra;
mod groups;
mod hostile;
mod lists;
mod okta;
mod races;
mod taken_out;

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use system_tests::answer::Answer;

use crate::product::Product;

pub(crate) const PATCH_OP: &str = "urn:ietf:params:scim:api:messages:2.0:PatchOp";

/// An organization with the domain `acme.example`, whose directory a program keeps.
pub(crate) struct Acme {
    /// Its owner's token.
    pub(crate) ada: String,
    pub(crate) org_id: String,
    /// The program's.
    pub(crate) token: String,
}

impl Product {
    pub(crate) async fn scim_token(&self, by: &str) -> String {
        let made = self.post_as("/v1/orgs/current/scim/tokens", by, &json!({ "name": "IdP" })).await;
        assert_eq!(made.status, StatusCode::CREATED, "{made:?}");
        made.text("/secret")
    }

    pub(crate) async fn acme(&self) -> Acme {
        let (ada, org_id) = self.owner("ada@example.com", "acme").await;
        self.verified(&ada, "acme.example").await;
        let token = self.scim_token(&ada).await;
        Acme { ada, org_id, token }
    }

    /// A request of an identity provider's; null is no body.
    pub(crate) async fn scim(&self, token: &str, method: &str, path: &str, body: &Value) -> Answer {
        let request = self.request(method.parse::<Method>().unwrap(), &format!("/scim/v2{path}"));
        let request = request.bearer_auth(token).header("accept", "application/scim+json");
        let request = if body.is_null() {
            request
        } else {
            request.header("content-type", "application/scim+json").body(body.to_string())
        };
        let answer = self.send(request).await;
        if !answer.body.as_str().is_some_and(str::is_empty) {
            assert_eq!(answer.headers["content-type"], "application/scim+json", "{answer:?}");
        }
        answer
    }

    /// A user with this name, who is let in where that may be.
    pub(crate) async fn scim_user(&self, token: &str, name: &str) -> Answer {
        let made = self.scim(token, "POST", "/Users", &user(name)).await;
        assert_eq!(made.status, StatusCode::CREATED, "{made:?}");
        made
    }

    pub(crate) async fn scim_active(&self, token: &str, id: &str, active: bool) -> Answer {
        let operations = json!([{ "op": "replace", "path": "active", "value": active }]);
        self.scim_patch(token, &format!("/Users/{id}"), &operations).await
    }

    pub(crate) async fn scim_patch(&self, token: &str, path: &str, operations: &Value) -> Answer {
        let body = json!({ "schemas": [PATCH_OP], "Operations": operations });
        self.scim(token, "PATCH", path, &body).await
    }

    /// The addresses of the members, with their roles.
    pub(crate) async fn in_roles(&self, by: &str) -> Vec<(String, String)> {
        self.settle().await;
        let listed = self.get("/v1/orgs/current/members?limit=100", by).await;
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        let items = listed.body["items"].as_array().unwrap().iter();
        let mut all: Vec<_> = items.map(|one| (text(&one["email"]), text(&one["role"]))).collect();
        all.sort();
        all
    }
}

pub(crate) fn user(name: &str) -> Value {
    json!({ "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"], "userName": name, "displayName": "Some Body" })
}

/// What a refusal says: its status and its `scimType`.
pub(crate) fn scim_type(answer: &Answer) -> (u16, &str) {
    assert_eq!(answer.body["schemas"], json!(["urn:ietf:params:scim:api:messages:2.0:Error"]), "{answer:?}");
    assert_eq!(answer.body["status"], answer.status.as_str(), "{answer:?}");
    assert!(answer.body["detail"].is_string(), "{answer:?}");
    (answer.status.as_u16(), answer.body["scimType"].as_str().unwrap_or_default())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_token_is_shown_once_and_opens_its_directory_alone() {
    let product = Product::start().await;
    let (ada, _) = product.owner("ada@example.com", "acme").await;
    let make = async || {
        let request = product.request(Method::POST, "/v1/orgs/current/scim/tokens").bearer_auth(&ada);
        product.send(request.header("idempotency-key", "once").json(&json!({ "name": "Okta" }))).await
    };
    let made = make().await;
    let secret = made.text("/secret");
    let again = make().await;
    assert_eq!((again.body["secret"].is_null(), &again.body["scim_token"]), (true, &made.body["scim_token"]));
    assert!(secret.starts_with("gs_local_"), "{secret}");
    let shown = product.get("/v1/orgs/current/scim", &ada).await;
    assert_eq!(shown.body["tokens"], json!([made.body["scim_token"]]), "{shown:?}");
    assert!(shown.text("/base_url").ends_with("/scim/v2") && shown.body["last_request_at"].is_null());
    assert!(!shown.body.to_string().contains(&secret[20..]), "its text is shown once");

    let config = product.scim(&secret, "GET", "/ServiceProviderConfig", &Value::Null).await;
    assert_eq!((config.status, &config.body["patch"]["supported"]), (StatusCode::OK, &json!(true)));
    product.settle().await;
    let shown = product.get("/v1/orgs/current/scim", &ada).await;
    assert!(shown.body["last_request_at"].is_string(), "{shown:?}");

    // it opens nothing else, and nothing else opens a directory
    assert_eq!(product.get("/v1/me", &secret).await.status, StatusCode::UNAUTHORIZED);
    assert_eq!(product.get("/v1/orgs/current/members", &secret).await.status, StatusCode::UNAUTHORIZED);
    let mut wrong = secret.clone();
    wrong.replace_range(
        secret.len() - 8..secret.len() - 7,
        if secret.as_bytes()[secret.len() - 8] == b'a' { "b" } else { "a" },
    );
    for other in [ada.as_str(), "", "gs_local_", wrong.as_str()] {
        let answer = product.scim(other, "GET", "/Users", &Value::Null).await;
        assert_eq!(scim_type(&answer), (401, ""), "{other}");
        assert!(answer.headers.contains_key("www-authenticate"), "{answer:?}");
    }

    // taken back, it opens nothing from the next request on
    let id = made.text("/scim_token/id");
    let path = format!("/v1/orgs/current/scim/tokens/{id}");
    for _ in 0..2 {
        assert_eq!(product.delete(&path, &ada).await.status, StatusCode::NO_CONTENT);
    }
    assert_eq!(product.scim(&secret, "GET", "/Users", &Value::Null).await.status, StatusCode::UNAUTHORIZED);
    assert_eq!(product.get("/v1/orgs/current/scim", &ada).await.body["tokens"], json!([]));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_token_ends_when_its_time_is_over() {
    let product = Product::start().await;
    let (ada, _) = product.owner("ada@example.com", "acme").await;
    let late = json!({ "name": "IdP", "expires_at": "2020-01-01T00:00:00.000Z" });
    let late = product.post_as("/v1/orgs/current/scim/tokens", &ada, &late).await;
    assert_eq!(late.status, StatusCode::UNPROCESSABLE_ENTITY, "{late:?}");
    let clock = product.local("/clock").await;
    let now: jiff::Timestamp = clock["now"].as_str().unwrap().parse().unwrap();
    let ends = now + jiff::SignedDuration::from_hours(1);
    let body = json!({ "name": "IdP", "expires_at": ends.to_string() });
    let made = product.post_as("/v1/orgs/current/scim/tokens", &ada, &body).await;
    let secret = made.text("/secret");
    assert_eq!(product.scim(&secret, "GET", "/Users", &Value::Null).await.status, StatusCode::OK);
    product.advance(jiff::SignedDuration::from_mins(61)).await;
    assert_eq!(product.scim(&secret, "GET", "/Users", &Value::Null).await.status, StatusCode::UNAUTHORIZED);
}

/// Whoever has an address of the organization's own domain is a member; an account is made where there is
/// none. Of others the directory says what it wants.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_directory_lets_in_people_of_its_own_domains_alone() {
    let product = Product::start().await;
    let acme = product.acme().await;
    let eve = product.sign_in("eve@other.example").await.text("/access_token");
    let named =
        product.request(Method::PATCH, "/v1/me").bearer_auth(&eve).json(&json!({ "name": "Eve Else" }));
    assert_eq!(product.send(named).await.status, StatusCode::OK);
    let bob = product.scim_user(&acme.token, "bob@acme.example").await;
    assert_eq!(bob.headers["location"], bob.text("/meta/location").as_str());
    assert_eq!(bob.headers["etag"], bob.text("/meta/version").as_str());
    let foreign = product.scim_user(&acme.token, "eve@other.example").await;
    let nobody = product.scim_user(&acme.token, "nobody@other.example").await;
    let plain = product.scim_user(&acme.token, "just-a-name").await;
    for other in [&foreign, &nobody, &plain] {
        // the same whether there is such a person or not
        assert_eq!(other.body["displayName"], "Some Body");
        assert_eq!(other.body["active"], true);
    }
    let roles = product.in_roles(&acme.ada).await;
    let role = |email: &str, role: &str| (email.to_owned(), role.to_owned());
    assert_eq!(roles, [role("ada@example.com", "owner"), role("bob@acme.example", "member")]);
    assert!(product.get("/v1/me/memberships", &eve).await.body["items"].as_array().unwrap().is_empty());

    // what the directory calls somebody changes no account
    let named = product.get("/v1/me", &eve).await;
    assert_eq!(named.body["name"], "Eve Else");
    let rename = json!([{ "op": "replace", "path": "displayName", "value": "Somebody Else" }]);
    product.scim_patch(&acme.token, &format!("/Users/{}", bob.text("/id")), &rename).await;
    let bob = product.sign_in("bob@acme.example").await.text("/access_token");
    assert_eq!(product.get("/v1/me", &bob).await.body["name"], "Some Body", "as when the account was made");
    let within = product.post_as("/v1/auth/switch-org", &bob, &json!({ "org_id": acme.org_id })).await;
    assert_eq!(within.status, StatusCode::OK, "{within:?}");

    // who accepts an invite is the one that the directory knows, from its next word on
    let (_, link) = product.invited(&acme.ada, "eve@other.example", "member").await;
    assert_eq!(product.accept(&eve, &link).await.status, StatusCode::OK);
    let id = foreign.text("/id");
    let off = product.scim_active(&acme.token, &id, false).await;
    assert_eq!((off.status, &off.body["active"]), (StatusCode::OK, &json!(false)), "{off:?}");
    assert_eq!(product.in_roles(&acme.ada).await.len(), 2, "the organization may take out whom it wants");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn names_and_ids_are_unique_and_etags_are_kept() {
    let product = Product::start().await;
    let acme = product.acme().await;
    let body = json!({ "userName": "bob@acme.example", "externalId": "00u1" });
    let bob = product.scim(&acme.token, "POST", "/Users", &body).await;
    let path = format!("/Users/{}", bob.text("/id"));
    for taken in [
        json!({ "userName": "BOB@acme.example" }),
        json!({ "userName": "carl@acme.example", "externalId": "00u1" }),
        // one person is one user
        json!({ "userName": "other", "emails": [{ "value": "bob@acme.example" }] }),
    ] {
        let refused = product.scim(&acme.token, "POST", "/Users", &taken).await;
        assert_eq!(scim_type(&refused), (409, "uniqueness"), "{taken}");
    }
    let carl = product.scim_user(&acme.token, "carl@acme.example").await;
    let rename = json!([{ "op": "replace", "path": "userName", "value": "bob@acme.example" }]);
    let refused = product.scim_patch(&acme.token, &format!("/Users/{}", carl.text("/id")), &rename).await;
    assert_eq!(scim_type(&refused), (409, "uniqueness"));

    let known = product.request(Method::GET, &format!("/scim/v2{path}")).bearer_auth(&acme.token);
    let known = product.send(known.header("if-none-match", bob.headers["etag"].clone())).await;
    assert_eq!(known.status, StatusCode::NOT_MODIFIED);
    let body = json!({ "userName": "bob@acme.example", "title": "Chief" });
    let put = async |tag: &str| {
        let request = product.request(Method::PUT, &format!("/scim/v2{path}")).bearer_auth(&acme.token);
        product.send(request.header("if-match", tag).json(&body)).await
    };
    let changed = put("\"1\"").await;
    assert_eq!(
        (changed.status, &changed.body["meta"]["version"]),
        (StatusCode::OK, &json!("\"2\"")),
        "{changed:?}"
    );
    assert!(changed.body["externalId"].is_null(), "PUT replaces all");
    let late = put("\"1\"").await;
    assert_eq!((scim_type(&late), late.headers["etag"].to_str().unwrap()), ((412, ""), "\"2\""));
    assert_eq!(put("\"2\"").await.headers["etag"], "\"2\"", "what is so already is no change");
    let gone = product.scim(&acme.token, "DELETE", &path, &Value::Null).await;
    assert_eq!(gone.status, StatusCode::NO_CONTENT, "{gone:?}");
    for method in ["GET", "DELETE"] {
        let gone = product.scim(&acme.token, method, &path, &Value::Null).await;
        assert_eq!(scim_type(&gone), (404, ""));
    }
    // its name is free
    product.scim_user(&acme.token, "bob@acme.example").await;
}

/// Ids of another organization's directory are as if they were not there.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_token_of_one_organization_is_nothing_to_another() {
    let product = Product::start().await;
    let acme = product.acme().await;
    let (ben, _) = product.owner("ben@beta.example", "beta").await;
    let other = product.scim_token(&ben).await;
    let bob = product.scim_user(&acme.token, "bob@acme.example").await.text("/id");
    let group = json!({ "displayName": "Staff", "members": [{ "value": bob }] });
    let group = product.scim(&acme.token, "POST", "/Groups", &group).await.text("/id");
    let unknown = product.scim(&other, "GET", "/Users/scu_01kar8h5g0e0vsx4q1v3f6m2ah", &Value::Null).await;
    let patch =
        json!({ "schemas": [PATCH_OP], "Operations": [{ "op": "replace", "value": { "active": false } }] });
    for (method, path, body) in [
        ("GET", format!("/Users/{bob}"), Value::Null),
        ("PUT", format!("/Users/{bob}"), user("bob@acme.example")),
        ("PATCH", format!("/Users/{bob}"), patch.clone()),
        ("DELETE", format!("/Users/{bob}"), Value::Null),
        ("GET", format!("/Groups/{group}"), Value::Null),
        ("PUT", format!("/Groups/{group}"), json!({ "displayName": "Mine" })),
        (
            "PATCH",
            format!("/Groups/{group}"),
            json!({ "schemas": [PATCH_OP], "Operations": [{ "op": "remove", "path": "members" }] }),
        ),
        ("DELETE", format!("/Groups/{group}"), Value::Null),
    ] {
        let answer = product.scim(&other, method, &path, &body).await;
        assert_eq!((answer.status, &answer.body), (StatusCode::NOT_FOUND, &unknown.body), "{method} {path}");
    }
    let mine = json!({ "displayName": "Mine", "members": [{ "value": bob }] });
    let mine = product.scim(&other, "POST", "/Groups", &mine).await;
    assert_eq!(scim_type(&mine), (400, "invalidValue"), "{mine:?}");
    for list in ["/Users", "/Groups", "/Users?filter=userName%20eq%20%22bob@acme.example%22"] {
        let listed = product.scim(&other, "GET", list, &Value::Null).await;
        assert_eq!(
            (&listed.body["totalResults"], &listed.body["Resources"]),
            (&json!(0), &json!([])),
            "{list}"
        );
    }
    // the same address in its own directory is nothing to that person
    let same = product.scim_user(&other, "bob@acme.example").await.text("/id");
    product.scim_active(&other, &same, false).await;
    let deleted = product.scim(&other, "DELETE", &format!("/Users/{same}"), &Value::Null).await;
    assert_eq!(deleted.status, StatusCode::NO_CONTENT);
    assert_eq!(product.in_roles(&acme.ada).await.len(), 2, "{deleted:?}");
    let path = format!("/v1/orgs/current/scim/groups/{group}");
    let foreign = product
        .send(product.request(Method::PATCH, &path).bearer_auth(&ben).json(&json!({ "role": "admin" })))
        .await;
    assert_eq!(foreign.status, StatusCode::NOT_FOUND, "{foreign:?}");
}

/// What an identity provider does wrong is shown to the people who can mend it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn refusals_are_shown_to_who_looks_after_the_directory() {
    let product = Product::start().await;
    let acme = product.acme().await;
    product.scim(&acme.token, "POST", "/Users", &json!({ "displayName": "Nameless" })).await;
    product.scim(&acme.token, "GET", "/Users/scu_01kar8h5g0e0vsx4q1v3f6m2ah", &Value::Null).await;
    product.scim(&acme.token, "GET", "/Users?filter=what", &Value::Null).await;
    product.settle().await;
    let errors = product.get("/v1/orgs/current/scim", &acme.ada).await.body["errors"].clone();
    let shown: Vec<_> =
        errors.as_array().unwrap().iter().map(|one| (&one["request"], &one["status"])).collect();
    assert_eq!(
        shown,
        [(&json!("GET /scim/v2/Users"), &json!(400)), (&json!("POST /scim/v2/Users"), &json!(400))]
    );
    assert_eq!(errors[1]["detail"], "userName is needed");
}
