//! Lists: filters, pages by index and by cursor, and that none of them costs more in a large directory.

use reqwest::StatusCode;
use serde_json::{Value, json};
use system_tests::answer::Answer;

use super::scim_type;
use crate::product::Product;

pub(crate) fn encoded(filter: &str) -> String {
    let parts =
        [("%", "%25"), (" ", "%20"), ("\"", "%22"), ("#", "%23"), ("&", "%26"), ("+", "%2B"), ("\\", "%5C")];
    parts.iter().fold(filter.to_owned(), |text, (letter, code)| text.replace(letter, code))
}

impl Product {
    async fn users_found(&self, token: &str, filter: &str) -> Answer {
        self.scim(token, "GET", &format!("/Users?filter={}", encoded(filter)), &Value::Null).await
    }
}

fn names(answer: &Answer) -> Vec<String> {
    let resources = answer.body["Resources"].as_array().unwrap_or_else(|| panic!("{answer:?}"));
    resources.iter().map(|one| one["userName"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn users_are_found_by_what_they_are_called() {
    let product = Product::start().await;
    let acme = product.acme().await;
    let token = &acme.token;
    for (name, title) in [("ann", "Chief"), ("anna", "Cook"), ("Bert", "Cook"), ("cäsar", "Chief")] {
        let body = json!({ "userName": name, "title": title, "externalId": format!("x-{name}"),
            "emails": [{ "value": format!("{title}@acme.example"), "type": "work" }, { "value": "z@z.example", "type": "home" }] });
        // the addresses are the same person's, so they are of nobody's domain here
        let body = if title == "Chief" {
            json!({ "userName": name, "title": title, "externalId": format!("x-{name}") })
        } else {
            body
        };
        let body =
            if name == "Bert" { json!({ "userName": name, "title": title, "active": false }) } else { body };
        let made = product.scim(token, "POST", "/Users", &body).await;
        assert_eq!(made.status, StatusCode::CREATED, "{made:?}");
    }
    for (filter, expected) in [
        ("userName eq \"ANN\"", &["ann"][..]),
        ("userName Eq \"bert\"", &["Bert"]),
        ("userName eq \"nobody\"", &[]),
        ("externalId eq \"x-anna\"", &["anna"]),
        ("externalId eq \"X-anna\"", &[]),
        ("userName sw \"an\"", &["ann", "anna"]),
        ("userName sw \"CÄ\"", &["cäsar"]),
        ("userName co \"a\"", &["ann", "anna", "cäsar"]),
        ("userName sw \"an\" and title eq \"cook\"", &["anna"]),
        ("userName eq \"ann\" and title eq \"cook\"", &[]),
        ("title eq \"cook\"", &["anna", "Bert"]),
        ("active eq false", &["Bert"]),
        ("active eq \"False\"", &["Bert"]),
        ("not (title eq \"cook\") and userName pr", &["ann", "cäsar"]),
        ("emails[type eq \"work\" and value co \"acme\"]", &["anna"]),
        ("emails.type eq \"home\" or userName ew \"rt\"", &["anna", "Bert"]),
        ("emails eq \"cook@acme.example\"", &["anna"]),
        ("urn:ietf:params:scim:schemas:core:2.0:User:userName eq \"ann\"", &["ann"]),
        ("meta.resourceType eq \"User\" and userName eq \"ann\"", &["ann"]),
        ("userName gt \"b\" and userName lt \"c\"", &["Bert"]),
    ] {
        let found = product.users_found(token, filter).await;
        assert_eq!(names(&found), expected, "{filter}");
        assert_eq!(found.body["totalResults"], expected.len(), "{filter}");
    }
    for broken in [
        "userName",
        "userName eq",
        "userName eq ann",
        "userName zz \"a\"",
        "(userName pr",
        "userName pr)",
        "a[b pr",
        "\"a\" eq \"b\"",
        "userName eq \"a",
        "userName eq \"\\u00\"",
        "not userName pr",
        "user Name pr",
        "[a]",
    ] {
        let refused = product.users_found(token, broken).await;
        assert_eq!(scim_type(&refused), (400, "invalidFilter"), "{broken}");
    }
    let deep = format!("{}userName pr{}", "(".repeat(200), ")".repeat(200));
    assert_eq!(scim_type(&product.users_found(token, &deep).await), (400, "invalidFilter"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pages_go_on_where_the_one_before_ended() {
    let product = Product::start().await;
    let acme = product.acme().await;
    let token = &acme.token;
    let mut all = Vec::new();
    for number in 0..13 {
        all.push(product.scim_user(token, &format!("user-{number:02}")).await.text("/userName"));
    }
    let mut seen = Vec::new();
    for start in [1, 6, 11] {
        let page =
            product.scim(token, "GET", &format!("/Users?startIndex={start}&count=5"), &Value::Null).await;
        assert_eq!(
            (&page.body["totalResults"], &page.body["startIndex"]),
            (&json!(13), &json!(start)),
            "{page:?}"
        );
        assert_eq!(page.body["itemsPerPage"], names(&page).len());
        seen.extend(names(&page));
    }
    assert_eq!(seen, all);
    // anywhere near is found, too; none at all is their number
    let page = product.scim(token, "GET", "/Users?startIndex=9&count=2", &Value::Null).await;
    assert_eq!(names(&page), all[8..10]);
    for (query, expected) in [
        ("count=0", 0),
        ("startIndex=99", 0),
        ("startIndex=-3&count=2", 2),
        ("count=-1", 0),
        ("count=5000", 13),
    ] {
        let page = product.scim(token, "GET", &format!("/Users?{query}"), &Value::Null).await;
        assert_eq!((names(&page).len(), &page.body["totalResults"]), (expected, &json!(13)), "{query}");
    }
    let (mut seen, mut cursor) = (Vec::new(), String::new());
    loop {
        let page = product.scim(token, "GET", &format!("/Users?cursor={cursor}&count=5"), &Value::Null).await;
        assert_eq!(page.status, StatusCode::OK, "{page:?}");
        seen.extend(names(&page));
        match page.body["nextCursor"].as_str() {
            Some(next) => cursor = next.to_owned(),
            None => break,
        }
    }
    assert_eq!(seen, all);
    let by_cursor = format!("/Users?filter={}&count=4&cursor=", encoded("userName sw \"user\""));
    let first = product.scim(token, "GET", &by_cursor, &Value::Null).await;
    let second =
        product.scim(token, "GET", &format!("{by_cursor}{}", first.text("/nextCursor")), &Value::Null).await;
    assert_eq!((names(&first), names(&second)), (all[..4].to_vec(), all[4..8].to_vec()));
    for (query, expected) in [
        ("cursor=made-up", "invalidCursor"),
        ("cursor=&startIndex=1", "invalidValue"),
        ("count=many", "invalidValue"),
    ] {
        let refused = product.scim(token, "GET", &format!("/Users?{query}"), &Value::Null).await;
        assert_eq!(scim_type(&refused), (400, expected), "{query}: {refused:?}");
    }
    // a cursor is of one directory
    let (ben, _) = product.owner("ben@beta.example", "beta").await;
    let other = product.scim_token(&ben).await;
    let foreign = product.scim(&other, "GET", &format!("/Users?cursor={cursor}&count=5"), &Value::Null).await;
    assert_eq!(scim_type(&foreign), (400, "invalidCursor"), "{foreign:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn only_what_is_asked_for_is_shown() {
    let product = Product::start().await;
    let acme = product.acme().await;
    let token = &acme.token;
    let body =
        json!({ "userName": "ann", "title": "Chief", "name": { "givenName": "Ann", "familyName": "Other" } });
    let id = product.scim(token, "POST", "/Users", &body).await.text("/id");
    for (query, there, gone) in [
        ("attributes=userName", &["/userName", "/id", "/schemas"][..], &["/title", "/meta", "/name"][..]),
        (
            "attributes=USERNAME,name.givenName",
            &["/userName", "/name/givenName"],
            &["/name/familyName", "/title"],
        ),
        (
            "excludedAttributes=title,name.familyName",
            &["/userName", "/name/givenName", "/meta"],
            &["/title", "/name/familyName"],
        ),
        ("attributes=urn:ietf:params:scim:schemas:core:2.0:User:title", &["/title"], &["/userName"]),
        ("attributes=whatever", &["/id"], &["/userName"]),
    ] {
        for path in [format!("/Users/{id}?{query}"), format!("/Users?{query}")] {
            let answer = product.scim(token, "GET", &path, &Value::Null).await;
            let shown =
                if answer.body["Resources"].is_array() { &answer.body["Resources"][0] } else { &answer.body };
            assert!(there.iter().all(|pointer| shown.pointer(pointer).is_some()), "{path}: {shown}");
            assert!(gone.iter().all(|pointer| shown.pointer(pointer).is_none()), "{path}: {shown}");
        }
    }
    let search = json!({ "schemas": ["urn:ietf:params:scim:api:messages:2.0:SearchRequest"], "filter": "userName eq \"ann\"", "attributes": ["title"], "startIndex": 1, "count": 3 });
    for path in ["/.search", "/Users/.search"] {
        let found = product.scim(token, "POST", path, &search).await;
        assert_eq!(
            (found.text("/Resources/0/title"), &found.body["totalResults"]),
            ("Chief".to_owned(), &json!(1)),
            "{path}"
        );
    }
}

/// A directory of two, and one of some hundreds: the same calls and units.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_large_directory_costs_no_more() {
    let product = Product::alone().await;
    let acme = product.acme().await;
    let token = &acme.token;
    let id = product.scim_user(token, "user-0000").await.text("/id");
    product.scim_user(token, "user-0001").await;
    let filter = encoded("userName eq \"user-0001\"");
    let paths = [
        "/Users?count=2".to_owned(),
        "/Users?count=2&cursor=".to_owned(),
        format!("/Users?filter={filter}"),
        format!("/Users/{id}"),
    ];
    let cost = async || {
        let mut costs = Vec::new();
        for path in &paths {
            product.settle().await;
            let answer = product.scim(token, "GET", path, &Value::Null).await;
            assert_eq!(answer.status, StatusCode::OK, "{answer:?}");
            product.scim(token, "GET", path, &Value::Null).await;
            let calls = product.host("api-scim").calls_of_last_invocation();
            let units: f64 = calls.iter().map(|call| call.units).sum();
            costs.push((path.clone(), calls.len(), units));
        }
        costs
    };
    let small = cost().await;
    for number in 2..300 {
        product.scim_user(token, &format!("user-{number:04}")).await;
    }
    let large = cost().await;
    for ((path, calls, units), (_, more_calls, more_units)) in small.iter().zip(&large) {
        // a page that is not the last one notes where it ends, and reads one row more
        assert!(*more_calls <= calls + 1 && *more_units <= units + 2.0, "{path}: {small:?} {large:?}");
    }
}
