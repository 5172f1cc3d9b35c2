//! A rotation in the middle of things, and instances that notice it at different times.

use std::{collections::HashSet, sync::Arc};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use futures::future::join_all;
use identity::{
    AuthenticationError, Authority, IdentityError, Issuer, LinkKey, SIGNER_LOOKS_EVERY, SessionKey,
    SessionTokens, SigningKeys,
};
use primitives::{Keys, SignedDuration};
use table::Consistency;

use crate::setting::{ISSUER, Setting, code, confirmed, issuer, link};

fn session_key(name: &str) -> SessionKey {
    SessionKey::from_secret(name, ISSUER)
}

fn keys(current: &str, previous: &str) -> Keys<SessionKey> {
    Keys { current: session_key(current), previous: Some(session_key(previous)) }
}

/// The keys of the setting.
const FIRST: &str = "a session secret";

impl Setting {
    /// What this instance becomes when it reads the secrets after a rotation to these.
    async fn rotate(&mut self, next: &str, before: &str) {
        self.issuer = issuer(&self.table, keys(next, before)).await;
        self.links.previous = Some(std::mem::replace(&mut self.links.current, LinkKey::from_secret(next)));
    }
}

#[tokio::test]
async fn a_login_goes_on_through_a_rotation() {
    let mut setting = Setting::new().await;
    let (token, _, browser) = setting.login("ada@example.com").await;
    setting.clock.advance(SignedDuration::from_secs(1));
    let (_, digits, _) = setting.login("bob@example.com").await;
    setting.rotate("second", FIRST).await;
    assert!(setting.verify(&link(&token, Some(&browser))).await.is_ok(), "the browser is known too");
    assert!(setting.verify(&code("bob@example.com", &digits)).await.is_ok());
}

#[tokio::test]
async fn after_two_rotations_what_the_first_key_made_is_nothing() {
    let mut setting = Setting::new().await;
    let tokens = setting.signed_in("ada@example.com").await;
    setting.clock.advance(SignedDuration::from_secs(1));
    let (token, digits, _) = setting.login("ada@example.com").await;
    setting.rotate("second", FIRST).await;
    setting.rotate("third", "second").await;
    assert!(matches!(setting.verify(&confirmed(&token)).await, Err(IdentityError::LoginFailed)));
    let digits = code("ada@example.com", &digits);
    assert!(matches!(setting.verify(&digits).await, Err(IdentityError::LoginFailed)));
    let refreshed = setting.refresh(tokens.refresh_token.expose()).await;
    assert!(matches!(refreshed, Err(IdentityError::InvalidRefreshToken)));
    assert_eq!(setting.database.count("session").await, 1, "and the session was not ended for it");
}

#[tokio::test]
async fn a_proof_says_when_newer_keys_may_be_needed_and_nothing_is_counted_for_it() {
    let mut setting = Setting::new().await;
    let (token, digits, browser) = setting.login("ada@example.com").await;
    let proofs = [link(&token, Some(&browser)), code("ada@example.com", &digits)];
    let older = Keys::only(LinkKey::from_secret("a key from before"));
    for _ in 0..10 {
        for proof in &proofs {
            let opened = identity::open_proof(&setting.table, &older, proof).await.unwrap();
            assert!(opened.has_foreign_parts());
        }
    }
    for proof in &proofs {
        let opened = identity::open_proof(&setting.table, &setting.links, proof).await.unwrap();
        assert!(!opened.has_foreign_parts());
    }
    // the mail was written with the new key, the browser was answered with the old one, or the reverse
    let old_browser = browser;
    setting.links.previous =
        Some(std::mem::replace(&mut setting.links.current, LinkKey::from_secret("second")));
    let opened =
        identity::open_proof(&setting.table, &setting.links, &link(&token, Some(&old_browser))).await;
    assert!(!opened.unwrap().has_foreign_parts());
    assert!(setting.verify(&proofs[1]).await.is_ok(), "no wrong code was counted");
}

#[tokio::test]
async fn a_session_lives_through_a_rotation() {
    let mut setting = Setting::new().await;
    let before = setting.signed_in("ada@example.com").await;
    setting.rotate("second", FIRST).await;
    assert!(setting.who(&before).await.is_ok(), "an access token of before");
    setting.clock.advance(SignedDuration::from_mins(1));
    let after = setting.refresh(before.refresh_token.expose()).await.unwrap();
    assert!(setting.who(&after).await.is_ok());
    setting.rotate("third", "second").await;
    let third = setting.refresh(after.refresh_token.expose()).await.unwrap();
    setting.refresh(third.refresh_token.expose()).await.unwrap();
    // two tokens came after it, more than a minute ago: whoever shows it again has stolen it
    setting.clock.advance(SignedDuration::from_secs(61));
    assert!(setting.refresh(after.refresh_token.expose()).await.is_err());
    assert!(matches!(setting.who(&after).await, Err(AuthenticationError::SessionEnded)));
}

