use std::sync::Arc;

use futures::future::join_all;
use identity::{AuthenticationError, IdentityError, Issuer, SessionKey, sign_out};
use primitives::{Keys, SignedDuration};
use test_support::meanwhile;

use crate::{
    rotation::stranger,
    setting::{Setting, cause, code, confirmed, link},
};

#[tokio::test]
async fn a_link_signs_in_and_the_token_stands_for_the_person() {
    let setting = Setting::new().await;
    let tokens = setting.signed_in("ada@example.com").await;
    let principal = setting.who(&tokens).await.unwrap();
    assert_eq!((principal.user_id, principal.email.as_str()), (tokens.user_id, "ada@example.com"));
    assert_eq!((principal.session_id, principal.actor), (tokens.session_id, None));
    setting.clock.advance(SignedDuration::from_secs(1));
    let again = setting.signed_in("ADA@example.com").await;
    assert_eq!(again.user_id, tokens.user_id, "one address is one person");
}

#[tokio::test]
async fn fifty_verifications_of_one_token_make_one_session() {
    let setting = Setting::new().await;
    let (token, _, browser) = setting.login("ada@example.com").await;
    let same = join_all((0..25).map(|_| async { setting.verify(&link(&token, Some(&browser))).await }));
    let others = join_all((0..25).map(|_| async { setting.verify(&confirmed(&token)).await }));
    let (same, others) = futures::join!(same, others);
    let sessions: std::collections::HashSet<_> =
        same.iter().chain(&others).flatten().map(|tokens| tokens.session_id).collect();
    assert_eq!(sessions.len(), 1);
    assert_eq!(setting.database.count("session").await, 1);
    assert_eq!(setting.database.count("user").await, 1);
    let started = setting.database.events().await.into_iter().filter(|event| event.kind == "session.started");
    assert_eq!(started.count(), 1);
}

#[tokio::test]
async fn two_logins_of_one_new_person_at_once_make_one_person() {
    let setting = Setting::new().await;
    let (one, _, _) = setting.login("ada@example.com").await;
    setting.clock.advance(SignedDuration::from_secs(1));
    let (two, _, _) = setting.login("ada@example.com").await;
    let (one, two) = (confirmed(&one), confirmed(&two));
    let (one, two) = futures::join!(setting.verify(&one), setting.verify(&two));
    let (one, two) = (one.unwrap(), two.unwrap());
    assert_eq!(one.user_id, two.user_id);
    assert_ne!(one.session_id, two.session_id);
    assert_eq!(setting.database.count("user").await, 1);
}

#[tokio::test]
async fn another_browser_is_asked_to_confirm_and_a_used_link_works_no_more() {
    let setting = Setting::new().await;
    let (token, _, browser) = setting.login("ada@example.com").await;
    assert!(matches!(setting.verify(&link(&token, None)).await, Err(IdentityError::ConfirmationRequired)));
    let tokens = setting.verify(&confirmed(&token)).await.unwrap();
    assert!(matches!(setting.verify(&confirmed(&token)).await, Err(IdentityError::LoginFailed)));
    let repeated = setting.verify(&link(&token, Some(&browser))).await.unwrap();
    assert_eq!(repeated.access_token, tokens.access_token, "an answer that was lost is given again");
    assert_eq!(repeated.refresh_token, tokens.refresh_token);
    setting.refresh(tokens.refresh_token.expose()).await.unwrap();
    let late = setting.verify(&link(&token, Some(&browser))).await;
    assert!(matches!(late, Err(IdentityError::LoginFailed)), "somebody has the answer");
}

#[tokio::test]
async fn a_link_expires_and_forgeries_are_nothing() {
    let setting = Setting::new().await;
    let (token, right, _) = setting.login("ada@example.com").await;
    for forged in ["", "x", &token[1..], &format!("{token}A"), "' OR 1=1 --"] {
        assert!(
            matches!(setting.verify(&confirmed(forged)).await, Err(IdentityError::LoginFailed)),
            "{forged}"
        );
    }
    setting.clock.advance(SignedDuration::from_mins(15));
    assert!(matches!(setting.verify(&confirmed(&token)).await, Err(IdentityError::LoginFailed)));
    assert!(matches!(
        setting.verify(&code("ada@example.com", &right)).await,
        Err(IdentityError::LoginFailed)
    ));
}

