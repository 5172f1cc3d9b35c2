//! What a person has set up to sign in with since some moment, and how all of it goes at once: where it turns
//! out that from then on somebody else may have acted for them.

use access::Way;
use identity_core::{
    ConnectedAccounts, MOST_CONNECTED_ACCOUNTS, MOST_PASSKEYS, PasswordHash, User,
    events::{Credential, Removed},
    keys,
};
use primitives::{Timestamp, UserId};
use table::{Changes, Consistency, Found, Key, StoreError, Table};

use crate::{
    mfa::SecondFactors,
    passkeys::{Passkey, of_person},
};

/// How many items are stored at most for what is gone: the password, the passkeys and whose they are, the
/// connected accounts and whose they are, the second factors.
pub(crate) const MOST_ITEMS: usize = 3 + 2 * MOST_PASSKEYS + MOST_CONNECTED_ACCOUNTS;

/// What a person signs in with besides mail, and their phone, which is in the person's own item.
pub(crate) struct Credentials {
    password: Option<PasswordHash>,
    factors: Option<SecondFactors>,
    connected: Option<ConnectedAccounts>,
    passkeys: Vec<Passkey>,
}

/// A person without what was set up since.
#[derive(Debug)]
pub(crate) struct Voided {
    /// The person, who is to be stored.
    pub(crate) user: User,
    /// All else that is to be stored: [`MOST_ITEMS`].
    pub(crate) changes: Changes,
    /// What is gone.
    pub(crate) removed: Vec<Removed>,
}

impl Credentials {
    /// Where they are, all but the passkeys.
    pub(crate) fn keys(user_id: UserId) -> [Key; 3] {
        [
            keys::Password::key(user_id),
            keys::SecondFactors::key(user_id),
            keys::ConnectedAccounts::key(user_id),
        ]
    }

    /// What was found there, and the passkeys: one call, where there are some. Whoever adds or removes one of
    /// all these changes the person, so that they belong together if the person is still as read.
    pub(crate) async fn take(table: &Table, found: &mut Found, user: &User) -> Result<Self, StoreError> {
        let [password, factors, connected] = Self::keys(user.user_id);
        let passkeys = match user.ways().get(&Way::Passkey) {
            Some(_) => of_person(table, user.user_id, Consistency::Strong).await?,
            None => Vec::new(),
        };
        Ok(Self {
            password: found.take(&password)?,
            factors: found.take(&factors)?,
            connected: found.take(&connected)?,
            passkeys,
        })
    }

    /// The person without what was set up, or changed, at `since` or later. What was there before it was
    /// changed is not kept, so that it does not come back.
    pub(crate) fn voided(self, user: User, since: Timestamp, now: Timestamp) -> Voided {
        let voided = Voided { user, changes: Changes::new(), removed: Vec::new() };
        let voided = voided.without_password(self.password, since, now);
        let voided = voided.without_passkeys(self.passkeys, since, now);
        let voided = voided.without_accounts(self.connected, since, now);
        voided.without_factors(self.factors, since, now)
    }
}

impl Voided {
    fn without(mut self, way: Way, now: Timestamp) -> Self {
        self.user = self.user.without_way(way, now);
        self
    }

    fn gone(&mut self, credential: Credential, id: Option<String>, name: Option<String>) {
        self.removed.push(Removed { credential, id, name });
    }

    fn without_password(mut self, password: Option<PasswordHash>, since: Timestamp, now: Timestamp) -> Self {
        let Some(password) = password.filter(|password| password.set_at >= since) else { return self };
        self.gone(Credential::Password, None, None);
        self.changes = self.changes.delete(&password);
        self.without(Way::Password, now)
    }

    fn without_passkeys(mut self, passkeys: Vec<Passkey>, since: Timestamp, now: Timestamp) -> Self {
        let (new, old): (Vec<_>, Vec<_>) =
            passkeys.into_iter().partition(|passkey| passkey.created_at >= since);
        for passkey in &new {
            self.changes = self.changes.delete(passkey).remove(keys::PasskeyOwner::key(passkey.passkey_id));
            self.gone(Credential::Passkey, Some(passkey.passkey_id.to_string()), Some(passkey.name.clone()));
        }
        if old.is_empty() && !new.is_empty() { self.without(Way::Passkey, now) } else { self }
    }

    fn without_accounts(
        mut self,
        connected: Option<ConnectedAccounts>,
        since: Timestamp,
        now: Timestamp,
    ) -> Self {
        let Some(mut connected) = connected else { return self };
        let (new, old): (Vec<_>, Vec<_>) =
            connected.accounts.drain(..).partition(|account| account.connected_at >= since);
        if new.is_empty() {
            return self;
        }
        for account in new {
            self.changes = self.changes.remove(keys::OAuthOwner::key(account.hash));
            self.gone(
                Credential::ConnectedAccount,
                Some(account.account_id.to_string()),
                Some(account.provider),
            );
        }
        connected.accounts = old;
        self.changes = self.changes.replace(&connected);
        if connected.accounts.is_empty() { self.without(Way::ConnectedAccount, now) } else { self }
    }

