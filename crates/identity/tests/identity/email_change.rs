//! A change of address: who may say yes, who may take it back, and what others can do meanwhile.

use std::sync::Arc;

use access::{Principal, Way};
use futures::future::join_all;
use identity::{
    ChangeOutcome, EmailChange, Entrance, External, IdentityError, OAuthKey, Password, Purpose,
    SessionTokens, SignedIn, User, cancel_email_change, challenge, confirm_email_change, link_account,
    open_oauth, open_proof, request_email_change, set_password, start_oauth, undo_email_change, verify_login,
};
use primitives::{Clock, EmailChangeId, Keys, SignedDuration, UserId};
use table::{Consistency, Decision, Keep, Table};
use test_support::{Crashes, Moment, meanwhile};

use crate::setting::{NETWORK, Setting, cause, confirmed};

const OLD: &str = "ada@example.com";
const NEW: &str = "ada@example.org";

type Link = (UserId, EmailChangeId);

impl Setting {
    async fn request(&self, tokens: &SessionTokens, email: &str) -> Result<EmailChange, IdentityError> {
        let (who, email) = (self.who(tokens).await.unwrap(), email.parse().unwrap());
        let (policy, keep) = (&self.policy, Keep::nothing());
        request_email_change(&self.table, policy, &cause(), &who, &email, &keep).await
    }

    /// The link of a change that was just asked for.
    async fn link(&self, tokens: &SessionTokens, email: &str) -> Link {
        let change = self.request(tokens, email).await.unwrap();
        (change.user_id, change.change_id)
    }

    async fn confirm_over(&self, table: &Table, link: Link) -> Result<(), IdentityError> {
        let confirm = |_| async { Ok(made(confirm_email_change(table, &self.policy, link).await?)) };
        table.decide(&cause(), confirm).await
    }

    async fn confirm(&self, link: Link) -> Result<(), IdentityError> {
        self.confirm_over(&self.table, link).await
    }

    async fn undo_over(&self, table: &Table, link: Link) -> Result<(), IdentityError> {
        table.decide(&cause(), |_| async { Ok(made(undo_email_change(table, link).await?)) }).await
    }

    async fn undo(&self, link: Link) -> Result<(), IdentityError> {
        self.undo_over(&self.table, link).await
    }

    async fn user(&self, user_id: UserId) -> User {
        let key = identity::keys::User::key(user_id);
        self.table.get(&key, Consistency::Strong).await.unwrap().unwrap()
    }

    async fn email(&self, user_id: UserId) -> String {
        self.user(user_id).await.email.to_string()
    }

    /// Connects this account at a provider to the person's.
    async fn connect_over(&self, table: &Table, who: &Principal, subject: &str) -> Result<(), IdentityError> {
        let (key, now) = (OAuthKey::from_secret("a provider's"), self.clock.now());
        let purpose = Purpose::Link(who.user_id, who.session_id);
        let sent = start_oauth(&key, "acme", purpose, &self.policy, now).unwrap();
        let (state, browser) = (sent.state.expose(), sent.browser_token.expose());
        let opened = open_oauth(&Keys::only(key), "acme", state, browser, now).unwrap();
        let external = External {
            issuer: "https://acme.example".to_owned(),
            subject: subject.to_owned(),
            email: None,
            email_verified: false,
        };
        link_account(table, &cause(), who, &opened, "code", &external).await.map(|_| ())
    }

    async fn connect(&self, who: &Principal, subject: &str) -> Result<(), IdentityError> {
        self.connect_over(&self.table, who, subject).await
    }

    /// How many accounts elsewhere sign somebody in.
    async fn connected(&self) -> usize {
        self.database.count("oauth_owner").await
    }

    /// What comes of a sign-in with this address: whose session, if any.
    async fn comes_in(&self, email: &str) -> Option<UserId> {
        self.clock.advance(SignedDuration::from_secs(1));
        let (token, _, _) = self.login(email).await;
        self.verify(&confirmed(&token)).await.ok().map(|tokens| tokens.user_id)
    }
}

