//! What the guides say of the local API is what it does.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use crate::product::{Product, local_api};

const README: &str = include_str!("../../../../README.md");
const LOCAL_API: &str = include_str!("../../../../docs/local-api.md");
const ROUTER: &str = include_str!("../../src/api/mod.rs");

/// An object without the figures in it, sorted by name, so that two answers of one form are the same.
fn form(text: &str) -> String {
    let members: BTreeMap<String, Value> = serde_json::from_str(text).unwrap();
    let sorted = serde_json::to_string(&members).unwrap();
    sorted.chars().filter(|letter| !letter.is_ascii_digit() && *letter != '.').collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn answers_in_the_guides_have_the_form_of_the_servers() {
    let cloud = Product::default().start().await;
    let moved = local_api(&cloud, "POST", "/clock", json!({ "advance": "2h" })).await;
    let moved = String::from_utf8(moved.body).unwrap();
    let counts = local_api(&cloud, "GET", "/status", Value::Null).await.json()["counts"].to_string();
    for (guide, start, given) in [
        (README, "{\"events_published\"", &moved),
        (LOCAL_API, "{\"events_published\"", &moved),
        (LOCAL_API, "{\"dead_letters\"", &counts),
    ] {
        let shown: Vec<&str> = guide.lines().filter(|line| line.starts_with(start)).collect();
        let [shown] = shown[..] else { panic!("one line starts with {start}: {shown:?}") };
        assert_eq!(form(shown), form(given));
    }
}

#[test]
fn the_guide_has_every_route_and_no_other() {
    let routed: BTreeSet<&str> =
        ROUTER.split(".route(\"").skip(1).filter_map(|rest| rest.split('"').next()).collect();
    let table = LOCAL_API.split("## Routes below").nth(1).unwrap().split("### Examples").next().unwrap();
    let methods = ["`GET ", "`POST ", "`PUT ", "`DELETE "];
    let shown: BTreeSet<&str> = methods
        .into_iter()
        .flat_map(|method| table.split(method).skip(1))
        .filter_map(|rest| rest.split(['`', ' ', '?']).next())
        .map(|path| if path.starts_with("/stripe/{") { "/stripe/{action}" } else { path })
        .collect();
    assert_eq!(shown, routed);
}