#[tokio::test]
async fn a_new_key_works_everywhere_from_its_first_token_on() {
    let mut setting = Setting::new().await;
    let before = setting.signed_in("ada@example.com").await;
    setting.clock.advance(SignedDuration::from_mins(1));
    // this instance has just read the published keys, and the next look is ten minutes away
    setting.who(&before).await.unwrap();
    setting.rotate("second", FIRST).await;
    setting.clock.advance(SignedDuration::from_mins(9));
    let by_the_key_before = setting.refresh(before.refresh_token.expose()).await.unwrap();
    assert_eq!(kid(&by_the_key_before), session_key(FIRST).kid(), "others have not heard of the new key yet");
    setting.clock.advance(SignedDuration::from_mins(1));
    let after = setting.refresh(by_the_key_before.refresh_token.expose()).await.unwrap();
    assert_eq!(kid(&after), session_key("second").kid());
    assert!(setting.who(&after).await.is_ok());
    // an instance that has read the published keys before the rotation looks again
    let other = Authority::new(setting.table.clone(), ISSUER);
    other.learn(&SigningKeys::default());
    let principal = other.principal(after.access_token.expose(), Consistency::Eventual).await;
    assert!(principal.is_ok(), "without a second in between");
}

/// The name of the key that an access token is signed with.
fn kid(tokens: &SessionTokens) -> String {
    let header = tokens.access_token.expose().split('.').next().unwrap();
    let header: serde_json::Value = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(header).unwrap()).unwrap();
    header["kid"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn forgeries_make_an_instance_look_for_keys_once_a_second() {
    let setting = Setting::new().await;
    let tokens = setting.signed_in("ada@example.com").await;
    setting.who(&tokens).await.unwrap();
    let stranger = stranger();
    setting.clock.advance(SignedDuration::from_secs(1));
    let (token, _, _) = setting.login("bob@example.com").await;
    let forged = setting.verify_with(&stranger, &confirmed(&token)).await.unwrap();
    let looks = async || {
        setting.table.usage().take();
        for _ in 0..20 {
            assert!(matches!(setting.who(&forged).await, Err(AuthenticationError::InvalidToken)));
        }
        setting.table.usage().take().len()
    };
    assert_eq!(looks().await, 1);
    assert_eq!(looks().await, 0);
    setting.clock.advance(SignedDuration::from_secs(1));
    assert_eq!(looks().await, 1);
}

/// Somebody who signs with a key of their own, which nobody has published.
pub(crate) fn stranger() -> Issuer {
    Issuer { keys: Arc::new(Keys::only(session_key("a stranger"))), published: SigningKeys::default() }
}

#[tokio::test]
async fn fifty_refreshes_during_a_rotation_are_one() {
    let setting = Setting::new().await;
    let first = setting.signed_in("ada@example.com").await;
    setting.clock.advance(SignedDuration::from_mins(14));
    let old = first.refresh_token.expose();
    // half of the instances know of the rotation
    let rotated = issuer(&setting.table, keys("second", FIRST)).await;
    let refresh = |number: usize| {
        let issuer = if number.is_multiple_of(2) { &setting.issuer } else { &rotated };
        setting.refresh_with(issuer, old)
    };
    let pairs: Vec<_> =
        join_all((0..50).map(refresh)).await.into_iter().map(|tokens| tokens.unwrap()).collect();
    let distinct: HashSet<_> = pairs.iter().map(|tokens| tokens.refresh_token.expose().clone()).collect();
    assert!(distinct.len() <= 2, "one pair by each of the keys");
    for tokens in &pairs {
        assert!(setting.who(tokens).await.is_ok());
    }
    // whichever of them an app kept is the current one, and none is a stolen one
    for token in &distinct {
        setting.refresh_with(&rotated, token).await.unwrap();
    }
    assert_eq!(setting.events("session.revoked").await, 0);
}

#[tokio::test]
async fn a_key_counts_for_as_long_as_somebody_signs_with_it() {
    let setting = Setting::new().await;
    let mut last = None;
    for _ in 0..20 {
        for at_hand in [keys(FIRST, "second"), keys("second", FIRST)] {
            let issuer = issuer(&setting.table, at_hand).await;
            let (token, _, browser) = setting.login("ada@example.com").await;
            let tokens = setting.verify_with(&issuer, &link(&token, Some(&browser))).await.unwrap();
            assert!(setting.who(&tokens).await.is_ok());
            last = Some(tokens);
            setting.clock.advance(SIGNER_LOOKS_EVERY / 2);
        }
        assert!(setting.who(last.as_ref().unwrap()).await.is_ok(), "at the end of the time, too");
    }
    let mut older = issuer(&setting.table, keys(FIRST, "second")).await;
    for _ in 0..8 {
        setting.clock.advance(SIGNER_LOOKS_EVERY);
        older = issuer(&setting.table, keys(FIRST, "second")).await;
    }
    let valid: Vec<_> = older.published.valid_at(setting.clock.now()).map(|key| key.kid.as_str()).collect();
    assert_eq!(valid, [older.keys.current.kid()], "nobody signs with the newer one any more");
}