fn made(step: ChangeOutcome) -> Decision<(), IdentityError> {
    match step {
        ChangeOutcome::Done => Decision::done(()),
        ChangeOutcome::Again => Decision::wait(),
        ChangeOutcome::Decided(step) => Decision::commit(step.changes, ()),
    }
}

fn expired(outcome: &Result<(), IdentityError>) -> bool {
    matches!(outcome, Err(IdentityError::LinkExpired))
}

#[tokio::test]
async fn the_new_address_says_yes_and_the_one_before_is_kept_for_a_week() {
    let setting = Setting::new().await;
    let tokens = setting.signed_in(OLD).await;
    let link = setting.link(&tokens, NEW).await;
    assert_eq!(setting.email(tokens.user_id).await, OLD, "nobody has said yes");
    for _ in 0..2 {
        setting.confirm(link).await.unwrap();
    }
    assert_eq!(setting.email(tokens.user_id).await, NEW);
    assert_eq!(setting.events("email.changed").await, 1);
    assert!(setting.who(&tokens).await.is_ok(), "whoever is signed in stays so");
    assert_eq!(setting.comes_in(NEW).await, Some(tokens.user_id));
    assert_eq!(setting.comes_in(OLD).await, None, "it is kept, and signs nobody in");
    setting.clock.advance(SignedDuration::from_hours(7 * 24));
    let other = setting.comes_in(OLD).await.unwrap();
    assert_ne!(other, tokens.user_id, "it is anybody's now");
    assert!(expired(&setting.undo(link).await));
    assert_eq!(setting.email(tokens.user_id).await, NEW);
}

#[tokio::test]
async fn the_address_before_takes_it_back_and_everybody_is_signed_out() {
    let setting = Setting::new().await;
    let tokens = setting.signed_in(OLD).await;
    let link = setting.link(&tokens, NEW).await;
    assert!(expired(&setting.undo(link).await), "there is nothing to undo yet");
    setting.confirm(link).await.unwrap();
    setting.clock.advance(SignedDuration::from_secs(1));
    let thief = setting.signed_in(NEW).await;
    for _ in 0..2 {
        setting.undo(link).await.unwrap();
    }
    for tokens in [&tokens, &thief] {
        assert!(setting.who(tokens).await.is_err());
        assert!(setting.refresh(tokens.refresh_token.expose()).await.is_err());
    }
    assert_eq!(setting.user(tokens.user_id).await.listed().count(), 0);
    assert_eq!(setting.events("email.change_undone").await, 1);
    assert!(expired(&setting.confirm(link).await), "a change that was undone is over");
    assert_eq!(setting.comes_in(OLD).await, Some(tokens.user_id));
    assert_ne!(setting.comes_in(NEW).await, Some(tokens.user_id), "it is anybody's");
}

#[tokio::test]
async fn a_link_lives_for_a_day_and_for_the_last_request_alone() {
    let setting = Setting::new().await;
    let tokens = setting.signed_in(OLD).await;
    let first = setting.link(&tokens, NEW).await;
    let second = setting.link(&tokens, "ada@example.net").await;
    assert!(expired(&setting.confirm(first).await));
    cancel_email_change(&setting.table, &cause(), tokens.user_id, first.1).await.unwrap();
    setting.clock.advance(SignedDuration::from_hours(24));
    assert!(expired(&setting.confirm(second).await));
    let tokens = setting.signed_in(OLD).await;
    let third = setting.link(&tokens, NEW).await;
    for _ in 0..2 {
        cancel_email_change(&setting.table, &cause(), tokens.user_id, third.1).await.unwrap();
    }
    assert!(expired(&setting.confirm(third).await));
    assert_eq!(setting.email(tokens.user_id).await, OLD);
}

