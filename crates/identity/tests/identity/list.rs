//! The list of a person's sessions: what it shows, who is told of a new device, and the end of one or all.

use std::{collections::BTreeSet, sync::Arc};

use access::Principal;
use futures::future::join_all;
use identity::{Scope, Session, SessionTokens, end_session, end_sessions, sessions};
use identity_core::MOST_SESSIONS;
use primitives::{Ids, Keys, Limit, SignedDuration};
use table::CursorKey;
use test_support::{Crashes, Moment};

use crate::{
    cap::ADA,
    setting::{Setting, cause},
};

const FIREFOX: &str = "Mozilla/5.0 (X11; Linux x86_64; rv:132.0) Gecko/20100101 Firefox/132.0";
const NEXT_FIREFOX: &str = "Mozilla/5.0 (X11; Linux x86_64; rv:133.0) Gecko/20100101 Firefox/133.0";
const APP: &str = "Acme/2.4.1 (iPhone; iOS 18.1)";

impl Setting {
    /// What the list shows a while after the last change.
    async fn listed(&self, who: &Principal) -> Vec<Session> {
        self.database.settle();
        let cursors = Arc::new(Keys::only(CursorKey::from_secret("secret")));
        let page = sessions(&self.table, &cursors, &self.policy, who, Limit::default(), None).await.unwrap();
        assert_eq!(page.next_cursor, None);
        page.items
    }

    /// Whether each sign-in was one on a new device, in order.
    async fn new_devices(&self) -> Vec<bool> {
        let events = self.database.events().await;
        let started = events.iter().filter(|event| event.kind == "session.started");
        started.map(|event| event.data["new_device"] == true).collect()
    }
}

fn ids<'a>(tokens: impl IntoIterator<Item = &'a SessionTokens>) -> BTreeSet<primitives::SessionId> {
    tokens.into_iter().map(|tokens| tokens.session_id).collect()
}

#[tokio::test]
async fn the_list_shows_what_lives_the_newest_first() {
    let setting = Setting::new().await;
    let began = setting.clock.now();
    let browser = setting.signed_in_on(ADA, FIREFOX, Some("AT")).await;
    setting.clock.advance(SignedDuration::from_secs(1));
    let app = setting.signed_in_on(ADA, APP, None).await;
    setting.clock.advance(SignedDuration::from_hours(24 * 5));
    let app = setting.refresh(app.refresh_token.expose()).await.unwrap();
    let who = setting.who(&app).await.unwrap();
    let listed = setting.listed(&who).await;
    let shown: Vec<_> =
        listed.iter().map(|one| (one.device.name.as_str(), one.device.country.as_deref())).collect();
    assert_eq!(shown, [("Acme on iPhone", None), ("Firefox on Linux", Some("AT"))]);
    assert_eq!(listed[0].last_seen_at(), setting.clock.now());
    assert_eq!((listed[1].last_seen_at(), listed[1].created_at), (began, began));
    assert_eq!(listed[1].expires_at(&setting.policy), began + SignedDuration::from_hours(24 * 7));
    // nobody used the browser for a week: its session has ended by itself
    setting.clock.advance(SignedDuration::from_hours(24 * 2));
    assert!(setting.refresh(browser.refresh_token.expose()).await.is_err());
    assert_eq!(setting.listed(&who).await.len(), 1);
}

#[tokio::test]
async fn one_session_ends_and_no_other() {
    let setting = Setting::new().await;
    let tokens = setting.many(3).await;
    let who = setting.who(&tokens[2]).await.unwrap();
    let ended = tokens[0].session_id;
    for _ in 0..2 {
        end_session(&setting.table, &cause(), who.user_id, ended).await.unwrap();
    }
    assert!(setting.who(&tokens[0]).await.is_err());
    assert!(setting.refresh(tokens[0].refresh_token.expose()).await.is_err());
    assert_eq!(setting.agree(who.user_id).await, ids(&tokens[1..]));
    let reasons = setting.database.events().await.into_iter().filter(|event| event.kind == "session.revoked");
    let reasons: Vec<_> = reasons.map(|event| event.data["reason"].clone()).collect();
    assert_eq!(reasons, ["ended_by_person"], "once");
    let bob = setting.signed_in("bob@example.com").await;
    for other in [bob.session_id, Ids::unguessable()] {
        end_session(&setting.table, &cause(), who.user_id, other).await.unwrap();
    }
    assert!(setting.who(&bob).await.is_ok(), "it is not hers to end");
}

