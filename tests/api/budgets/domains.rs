//! The domains of an organization.

use super::{Measured, json};

/// Pam's organization adds a domain, shows that it is its own, and removes it.
pub(super) async fn measure(measured: &mut Measured<'_>) {
    let product = measured.product;
    let (pam, _) = product.owner("pam@pam.example", "pam-and-sons").await;
    let (domains, function) = ("/v1/orgs/current/domains", "api-sso");
    product.domain(&pam, "first.example").await;
    let new = json!({ "name": "pam.example" });
    let domain = measured.post("POST /v1/orgs/current/domains", function, &pam, &new).await;
    let one = format!("{domains}/{}", domain.text("/id"));
    product.set_record(&domain).await;
    let route = "POST /v1/orgs/current/domains/{domain_id}/verify";
    measured.change(&format!("{one}/verify"), route, function, &pam, &json!(null)).await;
    measured.get(domains, "GET /v1/orgs/current/domains", function, &pam).await;
    measured.get(&one, "GET /v1/orgs/current/domains/{domain_id}", function, &pam).await;
    let route = "PATCH /v1/orgs/current/domains/{domain_id}";
    measured.change(&one, route, function, &pam, &json!({ "capture": "automatic" })).await;
    let (quin, members) = (product.sign_in("quin@pam.example").await.text("/access_token"), "api-members");
    let path = "/v1/me/joinable-organizations";
    let joinable = async |measured: &mut Measured<'_>| {
        measured.get(path, "GET /v1/me/joinable-organizations", members, &quin).await;
        measured.product.get(path, &quin).await.text("/items/0/org_id")
    };
    let org_id = joinable(measured).await;
    let join = json!({ "org_id": org_id });
    measured.post("POST /v1/me/join-requests", members, &quin, &join).await;
    product.capture(&pam, &domain, &json!({ "capture": "request" })).await;
    let mut asked = Vec::new();
    for email in ["rob@pam.example", "sue@pam.example"] {
        let token = product.sign_in(email).await.text("/access_token");
        asked.push(product.ask_to_join(&token, &org_id).await);
        measured.again("POST /v1/me/join-requests", members);
    }
    let requests = "/v1/orgs/current/join-requests";
    measured.get(requests, "GET /v1/orgs/current/join-requests", members, &pam).await;
    for (request, verb, body) in [(&asked[0], "approve", json!({})), (&asked[1], "decline", json!(null))] {
        let route = format!("POST /v1/orgs/current/join-requests/{{request_id}}/{verb}");
        let path = format!("{requests}/{}/{verb}", request.text("/id"));
        measured.change(&path, &route, members, &pam, &body).await;
    }
    let route = "DELETE /v1/orgs/current/domains/{domain_id}";
    measured.change(&one, route, function, &pam, &json!(null)).await;
}
