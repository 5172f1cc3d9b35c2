//! What people say about themselves.

use access::Profile;
use futures::future::join_all;
use identity::{IdentityError, User, update_profile};
use primitives::{Expected, SignedDuration};
use table::Consistency;
use test_support::{Crashes, Moment};

use crate::setting::{Setting, cause};

fn named(name: &'static str) -> impl Fn(Profile) -> Profile {
    move |profile| Profile { name: Some(name.to_owned()), ..profile }
}

impl Setting {
    async fn profile(&self, user_id: primitives::UserId) -> Profile {
        let key = identity::keys::User::key(user_id);
        let user: User = self.table.get(&key, Consistency::Strong).await.unwrap().unwrap();
        user.profile
    }
}

#[tokio::test]
async fn a_change_is_told_once_and_no_change_is_none() {
    let setting = Setting::new().await;
    let tokens = setting.signed_in("ada@example.com").await;
    for _ in 0..2 {
        let who = setting.who(&tokens).await.unwrap();
        let profile = update_profile(&setting.table, &cause(), &who, &Expected::Any, named("Ada")).await;
        assert_eq!(profile.unwrap(), Profile { name: Some("Ada".into()), version: 1, ..Profile::default() });
    }
    assert_eq!(setting.events("user.updated").await, 1);
    let who = setting.who(&tokens).await.unwrap();
    let old = Expected::OneOf(vec![0]);
    let refused = update_profile(&setting.table, &cause(), &who, &old, named("Eve")).await;
    assert!(matches!(refused, Err(IdentityError::VersionMismatch { current: 1 })), "{refused:?}");
    let seen = Expected::OneOf(vec![1]);
    let changed = update_profile(&setting.table, &cause(), &who, &seen, named("Ada L.")).await.unwrap();
    assert_eq!(changed.version, 2);
}

/// Each is decided on what the one before left, however stale what the request saw of the person is; and who
/// signs in meanwhile is there afterwards.
#[tokio::test(flavor = "multi_thread")]
async fn fifty_changes_at_once_lose_nothing() {
    let setting = Setting::new().await;
    let tokens = setting.signed_in("ada@example.com").await;
    let who = setting.who(&tokens).await.unwrap();
    setting.clock.advance(SignedDuration::from_secs(1));
    let login = setting.login("ada@example.com").await;
    let longer =
        |profile: Profile| Profile { name: Some(profile.name.clone().unwrap_or_default() + "a"), ..profile };
    let changes = join_all((0..50).map(|_| async {
        while let Err(error) = update_profile(&setting.table, &cause(), &who, &Expected::Any, longer).await {
            assert!(matches!(error, IdentityError::Commit(_)), "{error:?}");
        }
    }));
    let (_, other) = futures::join!(changes, setting.verify_at_last(&login.0));
    let profile = setting.profile(who.user_id).await;
    assert_eq!((profile.name.unwrap().len(), profile.version), (50, 50));
    assert!(setting.who(&other).await.is_ok());
    assert_eq!(setting.events("user.updated").await, 50);
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_dies_at_any_call_has_changed_it_or_not() {
    for call in 0.. {
        let mut died = false;
        for moment in [Moment::Before, Moment::After] {
            let (setting, crashes) = (Setting::new().await, Crashes::default());
            let tokens = setting.signed_in("ada@example.com").await;
            let who = setting.who(&tokens).await.unwrap();
            let table = setting.database.table_over(&setting.clock, crashes.http_client());
            let (cause, any) = (cause(), Expected::Any);
            let work = Box::pin(update_profile(&table, &cause, &who, &any, named("Ada")));
            died |= crashes.run(call, moment, work).await.is_none();
            let who = setting.who(&tokens).await.unwrap();
            update_profile(&setting.table, &cause, &who, &any, named("Ada")).await.unwrap();
            assert_eq!(setting.profile(who.user_id).await.version, 1, "call {call}, {moment:?}");
            assert_eq!(setting.events("user.updated").await, 1);
        }
        if !died {
            assert!(call >= 1);
            return;
        }
    }
}
