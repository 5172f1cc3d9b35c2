//! Organizations: what they are called, and how they end.

use serde_json::json;

use crate::{product::Product, usage::event};

/// Rut's organization gets other slugs, ends and is restored; that of Sam ends for good, with all that was in
/// it.
pub(super) async fn come_and_go(product: &Product) {
    let (rut, _) = product.owner("rut@example.com", "rut").await;
    product.settle().await;
    product.get("/v1/orgs/slugs/rut", &rut).await;
    for slug in ["rut-ltd", "rut-inc", "rut-ltd"] {
        assert!(product.change_org(&rut, &json!({ "slug": slug })).await.status.is_success());
    }
    product.delete_org(&rut).await;
    assert!(product.restore_org(&rut).await.status.is_success());

    let (sam, org) = product.owner("sam@example.com", "sam").await;
    product.joined(&sam, "ulf@example.com", "owner").await;
    product.api_key(&sam, &["org:read"]).await;
    product.invite(&sam, "vic@example.com", "member").await;
    for act in ["subscribe", "cancel"] {
        product.local_post(&format!("/stripe/{act}"), &json!({ "org_id": org, "times": 1 })).await;
    }
    product.given_up(&org).await;
    product.change_org(&sam, &json!({ "slug": "sam-ltd" })).await;
    let domain = product.verified(&sam, "sam.example").await;
    product.capture(&sam, &domain, &json!({ "capture": "request" })).await;
    assert_eq!(product.connect_sso(&sam, &[&domain], &json!({})).await.status.as_u16(), 201);
    let directory = product.scim_token(&sam).await;
    let yan = product.scim_user(&directory, "yan@sam.example").await.text("/id");
    product.scim_group(&directory, "Everybody", &[&yan]).await;
    let xia = product.by_sso("xia@sam.example").await.text("/tokens/access_token");
    let xia = product.step_up_by_mail(&xia, "xia@sam.example").await;
    assert!(product.delete("/v1/me", &xia).await.status.is_success());
    let wes = product.sign_in("wes@sam.example").await.text("/access_token");
    assert!(product.ask_to_join(&wes, &org).await.status.is_success());
    let used = event("1", "active_users", &json!("xia"));
    assert_eq!(product.report(&sam, &used).await.body["accepted"], 1);
    assert!(product.delete_org(&sam).await.status.is_success());
    product.days(20).await;
    // who leaves takes things along; what that leaves behind goes with the rest
    let sam = product.sign_in("sam@example.com").await.text("/access_token");
    product.exported("/v1/audit/exports", &product.within(&sam).await, &json!({})).await;
    product.days(11).await;
    assert_eq!(product.told("organization.erased").await.len(), 1);
    let (tim, _) = product.owner("tim@example.com", "tim").await;
    assert!(product.delete_org(&tim).await.status.is_success());
}