    /// Codes go to the phone, whatever its number is, and so they go with it. Recovery codes are for the day
    /// without a factor that there is.
    fn without_factors(mut self, factors: Option<SecondFactors>, since: Timestamp, now: Timestamp) -> Self {
        if let Some(phone) = self.user.phone.clone().filter(|phone| phone.verified_at >= since) {
            self.gone(Credential::Phone, None, Some(phone.number.masked()));
            self.user = self.user.with_phone(None, now);
        }
        let has_phone = self.user.phone.is_some();
        let Some(stored) = factors else { return self };
        let mut left = stored.clone();
        left.totp = left.totp.filter(|totp| totp.confirmed_at < since);
        left.sms = left.sms.filter(|sms| has_phone && sms.confirmed_at < since);
        left.recovery = left.recovery.filter(|codes| codes.made_at < since);
        if let (Some(totp), None) = (&stored.totp, &left.totp) {
            self.gone(Credential::Totp, Some(totp.factor_id.to_string()), None);
            self = self.without(Way::Totp, now);
        }
        if let (Some(sms), None) = (stored.sms, left.sms) {
            self.gone(Credential::Sms, Some(sms.factor_id.to_string()), None);
            self = self.without(Way::Sms, now);
        }
        if !self.user.has_factor() {
            left.recovery = None;
        }
        if stored.recovery.is_some() && left.recovery.is_none() {
            self.gone(Credential::RecoveryCodes, None, None);
        }
        self.changes = match (left == stored, self.user.has_factor()) {
            (true, _) => self.changes,
            (false, true) => self.changes.replace(&left),
            (false, false) => self.changes.delete(&stored),
        };
        self
    }
}

#[cfg(test)]
mod tests {
    use access::Shown;
    use identity_core::{ConnectedAccount, Device, Phone, Policy, Session};
    use primitives::{Ids, SignedDuration};
    use serde_json::json;

    use super::*;

    const HOUR: SignedDuration = SignedDuration::from_hours(1);

    fn ada(now: Timestamp) -> User {
        let device = Device { name: "Firefox on Linux".to_owned(), country: None };
        let ids = (Ids::unguessable(), Ids::unguessable());
        let session = Session::begin(ids, Shown::only(Way::Mail), device, &Policy::default(), now);
        User::new("ada@example.com".parse().unwrap(), &session)
    }

    fn factors(user: &User, totp: Timestamp, sms: Timestamp, codes: Timestamp) -> SecondFactors {
        let id = || Ids::unguessable::<primitives::kind::Factor>();
        serde_json::from_value(json!({
            "user_id": user.user_id,
            "totp": { "factor_id": id(), "seed": "", "confirmed_at": totp, "last_step": 0 },
            "sms": { "factor_id": id(), "confirmed_at": sms },
            "recovery": { "factor_id": id(), "codes": {}, "made_at": codes },
            "version": 1,
        }))
        .unwrap()
    }

    /// All that somebody can have, set up at this time, and the person who has it.
    fn everything(at: Timestamp) -> (User, Credentials) {
        let ways = [Way::Password, Way::ConnectedAccount, Way::Totp, Way::Sms];
        let user = ways.into_iter().fold(ada(at), |user, way| user.with_way(way, at));
        let phone = Phone { number: "+436641234567".parse().unwrap(), verified_at: at };
        let user = user.with_phone(Some(phone), at);
        let account = ConnectedAccount {
            account_id: Ids::unguessable(),
            provider: "acme".to_owned(),
            hash: "of the account".to_owned(),
            email: None,
            connected_at: at,
        };
        let credentials = Credentials {
            password: Some(PasswordHash::new(user.user_id, String::new(), at)),
            factors: Some(factors(&user, at, at, at)),
            connected: ConnectedAccounts::none(user.user_id).with(account),
            passkeys: Vec::new(),
        };
        (user, credentials)
    }

    fn kinds(voided: &Voided) -> Vec<Credential> {
        voided.removed.iter().map(|removed| removed.credential).collect()
    }

    #[test]
    fn what_is_as_young_as_the_moment_goes_and_what_is_older_stays() {
        use Credential::{ConnectedAccount, Password, Phone, RecoveryCodes, Sms, Totp};
        let since = Timestamp::UNIX_EPOCH + HOUR * 10;
        for (at, goes) in [(since - HOUR, false), (since, true), (since + HOUR, true)] {
            let (user, credentials) = everything(at);
            let ways = user.ways().clone();
            let voided = credentials.voided(user, since, since + HOUR * 2);
            if goes {
                assert_eq!(
                    kinds(&voided),
                    [Password, ConnectedAccount, Phone, Totp, Sms, RecoveryCodes],
                    "{at}"
                );
                assert!(voided.user.ways().is_empty() && voided.user.phone.is_none());
                assert!(voided.removed.iter().all(|gone| gone.name.as_deref() != Some("+436641234567")));
            } else {
                assert_eq!((voided.removed, voided.user.ways()), (Vec::new(), &ways));
                assert!(voided.user.phone.is_some() && voided.changes.is_empty());
            }
        }
    }

    #[test]
    fn codes_go_with_their_phone_and_recovery_codes_with_the_last_factor() {
        use Credential::{Phone, RecoveryCodes, Sms, Totp};
        let since = Timestamp::UNIX_EPOCH + HOUR * 10;
        let (old, new) = (since - HOUR, since + HOUR);
        let voided = |phone, totp, codes| {
            let (mut user, credentials) = everything(old);
            user.phone.as_mut().unwrap().verified_at = phone;
            let factors = Some(factors(&user, totp, old, codes));
            Credentials { factors, ..credentials }.voided(user, since, new + HOUR)
        };
        assert_eq!(kinds(&voided(new, old, old)), [Phone, Sms], "another phone");
        assert_eq!(kinds(&voided(old, new, old)), [Totp], "another app");
        assert_eq!(kinds(&voided(old, old, new)), [RecoveryCodes], "other recovery codes");
        let none_left = voided(new, new, old);
        assert_eq!(kinds(&none_left), [Phone, Totp, Sms, RecoveryCodes], "no factor is left");
        assert!(!none_left.user.has_factor());
    }
}
