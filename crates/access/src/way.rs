use std::collections::BTreeSet;

use primitives::Timestamp;
use serde::{Deserialize, Serialize};

/// A way in which a person shows who they are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Way {
    /// A link or a code that was sent to the verified address.
    Mail,
    /// A password.
    Password,
    /// A passkey (Web Authentication), whose device has verified the person.
    Passkey,
    /// An account at an identity provider.
    ConnectedAccount,
    /// A code of an authenticator app (RFC 6238).
    Totp,
    /// A code that was sent to the person's phone. Numbers go to other people, and codes to whoever can read
    /// along: it is the weakest of those that count beside another way.
    Sms,
    /// One of the codes that were written down for the day on which everything else is lost.
    RecoveryCode,
    /// A browser that is remembered from an earlier second factor. It is none itself: whoever comes in with
    /// it has shown one factor, and a sign of another one.
    TrustedBrowser,
    /// The identity provider of an organization of the person's. It is a first factor, and says who belongs
    /// to that organization: what is the person's own, the person shows in another way.
    Sso,
    /// A code on the screen of a session, by which another device is signed in. It is a first factor, and no
    /// proof that it is the person who holds the device.
    DeviceLink,
}

impl Way {
    /// All of them.
    pub const ALL: [Self; 10] = [
        Self::Mail,
        Self::Password,
        Self::Passkey,
        Self::ConnectedAccount,
        Self::Totp,
        Self::Sms,
        Self::RecoveryCode,
        Self::TrustedBrowser,
        Self::Sso,
        Self::DeviceLink,
    ];

    /// What a token calls it in `amr`: the word of RFC 8176, section 2, where it has one.
    pub fn method(self) -> &'static str {
        match self {
            Self::Mail => "email",
            Self::Password => "pwd",
            Self::Passkey => "pop",
            Self::ConnectedAccount => "connected_account",
            Self::Totp => "otp",
            Self::Sms => "sms",
            Self::RecoveryCode => "recovery_code",
            Self::TrustedBrowser => "trusted_browser",
            Self::Sso => "sso",
            Self::DeviceLink => "device_link",
        }
    }

    /// The way that a token calls this, if it is one.
    pub fn named(method: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|way| way.method() == method)
    }

    /// Whether it counts beside another way only: it shows that somebody has something, and not which person
    /// it is.
    pub fn is_second(self) -> bool {
        match self {
            Self::Mail
            | Self::Password
            | Self::Passkey
            | Self::ConnectedAccount
            | Self::TrustedBrowser
            | Self::Sso
            | Self::DeviceLink => false,
            Self::Totp | Self::Sms | Self::RecoveryCode => true,
        }
    }

    /// Whether it is more than one factor by itself: something that the person has, which asks for something
    /// that the person knows or is.
    pub fn is_two_factors(self) -> bool {
        self == Self::Passkey
    }
}

/// What a person has shown of who they are.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Shown(BTreeSet<Way>);

impl Shown {
    /// This alone.
    pub fn only(way: Way) -> Self {
        Self(BTreeSet::from([way]))
    }

    /// This too.
    #[must_use]
    pub fn and(mut self, way: Way) -> Self {
        self.0.insert(way);
        self
    }

    /// Whether this is among it.
    pub fn has(&self, way: Way) -> bool {
        self.0.contains(&way)
    }

    /// What the methods of a token say; those that are unknown say nothing.
    pub fn named<'a>(methods: impl IntoIterator<Item = &'a str>) -> Self {
        Self(methods.into_iter().filter_map(Way::named).collect())
    }

    /// In the words of a token, `mfa` among them where it is that (RFC 8176).
    pub fn methods(&self) -> Vec<&'static str> {
        let mfa = self.is_multi_factor().then_some("mfa");
        self.0.iter().map(|way| way.method()).chain(mfa).collect()
    }

    /// Whether it is more than one factor.
    pub fn is_multi_factor(&self) -> bool {
        let has = |is: fn(Way) -> bool| self.0.iter().any(|way| is(*way));
        let has_first = has(|way| !way.is_second() && way != Way::TrustedBrowser);
        has(Way::is_two_factors) || (has(Way::is_second) && has_first)
    }

    /// Whether all of it was shown at this sign-in, or later: where a browser is remembered instead of a
    /// second factor, what asks for a fresh proof asks for that factor; and where a device was signed in by
    /// another one, or somebody by their organization alone, for any proof that is the person's own.
    pub fn is_whole(&self) -> bool {
        let is_vouched_for = |way: &Way| matches!(way, Way::DeviceLink | Way::Sso);
        let is_handed_on = self.0.iter().all(is_vouched_for) && !self.0.is_empty();
        self.is_multi_factor() || !(self.has(Way::TrustedBrowser) || is_handed_on)
    }

    /// Whether it is an organization's identity provider alone that says who the person is.
    pub fn is_by_sso_alone(&self) -> bool {
        self.has(Way::Sso) && self.0.iter().all(|way| matches!(way, Way::Sso | Way::TrustedBrowser))
    }

    /// How certain a fresh proof has to make it, so that it stands for no less than this.
    pub fn asked_level(&self) -> &'static str {
        if self.has(Way::TrustedBrowser) { "aal2" } else { self.level() }
    }

    /// How certain it is who the person is, as tokens say it in `acr`: `aal1`, or `aal2` with more than one
    /// factor (the levels of NIST SP 800-63B).
    pub fn level(&self) -> &'static str {
        if self.is_multi_factor() { "aal2" } else { "aal1" }
    }
}

