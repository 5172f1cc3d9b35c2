use std::collections::BTreeSet;

use identity::{SessionTokens, live_sessions, sign_out};
use primitives::{Ids, SignedDuration};

use crate::setting::{Setting, cause};

async fn lives(setting: &Setting, tokens: &SessionTokens) -> bool {
    let asked = BTreeSet::from([(tokens.user_id, tokens.session_id)]);
    let live = live_sessions(&setting.table, &asked).await.unwrap();
    live == BTreeSet::from([tokens.session_id])
}

#[tokio::test]
async fn a_session_lives_until_it_is_signed_out() {
    let setting = Setting::new().await;
    let phone = setting.signed_in("ada@example.com").await;
    setting.clock.advance(SignedDuration::from_secs(1));
    let tablet = setting.signed_in("ada@example.com").await;
    let person = setting.who(&phone).await.unwrap();
    sign_out(&setting.table, &cause(), &person).await.unwrap();
    assert!(!lives(&setting, &phone).await && lives(&setting, &tablet).await);
    // long after its last access token
    setting.clock.advance(SignedDuration::from_hours(1));
    assert!(!lives(&setting, &phone).await && lives(&setting, &tablet).await);
}

#[tokio::test]
async fn a_session_lives_until_it_is_taken_back_from_a_thief() {
    let setting = Setting::new().await;
    let first = setting.signed_in("ada@example.com").await;
    let second = setting.refresh(first.refresh_token.expose()).await.unwrap();
    setting.clock.advance(SignedDuration::from_mins(2));
    setting.refresh(second.refresh_token.expose()).await.unwrap();
    assert!(lives(&setting, &first).await);
    setting.clock.advance(SignedDuration::from_mins(2));
    setting.refresh(first.refresh_token.expose()).await.unwrap_err();
    assert!(!lives(&setting, &first).await);
}

#[tokio::test]
async fn a_session_lives_as_long_as_it_may() {
    let setting = Setting::new().await;
    let tokens = setting.signed_in("ada@example.com").await;
    setting.clock.advance(SignedDuration::from_hours(8 * 24));
    assert!(lives(&setting, &tokens).await, "who was away for a week has not left");
    setting.clock.advance(SignedDuration::from_hours(22 * 24 - 1));
    assert!(lives(&setting, &tokens).await);
    setting.clock.advance(SignedDuration::from_hours(1));
    assert!(!lives(&setting, &tokens).await, "its last day is over");
}

#[tokio::test]
async fn of_many_sessions_of_many_people_those_live_that_live_and_are_theirs() {
    let setting = Setting::new().await;
    let mut asked = BTreeSet::new();
    let mut expected = BTreeSet::new();
    for n in 0..60 {
        setting.clock.advance(SignedDuration::from_secs(1));
        let tokens = setting.signed_in(&format!("ada+{n}@example.com")).await;
        asked.insert((tokens.user_id, tokens.session_id));
        asked.insert((tokens.user_id, Ids::unguessable()));
        asked.insert((Ids::unguessable(), tokens.session_id));
        expected.insert(tokens.session_id);
    }
    let live = live_sessions(&setting.table, &asked).await.unwrap();
    assert_eq!(live, expected);
    setting.clock.advance(SignedDuration::from_secs(1));
    let bob = setting.signed_in("bob@example.com").await;
    let foreign = asked.first().map(|(ada, _)| BTreeSet::from([(*ada, bob.session_id)])).unwrap();
    assert!(live_sessions(&setting.table, &foreign).await.unwrap().is_empty());
}
