//! A process that dies at any of its calls, an answer that gets lost, a replica that is behind: none of it
//! costs anybody the session.

use std::collections::HashSet;

use access::Principal;
use futures::future::join_all;
use identity::{AuthenticationError, IdentityError, SessionTokens, refresh, sign_out, switch_org};
use primitives::{OrgId, SignedDuration};
use table::{Consistency, Table};
use test_support::{Crashes, Moment};

use crate::setting::{Setting, cause, link, whole};

/// How long somebody waits who got no answer: a client that obeys `Retry-After`, one with a long time-out, a
/// person.
const WAITS: [SignedDuration; 3] =
    [SignedDuration::from_secs(1), SignedDuration::from_secs(31), SignedDuration::from_mins(14)];

impl Setting {
    async fn switch(
        &self,
        table: &Table,
        who: &Principal,
        to: OrgId,
    ) -> Result<SessionTokens, IdentityError> {
        switch_org(table, &self.issuer, &self.policy, &cause(), who, to).await.map(whole)
    }

    /// Whether the pair works, and so does the next one; and nothing was taken for a theft on the way.
    async fn works(&self, tokens: &SessionTokens) {
        let next = self.refresh(tokens.refresh_token.expose()).await.unwrap();
        assert!(self.who(&next).await.is_ok());
        assert_eq!(self.events("session.revoked").await, 0);
    }
}

/// A world of its own for each crash; `work` is what the client asks for, again when it got no answer, and at
/// last for good.
async fn at_each_call<T>(
    prepare: impl AsyncFn(&Setting) -> T,
    work: impl AsyncFn(&Setting, &Table, &T) -> Result<SessionTokens, IdentityError>,
    afterwards: impl AsyncFn(&Setting, &T, SessionTokens),
) {
    let mut call = 0;
    loop {
        let mut has_ended = true;
        for (moment, wait) in
            [Moment::Before, Moment::After].into_iter().flat_map(|moment| WAITS.map(|wait| (moment, wait)))
        {
            let setting = Setting::new().await;
            let prepared = Box::pin(prepare(&setting)).await;
            let crashes = Crashes::default();
            let table = setting.database.table_over(&setting.clock, crashes.http_client());
            let died = crashes.run(call, moment, Box::pin(work(&setting, &table, &prepared))).await.is_none();
            has_ended &= !died;
            setting.clock.advance(wait);
            let tokens = Box::pin(work(&setting, &setting.table, &prepared)).await;
            let tokens = tokens.unwrap_or_else(|error| panic!("call {call}, {moment:?}, {wait}: {error}"));
            Box::pin(afterwards(&setting, &prepared, tokens)).await;
        }
        if has_ended {
            assert!(call > 1, "the work made {call} calls");
            return;
        }
        call += 1;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn verifying() {
    at_each_call(
        async |setting| setting.login("ada@example.com").await,
        async |setting, table, (token, _, browser)| {
            setting.verify_over(table, &setting.issuer, &link(token, Some(browser))).await
        },
        async |setting, _, tokens| {
            assert_eq!(setting.database.count("session").await, 1);
            setting.works(&tokens).await;
        },
    )
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn refreshing() {
    at_each_call(
        async |setting| setting.signed_in("ada@example.com").await,
        async |setting, table, first| {
            let token = first.refresh_token.expose();
            refresh(table, &setting.issuer, &setting.policy, &cause(), token).await
        },
        async |setting, _, tokens| setting.works(&tokens).await,
    )
    .await;
}

/// The client repeats the switch; or gives it up and goes on with the pair that it has.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn switching() {
    at_each_call(
        async |setting| {
            let first = setting.signed_in("ada@example.com").await;
            let org_id = setting.joins(first.user_id).await;
            setting.clock.advance(SignedDuration::from_secs(1));
            (setting.who(&first).await.unwrap(), org_id, first)
        },
        async |setting, table, (who, org_id, _)| setting.switch(table, who, *org_id).await,
        async |setting, (_, org_id, first), tokens| {
            assert_eq!(tokens.org_id, Some(*org_id));
            assert_eq!(setting.refresh(first.refresh_token.expose()).await.unwrap().org_id, Some(*org_id));
            setting.works(&tokens).await;
        },
    )
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_switch_doubled_twenty_at_once_and_between_two_costs_nobody_the_session() {
    let setting = Setting::new().await;
    let first = setting.signed_in("ada@example.com").await;
    let orgs = [setting.joins(first.user_id).await, setting.joins(first.user_id).await];
    let who = setting.who(&first).await.unwrap();
    for org_id in orgs {
        setting.clock.advance(SignedDuration::from_secs(1));
        let pairs = join_all((0..20).map(|_| setting.switch(&setting.table, &who, org_id))).await;
        let pairs: Vec<_> = pairs.into_iter().map(|pair| pair.unwrap()).collect();
        let access: HashSet<_> = pairs.iter().map(|pair| pair.access_token.expose().clone()).collect();
        assert_eq!(access.len(), 1, "the same request is one");
        assert!(pairs.iter().all(|pair| pair.org_id == Some(org_id)));
        let place = setting.who(&pairs[0]).await.unwrap();
        assert_eq!(place.actor.unwrap().org_id, org_id);
    }
    // answers got lost, of both: the pair of before is still one
    setting.clock.advance(SignedDuration::from_mins(14));
    let next = setting.refresh(first.refresh_token.expose()).await.unwrap();
    assert_eq!(next.org_id, Some(orgs[1]));
    setting.works(&first).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn signing_out_dies_at_its_call_and_is_done_once() {
    for moment in [Moment::Before, Moment::After] {
        let setting = Setting::new().await;
        let tokens = setting.signed_in("ada@example.com").await;
        let who = setting.who(&tokens).await.unwrap();
        let crashes = Crashes::default();
        let table = setting.database.table_over(&setting.clock, crashes.http_client());
        let cause = cause();
        assert!(crashes.run(0, moment, sign_out(&table, &cause, &who)).await.is_none());
        for _ in 0..2 {
            sign_out(&setting.table, &cause, &who).await.unwrap();
        }
        assert_eq!(setting.events("session.revoked").await, 1);
        assert!(matches!(setting.who(&tokens).await, Err(AuthenticationError::SessionEnded)));
    }
}

#[tokio::test]
async fn a_replica_that_is_behind_refuses_nobody() {
    for sign_in_is_seen in [false, true] {
        let setting = Setting::new().await;
        let first = setting.signed_in("ada@example.com").await;
        if sign_in_is_seen {
            setting.database.settle();
        }
        let org_id = setting.joins(first.user_id).await;
        let who = setting.principal(&first, Consistency::Strong).await.unwrap();
        setting.clock.advance(SignedDuration::from_secs(1));
        let switched = setting.switch(&setting.table, &who, org_id).await.unwrap();
        // while nothing of it is seen, then some of it, then all
        for _ in 0..3 {
            let principal = setting.principal(&switched, Consistency::Eventual).await.unwrap();
            assert_eq!(principal.actor.map(|actor| actor.org_id), switched.org_id);
        }

        // what is refused for good is refused after one more look, and what is allowed costs none
        let look = async |tokens: &SessionTokens| {
            setting.database.settle();
            setting.table.usage().take();
            let principal = setting.principal(tokens, Consistency::Eventual).await;
            (principal, setting.table.usage().take().len())
        };
        assert!(matches!(look(&switched).await, (Ok(_), 1)));
        sign_out(&setting.table, &cause(), &who).await.unwrap();
        assert!(matches!(look(&switched).await, (Err(AuthenticationError::SessionEnded), 2)));
    }
}