#[tokio::test]
async fn all_others_end_or_all() {
    let setting = Setting::new().await;
    let tokens = setting.many(MOST_SESSIONS).await;
    let who = setting.who(&tokens[3]).await.unwrap();
    for _ in 0..2 {
        end_sessions(&setting.table, &cause(), &who, Scope::Others).await.unwrap();
    }
    assert_eq!(setting.agree(who.user_id).await, ids([&tokens[3]]));
    assert_eq!(setting.listed(&who).await.len(), 1);
    end_sessions(&setting.table, &cause(), &who, Scope::All).await.unwrap();
    assert!(setting.agree(who.user_id).await.is_empty());
    assert_eq!(setting.events("session.revoked").await, MOST_SESSIONS);
    let again = setting.signed_in(ADA).await;
    assert_eq!(setting.agree(who.user_id).await, ids([&again]));
}

/// Whoever came before the end is gone, and whoever came after it is there.
#[tokio::test(flavor = "multi_thread")]
async fn fifty_sign_ins_against_the_end_of_all_leave_nobody_from_before() {
    let setting = Setting::new().await;
    let old = setting.many(10).await;
    let who = setting.who(&old[0]).await.unwrap();
    let mut logins = Vec::new();
    for _ in 0..50 {
        logins.push(setting.login(ADA).await.0);
        setting.clock.advance(SignedDuration::from_secs(1));
    }
    let come = join_all(logins.iter().map(|token| setting.verify_at_last(token)));
    let end =
        join_all((0..5).map(|_| async {
            while end_sessions(&setting.table, &cause(), &who, Scope::All).await.is_err() {}
        }));
    let (new, _) = futures::join!(come, end);
    let live = setting.agree(who.user_id).await;
    assert!(live.is_disjoint(&ids(&old)), "{live:?}");
    for tokens in old.iter().chain(&new) {
        assert_eq!(setting.who(tokens).await.is_ok(), live.contains(&tokens.session_id));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_end_of_all_others_dies_at_any_call_and_is_whole_or_nothing() {
    for call in 0.. {
        let mut died = false;
        for moment in [Moment::Before, Moment::After] {
            let (setting, crashes) = (Setting::new().await, Crashes::default());
            let tokens = setting.many(3).await;
            let who = setting.who(&tokens[0]).await.unwrap();
            let table = setting.database.table_over(&setting.clock, crashes.http_client());
            let (cause, others) = (cause(), Scope::Others);
            let work = Box::pin(end_sessions(&table, &cause, &who, others));
            died |= crashes.run(call, moment, work).await.is_none();
            assert!([1, 3].contains(&setting.agree(who.user_id).await.len()), "call {call}, {moment:?}");
            end_sessions(&setting.table, &cause, &who, others).await.unwrap();
            assert_eq!(setting.agree(who.user_id).await, ids([&tokens[0]]));
        }
        if !died {
            assert!(call >= 2);
            return;
        }
    }
}

#[tokio::test]
async fn a_device_is_new_when_the_person_was_not_on_it_lately() {
    let setting = Setting::new().await;
    for (agent, country, days) in [
        (FIREFOX, Some("AT"), 1), // the account was made on it
        (FIREFOX, Some("AT"), 1),
        (NEXT_FIREFOX, Some("AT"), 1), // an update
        (NEXT_FIREFOX, Some("DE"), 1), // a journey
        (APP, Some("AT"), 1),
        (APP, Some("AT"), 89),
        (APP, Some("AT"), 90),
        (APP, Some("AT"), 0), // nobody was on it for so long
    ] {
        setting.signed_in_on(ADA, agent, country).await;
        setting.clock.advance(SignedDuration::from_hours(24 * days) + SignedDuration::from_secs(1));
    }
    assert_eq!(setting.new_devices().await, [false, false, false, true, true, false, false, true]);
}

#[tokio::test(flavor = "multi_thread")]
async fn ten_sign_ins_on_a_new_device_at_once_are_one_piece_of_news() {
    let setting = Setting::new().await;
    setting.signed_in_on(ADA, FIREFOX, None).await;
    let mut logins = Vec::new();
    for _ in 0..10 {
        setting.clock.advance(SignedDuration::from_secs(30));
        logins.push(setting.login(ADA).await.0);
    }
    let come = logins.iter().map(|token| setting.verify_at_last(token));
    join_all(come).await;
    let new = setting.new_devices().await;
    assert_eq!((new.len(), new.iter().filter(|new| **new).count()), (11, 1), "{new:?}");
}
