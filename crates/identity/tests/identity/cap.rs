//! A person has at most 25 sessions: the oldest makes room, whoever comes and goes at once, and what has
//! ended never comes back.

use std::collections::{BTreeMap, BTreeSet};

use futures::future::join_all;
use identity::{IdentityError, Scope, Session, SessionTokens, User, end_sessions, live_sessions, sign_out};
use identity_core::MOST_SESSIONS;
use primitives::{Fault, FaultKind, SessionId, SignedDuration, Timestamp, UserId};
use proptest::{prelude::*, test_runner::TestRunner};
use table::Consistency;
use test_support::{Crashes, LostAnswers};

use crate::setting::{Setting, cause, confirmed, link};

pub(crate) const ADA: &str = "ada@example.com";

impl Setting {
    /// So many sessions of hers, a second apart.
    pub(crate) async fn many(&self, count: usize) -> Vec<SessionTokens> {
        let mut sessions = Vec::new();
        for _ in 0..count {
            sessions.push(self.signed_in(ADA).await);
            self.clock.advance(SignedDuration::from_secs(1));
        }
        sessions
    }

    /// As a client does it: it comes back when it is asked to.
    pub(crate) async fn verify_at_last(&self, token: &str) -> SessionTokens {
        loop {
            match self.verify(&confirmed(token)).await {
                Ok(tokens) => return tokens,
                Err(error) => assert_eq!(error.kind(), FaultKind::Unavailable, "{error:?}"),
            }
        }
    }

    async fn leave(&self, tokens: &SessionTokens) {
        let Ok(who) = self.who(tokens).await else { return };
        while let Err(error) = sign_out(&self.table, &cause(), &who).await {
            assert_eq!(error.kind(), FaultKind::Unavailable, "{error:?}");
        }
    }

    async fn live(&self, user_id: UserId) -> BTreeSet<SessionId> {
        let user: User =
            self.table.get(&identity::keys::User::key(user_id), Consistency::Strong).await.unwrap().unwrap();
        user.sessions(self.clock.now())
    }

