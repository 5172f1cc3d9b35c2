//! The roles of the functions are enforced.

use reqwest::StatusCode;
use serde_json::json;

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
        "Condition": { "ForAnyValue:StringEquals": { "dynamodb:LeadingKeys": [format!("ORG#{narrowed}")] } },
    });
    let both = async { (billing(&ada).await, billing(&bob).await) };
    let (refused, untouched) = product.without("ApiBillingFunctionRole", statement, both).await;
    assert!(refused.status.is_server_error(), "{refused:?}");
    assert!(!refused.problem().is_empty());
    assert!(!refused.body.to_string().contains("dynamodb"), "the cause is ours alone: {refused:?}");
    assert_eq!(untouched.status, StatusCode::OK, "another tenant's items have other keys: {untouched:?}");
    assert_eq!(billing(&ada).await.status, StatusCode::OK);
}
