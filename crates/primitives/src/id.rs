use std::{cmp, fmt, hash, marker::PhantomData, str::FromStr};

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use type_safe_id::{StaticType, TypeSafeId};
use uuid::Uuid;

use crate::{
    field::{Invalid, refused},
    schema,
};

/// What an [`Id`] names; carries the prefix of its text form.
pub trait Kind: StaticType + Copy + Send + Sync + 'static {
    /// What such ids are called in the API's description.
    const NAME: &'static str;
}

/// A typed identifier: `<prefix>_<26 characters>`, the `TypeID` form of a `UUIDv7`
/// (<https://github.com/jetify-com/typeid/tree/main/spec>).
///
/// Opaque to clients. It is no secret and grants nothing.
pub struct Id<K>(Uuid, PhantomData<fn() -> K>);

/// The text is not an id of the expected kind.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not a valid id; expected one that starts with \"{prefix}_\"")]
pub struct WrongId {
    /// The prefix an id of the expected kind has.
    pub prefix: &'static str,
}

impl Invalid for WrongId {}

impl<K: Kind> Id<K> {
    /// The id that stands for this UUID.
    pub fn from_uuid(uuid: Uuid) -> Self {
        Self(uuid, PhantomData)
    }

    /// The UUID behind the id.
    pub fn uuid(self) -> Uuid {
        self.0
    }
}

impl<K> Copy for Id<K> {}

impl<K> Clone for Id<K> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<K> PartialEq for Id<K> {
    fn eq(&self, other: &Self) -> bool {
        self.0 == other.0
    }
}

impl<K> Eq for Id<K> {}

impl<K> PartialOrd for Id<K> {
    fn partial_cmp(&self, other: &Self) -> Option<cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl<K> Ord for Id<K> {
    fn cmp(&self, other: &Self) -> cmp::Ordering {
        self.0.cmp(&other.0)
    }
}

impl<K> hash::Hash for Id<K> {
    fn hash<H: hash::Hasher>(&self, state: &mut H) {
        self.0.hash(state);
    }
}

impl<K: Kind> fmt::Display for Id<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        TypeSafeId::<K>::from_uuid(self.0).fmt(f)
    }
}

impl<K: Kind> fmt::Debug for Id<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl<K: Kind> FromStr for Id<K> {
    type Err = WrongId;

    fn from_str(text: &str) -> Result<Self, WrongId> {
        text.parse::<TypeSafeId<K>>()
            .map(|id| Self::from_uuid(id.uuid()))
            .map_err(|_| WrongId { prefix: K::TYPE })
    }
}

impl<K: Kind> Serialize for Id<K> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de, K: Kind> Deserialize<'de> for Id<K> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        text.parse().map_err(|error| refused(&error))
    }
}

impl<K: Kind> schemars::JsonSchema for Id<K> {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        format!("{}_id", K::TYPE).into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({ "type": "string", "pattern": pattern(K::TYPE) })
    }
}

fn pattern(prefix: &str) -> String {
    format!("^{prefix}_[0-7][0-9a-hjkmnp-tv-z]{{25}}$")
}

impl<K: Kind> utoipa::PartialSchema for Id<K> {
    fn schema() -> schema::Written {
        schema::text(|text| {
            text.pattern(Some(pattern(K::TYPE))).examples([format!("{}_01kar8h5g0e0vsx4q1v3f6m2ah", K::TYPE)])
        })
    }
}

impl<K: Kind> utoipa::ToSchema for Id<K> {
    fn name() -> std::borrow::Cow<'static, str> {
        K::NAME.into()
    }
}

macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident = $kind:ident $prefix:literal;)*) => {$(
        impl StaticType for kind::$kind {
            const TYPE: &'static str = $prefix;
        }

        impl Kind for kind::$kind {
            const NAME: &'static str = stringify!($name);
        }

        $(#[$doc])*
        pub type $name = Id<kind::$kind>;
    )*

    /// What ids can name.
    pub mod kind {$(
        #[doc = concat!("Marks ids that start with `", $prefix, "_`.")]
        #[derive(Default, Clone, Copy, Debug)]
        pub struct $kind;
    )*}
    };
}

