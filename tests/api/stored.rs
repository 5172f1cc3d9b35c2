//! What the product stores is as the kinds of its items say: known, at its keys, within its size, and with an
//! expiry where it should have one.

use std::collections::BTreeSet;

use serde_json::Value;
use system_tests::domains;
use table::{Kept, Kind};

use crate::product::Product;

/// All items, as the local table shows them.
pub(crate) async fn items(product: &Product) -> Vec<Value> {
    let (mut items, mut after) = (Vec::new(), String::new());
    loop {
        let page = product.local(&format!("/table?{after}")).await;
        items.extend(page["items"].as_array().unwrap().iter().cloned());
        match page["next"].as_str() {
            Some(next) => after = format!("after={next}"),
            None => return items,
        }
    }
}

/// What is wrong with these items, which are all that a run in which everything happens leaves behind.
pub(crate) fn problems(items: &[Value]) -> Vec<String> {
    let kinds: Vec<&Kind> = domains::kinds().into_iter().flat_map(|(_, kinds)| kinds).collect();
    let mut seen = BTreeSet::new();
    let mut problems = BTreeSet::new();
    for item in items {
        let name = item["kind"].as_str().unwrap_or_default();
        match kinds.iter().find(|kind| kind.name == name) {
            Some(kind) => {
                seen.insert(kind.name);
                problems.extend(item_problems(kind, item));
            }
            None => drop(problems.insert(format!("{}: its kind {name:?} is no domain's.", item["pk"]))),
        }
    }
    // what expires may be gone by then
    let stay = kinds.iter().filter(|kind| !matches!(kind.kept, Kept::Days(..)));
    let missing = stay.filter(|kind| !seen.contains(kind.name));
    problems.extend(missing.map(|kind| format!("{}: nothing stores it.", kind.name)));
    problems.into_iter().collect()
}

fn item_problems(kind: &Kind, item: &Value) -> Vec<String> {
    let mut problems = Vec::new();
    for (attribute, pattern) in [("pk", kind.pk), ("sk", kind.sk)] {
        let key = item[attribute].as_str().unwrap_or_default();
        if !is_like(key, pattern) {
            problems.push(format!("{}: {key} is not like {pattern}.", kind.name));
        }
    }
    let size = item.to_string().len();
    if size > usize::from(kind.most_kb) * 1024 {
        problems.push(format!("{}: an item of {size} bytes is larger than it says.", kind.name));
    }
    let expires = item.get("expires_at").is_some();
    match kind.kept {
        Kept::ForGood if expires => problems.push(format!("{}: is kept for good, and expires.", kind.name)),
        Kept::Days(..) if !expires => problems.push(format!("{}: has no expiry.", kind.name)),
        _ => {}
    }
    problems
}

/// Whether the key has the tokens of the pattern, and anything but `#` in the places of its values.
fn is_like(key: &str, pattern: &str) -> bool {
    let (tokens, parts): (Vec<_>, Vec<_>) = (pattern.split('#').collect(), key.split('#').collect());
    let fits = |(token, part): (&&str, &&str)| token.starts_with('<') && !part.is_empty() || token == part;
    tokens.len() == parts.len() && tokens.iter().zip(&parts).all(fits)
}

#[test]
fn an_item_that_is_not_as_its_kind_says_is_noticed() {
    let item = |kind: &str, pk: &str, sk: &str| serde_json::json!({ "kind": kind, "pk": pk, "sk": sk });
    let mut org = item("org", "ORG#org_1#2", "ORG");
    org["expires_at"] = 1.into();
    org["name"] = "x".repeat(2_000).into();
    let found = problems(&[org, item("consumed", "CONSUMED#mail#evt_1", "CONSUMED"), item("team", "T", "T")]);
    let mut wanted = vec![
        "org: ORG#org_1#2 is not like ORG#<org>.",
        "org: is kept for good, and expires.",
        "consumed: has no expiry.",
        "member: nothing stores it.",
    ];
    wanted.retain(|wanted| !found.iter().any(|problem| problem == wanted));
    assert_eq!(wanted, [""; 0], "{found:?}");
    assert!(found.iter().any(|problem| problem.starts_with("org: an item of 20")), "{found:?}");
    assert!(found.iter().any(|problem| problem.contains("its kind \"team\" is no domain's")), "{found:?}");
}
