//! The roles of the functions are enforced.

use reqwest::StatusCode;
use serde_json::json;
use system_tests::alarms::{Watched, counts};

use crate::product::Product;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_role_does_not_allow_is_refused_to_the_function() {
    let product = Product::start().await;
    let (ada, narrowed) = product.owner("ada@narrowed.example", "narrowed").await;
    let (bob, _) = product.owner("bob@untouched.example", "untouched").await;
    let billing = async |token: &str| product.get("/v1/billing/subscription", token).await;
    assert_eq!(billing(&ada).await.status, StatusCode::OK);
    let statement = json!({
        "Effect": "Deny",
        "Action": "dynamodb:*",
        "Resource": "*",
        "Condition": { "ForAnyValue:StringEquals": { "dynamodb:LeadingKeys": [format!("BILL#{narrowed}")] } },
    });
    let both = async { (billing(&ada).await, billing(&bob).await) };
    let (refused, untouched) = product.without("ApiBillingFunctionRole", statement, both).await;
    assert!(refused.status.is_server_error(), "{refused:?}");
    // A release whose role lacks a right is taken back, and no other version is: what it wrote
    // fulfils the alarm's condition.
    let function = product.stack.resource("ApiBillingFunction");
    let failed = async || {
        let lines = product.metrics(function);
        let version = lines.iter().find_map(|line| line["version"].as_str())?.to_owned();
        Some((lines, version))
    };
    let (lines, version) = product.eventually("the metrics of the refusal", failed).await;
    let watched = |version| Watched { environment: "staging", function, version };
    assert!(counts("NewVersionServerErrors", watched(&version), &lines), "{lines:?}");
    assert!(!counts("NewVersionServerErrors", watched("another"), &lines));
    assert!(!refused.problem().is_empty());
    assert!(!refused.body.to_string().contains("dynamodb"), "the cause is ours alone: {refused:?}");
    assert_eq!(untouched.status, StatusCode::OK, "another tenant's items have other keys: {untouched:?}");
    assert_eq!(billing(&ada).await.status, StatusCode::OK);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_key_is_rotated_by_its_function() {
    let product = Product::start().await;
    let secrets = aws_sdk_secretsmanager::Client::new(&product.sdk);
    let arn = product.stack.resource("CursorSecret");
    let text = async |label: &str| {
        let answer = secrets.get_secret_value().secret_id(arn).version_stage(label).send().await;
        answer.ok().and_then(|answer| answer.secret_string)
    };
    let before = text("AWSCURRENT").await.unwrap();
    secrets.rotate_secret().secret_id(arn).send().await.unwrap();
    let rotated = async || text("AWSCURRENT").await.filter(|current| *current != before);
    let current = product.eventually("the new key", rotated).await;
    let key: serde_json::Value = serde_json::from_str(&current).unwrap();
    assert!(key["key"].as_str().unwrap().len() >= 32);
    assert_eq!(text("AWSPREVIOUS").await, Some(before), "what it made is still recognised");
}