ids! {
    /// Names a person.
    UserId = User "usr";
    /// Names an organization, the tenant.
    OrgId = Org "org";
    /// Names the membership of one person in one organization.
    MemberId = Member "mbr";
    /// Names an invite into an organization.
    InviteId = Invite "inv";
    /// Names a link by which several people come into an organization.
    InviteLinkId = InviteLink "lnk";
    /// Names a request to join an organization.
    JoinRequestId = JoinRequest "jrq";
    /// Names a key by which a program acts for an organization.
    ApiKeyId = ApiKey "key";
    /// Names a domain of an organization.
    DomainId = Domain "dom";
    /// Names a connection to an organization's own identity provider.
    SsoConnectionId = SsoConnection "sso";
    /// Names a token by which an identity provider keeps an organization's directory.
    ScimTokenId = ScimToken "sct";
    /// Names a person as an organization's directory knows them, a member or not.
    ScimUserId = ScimUser "scu";
    /// Names a group of an organization's directory.
    ScimGroupId = ScimGroup "scg";
    /// Names a session and all refresh tokens it ever had.
    SessionId = Session "ses";
    /// Names that somebody of our staff acts in the name of a member.
    ImpersonationId = Impersonation "imp";
    /// Names a login that still lacks something before it is a session.
    HalfSessionId = HalfSession "hlf";
    /// Names a wish for a new password. What is in the mail is derived from it, so it is made from the OS's
    /// randomness.
    PasswordResetId = PasswordReset "pwr";
    /// Names a code that is sent to a phone. Its digits are derived from it, so it is made from the OS's
    /// randomness.
    SmsCodeId = SmsCode "smc";
    /// Names a code that is sent by mail to whoever is signed in. Its digits are derived from it, so it is
    /// made from the OS's randomness.
    MailCodeId = MailCode "mlc";
    /// Names a second factor of a person.
    FactorId = Factor "fac";
    /// Names a browser in which a person is not asked for a second factor.
    TrustedBrowserId = TrustedBrowser "tbr";
    /// Names a code on a screen by which another device is signed in.
    DeviceLinkId = DeviceLink "dlk";
    /// Names what is known of an address that mails do not reach.
    MailSuppressionId = MailSuppression "msp";
    /// Names a passkey. It is made of the hash of the credential's id, so that one is found by what it
    /// shows.
    PasskeyId = Passkey "pky";
    /// Names an account elsewhere that a person signs in with.
    ConnectedAccountId = ConnectedAccount "cac";
    /// Names one attempt to log in. Handed to the browser that began it, so it is made from the OS's
    /// randomness.
    LoginId = Login "lgn";
    /// Names a domain event.
    EventId = Event "evt";
    /// Names an audit row.
    AuditId = Audit "aud";
    /// Names a device that receives push notifications.
    DeviceId = Device "dev";
    /// Names one change of a person's address.
    EmailChangeId = EmailChange "ech";
    /// Names a file that somebody put up.
    MediaId = Media "med";
    /// Names one request in logs, events and audit rows, where the caller named none.
    RequestId = Request "req";
    /// Names a job.
    JobId = Job "job";
    /// Names that somebody is about to subscribe.
    CheckoutId = Checkout "chk";
    /// Names a reservation.
    ReservationId = Reservation "rsv";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn round_trips_through_text() {
        let id = OrgId::from_uuid(Uuid::from_u128(0x0188_bac7_4afa_78aa_bc3b_bd1e_ef28_d881));
        assert_eq!(id.to_string(), "org_01h2xcejqtf2nbrexx3vqjhp41");
        assert_eq!("org_01h2xcejqtf2nbrexx3vqjhp41".parse(), Ok(id));
    }

    #[test]
    fn is_as_good_a_key_as_its_uuid() {
        let [first, second] = [1, 2].map(|number| OrgId::from_uuid(Uuid::from_u128(number)));
        assert!(first < second && first.partial_cmp(&second) == Some(cmp::Ordering::Less));
        let hashed = |id: OrgId| {
            let mut hasher = hash::DefaultHasher::new();
            hash::Hash::hash(&id, &mut hasher);
            hash::Hasher::finish(&hasher)
        };
        assert_ne!(hashed(first), hashed(second));
        assert_eq!(format!("{first:?}"), first.to_string());
    }

    #[test]
    fn refuses_another_kind_and_garbage() {
        for text in [
            "usr_01h2xcejqtf2nbrexx3vqjhp41",
            "org_",
            "",
            "org_01h2xcejqtf2nbrexx3vqjhp4",
            "org_81h2xcejqtf2nbrexx3vqjhp41",
            "ORG_01h2xcejqtf2nbrexx3vqjhp41",
        ] {
            assert_eq!(text.parse::<OrgId>(), Err(WrongId { prefix: "org" }), "{text}");
        }
    }
}
