use access::Tenant;
use primitives::{
    DomainId, EmailDomain, OrgId, SignedDuration, SsoConnectionId, Time, Timestamp, random_secret,
};
use serde::{Deserialize, Serialize};
use table::{Changes, Index, Item, Key, Roster};

use crate::{
    api::{self, Capture, DefaultRole, DomainStatus, TxtRecord},
    keys,
    names::LABEL,
};

/// How many domains an organization may have.
pub const MOST: usize = 20;

/// When the record of a verified domain is looked up again,
const CHECKED_EVERY: SignedDuration = SignedDuration::from_hours(7 * 24);
/// and when after it was not found, or DNS had no answer.
const CHECKED_AGAIN: SignedDuration = SignedDuration::from_hours(24);
/// A domain is no more the organization's after so many look-ups in a row that did not find the record, each
/// a day after the one before: whoever moves to another provider has two days to put it back.
const MISSED_TO_LAPSE: u32 = 3;

/// A domain of an organization.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Domain {
    pub(crate) org_id: OrgId,
    /// The domain.
    pub domain_id: DomainId,
    /// Its name.
    pub name: EmailDomain,
    /// What its record says behind `=`. It is no secret: what counts is that nobody else can have it set.
    token: String,
    /// Whether it was shown to be the organization's.
    pub status: DomainStatus,
    pub(crate) capture: Capture,
    pub(crate) default_role: DefaultRole,
    /// The connection that serves it: it stays when the domain lapses, and serves it again when the same
    /// organization has shown once more that it is its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) sso: Option<SsoConnectionId>,
    created_at: Timestamp,
    verified_at: Option<Timestamp>,
    checked_at: Option<Timestamp>,
    /// How many look-ups in a row did not find the record.
    missed: u32,
    next_check_at: Option<Timestamp>,
    #[serde(default)]
    version: u64,
}

impl Item for Domain {
    fn key(&self) -> Key {
        keys::Domain::key(Tenant::trusted(self.org_id), self.domain_id)
    }

    fn version(&self) -> u64 {
        self.version
    }

    fn index(&self) -> Option<Index> {
        let place = keys::Place { org_id: self.org_id, domain_id: self.domain_id };
        self.next_check_at.map(|at| keys::check(at, place))
    }
}

/// What a look-up of a verified domain's record came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Seen {
    /// The record is there.
    Found,
    /// DNS answered, without it.
    Missed,
    /// DNS did not answer.
    Nothing,
}

impl Domain {
    pub(crate) fn new(org_id: OrgId, domain_id: DomainId, name: EmailDomain, now: Timestamp) -> Self {
        Self {
            org_id,
            domain_id,
            name,
            token: format!("{:032x}", u128::from_be_bytes(random_secret())),
            status: DomainStatus::Pending,
            capture: Capture::Off,
            default_role: DefaultRole::Member,
            sso: None,
            created_at: now,
            verified_at: None,
            checked_at: None,
            missed: 0,
            next_check_at: None,
            version: 0,
        }
    }

    /// As the API shows it at this version.
    pub fn resource(&self, version: u64) -> api::Domain {
        api::Domain {
            id: self.domain_id,
            name: self.name.clone(),
            status: self.status,
            txt_record: self.record(),
            capture: self.capture,
            default_role: self.default_role.into(),
            sso_connection_id: self.sso,
            created_at: self.created_at.into(),
            verified_at: self.verified_at.map(Time::from),
            checked_at: self.checked_at.map(Time::from),
            version,
        }
    }

    pub(crate) fn record(&self) -> TxtRecord {
        TxtRecord {
            name: format!("{LABEL}.{}", self.name),
            value: format!("gantry-domain-verification={}", self.token),
        }
    }

    pub(crate) fn is_verified(&self) -> bool {
        self.status == DomainStatus::Verified
    }

    /// Whether these records show it. Others beside it do not matter.
    pub(crate) fn is_shown_by(&self, records: &[String]) -> bool {
        let value = self.record().value;
        records.iter().any(|record| record.trim() == value)
    }

    /// Whether nothing is left to say about a domain whose record was found.
    pub(crate) fn is_settled(&self) -> bool {
        self.is_verified() && self.missed == 0
    }

    /// Whether its record is to be looked up.
    pub(crate) fn is_due(&self, now: Timestamp) -> bool {
        self.is_verified() && self.next_check_at.is_some_and(|at| at <= now)
    }

    /// The domain, whose record was found.
    #[must_use]
    pub(crate) fn shown(self, now: Timestamp) -> Self {
        Self {
            status: DomainStatus::Verified,
            verified_at: self.verified_at.filter(|_| self.is_verified()).or(Some(now)),
            checked_at: Some(now),
            missed: 0,
            next_check_at: Some(now + CHECKED_EVERY),
            ..self
        }
    }

    /// The domain after a look-up that was due. What DNS does not answer says nothing about whose it is.
    #[must_use]
    pub(crate) fn checked(self, seen: Seen, now: Timestamp) -> Self {
        match seen {
            Seen::Found => self.shown(now),
            Seen::Nothing => Self { next_check_at: Some(now + CHECKED_AGAIN), ..self },
            Seen::Missed if self.missed + 1 < MISSED_TO_LAPSE => Self {
                checked_at: Some(now),
                missed: self.missed + 1,
                next_check_at: Some(now + CHECKED_AGAIN),
                ..self
            },
            // who has it next is somebody else perhaps: nobody joins by what was said before
            Seen::Missed => Self {
                status: DomainStatus::Lapsed,
                capture: Capture::Off,
                verified_at: None,
                checked_at: Some(now),
                missed: 0,
                next_check_at: None,
                ..self
            },
        }
    }