#[tokio::test]
async fn a_refresh_token_works_once_and_its_repetition_gives_the_same_pair() {
    let setting = Setting::new().await;
    let first = setting.signed_in("ada@example.com").await;
    setting.clock.advance(SignedDuration::from_mins(14));
    let old = first.refresh_token.expose();
    let results = join_all((0..20).map(|_| setting.refresh(old))).await;
    let pairs: std::collections::HashSet<_> =
        results.into_iter().map(|tokens| tokens.unwrap().refresh_token.expose().clone()).collect();
    assert_eq!(pairs.len(), 1, "twenty at once are one refresh");
    let second = pairs.into_iter().next().unwrap();
    assert_ne!(&second, old);
    assert!(setting.refresh(&second).await.is_ok());
}

#[tokio::test]
async fn a_refresh_token_from_before_the_last_ends_the_session_at_once() {
    let setting = Setting::new().await;
    let first = setting.signed_in("ada@example.com").await;
    let second = setting.refresh(first.refresh_token.expose()).await.unwrap();
    let third = setting.refresh(second.refresh_token.expose()).await.unwrap();
    setting.clock.advance(SignedDuration::from_secs(60));
    let same = setting.refresh(first.refresh_token.expose()).await.unwrap();
    assert_eq!(same.refresh_token, third.refresh_token, "a moment after, it is another tab");
    setting.clock.advance(SignedDuration::from_secs(1));
    assert!(setting.refresh(first.refresh_token.expose()).await.is_err());
    assert!(setting.refresh(third.refresh_token.expose()).await.is_err(), "the whole family is dead");
    assert!(matches!(setting.who(&third).await, Err(AuthenticationError::SessionEnded)), "access tokens too");
    let revoked = setting.database.events().await.into_iter().find(|event| event.kind == "session.revoked");
    assert_eq!(revoked.unwrap().data["reason"], "refresh_token_reused");
}

/// Whose answer got lost may ask as late as they like: nobody has used the next token.
#[tokio::test]
async fn the_token_before_is_good_for_the_same_pair_until_the_next_was_used() {
    let setting = Setting::new().await;
    let mut kept = setting.signed_in("ada@example.com").await;
    for wait in
        [SignedDuration::from_secs(15), SignedDuration::from_mins(29), SignedDuration::from_hours(100)]
    {
        let lost = setting.refresh(kept.refresh_token.expose()).await.unwrap();
        setting.clock.advance(wait);
        let again = join_all((0..50).map(|_| setting.refresh(kept.refresh_token.expose()))).await;
        for again in again {
            let again = again.unwrap();
            assert_eq!(again.refresh_token, lost.refresh_token, "after {wait}");
            assert_eq!(again.expires_in, (900 - wait.as_secs()).max(0));
        }
        kept = lost;
    }
    assert_eq!(setting.events("session.revoked").await, 0);
    setting.refresh(kept.refresh_token.expose()).await.unwrap();
}

#[tokio::test]
async fn a_forged_refresh_token_does_nothing_to_the_session() {
    let setting = Setting::new().await;
    let first = setting.signed_in("ada@example.com").await;
    let token = first.refresh_token.expose();
    let other = if token.as_bytes()[60] == b'A' { "B" } else { "A" };
    let forged = format!("{}{other}{}", &token[..60], &token[61..]);
    for forged in [forged.as_str(), "grt_", "grt_AAAA", "", "Bearer"] {
        assert!(matches!(setting.refresh(forged).await, Err(IdentityError::InvalidRefreshToken)), "{forged}");
    }
    assert!(setting.refresh(token).await.is_ok());
}

