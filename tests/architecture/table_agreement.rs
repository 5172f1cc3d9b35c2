//! The template's table is the one that `crates/table` reads and writes.

use serde_json::{Value, json};
use table::keys::{GSI1, GSI1_PK, GSI1_SK, PK, SK, TTL};

use system_tests::template::Template;

use crate::{assert_none, assert_noticed, broken};

fn agreement(template: &Template) -> Vec<String> {
    let tables: Vec<_> = template.of_type("AWS::DynamoDB::Table").collect();
    let [table] = tables.as_slice() else {
        return vec![format!("template.yaml has {} tables; everything lives in one.", tables.len())];
    };
    let keys = |hash: &str, range: &str| json!([{"AttributeName": hash, "KeyType": "HASH"}, {"AttributeName": range, "KeyType": "RANGE"}]);
    let attributes: Value = [PK, SK, GSI1_PK, GSI1_SK]
        .map(|name| json!({"AttributeName": name, "AttributeType": "S"}))
        .to_vec()
        .into();
    let index = json!([{"IndexName": GSI1, "KeySchema": keys(GSI1_PK, GSI1_SK), "Projection": {"ProjectionType": "ALL"}}]);
    let wanted = [
        ("KeySchema", keys(PK, SK)),
        ("AttributeDefinitions", attributes),
        ("GlobalSecondaryIndexes", index),
        ("TimeToLiveSpecification", json!({"AttributeName": TTL, "Enabled": true})),
        ("StreamSpecification", json!({"StreamViewType": "NEW_AND_OLD_IMAGES"})),
        ("PointInTimeRecoverySpecification", json!({"PointInTimeRecoveryEnabled": true})),
        ("SSESpecification", json!({"SSEEnabled": true})),
        ("BillingMode", json!("PAY_PER_REQUEST")),
    ];
    let mut problems: Vec<String> = wanted
        .into_iter()
        .filter(|(property, wanted)| table.property(property) != wanted)
        .map(|(property, wanted)| {
            format!("{}: {property} must be {wanted}, as crates/table/src/keys.rs says.", table.id)
        })
        .collect();
    if table.property("DeletionProtectionEnabled").is_null()
        || table.attribute("DeletionPolicy") != "RetainExceptOnCreate"
    {
        problems.push(format!(
            "{}: keep DeletionProtectionEnabled and DeletionPolicy: RetainExceptOnCreate.",
            table.id
        ));
    }
    problems
}

#[test]
fn the_template_has_the_table_that_the_code_uses() {
    assert_none(&agreement(&Template::of_repository()));
}

#[test]
fn another_key_index_or_time_to_live_is_noticed() {
    let template = broken(|document| {
        let properties = &mut document["Resources"]["Table"]["Properties"];
        properties["KeySchema"][1]["AttributeName"] = "range".into();
        properties["GlobalSecondaryIndexes"][0]["IndexName"] = "gsi2".into();
        properties["TimeToLiveSpecification"]["AttributeName"] = "ttl".into();
    });
    let problems = agreement(&template);
    for property in ["KeySchema", "GlobalSecondaryIndexes", "TimeToLiveSpecification"] {
        assert_noticed(&problems, &format!("Table: {property} must be"));
    }
}
