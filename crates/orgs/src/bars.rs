//! That the directory of an organization has taken somebody out, and nothing else lets that person in.

use access::Tenant;
use primitives::{Email, OrgId, Timestamp, UserId};
use serde::{Deserialize, Serialize};
use table::{Changes, Item, Key};

use crate::keys;

/// That the organization's directory has taken somebody out.
#[derive(Debug, Serialize, Deserialize)]
struct Barred {
    org_id: OrgId,
    who: String,
    since: Timestamp,
    #[serde(default)]
    version: u64,
}

impl Item for Barred {
    fn key(&self) -> Key {
        keys::Barred::key(Tenant::trusted(self.org_id), self.who.clone())
    }

    fn version(&self) -> u64 {
        self.version
    }
}

/// Where it says that somebody was taken out: under the person, who may take another address, and under the
/// addresses, which may be nobody's yet.
pub(crate) fn bars<'a>(
    tenant: Tenant,
    user_id: UserId,
    emails: impl IntoIterator<Item = &'a Email>,
) -> Vec<Key> {
    barred(Some(user_id), emails).into_iter().map(|who| keys::Barred::key(tenant, who)).collect()
}

fn barred<'a>(user_id: Option<UserId>, emails: impl IntoIterator<Item = &'a Email>) -> Vec<String> {
    let mut all: Vec<_> = emails.into_iter().map(Email::to_string).collect();
    all.extend(user_id.as_ref().map(ToString::to_string));
    all.sort();
    all.dedup();
    all
}

/// Nothing lets them in any more but the directory.
pub fn bar(tenant: Tenant, user_id: Option<UserId>, emails: &[Email], now: Timestamp) -> Changes {
    let item = |who| Barred { org_id: tenant.org_id(), who, since: now, version: 0 };
    barred(user_id, emails).into_iter().fold(Changes::new(), |changes, who| changes.overwrite(&item(who)))
}

/// The directory lets them in again.
pub fn unbar(tenant: Tenant, user_id: Option<UserId>, emails: &[Email]) -> Changes {
    let key = |who| keys::Barred::key(tenant, who);
    barred(user_id, emails).into_iter().fold(Changes::new(), |changes, who| changes.remove(key(who)))
}
