//! Exports, and the jobs that make them.

use super::{Measured, json};
use crate::exports::WORKER;

/// Ylva's organization is written into files, and so is what is known of her.
pub(super) async fn measure(measured: &mut Measured<'_>) {
    let product = measured.product;
    let (ylva, _) = product.owner("ylva@example.com", "ylva-and-sons").await;
    let function = "api-exports";
    let job = measured.post("POST /v1/orgs/current/exports", function, &ylva, &json!({})).await;
    product.settle().await;
    measured.worker(WORKER);
    measured.post("POST /v1/audit/exports", function, &ylva, &json!({ "action": "member" })).await;
    let yves = product.sign_in("yves@example.com").await.text("/access_token");
    measured.post("POST /v1/me/exports", function, &yves, &json!({})).await;
    let path = format!("/v1/jobs/{}", job.text("/id"));
    measured.get(&path, "GET /v1/jobs/{job_id}", function, &ylva).await;
    measured.get("/v1/jobs", "GET /v1/jobs", function, &ylva).await;
    product.begin_jobs_again().await;
    let route = "POST /v1/jobs/{job_id}/cancel";
    measured.change(&format!("{path}/cancel"), route, function, &ylva, &json!(null)).await;
}
