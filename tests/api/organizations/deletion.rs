//! The end of an organization: what is left open until it comes, and who takes it back.

use futures::future::join_all;
use jiff::SignedDuration;

use super::*;

const ADA: &str = "ada@example.com";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_organization_can_be_looked_at_and_restored_for_thirty_days() {
    let product = Product::start().await;
    let (ada, org) = product.owner(ADA, "acme").await;
    let (bob, _) = product.joined(&ada, "bob@example.com", "admin").await;
    let (key_id, key) = product.api_key(&ada, &["org:read", "members:read"]).await;
    assert_eq!(product.get(CURRENT, &key).await.status, StatusCode::OK);
    let invited = product.invite(&ada, "eve@example.com", "member").await;
    assert_eq!(invited.status, StatusCode::CREATED);
    product.settle().await;
    let link = product.link("eve@example.com").await;
    assert_eq!(refused(&product.delete_org(&bob).await), (403, "forbidden"));
    for _ in 0..2 {
        assert_eq!(product.delete_org(&ada).await.status, StatusCode::NO_CONTENT);
    }
    let shown = product.get(CURRENT, &bob).await;
    let time = |at: &str| shown.text(at).parse::<jiff::Timestamp>().unwrap();
    let grace = time("/deletion/erase_at").duration_since(time("/deletion/requested_at"));
    assert_eq!(grace, SignedDuration::from_hours(30 * 24), "{shown:?}");
    let me = product.get("/v1/me", &bob).await;
    assert_eq!((&me.body["membership"]["access"]["level"]), &json!("export_only"), "{me:?}");
    // nobody changes anything, no program comes in, and nobody new
    for answer in [
        product.change_org(&ada, &json!({ "name": "Beta" })).await,
        product.invite(&bob, "kim@example.com", "member").await,
        product.get("/v1/orgs/current/members", &bob).await,
    ] {
        assert_eq!(refused(&answer), (402, "access_restricted"), "{answer:?}");
    }
    assert_eq!(refused(&product.get(CURRENT, &key).await), (401, "invalid_api_key"));
    let eve = product.sign_in("eve@example.com").await.text("/access_token");
    for path in ["/v1/invites/preview", "/v1/invites/accept"] {
        let answer = product.post_as(path, &eve, &json!({ "token": link })).await;
        assert_eq!(refused(&answer), (410, "invite_closed"), "{path}");
    }
    assert_eq!(refused(&product.restore_org(&bob).await), (403, "forbidden"));
    let told = "acme on Gantry is about to be erased".to_owned();
    product.settle().await;
    assert!(product.subjects(ADA).await.contains(&told));
    assert!(!product.subjects("bob@example.com").await.contains(&told), "owners are told");

    // beyond the days on which a trial's end is told, hour by hour
    product.advance(SignedDuration::from_hours(15 * 24)).await;
    product.jump(SignedDuration::from_hours(15 * 24 - 1)).await;
    let trial = product.subjects(ADA).await.into_iter().filter(|subject| subject.contains("trial")).count();
    assert_eq!(trial, 0, "whoever deleted it hears of no trial that ends");
    let session = product.sign_in(ADA).await.text("/access_token");
    let body = json!({ "org_id": org });
    let ada = product.post_as("/v1/auth/switch-org", &session, &body).await.tokens().text("/access_token");
    for _ in 0..2 {
        let restored = product.restore_org(&ada).await;
        assert_eq!((restored.status, &restored.body["deletion"]), (StatusCode::OK, &json!(null)));
        assert_eq!(product.get(CURRENT, &ada).await.body, restored.body);
    }
    product.advance(SignedDuration::from_hours(2)).await;
    assert_eq!(product.get(CURRENT, &key).await.status, StatusCode::OK, "keys work again: {key_id}");
    assert!(product.subjects(ADA).await.contains(&"acme on Gantry is there again".to_owned()));
    let events = product.events().await;
    let count = |name: &str| events.iter().filter(|event| *event == name).count();
    let counted = ["organization.deleted", "organization.restored", "organization.erased"].map(count);
    assert_eq!(counted, [1, 1, 0]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_pays_cancels_first() {
    let product = Product::start().await;
    let (ada, org) = product.owner(ADA, "acme").await;
    let stripe = async |act: &str| {
        product.local_post(&format!("/stripe/{act}"), &json!({ "org_id": org, "times": 1 })).await;
        product.settle().await;
    };
    stripe("subscribe").await;
    assert_eq!(refused(&product.delete_org(&ada).await), (409, "subscription_active"));
    stripe("payment_failed").await;
    assert_eq!(refused(&product.delete_org(&ada).await), (409, "subscription_active"), "it bills still");
    assert_eq!(product.get(CURRENT, &ada).await.body["deletion"], json!(null));
    stripe("cancel").await;
    assert_eq!(product.delete_org(&ada).await.status, StatusCode::NO_CONTENT);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_deletes_shows_who_they_are() {
    let product = Product::start().await;
    let (ada, _) = product.owner(ADA, "acme").await;
    product.advance(SignedDuration::from_secs(601)).await;
    assert_eq!(refused(&product.delete_org(&ada).await), (401, "step_up_required"));
    assert_eq!(product.get(CURRENT, &ada).await.body["deletion"], json!(null));
}

/// What is about to be erased needs no owner: whoever deleted it may go as well, and whoever wants it back
/// comes back first.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_only_owner_of_a_deleted_organization_may_go() {
    let product = Product::start().await;
    let (ada, org) = product.owner(ADA, "acme").await;
    let (bob, _) = product.joined(&ada, "bob@example.com", "admin").await;
    let go = || product.delete("/v1/me", &ada);
    assert_eq!(refused(&go().await), (409, "last_owner"));
    assert_eq!(product.delete_org(&ada).await.status, StatusCode::NO_CONTENT);
    assert_eq!(go().await.status, StatusCode::NO_CONTENT);
    assert_eq!(refused(&product.restore_org(&ada).await), (403, "account_deletion_pending"));
    assert_eq!(refused(&product.restore_org(&bob).await), (403, "forbidden"));
    let back = product.post_nothing("/v1/me/restore", &ada).await;
    assert_eq!(back.status, StatusCode::OK, "{back:?}");
    assert_eq!(product.restore_org(&ada).await.status, StatusCode::OK);
    assert_eq!(refused(&go().await), (409, "last_owner"), "it needs one again");

    // both for good: she is gone in a week, and it stays for a month, nobody's
    assert_eq!(product.delete_org(&ada).await.status, StatusCode::NO_CONTENT);
    assert_eq!(go().await.status, StatusCode::NO_CONTENT);
    product.jump(SignedDuration::from_hours(8 * 24)).await;
    product.jump(SignedDuration::from_hours(1)).await;
    assert_eq!(product.events().await.iter().filter(|event| *event == "user.erased").count(), 1);
    let bob = product.sign_in("bob@example.com").await.text("/access_token");
    let switched = product.post_as("/v1/auth/switch-org", &bob, &json!({ "org_id": org })).await;
    let inside = switched.tokens().text("/access_token");
    let shown = product.get(CURRENT, &inside).await;
    assert!(shown.body["deletion"]["erase_at"].is_string(), "{shown:?}");
    assert_eq!(refused(&product.restore_org(&inside).await), (403, "forbidden"));
    product.jump(SignedDuration::from_hours(23 * 24)).await;
    assert_eq!(product.told("organization.erased").await, [json!({ "org_id": org })]);
    let bob = product.sign_in("bob@example.com").await.text("/access_token");
    assert_eq!(product.get("/v1/me", &bob).await.body["organizations"], json!([]));
    assert_eq!(product.local("/dead-letters").await["items"], json!([]));
}

/// Of an organization that comes back the owner stays, whichever of the two was first.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_owner_who_goes_while_the_organization_comes_back() {
    let product = Product::crowded().await;
    for number in 0..5 {
        let (ada, _) = product.owner(&format!("ada{number}@example.com"), &format!("acme-{number}")).await;
        assert_eq!(product.delete_org(&ada).await.status, StatusCode::NO_CONTENT);
        let going = product.delete("/v1/me", &ada);
        let (gone, back) = futures::future::join(going, product.restore_org(&ada)).await;
        assert!([(204, ""), (409, "last_owner")].contains(&refused(&gone)), "{gone:?}");
        let fine = [(200, ""), (403, "account_deletion_pending"), (409, "member_inactive")];
        assert!(fine.contains(&refused(&back)), "{back:?}");
        product.settle().await;
        let goes = !product.get("/v1/me", &ada).await.body["deletion"].is_null();
        let is_deleted = !product.get(CURRENT, &ada).await.body["deletion"].is_null();
        assert_eq!(goes, is_deleted, "{gone:?} {back:?}");
    }
}

/// However many delete and restore at once, the organization, its gate and what is due agree.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_many_do_at_once_is_one_thing_in_the_end() {
    let product = Product::crowded().await;
    let (ada, _) = product.owner(ADA, "acme").await;
    for _ in 0..3 {
        let act = async |number: usize| {
            if number.is_multiple_of(2) {
                product.delete_org(&ada).await
            } else {
                product.restore_org(&ada).await
            }
        };
        let answers = join_all((0..8).map(act)).await;
        let all = answers.iter().all(|answer| answer.status.is_success());
        assert!(all, "{answers:?}");
        product.settle().await;
        let is_deleted = !product.get(CURRENT, &ada).await.body["deletion"].is_null();
        let changed = product.change_org(&ada, &json!({ "name": "Acme" })).await;
        assert_eq!(
            changed.status == StatusCode::OK,
            !is_deleted,
            "the gate says something else: {changed:?}"
        );
        let items = crate::stored::items(&product).await;
        let due = items.iter().filter(|item| item["kind"] == "org_deletion").count();
        assert_eq!(due, usize::from(is_deleted));
        let events = product.events().await;
        let count = |name: &str| events.iter().filter(|event| *event == name).count();
        let open = count("organization.deleted") - count("organization.restored");
        assert_eq!(open, usize::from(is_deleted), "{events:?}");
    }
}
