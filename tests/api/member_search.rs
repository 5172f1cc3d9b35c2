//! What lists of members and of a person's organizations call them, and who is found by it.

use futures::future::join_all;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::{invites::refused, product::Product, stored};

const MEMBERS: &str = "/v1/orgs/current/members";

impl Product {
    pub(crate) async fn call_me(&self, token: &str, name: &Value) {
        let change = self.request(Method::PATCH, "/v1/me").bearer_auth(token).json(&json!({ "name": name }));
        assert_eq!(self.send(change).await.status, StatusCode::OK);
    }

    /// The addresses of those who are found, page by page.
    async fn found(&self, token: &str, query: &str) -> Vec<String> {
        let (mut found, mut cursor) = (Vec::new(), String::new());
        loop {
            let page = self.get(&format!("{MEMBERS}?{query}{cursor}"), token).await;
            assert_eq!(page.status, StatusCode::OK, "{page:?}");
            let items = page.body["items"].as_array().unwrap();
            found.extend(items.iter().map(|member| member["email"].as_str().unwrap().to_owned()));
            match page.body["next_cursor"].as_str() {
                Some(next) => cursor = format!("&cursor={next}"),
                None => return found,
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_member_is_found_by_address_name_and_last_name() {
    let product = Product::start().await;
    let (ada, _) = product.owner("ada@example.com", "acme").await;
    let (bob, _) = product.joined(&ada, "jose@example.com", "admin").await;
    let (_, member) = product.joined(&ada, "kim@example.org", "viewer").await;
    product.call_me(&ada, &json!("Ada Lovelace")).await;
    product.call_me(&bob, &json!("José López")).await;
    product.settle().await;
    let (ada_found, bob_found) = (vec!["ada@example.com"], vec!["jose@example.com"]);
    for (query, expected) in [
        ("q=ada", ada_found.clone()),
        ("q=ADA%20lov", ada_found.clone()),
        ("q=love", ada_found),
        ("q=jose", bob_found.clone()),
        ("q=Jos%C3%A9", bob_found.clone()),
        ("q=l%C3%B3pez", bob_found.clone()),
        ("q=lo", vec!["jose@example.com", "ada@example.com"]),
        ("q=lo&role=admin", bob_found),
        ("q=lo&role=viewer", vec![]),
        ("q=kim", vec!["kim@example.org"]),
        ("q=%20%0A", vec![]),
        ("q=example", vec![]),
        ("q=%23", vec![]),
        ("q=%25", vec![]),
    ] {
        assert_eq!(product.found(&ada, query).await, expected, "{query}");
        assert_eq!(product.found(&ada, &format!("{query}&limit=1")).await, expected, "{query}, one by one");
    }
    // the list and the single member say the name too, and by role
    let listed = product.get(MEMBERS, &ada).await;
    assert_eq!(listed.text("/items/0/name"), "Ada Lovelace");
    assert_eq!(listed.body["items"][2]["name"], json!(null));
    let admins = product.get(&format!("{MEMBERS}?role=admin"), &ada).await;
    assert_eq!(admins.body["items"], json!([listed.body["items"][1]]));
    for q in ["", "%00", &"x".repeat(101)] {
        let answer = product.get(&format!("{MEMBERS}?q={q}"), &ada).await;
        if q != "%00" {
            assert_eq!(refused(&answer), (422, "invalid_request"), "{q}: {answer:?}");
        }
    }
    // who goes is found no more, and who has another role by that one
    assert_eq!(product.set_member(&ada, &member, "member").await.status, StatusCode::OK);
    product.settle().await;
    assert_eq!(product.found(&ada, "q=kim&role=member").await, ["kim@example.org"]);
    assert_eq!(product.remove_member(&ada, &member).await.status, StatusCode::NO_CONTENT);
    product.settle().await;
    assert_eq!(product.found(&ada, "q=kim").await, [""; 0]);
    let items = stored::items(&product).await;
    let of_kim = items.iter().filter(|item| item.to_string().contains(&member) && item["kind"] != "audit");
    let left: Vec<_> = of_kim.filter(|item| item["kind"].as_str().unwrap().starts_with("member_")).collect();
    assert!(left.is_empty(), "{left:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_is_found_in_another_organization() {
    let product = Product::start().await;
    let (ada, _) = product.owner("ada@example.com", "acme").await;
    let (eve, _) = product.owner("eve@example.org", "evil").await;
    product.settle().await;
    assert_eq!(product.found(&eve, "q=ada").await, [""; 0]);
    assert_eq!(product.found(&eve, "q=e").await, ["eve@example.org"]);
    for number in 0..3 {
        product.joined(&ada, &format!("same-{number}@example.com"), "viewer").await;
    }
    let page = product.get(&format!("{MEMBERS}?q=same&limit=1"), &ada).await;
    let cursor = page.text("/next_cursor");
    for (token, query) in
        [(&eve, "q=same"), (&ada, "q=sam"), (&ada, "q=same&role=viewer"), (&ada, "role=viewer")]
    {
        let answer = product.get(&format!("{MEMBERS}?{query}&cursor={cursor}"), token).await;
        assert_eq!(refused(&answer), (422, "invalid_cursor"), "{query}: {answer:?}");
    }
}

/// Names and roles change at once, and events overtake each other and come twice: in the end each list says
/// what the person's own item says.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_overtakes_whatever_lists_say_what_is_so() {
    let product = Product::crowded().await;
    let (ada, _) = product.owner("ada@example.com", "acme").await;
    let (bob, member) = product.joined(&ada, "bob@example.com", "viewer").await;
    for turn in 0..4 {
        let names = (0..4).map(|number| json!(format!("Bob {turn}{number}")));
        let named = join_all(names.map(|name| async {
            let name = name;
            product.call_me(&bob, &name).await;
        }));
        let roles = ["admin", "member", "viewer"].map(|role| product.set_member(&ada, &member, role));
        futures::future::join(named, join_all(roles)).await;
        product.settle().await;
        let name = product.get("/v1/me", &bob).await.text("/name");
        let shown = product.get(&format!("{MEMBERS}/{member}"), &ada).await;
        assert_eq!(shown.text("/name"), name);
        for query in ["q=bob".to_owned(), format!("q={}", name.replace(' ', "%20"))] {
            let found = product.get(&format!("{MEMBERS}?{query}"), &ada).await;
            assert_eq!(found.body["items"], json!([shown.body]), "{query}");
        }
        let others = (0..=turn).flat_map(|turn| (0..4).map(move |number| format!("bob {turn}{number}")));
        for other in others.filter(|other| *other != name.to_lowercase()) {
            let query = format!("q={}", other.replace(' ', "%20"));
            assert_eq!(product.found(&ada, &query).await, [""; 0], "{query}, while it is {name}");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_new_name_and_slug_reach_every_member() {
    let product = Product::start().await;
    let (ada, _) = product.owner("ada@example.com", "acme").await;
    let (bob, _) = product.joined(&ada, "bob@example.com", "viewer").await;
    product.change_org(&ada, &json!({ "name": "Acme Ltd" })).await;
    product.change_org(&ada, &json!({ "slug": "acme-ltd" })).await;
    product.change_org(&ada, &json!({ "locale": "de" })).await;
    product.settle().await;
    for token in [&ada, &bob] {
        let place = product.get("/v1/me", token).await.body["organizations"][0].clone();
        assert_eq!((&place["name"], &place["slug"]), (&json!("Acme Ltd"), &json!("acme-ltd")));
        let listed = product.get("/v1/me/memberships", token).await;
        assert_eq!(listed.body["items"][0], place);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_address_is_found_and_the_one_before_no_more() {
    let product = Product::start().await;
    let (ada, _) = product.owner("ada@example.com", "acme").await;
    product.settle().await;
    assert_eq!(product.found(&ada, "q=ada@example.com").await, ["ada@example.com"]);
    let body = json!({ "email": "countess@example.org" });
    product.post_as("/v1/me/email-changes", &ada, &body).await;
    product.settle().await;
    let token = product.link("countess@example.org").await;
    let body = json!({ "token": token });
    let confirmed = product.post("/v1/auth/email-changes/confirm", &body).await;
    assert_eq!(confirmed.status, StatusCode::NO_CONTENT, "{confirmed:?}");
    product.settle().await;
    assert_eq!(product.found(&ada, "q=countess").await, ["countess@example.org"]);
    assert_eq!(product.found(&ada, "q=ada@").await, [""; 0]);
}
