//! Exports, and the jobs that make them.

use super::{Measured, json};
use crate::exports::WORKER;

/// Una's organization is written into files, and so is what is known of her.
pub(super) async fn measure(measured: &mut Measured<'_>) {
    let product = measured.product;
    let (una, _) = product.owner("una@example.com", "una-and-sons").await;
    let function = "api-exports";
    let job = measured.post("POST /v1/orgs/current/exports", function, &una, &json!({})).await;
    product.settle().await;
    measured.worker(WORKER);
    measured.post("POST /v1/audit/exports", function, &una, &json!({ "action": "member" })).await;
    let ugo = product.sign_in("ugo@example.com").await.text("/access_token");
    measured.post("POST /v1/me/exports", function, &ugo, &json!({})).await;
    let path = format!("/v1/jobs/{}", job.text("/id"));
    measured.get(&path, "GET /v1/jobs/{job_id}", function, &una).await;
    measured.get("/v1/jobs", "GET /v1/jobs", function, &una).await;
    product.begin_jobs_again().await;
    let route = "POST /v1/jobs/{job_id}/cancel";
    measured.change(&format!("{path}/cancel"), route, function, &una, &json!(null)).await;
}
