//! Who invites: what counts as a mail, whose invites are worth something, and moments in between.

use jiff::SignedDuration;
use reqwest::StatusCode;
use serde_json::json;

use crate::{invites::refused, product::Product};

/// Who can never be invited anyhow uses nobody's limit up.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_refused_is_no_mail() {
    let product = Product::start().await;
    let (ada, _) = product.owner("ada@example.com", "acme").await;
    product.joined(&ada, "bob@example.com", "admin").await;
    for _ in 0..6 {
        assert_eq!(
            refused(&product.invite(&ada, "bob@example.com", "viewer").await),
            (409, "already_member")
        );
    }
    let (zoe, _) = product.owner("zoe@example.com", "zoe").await;
    let (id, _) = product.invited(&zoe, "bob@example.com", "viewer").await;
    for _ in 0..6 {
        assert_eq!(
            refused(&product.invite(&zoe, "bob@example.com", "viewer").await),
            (409, "invite_pending")
        );
    }
    product.advance(SignedDuration::from_secs(61)).await;
    for _ in 0..6 {
        assert_eq!(
            product.on_invite(&zoe, &id, "resend").await.status,
            StatusCode::OK,
            "one, and the same again"
        );
    }
    product.settle().await;
    assert_eq!(
        product
            .mails("bob@example.com")
            .await
            .iter()
            .filter(|mail| { mail["subject"].as_str().unwrap().contains("zoe") })
            .count(),
        2
    );
}

/// Whoever is suspended, or is about to be erased, lets nobody in.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_inviter_whose_account_ends_answers_for_nobody() {
    let product = Product::start().await;
    let (ada, _) = product.owner("ada@example.com", "acme").await;
    let (bob, _) = product.joined(&ada, "bob@example.com", "admin").await;
    let (id, link) = product.invited(&bob, "eve@example.com", "member").await;
    assert_eq!(product.delete("/v1/me", &bob).await.status, StatusCode::NO_CONTENT);
    let eve = product.sign_in("eve@example.com").await.text("/access_token");
    assert_eq!(refused(&product.accept(&eve, &link).await), (409, "confirmation_pending"));
    // that somebody has to look at it stays so, whatever becomes of the inviter
    assert_eq!(product.post_nothing("/v1/me/restore", &bob).await.status, StatusCode::OK);
    assert_eq!(refused(&product.accept(&eve, &link).await), (409, "confirmation_pending"));
    assert_eq!(product.on_invite(&ada, &id, "confirm").await.status, StatusCode::OK);
    assert_eq!(product.accept(&eve, &link).await.status, StatusCode::OK);
}

/// Somebody comes in and takes another address at the same moment: the list has the one that is the person's.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_joins_while_the_address_changes_is_listed_with_the_right_one() {
    for _ in 0..4 {
        let product = Product::crowded().await;
        let (ada, _) = product.owner("ada@example.com", "acme").await;
        let (_, link) = product.invited(&ada, "old@example.com", "member").await;
        let bob = product.sign_in("old@example.com").await.text("/access_token");
        product.post_as("/v1/me/email-changes", &bob, &json!({ "email": "new@example.com" })).await;
        product.settle().await;
        let confirm = json!({ "token": product.link("new@example.com").await });
        let (changed, joined) = futures::join!(
            product.post("/v1/auth/email-changes/confirm", &confirm),
            product.accept(&bob, &link)
        );
        assert_eq!(changed.status, StatusCode::NO_CONTENT, "{changed:?}");
        let is_in = joined.status == StatusCode::OK;
        assert!(is_in || refused(&joined) == (403, "wrong_account"), "{joined:?}");
        product.settle().await;
        let listed = product.members(&ada, "").await;
        let expected =
            if is_in { vec!["ada@example.com", "new@example.com"] } else { vec!["ada@example.com"] };
        assert_eq!(listed, expected);
        assert_eq!(product.members(&ada, "?role=member").await, expected[1..]);
    }
}

/// Of an invite that is sent to one address after another at the same moment, the last one gets one mail.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_address_gets_one_mail_of_an_invite_that_moves_about() {
    let product = Product::crowded().await;
    let (ada, _) = product.owner("ada@example.com", "acme").await;
    let (id, _) = product.invited(&ada, "bob@example.com", "member").await;
    let path = format!("/v1/orgs/current/invites/{id}");
    let emails: Vec<_> = (0..6).map(|number| format!("r{number}@example.com")).collect();
    let rebind = async |email: &String| {
        product.post_as(&format!("{path}/rebind"), &ada, &json!({ "email": email })).await
    };
    let answers = futures::future::join_all(emails.iter().map(rebind)).await;
    assert!(answers.iter().all(|answer| answer.status == StatusCode::OK), "{answers:?}");
    product.settle().await;
    let last = product.get(&path, &ada).await.text("/email");
    for email in &emails {
        let mails = product.mails(email).await.len();
        assert!(mails == 1 || (mails == 0 && *email != last), "{email} of {last}: {mails}");
    }
    assert_eq!(product.seats().await, (2, 1, 1));
}
