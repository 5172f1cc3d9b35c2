//! The template's table is the one that `crates/table` reads and writes.

use serde_json::{Value, json};
use table::keys::{GSI1, GSI1_PK, GSI1_SK, PK, SK, TTL};

use system_tests::template::{Resource, Template};

use crate::{assert_none, assert_noticed, broken};

fn agreement(template: &Template) -> Vec<String> {
    let tables: Vec<_> = template.of_type("AWS::DynamoDB::GlobalTable").collect();
    let [table] = tables.as_slice() else {
        return vec![format!("template.yaml has {} tables; everything lives in one.", tables.len())];
    };
    let keys = |hash: &str, range: &str| json!([{"AttributeName": hash, "KeyType": "HASH"}, {"AttributeName": range, "KeyType": "RANGE"}]);
    let attributes: Value = [PK, SK, GSI1_PK, GSI1_SK]
        .map(|name| json!({"AttributeName": name, "AttributeType": "S"}))
        .to_vec()
        .into();
    // An index has a ceiling of its own; without it the bill has none.
    let ceiling = json!({"MaxWriteRequestUnits": {"Ref": "MostWriteUnits"}});
    let index = json!([{
        "IndexName": GSI1, "KeySchema": keys(GSI1_PK, GSI1_SK), "Projection": {"ProjectionType": "ALL"},
        "WriteOnDemandThroughputSettings": ceiling,
    }]);
    let wanted = [
        ("KeySchema", keys(PK, SK)),
        ("AttributeDefinitions", attributes),
        ("GlobalSecondaryIndexes", index),
        ("TimeToLiveSpecification", json!({"AttributeName": TTL, "Enabled": true})),
        ("StreamSpecification", json!({"StreamViewType": "NEW_AND_OLD_IMAGES"})),
        ("SSESpecification", json!({"SSEEnabled": true, "SSEType": "KMS"})),
        ("BillingMode", json!("PAY_PER_REQUEST")),
        ("WriteOnDemandThroughputSettings", ceiling),
    ];
    let mut problems: Vec<String> = wanted
        .into_iter()
        .filter(|(property, wanted)| table.property(property) != wanted)
        .map(|(property, wanted)| {
            format!("{}: {property} must be {wanted}, as crates/table/src/keys.rs says.", table.id)
        })
        .collect();
    if table.attribute("DeletionPolicy") != "RetainExceptOnCreate" {
        problems.push(format!("{}: keep DeletionPolicy: RetainExceptOnCreate.", table.id));
    }
    problems.extend(replicas(table));
    problems
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
        if replica["ReadOnDemandThroughputSettings"] != ceiling
            || replica["GlobalSecondaryIndexes"][0]["ReadOnDemandThroughputSettings"] != ceiling
        {
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