#[tokio::test]
async fn one_change_at_a_time_can_be_undone() {
    let setting = Setting::new().await;
    let tokens = setting.signed_in(OLD).await;
    let same = setting.request(&tokens, "ADA@example.com").await;
    assert!(matches!(same, Err(IdentityError::SameEmail)), "{same:?}");
    let link = setting.link(&tokens, NEW).await;
    setting.confirm(link).await.unwrap();
    // a thief cannot hide one change behind another, nor give up one that was made
    let again = setting.request(&tokens, "eve@example.net").await;
    assert!(matches!(again, Err(IdentityError::ChangedLately)), "{again:?}");
    cancel_email_change(&setting.table, &cause(), tokens.user_id, link.1).await.unwrap();
    setting.undo(link).await.unwrap();
    setting.clock.advance(SignedDuration::from_secs(1));
    let tokens = setting.signed_in(OLD).await;
    setting.link(&tokens, NEW).await;
}

#[tokio::test]
async fn an_address_that_somebody_else_has_or_may_want_back_stays_theirs() {
    let setting = Setting::new().await;
    let ada = setting.signed_in(OLD).await;
    setting.clock.advance(SignedDuration::from_secs(1));
    let bob = setting.signed_in("bob@example.com").await;
    let taken = setting.link(&ada, "bob@example.com").await;
    assert!(matches!(setting.confirm(taken).await, Err(IdentityError::EmailTaken)));
    let link = setting.link(&bob, NEW).await;
    setting.confirm(link).await.unwrap();
    assert!(matches!(setting.confirm(taken).await, Err(IdentityError::EmailTaken)), "kept for bob");
    // somebody signs up with the address between request and yes
    let late = setting.link(&ada, "late@example.org").await;
    let other = setting.comes_in("late@example.org").await.unwrap();
    assert!(matches!(setting.confirm(late).await, Err(IdentityError::EmailTaken)));
    assert_eq!(setting.comes_in("late@example.org").await, Some(other));
    assert_eq!(setting.email(ada.user_id).await, OLD);
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_who_want_one_address_one_gets_it() {
    let setting = Setting::new().await;
    let ada = setting.signed_in(OLD).await;
    setting.clock.advance(SignedDuration::from_secs(1));
    let bob = setting.signed_in("bob@example.com").await;
    let links = [setting.link(&ada, NEW).await, setting.link(&bob, NEW).await];
    let many = join_all((0..50).map(|n| setting.confirm(links[n % 2]))).await;
    let won: Vec<bool> = many.iter().map(Result::is_ok).collect();
    let winner = usize::from(!won[0]);
    for (n, outcome) in many.iter().enumerate() {
        match outcome {
            Ok(()) => assert_eq!(n % 2, winner),
            Err(IdentityError::EmailTaken) => assert_ne!(n % 2, winner),
            Err(error) => panic!("{error:?}"),
        }
    }
    let emails = [setting.email(ada.user_id).await, setting.email(bob.user_id).await];
    assert_eq!(emails.iter().filter(|email| *email == NEW).count(), 1, "{emails:?}");
    assert_eq!(setting.events("email.changed").await, 1);
}

/// The address before and the new one act at once, while somebody signs in with the new one: in whatever
/// order it happens, address and owner agree, and after an undo nobody is in.
#[tokio::test(flavor = "multi_thread")]
async fn yes_undo_and_sign_ins_at_once_leave_one_address() {
    for _ in 0..2 {
        let setting = Setting::new().await;
        let tokens = setting.signed_in(OLD).await;
        let link = setting.link(&tokens, NEW).await;
        setting.confirm(link).await.unwrap();
        let mut logins = Vec::new();
        for _ in 0..10 {
            setting.clock.advance(SignedDuration::from_secs(1));
            logins.push(setting.login(NEW).await.0);
        }
        let come = join_all(logins.iter().map(|token| async { setting.verify(&confirmed(token)).await }));
        let confirms = join_all((0..10).map(|_| setting.confirm(link)));
        let undoes = join_all((0..10).map(|_| setting.undo(link)));
        let who = setting.who(&tokens).await.unwrap();
        let connects = join_all((0..10).map(|n| {
            let (setting, who) = (&setting, &who);
            async move { setting.connect(who, &n.to_string()).await }
        }));
        let (come, _, undone, connected) = futures::join!(come, confirms, undoes, connects);
        assert!(undone.iter().all(Result::is_ok), "{undone:?}");
        assert_eq!(setting.email(tokens.user_id).await, OLD);
        for session in come.iter().flatten().filter(|session| session.user_id == tokens.user_id) {
            assert!(setting.who(session).await.is_err(), "it came in before the undo");
        }
        let ended = |outcome: &Result<(), _>| matches!(outcome, Err(IdentityError::SessionEnded));
        assert!(connected.iter().all(|outcome| outcome.is_ok() || ended(outcome)), "{connected:?}");
        assert_eq!(setting.connected().await, 0, "none is left, whenever it was connected");
        assert!(setting.user(tokens.user_id).await.ways().is_empty());
        assert_eq!(setting.comes_in(OLD).await, Some(tokens.user_id));
        assert_eq!(setting.events("email.change_undone").await, 1);
    }
}

#[tokio::test]
async fn what_was_there_before_the_change_was_asked_for_stays() {
    let setting = Setting::new().await;
    let tokens = setting.signed_in(OLD).await;
    let who = setting.who(&tokens).await.unwrap();
    let password: Password = "four words nobody guesses".parse().unwrap();
    set_password(&setting.table, &cause(), &who, &password).await.unwrap();
    setting.connect(&who, "ada").await.unwrap();
    setting.clock.advance(SignedDuration::from_secs(1));
    let link = setting.link(&tokens, NEW).await;
    setting.connect(&who, "eve, before it was confirmed").await.unwrap();
    setting.confirm(link).await.unwrap();
    setting.connect(&who, "eve, after that").await.unwrap();
    setting.undo(link).await.unwrap();
    let ways: Vec<_> = setting.user(tokens.user_id).await.ways().keys().copied().collect();
    assert_eq!((ways, setting.connected().await), (vec![Way::Password, Way::ConnectedAccount], 1));
    let events = setting.database.events().await;
    let undone = events.iter().find(|event| event.kind == "email.change_undone").unwrap();
    assert_eq!(undone.data["removed"].as_array().unwrap().len(), 2, "{undone:?}");
}

#[tokio::test]
async fn whoever_asks_again_keeps_nothing_of_what_was_set_up_since_the_first_time() {
    let setting = Setting::new().await;
    let tokens = setting.signed_in(OLD).await;
    let who = setting.who(&tokens).await.unwrap();
    setting.link(&tokens, "eve@example.net").await;
    setting.connect(&who, "eve").await.unwrap();
    setting.clock.advance(SignedDuration::from_mins(5));
    let link = setting.link(&tokens, NEW).await;
    setting.confirm(link).await.unwrap();
    setting.undo(link).await.unwrap();
    assert_eq!(setting.connected().await, 0);
}

#[tokio::test]
async fn giving_a_change_up_and_asking_again_keeps_nothing_either() {
    for (gives_up, days) in [(true, 0), (true, 6), (false, 2), (false, 6)] {
        let setting = Setting::new().await;
        let tokens = setting.signed_in(OLD).await;
        let first = setting.link(&tokens, "eve@example.net").await;
        let who = setting.who(&tokens).await.unwrap();
        setting.connect(&who, "eve").await.unwrap();
        if gives_up {
            cancel_email_change(&setting.table, &cause(), tokens.user_id, first.1).await.unwrap();
        }
        setting.clock.advance(SignedDuration::from_hours(24 * days) + SignedDuration::from_secs(1));
        let tokens = setting.signed_in(OLD).await;
        let link = setting.link(&tokens, NEW).await;
        setting.confirm(link).await.unwrap();
        setting.undo(link).await.unwrap();
        assert_eq!(setting.connected().await, 0, "{gives_up} {days}");
    }
}

/// What a session asks for that ends before it is written is not written.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_being_set_up_while_a_change_is_undone_is_not_there_then() {
    for sets_password in [false, true] {
        let setting = Arc::new(Setting::new().await);
        let tokens = setting.signed_in(OLD).await;
        let link = setting.link(&tokens, NEW).await;
        setting.confirm(link).await.unwrap();
        let who = setting.who(&tokens).await.unwrap();
        let undone = {
            let setting = Arc::clone(&setting);
            async move { setting.undo(link).await.unwrap() }
        };
        let client = meanwhile("TransactWriteItems", 0, undone);
        let table = setting.database.table_over(&setting.clock, client);
        let outcome = if sets_password {
            let password: Password = "four words nobody guesses".parse().unwrap();
            set_password(&table, &cause(), &who, &password).await
        } else {
            setting.connect_over(&table, &who, "eve").await
        };
        assert!(matches!(outcome, Err(IdentityError::SessionEnded)), "{sets_password}: {outcome:?}");
        assert_eq!((setting.connected().await, setting.database.count("password").await), (0, 0));
        assert!(setting.user(tokens.user_id).await.ways().is_empty());
    }
}

