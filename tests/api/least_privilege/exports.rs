//! Exports: asked for, made, gone on with by another run, ended.

use serde_json::{Value, json};

use crate::{exports::WORKER, product::Product, samples::samples};

/// Ugo's organization is written into files.
pub(super) async fn made_and_read(product: &Product) {
    let (ugo, org) = product.owner("ugo@example.com", "ugo-and-sons").await;
    let once = product.request(reqwest::Method::POST, "/v1/orgs/current/exports").bearer_auth(&ugo);
    let asked = product.send(once.header("idempotency-key", "once").json(&json!({}))).await;
    let job = asked.headers["location"].to_str().unwrap().to_owned();
    product.settle().await;
    for path in ["/v1/audit/exports", "/v1/me/exports"] {
        product.exported(path, &ugo, &json!({})).await;
    }
    product.files(&job, &ugo).await;
    product.get("/v1/jobs?cursor=forged", &ugo).await;
    product.get("/v1/jobs", &ugo).await;
    product.begin_jobs_again().await;
    // a run that has no time left, and one that gets what it cannot read
    let (_, _, mut event) = samples().into_iter().find(|(function, ..)| function == WORKER).unwrap();
    let body = event["Records"][0]["body"].as_str().unwrap();
    let mut bus: Value = serde_json::from_str(body).unwrap();
    bus["detail"]["org_id"] = json!(org);
    bus["detail"]["data"]["job"] = asked.body.clone();
    event["Records"][0]["body"] = json!(bus.to_string());
    product.export_within(&event, 5).await;
    event["Records"][0]["body"] = json!("{}");
    product.export_within(&event, 60).await;
    product.post_nothing(&format!("{job}/cancel"), &ugo).await;
    product.settle().await;
}
