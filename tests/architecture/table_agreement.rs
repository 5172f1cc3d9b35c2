//! The template's tables are those that `crates/table` reads and writes.

use serde_json::{Value, json};
use table::keys::{DUE, DUE_PK, DUE_SK, LIST, LIST_PK, LIST_SK, LISTED, PK, SK, TTL};

use system_tests::template::{Resource, Template};

use crate::{assert_none, assert_noticed, broken};

fn agreement(template: &Template) -> Vec<String> {
    let tables: Vec<_> = template.of_type("AWS::DynamoDB::GlobalTable").collect();
    let ids: Vec<_> = tables.iter().map(|table| table.id).collect();
    if ids != ["Table", "TrafficTable"] {
        return vec![format!("template.yaml has the tables {ids:?}; there are Table and TrafficTable.")];
    }
    let mut problems = Vec::new();
    for table in &tables {
        let wanted = if table.id == "Table" { main() } else { traffic() };
        for (property, wanted) in wanted.into_iter().chain(both()) {
            if *table.property(property) != wanted {
                let must = format!("{property} must be {wanted}, as crates/table/src/keys.rs says.");
                problems.push(format!("{}: {must}", table.id));
            }
        }
        if table.attribute("DeletionPolicy") != "RetainExceptOnCreate" {
            problems.push(format!("{}: keep DeletionPolicy: RetainExceptOnCreate.", table.id));
        }
        problems.extend(replicas(table));
    }
    problems
}

fn keys(hash: &str, range: &str) -> Value {
    let key = |name: &str, kind: &str| json!({"AttributeName": name, "KeyType": kind});
    json!([key(hash, "HASH"), key(range, "RANGE")])
}

fn attributes(names: &[&str]) -> Value {
    names.iter().map(|name| json!({"AttributeName": name, "AttributeType": "S"})).collect::<Vec<_>>().into()
}

/// A ceiling of what a flood may cost; without it the bill has none.
fn ceiling(parameter: &str) -> Value {
    json!({"MaxWriteRequestUnits": {"Ref": parameter}})
}

/// An index has a ceiling of its own.
fn main() -> Vec<(&'static str, Value)> {
    let index = |name: &str, keys: Value, projection: Value| {
        json!({
            "IndexName": name, "KeySchema": keys, "Projection": projection,
            "WriteOnDemandThroughputSettings": ceiling("MostWriteUnits"),
        })
    };
    let due = index(DUE, keys(DUE_PK, DUE_SK), json!({"ProjectionType": "KEYS_ONLY"}));
    let listed = json!({"ProjectionType": "INCLUDE", "NonKeyAttributes": LISTED});
    let indexes = json!([due, index(LIST, keys(LIST_PK, LIST_SK), listed)]);
    vec![
        ("AttributeDefinitions", attributes(&[PK, SK, DUE_PK, DUE_SK, LIST_PK, LIST_SK])),
        ("GlobalSecondaryIndexes", indexes),
        ("StreamSpecification", json!({"StreamViewType": "NEW_AND_OLD_IMAGES"})),
        ("WriteOnDemandThroughputSettings", ceiling("MostWriteUnits")),
    ]
}

/// Without a stream: what is in it would stand between an event and its publication.
fn traffic() -> Vec<(&'static str, Value)> {
    vec![
        ("AttributeDefinitions", attributes(&[PK, SK])),
        ("GlobalSecondaryIndexes", Value::Null),
        ("StreamSpecification", Value::Null),
        ("WriteOnDemandThroughputSettings", ceiling("MostTrafficWriteUnits")),
    ]
}

fn both() -> [(&'static str, Value); 4] {
    [
        ("KeySchema", keys(PK, SK)),
        ("TimeToLiveSpecification", json!({"AttributeName": TTL, "Enabled": true})),
        ("SSESpecification", json!({"SSEEnabled": true, "SSEType": "KMS"})),
        ("BillingMode", json!("PAY_PER_REQUEST")),
    ]
}

/// Each copy of the table is protected like the first.
fn replicas(table: &Resource<'_>) -> Vec<String> {
    let listed = table.property("Replicas").as_array().map(Vec::as_slice).unwrap_or_default();
    // A replica that depends on a parameter stands in an `Fn::If`.
    let replicas: Vec<&Value> = listed
        .iter()
        .map(|listed| if listed["Fn::If"].is_null() { listed } else { &listed["Fn::If"][1] })
        .collect();
    let mut problems = Vec::new();
    if replicas.first().is_none_or(|first| first["Region"] != json!({"Ref": "AWS::Region"})) {
        problems.push(format!("{}: the first of its Replicas is in the stack's own region.", table.id));
    }
    for replica in replicas {
        let ceiling = json!({"MaxReadRequestUnits": {"Ref": "MostReadUnits"}});
        let indexes = replica["GlobalSecondaryIndexes"].as_array().into_iter().flatten();
        let count = table.property("GlobalSecondaryIndexes").as_array().map_or(0, Vec::len);
        let with_ceiling = |settings: &&Value| settings["ReadOnDemandThroughputSettings"] == ceiling;
        if !with_ceiling(&replica) || indexes.filter(with_ceiling).count() != count {
            problems.push(format!(
                "{}: give the replica in {}, and its index, MaxReadRequestUnits: !Ref MostReadUnits, or a flood has no ceiling of cost.",
                table.id, replica["Region"]
            ));
        }
        let protected = replica["PointInTimeRecoverySpecification"]["PointInTimeRecoveryEnabled"] == true
            && !replica["DeletionProtectionEnabled"].is_null()
            && !replica["SSESpecification"]["KMSMasterKeyId"].is_null()
            && !replica["Tags"].is_null();
        if !protected {
            problems.push(format!(
                "{}: give the replica in {} point-in-time recovery, DeletionProtectionEnabled, KMSMasterKeyId and Tags; \
                 none of them comes from the table.",
                table.id, replica["Region"]
            ));
        }
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

#[test]
fn an_unprotected_replica_is_noticed() {
    let template = broken(|document| {
        let replicas = &mut document["Resources"]["Table"]["Properties"]["Replicas"];
        replicas[1]["Fn::If"][1]["PointInTimeRecoverySpecification"] = Value::Null;
    });
    assert_noticed(&agreement(&template), "give the replica in {\"Ref\":\"ReplicaRegion\"} point-in-time");
}

#[test]
fn a_stream_of_the_traffic_table_is_noticed() {
    let template = broken(|document| {
        let properties = &mut document["Resources"]["TrafficTable"]["Properties"];
        properties["StreamSpecification"] = json!({"StreamViewType": "KEYS_ONLY"});
        properties["WriteOnDemandThroughputSettings"] = ceiling("MostWriteUnits");
    });
    let problems = agreement(&template);
    for property in ["StreamSpecification", "WriteOnDemandThroughputSettings"] {
        assert_noticed(&problems, &format!("TrafficTable: {property} must be"));
    }
}
