//! Signing in with an account at a provider while it is taken away.

use std::sync::Arc;

use identity::{
    Entrance, External, IdentityError, OAuthKey, OpenedOAuth, Purpose, SignedIn, connected_accounts,
    open_oauth, remove_connected_account, sign_in_with_oauth, start_oauth,
};
use primitives::{Keys, SignedDuration};
use table::Table;
use test_support::meanwhile;

use crate::setting::{NETWORK, Setting, cause, whole};

impl Setting {
    /// Somebody who is back from a provider.
    fn back(&self) -> OpenedOAuth {
        let (key, now) = (OAuthKey::from_secret("a provider's"), self.clock.now());
        let sent = start_oauth(&key, "acme", Purpose::SignIn, &self.policy, now).unwrap();
        let (state, browser) = (sent.state.expose(), sent.browser_token.expose());
        open_oauth(&Keys::only(key), "acme", state, browser, now).unwrap()
    }

    async fn comes_with_account(&self, table: &Table) -> Result<SignedIn, IdentityError> {
        let external = External {
            issuer: "https://acme.example".to_owned(),
            subject: "ada".to_owned(),
            email: Some("ada@example.com".parse().unwrap()),
            email_verified: true,
        };
        let (issuer, policy, cause) = (&self.issuer, &self.policy, &cause());
        let entrance = Entrance { table, issuer, policy, cause, network: NETWORK };
        sign_in_with_oauth(&entrance, &self.back(), "code", &external, None).await
    }
}

/// It is taken away before the first read, between the two, and before the write.
#[tokio::test(flavor = "multi_thread")]
async fn an_account_that_is_taken_away_meanwhile_signs_nobody_in() {
    for (operation, after) in [("BatchGetItem", 0), ("BatchGetItem", 1), ("TransactWriteItems", 0)] {
        let setting = Arc::new(Setting::new().await);
        let tokens = whole(setting.comes_with_account(&setting.table).await.unwrap());
        setting.clock.advance(SignedDuration::from_secs(1));
        let who = setting.who(&tokens).await.unwrap();
        setting.database.settle();
        let accounts = connected_accounts(&setting.table, who.user_id).await.unwrap();
        let removed = {
            let (setting, account_id) = (Arc::clone(&setting), accounts[0].account_id);
            async move { remove_connected_account(&setting.table, &cause(), &who, account_id).await.unwrap() }
        };
        let client = meanwhile(operation, after, removed);
        let table = setting.database.table_over(&setting.clock, client);
        let refused = setting.comes_with_account(&table).await;
        assert!(
            matches!(refused, Err(IdentityError::AccountLinkRequired)),
            "{operation} {after}: {refused:?}"
        );
        assert_eq!(setting.database.count("session").await, 1, "{operation} {after}");
    }
}