/// What an organization asks of how its members sign in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct MfaPolicy {
    /// Whether more than one factor is asked for.
    pub mode: MfaMode,
    /// Until when those may come with one who have no second one yet; for good where there is no requirement.
    pub grace_ends_at: Option<Timestamp>,
}

/// Whether an organization asks for more than one factor.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema, utoipa::ToSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum MfaMode {
    /// Nobody is asked, or reminded.
    Off,
    /// Everybody decides for themselves, and is reminded.
    #[default]
    Optional,
    /// Everybody needs it.
    Required,
}

impl MfaPolicy {
    /// Whether everybody needs one, now or from some day on.
    pub fn is_required(&self) -> bool {
        self.mode == MfaMode::Required
    }

    /// Whether a person who has a second factor, or has none, must show one now.
    pub fn asks(&self, has_factor: bool, now: Timestamp) -> bool {
        self.mode == MfaMode::Required && (has_factor || self.grace_ends_at.is_none_or(|ends| ends <= now))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_factors_are_a_first_and_a_second_one() {
        let shown = |ways: &[Way]| ways.iter().fold(Shown::default(), |shown, way| shown.and(*way));
        let one =
            [&[][..], &[Way::Mail], &[Way::Password, Way::Mail], &[Way::Totp, Way::RecoveryCode, Way::Sms]];
        for ways in one {
            assert!(!shown(ways).is_multi_factor(), "{ways:?}");
            assert_eq!(shown(ways).level(), "aal1");
        }
        let both = shown(&[Way::Password, Way::Totp]);
        assert_eq!((both.methods(), both.level()), (vec!["pwd", "otp", "mfa"], "aal2"));
        assert_eq!(Shown::named(both.methods()), both, "a token says all of it");
        let both = shown(&[Way::Mail, Way::Sms]);
        assert_eq!((both.methods(), both.level()), (vec!["email", "sms", "mfa"], "aal2"));
        let remembered = shown(&[Way::Password, Way::TrustedBrowser]);
        assert_eq!((remembered.methods(), remembered.level()), (vec!["pwd", "trusted_browser"], "aal1"));
        assert_eq!((remembered.asked_level(), both.asked_level()), ("aal2", "aal2"));
        assert!(!remembered.is_whole() && remembered.and(Way::Totp).is_whole());
        assert!(!shown(&[Way::Totp, Way::TrustedBrowser]).is_multi_factor());
        let linked = shown(&[Way::DeviceLink]);
        assert_eq!((linked.methods(), linked.level()), (vec!["device_link"], "aal1"));
        assert!(!linked.is_whole() && linked.clone().and(Way::Password).is_whole());
        assert_eq!(linked.and(Way::Totp).level(), "aal2");
        let vouched_for = shown(&[Way::Sso]);
        assert_eq!((vouched_for.methods(), vouched_for.level()), (vec!["sso"], "aal1"));
        assert!(!vouched_for.is_whole() && vouched_for.is_by_sso_alone());
        assert!(shown(&[Way::Sso, Way::TrustedBrowser]).is_by_sso_alone());
        for own in [Way::Mail, Way::Password, Way::Passkey, Way::Totp] {
            let both = vouched_for.clone().and(own);
            assert!(both.is_whole() && !both.is_by_sso_alone(), "{own:?}");
        }
        assert!(!Shown::default().is_by_sso_alone() && !shown(&[Way::Mail]).is_by_sso_alone());
        let passkey = shown(&[Way::Passkey]);
        assert_eq!((passkey.methods(), passkey.level()), (vec!["pop", "mfa"], "aal2"), "both in one");
    }

    #[test]
    fn a_policy_asks_those_at_once_who_have_a_factor() {
        let at = |second| Timestamp::from_second(second).unwrap();
        let required = MfaPolicy { mode: MfaMode::Required, grace_ends_at: Some(at(100)) };
        assert!(required.asks(true, at(0)));
        assert!(!required.asks(false, at(99)) && required.asks(false, at(100)));
        assert!(!MfaPolicy::default().asks(true, at(1000)));
    }
}
