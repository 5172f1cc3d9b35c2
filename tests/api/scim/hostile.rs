//! What nobody means well with.

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use super::{PATCH_OP, lists::encoded, scim_type};
use crate::product::Product;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_no_request_is_refused_in_the_words_of_scim() {
    let product = Product::start().await;
    let acme = product.acme().await;
    let send = async |method: Method, path: &str, kind: &str, body: &str| {
        let request = product.request(method, &format!("/scim/v2{path}")).bearer_auth(&acme.token);
        product.send(request.header("content-type", kind).body(body.to_owned())).await
    };
    let scim = "application/scim+json";
    for (kind, body, expected) in [
        (scim, "", (400, "invalidSyntax")),
        (scim, "[]", (400, "invalidSyntax")),
        (scim, "{", (400, "invalidSyntax")),
        (scim, "{\"userName\":\"a\",\"userName\":\"b\"}", (400, "invalidSyntax")),
        (scim, "{\"userName\":\"a\",\"USERNAME\":\"b\"}", (400, "invalidSyntax")),
        (scim, "{\"userName\":\"\"}", (400, "invalidValue")),
        (scim, "{\"userName\":7}", (400, "invalidValue")),
        (scim, "{\"userName\":\"a\\u0000b\"}", (400, "invalidValue")),
        (scim, "{\"userName\":\"a\",\"name\":\"Bob\"}", (400, "invalidValue")),
        (
            scim,
            "{\"userName\":\"a\",\"emails\":[{\"value\":\"a\",\"primary\":true},{\"value\":\"b\",\"primary\":true}]}",
            (400, "invalidValue"),
        ),
        ("text/plain", "{\"userName\":\"a\"}", (415, "")),
    ] {
        let answer = send(Method::POST, "/Users", kind, body).await;
        assert_eq!(scim_type(&answer), expected, "{body}");
        assert_eq!(answer.headers["content-type"], scim, "{answer:?}");
    }
    let deep = format!("{{\"userName\":\"a\",\"x\":{}{}}}", "[".repeat(5_000), "]".repeat(5_000));
    assert_eq!(scim_type(&send(Method::POST, "/Users", scim, &deep).await), (400, "invalidSyntax"));
    let long = json!({ "userName": "x".repeat(2_000) }).to_string();
    assert_eq!(scim_type(&send(Method::POST, "/Users", scim, &long).await), (400, "invalidValue"));
    let many: Vec<_> = (0..51).map(|number| json!({ "value": format!("{number}@x.example") })).collect();
    let many = json!({ "userName": "many", "emails": many }).to_string();
    assert_eq!(scim_type(&send(Method::POST, "/Users", scim, &many).await), (400, "invalidValue"));
    let huge = json!({ "userName": "huge", "emails": (0..50).map(|number| json!({ "value": format!("{number}{}", "y".repeat(900)) })).collect::<Vec<_>>() });
    assert_eq!(
        scim_type(&send(Method::POST, "/Users", scim, &huge.to_string()).await),
        (400, "invalidValue")
    );
    let larger = format!("{{\"userName\":\"{}\"}}", "z".repeat(1_100_000));
    assert_eq!(scim_type(&send(Method::POST, "/Users", scim, &larger).await), (413, ""));
    let operations: Vec<_> =
        (0..1_001).map(|_| json!({ "op": "add", "path": "title", "value": "x" })).collect();
    let patch = json!({ "schemas": [PATCH_OP], "Operations": operations }).to_string();
    let bob = product.scim_user(&acme.token, "bob@acme.example").await.text("/id");
    assert_eq!(
        scim_type(&send(Method::PATCH, &format!("/Users/{bob}"), scim, &patch).await),
        (400, "invalidSyntax")
    );
    // a name with what parts keys is a name like any other
    for odd in ["a#b", "a%23b", "a\"b\\c", "..", "🙂"] {
        let made = product.scim_user(&acme.token, odd).await;
        assert_eq!(made.text("/userName"), odd);
        let filter = format!("userName eq {}", Value::from(odd));
        let filter = encoded(&filter);
        let found = product.scim(&acme.token, "GET", &format!("/Users?filter={filter}"), &Value::Null).await;
        assert_eq!(
            (found.body["totalResults"].as_u64(), found.text("/Resources/0/id")),
            (Some(1), made.text("/id")),
            "{odd}"
        );
    }
    for (method, path, status) in [
        ("GET", "/Nothing", 404),
        ("POST", "/Schemas", 405),
        ("GET", "/Users?what=1", 400),
        ("GET", "/Users/usr_01kar8h5g0e0vsx4q1v3f6m2ah", 404),
        ("GET", "/Users/%00", 404),
        ("GET", "/Schemas/urn:x", 404),
    ] {
        let answer = product.scim(&acme.token, method, path, &Value::Null).await;
        assert_eq!(scim_type(&answer).0, status, "{method} {path}: {answer:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_group_takes_users_of_its_directory_alone() {
    let product = Product::start().await;
    let acme = product.acme().await;
    let group = product.scim_group(&acme.token, "One", &[]).await;
    for member in [
        "scu_01kar8h5g0e0vsx4q1v3f6m2ah",
        "scg_01kar8h5g0e0vsx4q1v3f6m2ah",
        "usr_01kar8h5g0e0vsx4q1v3f6m2ah",
        "bob",
        "",
    ] {
        let add = json!([{ "op": "add", "path": "members", "value": [{ "value": member }] }]);
        let refused = product.scim_patch(&acme.token, &format!("/Groups/{group}"), &add).await;
        let expected = if member.is_empty() { StatusCode::OK } else { StatusCode::BAD_REQUEST };
        assert_eq!(refused.status, expected, "{member:?}: {refused:?}");
    }
    let taken = product.scim(&acme.token, "POST", "/Groups", &json!({ "displayName": "ONE" })).await;
    assert_eq!(scim_type(&taken), (409, "uniqueness"));
}

/// An organization that is deleted has no directory that anybody opens.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_deleted_organization_has_no_directory() {
    let product = Product::start().await;
    let acme = product.acme().await;
    product.scim_user(&acme.token, "bob@acme.example").await;
    let deleted = product.delete("/v1/orgs/current", &acme.ada).await;
    assert!(deleted.status.is_success(), "{deleted:?}");
    let refused = product.scim(&acme.token, "GET", "/Users", &Value::Null).await;
    assert_eq!(scim_type(&refused), (401, ""));
}