/// Somebody with the new address, on an instance whose clock is ahead, had the person read before the undo,
/// and has a login that lacks something stored after it.
#[tokio::test(flavor = "multi_thread")]
async fn a_login_that_began_before_the_undo_leads_nowhere_after_it() {
    let setting = Arc::new(Setting::new().await);
    let tokens = setting.signed_in(OLD).await;
    setting.joins_strict(tokens.user_id).await;
    let link = setting.link(&tokens, NEW).await;
    setting.confirm(link).await.unwrap();
    setting.clock.advance(SignedDuration::from_secs(1));
    let (token, _, _) = setting.login(NEW).await;
    let undone = {
        let setting = Arc::clone(&setting);
        async move { setting.undo(link).await.unwrap() }
    };
    let ahead = Clock::fixed(setting.clock.now() + SignedDuration::from_secs(1));
    let table = setting.database.table_over(&ahead, meanwhile("TransactWriteItems", 0, undone));
    let (issuer, policy, cause) = (&setting.issuer, &setting.policy, &cause());
    let entrance = Entrance { table: &table, issuer, policy, cause, network: NETWORK };
    let opened = open_proof(&table, &setting.links, &confirmed(&token)).await.unwrap();
    let SignedIn::Half(half) = verify_login(&entrance, &opened, None).await.unwrap() else {
        panic!("the organization asks for a second factor");
    };
    let lacks = challenge(&table, cause, half.token.expose()).await;
    assert!(matches!(lacks, Err(IdentityError::HalfSessionEnded)), "{lacks:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_dies_at_any_call_of_yes_or_undo_finds_it_done_or_not_begun() {
    for undo in [false, true] {
        for call in 0.. {
            let mut died = false;
            for moment in [Moment::Before, Moment::After] {
                let (setting, crashes) = (Setting::new().await, Crashes::default());
                let tokens = setting.signed_in(OLD).await;
                let link = setting.link(&tokens, NEW).await;
                let who = setting.who(&tokens).await.unwrap();
                setting.connect(&who, "eve").await.unwrap();
                if undo {
                    setting.confirm(link).await.unwrap();
                }
                let table = setting.database.table_over(&setting.clock, crashes.http_client());
                let outcome = if undo {
                    crashes.run(call, moment, Box::pin(setting.undo_over(&table, link))).await
                } else {
                    crashes.run(call, moment, Box::pin(setting.confirm_over(&table, link))).await
                };
                died |= outcome.is_none();
                let again = if undo { setting.undo(link).await } else { setting.confirm(link).await };
                assert!(again.is_ok(), "undo {undo}, call {call}, {moment:?}: {again:?}");
                assert_eq!(setting.email(tokens.user_id).await, if undo { OLD } else { NEW });
                let told = if undo { "email.change_undone" } else { "email.changed" };
                assert_eq!(setting.events(told).await, 1);
                assert_eq!(setting.connected().await, usize::from(!undo));
            }
            if !died {
                assert!(call >= 3);
                break;
            }
        }
    }
}
