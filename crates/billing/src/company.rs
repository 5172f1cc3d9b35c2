//! One trial for a company: what it is known by, and until when it tries the product.

use jiff::{SignedDuration, Timestamp};
use primitives::Email;
use serde::{Deserialize, Serialize};
use table::{Changes, Consistency, Item, Key, StoreError, Table};

use crate::{CompanyHash, Rules, Trial, TrialPer, keys};

/// So long a company that has had its trial is known; after that it may try the product anew.
const KNOWN_FOR: SignedDuration = SignedDuration::from_hours(24 * 365 * 2);

/// Where dots say nothing, and which name the mailboxes of both domains have.
const DOTS_SAY_NOTHING: [&str; 2] = ["gmail.com", "googlemail.com"];

/// Who founds an organization, as far as trials go.
#[derive(Clone, Debug)]
pub struct Company {
    known_by: Vec<CompanyHash>,
}

impl Company {
    /// Somebody with this verified address, whose mailboxes at this domain are one company's; nothing where
    /// anybody may have one there.
    pub fn of(email: &Email, domain: Option<&str>) -> Self {
        let mailbox = CompanyHash::of("mail", &mailbox(email));
        let domain = domain.map(|domain| CompanyHash::of("domain", domain));
        Self { known_by: std::iter::once(mailbox).chain(domain).collect() }
    }
}

/// The mailbox behind an address: without what says which of its mails it is.
fn mailbox(email: &Email) -> String {
    let (local, domain) = (email.as_str().split('@').next().unwrap_or_default(), email.domain());
    let plain = local.split('+').next().filter(|plain| !plain.is_empty()).unwrap_or(local);
    if DOTS_SAY_NOTHING.contains(&domain) {
        return format!("{}@{}", plain.replace('.', ""), DOTS_SAY_NOTHING[0]);
    }
    format!("{plain}@{domain}")
}

/// That a company tries the product, or has: the first one of it to found an organization has written it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct TrialOwner {
    company: CompanyHash,
    started_at: Timestamp,
    ends_at: Timestamp,
    #[serde(default)]
    version: u64,
}

impl TrialOwner {
    fn is_known(&self, now: Timestamp) -> bool {
        now.duration_since(self.started_at) < KNOWN_FOR
    }
}

impl Item for TrialOwner {
    fn key(&self) -> Key {
        keys::TrialOwner::key(self.company.clone())
    }

    fn version(&self) -> u64 {
        self.version
    }

    fn expires_at(&self) -> Option<Timestamp> {
        self.started_at.saturating_add(KNOWN_FOR).ok()
    }
}

/// The trial that a new organization gets.
#[derive(Clone, Debug)]
pub struct Granted {
    whole: SignedDuration,
    /// When that of the company ends or ended which another organization has begun.
    of_company: Option<Timestamp>,
    /// What has to be written down that the company is known by, with the version of what is forgotten.
    unknown: Vec<(CompanyHash, Option<u64>)>,
}

impl Granted {
    /// A whole trial, whoever it is.
    pub fn whole(rules: &Rules) -> Self {
        Self { whole: rules.trial(), of_company: None, unknown: Vec::new() }
    }

    /// That of an organization that is founded now.
    pub(crate) fn trial(&self, now: Timestamp) -> Trial {
        match self.of_company {
            Some(ends_at) => Trial::until(ends_at.max(now), now, true),
            None => Trial::start(now, self.whole),
        }
    }

    /// What is written of the company besides.
    pub(crate) fn changes(self, trial: &Trial) -> Changes {
        let (started_at, ends_at) = (trial.started_at, trial.ends_at);
        self.unknown.into_iter().fold(Changes::new(), |changes, (company, forgotten)| {
            let version = forgotten.unwrap_or_default();
            let owner = TrialOwner { company, started_at, ends_at, version };
            if forgotten.is_some() { changes.replace(&owner) } else { changes.create(&owner) }
        })
    }
}

/// Finds out which trial an organization gets that this company founds now. A company's trial is one span of
/// time: what it founds in it shares it, and what it founds afterwards has none.
pub async fn grant(table: &Table, rules: &Rules, company: &Company) -> Result<Granted, StoreError> {
    let mut granted = Granted::whole(rules);
    if rules.trial_per == TrialPer::Organization {
        return Ok(granted);
    }
    let keys: Vec<_> = company.known_by.iter().cloned().map(keys::TrialOwner::key).collect();
    let mut found = table.get_many(&keys, Consistency::Strong).await?;
    let now = table.clock().now();
    for (company, key) in company.known_by.iter().zip(&keys) {
        match found.take::<TrialOwner>(key)? {
            Some(owner) if owner.is_known(now) => {
                granted.of_company = granted.of_company.max(Some(owner.ends_at));
            }
            forgotten => {
                granted.unknown.push((company.clone(), forgotten.map(|owner| owner.version)));
            }
        }
    }
    Ok(granted)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mailbox_has_one_name() {
        for (address, expected) in [
            ("Ada@Acme.example", "ada@acme.example"),
            ("ada+trial2@acme.example", "ada@acme.example"),
            ("a.d.a@acme.example", "a.d.a@acme.example"),
            ("a.d.a+x@gmail.com", "ada@gmail.com"),
            ("ada@googlemail.com", "ada@gmail.com"),
            ("+ada@acme.example", "+ada@acme.example"),
        ] {
            assert_eq!(mailbox(&address.parse().unwrap()), expected);
        }
    }

    #[test]
    fn a_person_and_a_domain_are_known_by_hashes() {
        let email = "ada@acme.test".parse().unwrap();
        let both = Company::of(&email, Some("acme.test")).known_by;
        assert_eq!(Company::of(&email, None).known_by, both[..1]);
        assert_ne!(CompanyHash::of("mail", "x"), CompanyHash::of("domain", "x"));
        assert!(both.iter().all(|hash| hash.to_string().len() == 64), "{both:?}");
    }
}
