//! A rotation in the middle of things, and instances that notice it at different times.

use std::collections::HashSet;

use futures::future::join_all;
use identity::{
    AuthenticationError, IdentityError, LinkKey, SIGNER_LOOKS_EVERY, SessionKey, publish_signing_key,
};
use primitives::{Keys, SignedDuration};

use crate::setting::{ISSUER, Setting, code, confirmed, link};

fn session_key(name: &str) -> SessionKey {
    SessionKey::from_secret(name, ISSUER)
}

impl Setting {
    /// What this instance becomes when it reads the secrets after a rotation to these.
    async fn rotate(&mut self, name: &str) {
        self.sessions.rotate(session_key(name));
        self.links.rotate(LinkKey::from_secret(name));
        publish_signing_key(&self.table, &self.sessions.current).await.unwrap();
    }
}

trait Rotate<K> {
    fn rotate(&mut self, next: K);
}

impl<K> Rotate<K> for Keys<K> {
    fn rotate(&mut self, next: K) {
        self.previous = Some(std::mem::replace(&mut self.current, next));
    }
}

#[tokio::test]
async fn a_login_goes_on_through_a_rotation() {
    let mut setting = Setting::new().await;
    let (token, _, browser) = setting.login("ada@example.com").await;
    setting.clock.advance(SignedDuration::from_secs(1));
    let (_, digits, _) = setting.login("bob@example.com").await;
    setting.rotate("second").await;
    assert!(setting.verify(&link(&token, Some(&browser))).await.is_ok(), "the browser is known too");
    assert!(setting.verify(&code("bob@example.com", &digits)).await.is_ok());
}

#[tokio::test]
async fn after_two_rotations_what_the_first_key_made_is_nothing() {
    let mut setting = Setting::new().await;
    let tokens = setting.signed_in("ada@example.com").await;
    setting.clock.advance(SignedDuration::from_secs(1));
    let (token, digits, _) = setting.login("ada@example.com").await;
    setting.rotate("second").await;
    setting.rotate("third").await;
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
    setting.links.rotate(LinkKey::from_secret("second"));
    let opened =
        identity::open_proof(&setting.table, &setting.links, &link(&token, Some(&old_browser))).await;
    assert!(!opened.unwrap().has_foreign_parts());
    assert!(setting.verify(&proofs[1]).await.is_ok(), "no wrong code was counted");
}

#[tokio::test]
async fn a_session_lives_through_a_rotation() {
    let mut setting = Setting::new().await;
    let before = setting.signed_in("ada@example.com").await;
    setting.rotate("second").await;
    assert!(setting.who(&before).await.is_ok(), "an access token of before");
    setting.clock.advance(SignedDuration::from_mins(1));
    let after = setting.refresh(before.refresh_token.expose()).await.unwrap();
    assert!(setting.who(&after).await.is_ok());
    setting.rotate("third").await;
    assert!(setting.refresh(after.refresh_token.expose()).await.is_ok());
    // the clock says that the first refresh was a minute ago: whoever shows that token again has stolen it
    setting.clock.advance(SignedDuration::from_mins(1));
    assert!(setting.refresh(after.refresh_token.expose()).await.is_err());
    assert!(matches!(setting.who(&after).await, Err(AuthenticationError::SessionEnded)));
}

#[tokio::test]
async fn a_new_key_works_everywhere_from_its_first_token_on() {
    let mut setting = Setting::new().await;
    let before = setting.signed_in("ada@example.com").await;
    // this instance has just read the published keys, and the next look is ten minutes away
    setting.who(&before).await.unwrap();
    setting.rotate("second").await;
    let after = setting.refresh(before.refresh_token.expose()).await.unwrap();
    assert!(setting.who(&after).await.is_ok(), "without a second in between");
}

#[tokio::test]
async fn forgeries_make_an_instance_look_for_keys_once_a_second() {
    let setting = Setting::new().await;
    let tokens = setting.signed_in("ada@example.com").await;
    setting.who(&tokens).await.unwrap();
    let stranger = session_key("a stranger");
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

#[tokio::test]
async fn fifty_refreshes_during_a_rotation_are_one() {
    let setting = Setting::new().await;
    let first = setting.signed_in("ada@example.com").await;
    setting.clock.advance(SignedDuration::from_mins(14));
    let old = first.refresh_token.expose();
    publish_signing_key(&setting.table, &session_key("second")).await.unwrap();
    // half of the instances know of the rotation
    let rotated = Keys { current: session_key("second"), previous: Some(session_key("a session secret")) };
    let refresh = |number: usize| {
        let keys = if number.is_multiple_of(2) { &setting.sessions } else { &rotated };
        setting.refresh_with(keys, old)
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
    let ended =
        setting.database.events().await.into_iter().any(|event| event.kind == "identity.session_revoked");
    assert!(!ended);
}

#[tokio::test]
async fn a_key_counts_for_as_long_as_somebody_signs_with_it() {
    let setting = Setting::new().await;
    let (older, newer) = (session_key("a session secret"), session_key("second"));
    let mut last = None;
    for _ in 0..20 {
        for key in [&older, &newer] {
            publish_signing_key(&setting.table, key).await.unwrap();
            let (token, _, browser) = setting.login("ada@example.com").await;
            let tokens = setting.verify_with(key, &link(&token, Some(&browser))).await.unwrap();
            assert!(setting.who(&tokens).await.is_ok());
            last = Some(tokens);
            setting.clock.advance(SIGNER_LOOKS_EVERY / 2);
        }
        assert!(setting.who(last.as_ref().unwrap()).await.is_ok(), "at the end of the time, too");
    }
    for _ in 0..8 {
        publish_signing_key(&setting.table, &older).await.unwrap();
        setting.clock.advance(SIGNER_LOOKS_EVERY);
    }
    let published = publish_signing_key(&setting.table, &older).await.unwrap();
    let valid: Vec<_> = published.valid_at(setting.clock.now()).map(|key| key.kid.as_str()).collect();
    assert_eq!(valid, [older.kid()], "nobody signs with the newer one any more");
}