#[tokio::test]
async fn sessions_end_by_themselves_after_seven_idle_and_thirty_busy_days() {
    let setting = Setting::new().await;
    let idle = setting.signed_in("ada@example.com").await;
    setting.clock.advance(SignedDuration::from_secs(1));
    let mut busy = setting.signed_in("ada@example.com").await;
    for day in 1..=30 {
        setting.clock.advance(SignedDuration::from_hours(24));
        match setting.refresh(busy.refresh_token.expose()).await {
            Ok(tokens) => busy = tokens,
            Err(error) => {
                assert!(day == 30 && matches!(error, IdentityError::InvalidRefreshToken), "day {day}");
            }
        }
        if day == 7 {
            assert!(setting.refresh(idle.refresh_token.expose()).await.is_err());
        }
    }
    assert!(setting.refresh(busy.refresh_token.expose()).await.is_err());
}

#[tokio::test]
async fn signing_out_holds_from_the_next_request_on_for_this_session_only() {
    let setting = Setting::new().await;
    let one = setting.signed_in("ada@example.com").await;
    setting.clock.advance(SignedDuration::from_secs(1));
    let two = setting.signed_in("ada@example.com").await;
    let principal = setting.who(&one).await.unwrap();
    for _ in 0..2 {
        sign_out(&setting.table, &cause(), &principal).await.unwrap();
    }
    assert!(matches!(setting.who(&one).await, Err(AuthenticationError::SessionEnded)));
    assert!(setting.refresh(one.refresh_token.expose()).await.is_err());
    assert!(setting.who(&two).await.is_ok());
}

#[tokio::test]
async fn access_tokens_expire_and_strangers_tokens_are_refused() {
    let setting = Setting::new().await;
    let tokens = setting.signed_in("ada@example.com").await;
    let elsewhere = Keys::only(SessionKey::from_secret("a session secret", "https://other.example.com"));
    let elsewhere = Issuer { keys: Arc::new(elsewhere), published: setting.issuer.published.clone() };
    for key in [&stranger(), &elsewhere] {
        setting.clock.advance(SignedDuration::from_secs(1));
        let (token, _, _) = setting.login("ada@example.com").await;
        let forged = setting.verify_with(key, &confirmed(&token)).await.unwrap();
        assert!(matches!(setting.who(&forged).await, Err(AuthenticationError::InvalidToken)));
    }
    setting.clock.advance(SignedDuration::from_mins(15));
    assert!(matches!(setting.who(&tokens).await, Err(AuthenticationError::TokenExpired)));
}

#[tokio::test]
async fn nothing_in_the_table_signs_anybody_in() {
    let setting = Setting::new().await;
    let (token, code, browser) = setting.login("ada@example.com").await;
    let tokens = setting.verify(&link(&token, Some(&browser))).await.unwrap();
    let stored = format!("{:?}", setting.database.items().await);
    for secret in [&token, &browser, tokens.access_token.expose(), tokens.refresh_token.expose()] {
        assert!(!stored.contains(secret.as_str()));
    }
    assert!(!stored.contains(&format!("\"{code}\"")));
}

/// Whoever is deleted or suspended between the read and the write gets no session.
#[tokio::test]
async fn a_session_begins_only_for_the_person_as_they_are() {
    let setting = Arc::new(Setting::new().await);
    let tokens = setting.signed_in("ada@example.com").await;
    setting.clock.advance(SignedDuration::from_secs(1));
    let (token, _, browser) = setting.login("ada@example.com").await;
    let deleted = {
        let setting = Arc::clone(&setting);
        async move { setting.database.delete(&identity::keys::User::key(tokens.user_id)).await }
    };
    let client = meanwhile("TransactWriteItems", 0, deleted);
    let table = setting.database.table_over(&setting.clock, client);
    let verified = setting.verify_over(&table, &setting.issuer, &link(&token, Some(&browser))).await;
    assert!(matches!(verified, Err(IdentityError::MissingUser)), "{verified:?}");
    assert_eq!(setting.database.count("session").await, 1);
}
