//! Showing once more who one is, by the code of a mail: who dies on the way, and what happens meanwhile.

use std::sync::Arc;

use identity::{
    Entrance, FirstProof, FirstStepUp, IdentityError, SessionTokens, StepUpOffer, sign_out, step_up_first,
};
use primitives::{MailCodeId, SignedDuration};
use table::Table;
use test_support::{Crashes, Moment, meanwhile};

use crate::setting::{NETWORK, Setting, cause};

impl Setting {
    /// Has a code sent; gives its digits.
    async fn mailed(&self, tokens: &SessionTokens) -> String {
        let who = self.who(tokens).await.unwrap();
        let offer = StepUpOffer::read(&self.table, &who).await.unwrap();
        offer.send_code(&self.table, &self.policy, &cause(), &who).await.unwrap();
        let events = self.database.events().await;
        let asked = events.iter().rev().find(|event| event.kind == "mail_code.requested").unwrap();
        let code_id: MailCodeId = asked.data["code_id"].as_str().unwrap().parse().unwrap();
        self.links.current.mail_code(code_id)
    }

    async fn confirm_by(
        &self,
        table: &Table,
        tokens: &SessionTokens,
        digits: &str,
    ) -> Result<SessionTokens, IdentityError> {
        let who = self.who(tokens).await.unwrap();
        let proof = FirstProof::Mail(digits.parse().unwrap());
        let step = FirstStepUp::judge(table, &self.links, &who, &proof).await?;
        let (issuer, policy, cause) = (&self.issuer, &self.policy, &cause());
        let entrance = Entrance { table, issuer, policy, cause, network: NETWORK };
        step_up_first(&entrance, &who, &step).await
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_dies_at_any_call_confirms_once_with_the_same_code() {
    for call in 0.. {
        let mut died = false;
        for moment in [Moment::Before, Moment::After] {
            let (setting, crashes) = (Setting::new().await, Crashes::default());
            let tokens = setting.signed_in("ada@example.com").await;
            let digits = setting.mailed(&tokens).await;
            let table = setting.database.table_over(&setting.clock, crashes.http_client());
            let first = Box::pin(setting.confirm_by(&table, &tokens, &digits));
            died |= crashes.run(call, moment, first).await.is_none();
            setting.clock.advance(SignedDuration::from_secs(2));
            let again = setting.confirm_by(&setting.table, &tokens, &digits).await;
            assert!(again.is_ok(), "call {call}, {moment:?}: {again:?}");
            assert_eq!(setting.events("session.stepped_up").await, 1);
            setting.clock.advance(SignedDuration::from_secs(61));
            let late = setting.confirm_by(&setting.table, &tokens, &digits).await;
            assert!(matches!(late, Err(IdentityError::MfaFailed)), "{late:?}");
        }
        if !died {
            assert!(call >= 2);
            break;
        }
    }
}

/// What is answered is what the route says it may be answered with.
#[tokio::test(flavor = "multi_thread")]
async fn whoever_signs_out_meanwhile_confirms_nothing_and_is_told_that_the_session_ended() {
    for call in 0..2 {
        let setting = Arc::new(Setting::new().await);
        let tokens = setting.signed_in("ada@example.com").await;
        let digits = setting.mailed(&tokens).await;
        let who = setting.who(&tokens).await.unwrap();
        let signed_out = {
            let setting = Arc::clone(&setting);
            async move { sign_out(&setting.table, &cause(), &who).await.unwrap() }
        };
        let client = meanwhile("BatchGetItem", call, signed_out);
        let table = setting.database.table_over(&setting.clock, client);
        let confirmed = setting.confirm_by(&table, &tokens, &digits).await;
        assert!(matches!(confirmed, Err(IdentityError::SessionEnded)), "{confirmed:?}");
        assert_eq!(setting.events("session.stepped_up").await, 0);
    }
}
