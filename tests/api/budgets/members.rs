//! Members and invites.

use jiff::SignedDuration;

use super::{Measured, json};

/// Ida's organization, into which Jim comes, and Kim does not.
pub(super) async fn measure(measured: &mut Measured<'_>) {
    let product = measured.product;
    let (ida, _) = product.owner("ida@example.com", "ida-and-sons").await;
    let (invites, members) = ("/v1/orgs/current/invites", "/v1/orgs/current/members");
    let function = "api-members";
    let body = json!({ "email": "jim@example.com", "role": "admin" });
    let invite = measured.post("POST /v1/orgs/current/invites", function, &ida, &body).await.text("/id");
    let two = json!([{ "email": "meg@example.com", "role": "viewer" }, { "email": "max@example.com", "role": "viewer" }]);
    let body = json!({ "items": two });
    measured.post("POST /v1/orgs/current/invites/batch", function, &ida, &body).await;
    let one = format!("{invites}/{invite}");
    measured.get(invites, "GET /v1/orgs/current/invites", function, &ida).await;
    product.get(&format!("{invites}?status=pending"), &ida).await;
    measured.again("GET /v1/orgs/current/invites", function);
    measured.get(&one, "GET /v1/orgs/current/invites/{invite_id}", function, &ida).await;
    let route = "POST /v1/orgs/current/invites/{invite_id}/resend";
    measured.change(&format!("{one}/resend"), route, function, &ida, &json!(null)).await;
    let route = "POST /v1/orgs/current/invites/{invite_id}/rebind";
    // an address that somebody has, and that was invited before: the longest way
    product.sign_in("jo@example.com").await;
    let over = product.invite(&ida, "jo@example.com", "member").await;
    product.delete(&format!("{invites}/{}", over.text("/id")), &ida).await;
    let body = json!({ "email": "jo@example.com" });
    measured.change(&format!("{one}/rebind"), route, function, &ida, &body).await;
    product.settle().await;
    let link = json!({ "token": product.link("jo@example.com").await });
    measured.post("POST /v1/invites/preview", function, "", &link).await;
    let jo = product.sign_in("jo@example.com").await.text("/access_token");
    let joined = measured.post("POST /v1/invites/accept", function, &jo, &link).await;
    let jo = product.post_as("/v1/auth/switch-org", &jo, &json!({ "org_id": joined.text("/org_id") })).await;
    let jo = jo.text("/tokens/access_token");

    let invited = product.invite(&ida, "kim@example.com", "member").await.text("/id");
    let route = "POST /v1/orgs/current/invites/{invite_id}/confirm";
    measured.change(&format!("{invites}/{invited}/confirm"), route, function, &jo, &json!(null)).await;
    product.settle().await;
    let link = json!({ "token": product.link("kim@example.com").await });
    measured.post("POST /v1/invites/decline", function, "", &link).await;
    let invited = product.invite(&ida, "kim@example.com", "member").await.text("/id");
    let route = "DELETE /v1/orgs/current/invites/{invite_id}";
    measured.change(&format!("{invites}/{invited}"), route, function, &ida, &json!(null)).await;

    let links = "/v1/orgs/current/invite-links";
    let expires_at = (product.cloud.clock().now() + SignedDuration::from_hours(24)).to_string();
    let body = json!({ "role": "viewer", "max_uses": 5, "expires_at": expires_at });
    let link = measured.post("POST /v1/orgs/current/invite-links", function, &ida, &body).await;
    measured.get(links, "GET /v1/orgs/current/invite-links", function, &ida).await;
    let token = json!({ "token": link.text("/url").split_once("#token=").unwrap().1 });
    assert!(product.post("/v1/invites/preview", &token).await.status.is_success());
    measured.again("POST /v1/invites/preview", function);
    let kit = product.sign_in("kit@example.com").await.text("/access_token");
    assert!(product.post_as("/v1/invites/accept", &kit, &token).await.status.is_success());
    measured.again("POST /v1/invites/accept", function);
    let (route, path) = ("DELETE /v1/orgs/current/invite-links/{link_id}", link.text("/invite_link/id"));
    measured.change(&format!("{links}/{path}"), route, function, &ida, &json!(null)).await;

    let jos = format!("{members}/{}", joined.text("/id"));
    measured.get(&jos, "GET /v1/orgs/current/members/{member_id}", function, &ida).await;
    for query in ["role=admin", "q=i", "q=i&role=owner"] {
        product.get(&format!("{members}?{query}"), &ida).await;
        measured.again("GET /v1/orgs/current/members", function);
    }
    let route = "PATCH /v1/orgs/current/members/{member_id}";
    measured.change(&jos, route, function, &ida, &json!({ "role": "owner" })).await;
    let body = json!({ "member_id": product.own_member(&ida).await, "own_role": "viewer" });
    measured.post("POST /v1/orgs/current/transfer-ownership", function, &jo, &body).await;
    measured.post("POST /v1/orgs/current/leave", function, &jo, &json!(null)).await;
    let (_, member) = product.joined(&ida, "len@example.com", "owner").await;
    let route = "DELETE /v1/orgs/current/members/{member_id}";
    measured.change(&format!("{members}/{member}"), route, function, &ida, &json!(null)).await;
    // the last name after another: all of its words are written anew
    for name in ["Ida of the Hills", "Ida Anna von Berg"] {
        product.settle().await;
        product.call_me(&ida, &json!(name)).await;
    }
    product.settle().await;
    measured.worker("queue-member-copies");
}