    /// What holds whatever has been done: the list, the sessions' items, and what was told agree.
    pub(crate) async fn agree(&self, user_id: UserId) -> BTreeSet<SessionId> {
        let live = self.live(user_id).await;
        let query = identity::keys::Session::all(user_id).strong();
        let items: Vec<Session> = self.table.first(&query, 100).await.unwrap();
        let items: BTreeSet<_> = items.into_iter().map(|session| session.session_id).collect();
        let events = self.database.events().await;
        let told = |kind: &str| -> Vec<SessionId> {
            let of_kind = events.iter().filter(|event| event.kind == kind);
            of_kind.map(|event| event.aggregate.id.parse().unwrap()).collect()
        };
        let (started, ended) = (told("session.started"), told("session.revoked"));
        let once: BTreeSet<_> = ended.iter().copied().collect();
        assert_eq!(once.len(), ended.len(), "each ends once");
        let left: BTreeSet<_> = started.into_iter().filter(|session| !once.contains(session)).collect();
        assert_eq!((&items, &left), (&live, &live));
        assert!(live.len() <= MOST_SESSIONS);
        live
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn one_more_ends_the_oldest_at_once() {
    let setting = Setting::new().await;
    let sessions = setting.many(MOST_SESSIONS).await;
    assert_eq!(setting.events("session.revoked").await, 0);
    let new = setting.signed_in(ADA).await;
    let live = setting.agree(new.user_id).await;
    let expected = sessions[1..].iter().chain([&new]).map(|tokens| tokens.session_id).collect();
    assert_eq!(live, expected);
    assert!(setting.who(&sessions[0]).await.is_err(), "its access token too");
    assert!(setting.refresh(sessions[0].refresh_token.expose()).await.is_err());
    let events = setting.database.events().await;
    let ended = events.iter().find(|event| event.kind == "session.revoked").unwrap();
    assert_eq!(ended.data["reason"], "too_many_sessions");
    let began = events.iter().find(|event| event.aggregate.id == ended.aggregate.id).unwrap();
    assert!(began.kind == "session.started" && began.sequence < ended.sequence);
}

#[tokio::test(flavor = "multi_thread")]
async fn fifty_sign_ins_against_as_many_sign_outs_leave_as_many_as_may_be_and_no_ended_one() {
    let setting = Setting::new().await;
    let old = setting.many(MOST_SESSIONS).await;
    let mut logins = Vec::new();
    for _ in 0..50 {
        logins.push(setting.login(ADA).await.0);
        setting.clock.advance(SignedDuration::from_secs(1));
    }
    let come = join_all(logins.iter().map(|token| async {
        let tokens = setting.verify_at_last(token).await;
        setting.refresh(tokens.refresh_token.expose()).await.ok();
        tokens
    }));
    // two of each, as from two tabs
    let go = join_all(old.iter().chain(&old).map(|tokens| setting.leave(tokens)));
    let (new, _) = futures::join!(come, go);
    let live = setting.agree(new[0].user_id).await;
    assert_eq!(live.len(), MOST_SESSIONS, "fifty came");
    for tokens in old.iter().chain(&new) {
        let lives = live.contains(&tokens.session_id);
        assert_eq!(setting.who(tokens).await.is_ok(), lives);
        if !lives {
            assert!(setting.refresh(tokens.refresh_token.expose()).await.is_err());
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_begins_the_26th_dies_at_any_call_and_has_one_session_at_last() {
    let mut deaths = vec![None];
    while let Some(death) = deaths.pop() {
        let (setting, crashes) = (Setting::new().await, Crashes::default());
        setting.many(MOST_SESSIONS).await;
        let (token, _, browser) = setting.login(ADA).await;
        let table = setting.database.table_over(&setting.clock, crashes.http_client());
        let proof = link(&token, Some(&browser));
        let work = Box::pin(setting.verify_over(&table, &setting.issuer, &proof));
        if let Some((call, moment)) = death {
            assert!(crashes.run(call, moment, work).await.is_none(), "call {call} was never made");
        } else {
            let (verified, calls) = crashes.count(work).await;
            verified.unwrap();
            assert!(calls > 3, "{calls}");
            deaths.extend(crashes.deaths().into_iter().map(Some));
        }
        let tokens = setting.verify(&proof).await.unwrap();
        let live = setting.agree(tokens.user_id).await;
        assert_eq!(live.len(), MOST_SESSIONS, "{death:?}");
        assert!(setting.who(&tokens).await.is_ok() && live.contains(&tokens.session_id));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_26th_session_and_its_end_bear_lost_answers() {
    let (setting, lost) = (Setting::new().await, LostAnswers::default());
    setting.many(MOST_SESSIONS).await;
    let table = setting.database.table_over(&setting.clock, lost.http_client());
    let (token, _, browser) = setting.login(ADA).await;
    let tokens = setting.verify_over(&table, &setting.issuer, &link(&token, Some(&browser))).await.unwrap();
    assert_eq!(setting.agree(tokens.user_id).await.len(), MOST_SESSIONS);
    let who = setting.who(&tokens).await.unwrap();
    let lost = LostAnswers::default();
    let table = setting.database.table_over(&setting.clock, lost.http_client());
    sign_out(&table, &cause(), &who).await.unwrap();
    assert_eq!(setting.agree(tokens.user_id).await.len(), MOST_SESSIONS - 1);
}

/// What one may do with sessions; the number says with which.
#[derive(Clone, Copy, Debug)]
enum Step {
    SignIn,
    SignOut(usize),
    Refresh(usize),
    /// An old refresh token comes back.
    Theft(usize),
    /// One more begins and ends all, itself too.
    EndAll,
    Wait(i64),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        6 => Just(Step::SignIn),
        2 => (0..100_usize).prop_map(Step::SignOut),
        2 => (0..100_usize).prop_map(Step::Refresh),
        1 => (0..100_usize).prop_map(Step::Theft),
        1 => Just(Step::EndAll),
        2 => (1..96_i64).prop_map(Step::Wait),
    ];
    prop::collection::vec(step, 30..90)
}

/// Every session there ever was, with what a slow and simple mind expects of it.
#[derive(Default)]
struct Expected {
    all: Vec<SessionTokens>,
    live: BTreeMap<SessionId, (Timestamp, Timestamp)>,
}

impl Expected {
    fn begin(&mut self, tokens: SessionTokens, now: Timestamp) {
        while self.live.len() >= MOST_SESSIONS {
            let oldest = self.live.iter().min_by_key(|(id, life)| (**life, **id)).unwrap();
            let oldest = *oldest.0;
            self.live.remove(&oldest);
        }
        self.live.insert(tokens.session_id, (now, now + SignedDuration::from_hours(30 * 24)));
        self.all.push(tokens);
    }

    fn at(&self, now: Timestamp) -> BTreeSet<SessionId> {
        self.live.iter().filter(|(_, (_, until))| now < *until).map(|(id, _)| *id).collect()
    }
}

async fn hold(steps: Vec<Step>) {
    let setting = Setting::new().await;
    let mut expected = Expected::default();
    for step in steps {
        setting.clock.advance(SignedDuration::from_secs(1));
        let now = setting.clock.now();
        let chosen = |number: usize| expected.all.get(number % expected.all.len().max(1)).cloned();
        match step {
            Step::SignIn => {
                let tokens = setting.signed_in(ADA).await;
                expected.begin(tokens, now);
            }
            Step::SignOut(number) => {
                if let Some(tokens) = chosen(number) {
                    let who = setting.who(&tokens).await;
                    if let Ok(who) = who {
                        sign_out(&setting.table, &cause(), &who).await.unwrap();
                        expected.live.remove(&tokens.session_id);
                    }
                }
            }
            Step::Refresh(number) => {
                if let Some(tokens) = chosen(number) {
                    let next = setting.refresh(tokens.refresh_token.expose()).await;
                    let lives = expected.at(now).contains(&tokens.session_id);
                    assert!(lives || matches!(next, Err(IdentityError::InvalidRefreshToken)));
                }
            }
            Step::Theft(number) => {
                if let Some(tokens) = chosen(number) {
                    let mut current = tokens.refresh_token.expose().clone();
                    for _ in 0..2 {
                        match setting.refresh(&current).await {
                            Ok(next) => current.clone_from(next.refresh_token.expose()),
                            Err(_) => break,
                        }
                    }
                    setting.clock.advance(SignedDuration::from_mins(5));
                    setting.refresh(tokens.refresh_token.expose()).await.ok();
                }
            }
            Step::EndAll => {
                let tokens = setting.signed_in(ADA).await;
                let who = setting.who(&tokens).await.unwrap();
                expected.begin(tokens, now);
                end_sessions(&setting.table, &cause(), &who, Scope::All).await.unwrap();
                expected.live.clear();
            }
            Step::Wait(hours) => {
                setting.clock.advance(SignedDuration::from_hours(hours));
            }
        }
        let Some(tokens) = expected.all.first() else { continue };
        for event in setting.database.events().await {
            if event.data["reason"] == "refresh_token_reused" {
                expected.live.remove(&event.aggregate.id.parse().unwrap());
            }
        }
        let now = setting.clock.now();
        let live = expected.at(now);
        let asked = expected.all.iter().map(|tokens| (tokens.user_id, tokens.session_id)).collect();
        assert_eq!(setting.live(tokens.user_id).await, live);
        assert_eq!(live_sessions(&setting.table, &asked).await.unwrap(), live);
        assert!(expected.live.len() <= MOST_SESSIONS);
        for tokens in expected.all.iter().filter(|tokens| !live.contains(&tokens.session_id)) {
            assert!(setting.who(tokens).await.is_err(), "an ended session never comes back");
        }
    }
}

#[test]
fn whatever_happens_at_most_25_live_and_an_ended_session_never_comes_back() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let config = ProptestConfig { cases: 6, failure_persistence: None, ..ProptestConfig::default() };
    let held = TestRunner::new(config).run(&steps(), |steps| {
        runtime.block_on(hold(steps));
        Ok(())
    });
    held.unwrap();
}