    /// Whether this is the first look-up that did not find the record.
    pub(crate) fn is_first_missed(&self) -> bool {
        self.missed == 1
    }

    /// The domain, which people join like this.
    #[must_use]
    pub(crate) fn joined(self, capture: Capture, default_role: DefaultRole) -> Self {
        Self { capture, default_role, ..self }
    }

    /// The domain, whose people sign in by this connection.
    #[must_use]
    pub(crate) fn served(self, sso: Option<SsoConnectionId>) -> Self {
        Self { sso, ..self }
    }

    #[must_use]
    pub(crate) fn at_version(self, version: u64) -> Self {
        Self { version, ..self }
    }

    /// Whom a verified domain is.
    pub(crate) fn owner(&self) -> DomainOwner {
        DomainOwner {
            org_id: self.org_id,
            domain_id: self.domain_id,
            name: self.name.clone(),
            joining: self.joining(),
            sso: self.sso,
            version: 0,
        }
    }

    pub(crate) fn joining(&self) -> Joining {
        Joining { capture: self.capture, default_role: self.default_role }
    }

    /// Ends that a verified domain is the organization's.
    pub(crate) fn released(&self) -> Changes {
        if self.is_verified() {
            Changes::new().remove(keys::DomainOwner::key(self.name.clone()))
        } else {
            Changes::new()
        }
    }
}

/// Which organization a verified domain is of.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct DomainOwner {
    pub(crate) org_id: OrgId,
    pub(crate) domain_id: DomainId,
    pub(crate) name: EmailDomain,
    pub(crate) joining: Joining,
    /// The connection by which its people sign in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) sso: Option<SsoConnectionId>,
    #[serde(default)]
    version: u64,
}

impl DomainOwner {
    /// The attribute that says who may join.
    pub(crate) const JOINING: &'static str = "joining";
    /// The attribute that says by which connection its people sign in.
    pub(crate) const SSO: &'static str = "sso";
}

impl Item for DomainOwner {
    fn key(&self) -> Key {
        keys::DomainOwner::key(self.name.clone())
    }

    fn version(&self) -> u64 {
        self.version
    }
}

/// Who may join by a domain.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Joining {
    pub(crate) capture: Capture,
    pub(crate) default_role: DefaultRole,
}

/// Which domains an organization has.
pub(crate) fn names(tenant: Tenant) -> Roster {
    Roster::new(keys::DomainNames::key(tenant), MOST)
}

#[cfg(test)]
mod tests {
    use primitives::Ids;

    use super::*;

    const DAY: SignedDuration = SignedDuration::from_hours(24);

    fn start() -> Timestamp {
        "2026-11-23T10:00:00Z".parse().unwrap()
    }

    fn verified() -> Domain {
        let name = "example.com".parse().unwrap();
        Domain::new(Ids::unguessable(), Ids::unguessable(), name, start()).shown(start())
    }

    /// The domain after what was seen, each at its time, and how many days that took.
    fn after(seen: &[Seen]) -> (Domain, i64) {
        let mut domain = Domain { capture: Capture::Automatic, ..verified() };
        let mut now = start();
        for seen in seen {
            now = domain.next_check_at.unwrap();
            assert!(domain.is_due(now) && !domain.is_due(now - SignedDuration::from_secs(1)));
            domain = domain.checked(*seen, now);
        }
        (domain, now.duration_since(start()).as_hours() / 24)
    }

    #[test]
    fn only_what_was_missed_on_three_days_lapses() {
        use Seen::{Found, Missed, Nothing};
        let (domain, days) = after(&[Missed, Missed, Missed]);
        assert_eq!((domain.status, domain.capture, days), (DomainStatus::Lapsed, Capture::Off, 9));
        assert!(domain.index().is_none() && domain.verified_at.is_none());
        for seen in [
            &[Missed, Missed][..],
            &[Missed, Missed, Found, Missed, Missed],
            &[Nothing; 50],
            &[Missed, Missed, Nothing, Nothing],
        ] {
            let (domain, _) = after(seen);
            assert_eq!(
                (domain.status, domain.capture),
                (DomainStatus::Verified, Capture::Automatic),
                "{seen:?}"
            );
        }
        // what was not answered counts in neither way
        let (domain, days) = after(&[Missed, Nothing, Missed, Nothing, Missed]);
        assert_eq!((domain.status, days), (DomainStatus::Lapsed, 11));
        assert_eq!(after(&[Found, Found]).1, 14);
    }

    #[test]
    fn a_record_shows_its_domain_and_no_other() {
        let (one, other) = (verified(), verified());
        let value = one.record().value;
        assert_eq!(one.record().name, "_gantry-challenge.example.com");
        assert_eq!(value.len(), "gantry-domain-verification=".len() + 32);
        let records = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>();
        assert!(one.is_shown_by(&records(&["v=spf1 -all", &format!(" {value} ")])));
        for texts in
            [&[][..], &[""], &["gantry-domain-verification="], &[&value[..40]], &[&value.to_uppercase()]]
        {
            assert!(!one.is_shown_by(&records(texts)), "{texts:?}");
        }
        assert!(!one.is_shown_by(&records(&[&other.record().value])), "another's");
    }

    #[test]
    fn to_be_verified_again_is_to_be_so_from_then_on() {
        let (lapsed, _) = after(&[Seen::Missed; 3]);
        let again = lapsed.shown(start() + DAY * 30);
        assert_eq!(again.verified_at, Some(start() + DAY * 30));
        assert_eq!(again.shown(start() + DAY * 37).verified_at, Some(start() + DAY * 30));
    }
}
