//! Copies of what people and organizations are called, and of how one comes into an organization, where lists
//! read them: kept by a worker, from events.
//!
//! Whatever event comes, in whatever order and however often: what is written is what the table says now,
//! under the condition that it still does. So the last event about something leaves the copies as it is.

use std::collections::BTreeSet;

use access::{SsoPolicy, Tenant};
use identity_core::{Membership, User, keys as identity_keys};
use primitives::{MemberId, OrgId, UserId};
use serde::{Deserialize, Serialize};
use serde_json::json;
use table::{Cause, Changes, Condition, Consistency, Decision, Item, Key, Table};

use crate::{
    Member, Org, OrgError, api, keys,
    words::{Word, words},
};

/// Memberships that are written in one transaction, beside the organization and its gate: its conditions.
const MEMBERSHIPS: usize = 90;

/// The words by which a member is found, and what was shown of the member then.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Words {
    org_id: OrgId,
    shown: api::Member,
    #[serde(default)]
    version: u64,
}

impl Item for Words {
    fn key(&self) -> Key {
        keys::MemberWords::key(Tenant::trusted(self.org_id), self.shown.id)
    }

    fn version(&self) -> u64 {
        self.version
    }
}

/// Brings all copies of a person's name and address up to date, organization by organization.
pub async fn refresh_person(table: &Table, cause: &Cause, user_id: UserId) -> Result<(), OrgError> {
    let places: Vec<Membership> = table.first(&identity_keys::Membership::all(user_id).strong(), 100).await?;
    for place in places {
        refresh_member(table, cause, Tenant::trusted(place.org_id), place.member_id).await?;
    }
    Ok(())
}

/// Brings the copies of one member up to date: the person's name in the row of the list, the organization's
/// in the person's membership, and the words by which the member is found. Of whoever is no member any more
/// none is left.
pub async fn refresh_member(
    table: &Table,
    cause: &Cause,
    tenant: Tenant,
    member_id: MemberId,
) -> Result<(), OrgError> {
    let decide = |_| async move {
        let asked = [
            keys::Member::key(tenant, member_id),
            keys::MemberWords::key(tenant, member_id),
            keys::Org::key(tenant),
            identity_keys::Gate::key(tenant),
        ];
        let mut found = table.get_many(&asked, Consistency::Strong).await?;
        let [of_member, of_words, of_org, of_gate] = asked;
        let member: Option<Member> = found.take(&of_member)?;
        let words: Option<Words> = found.take(&of_words)?;
        let org: Option<Org> = found.take(&of_org)?;
        let shown = org.zip(found.take(&of_gate)?).map(|(org, gate)| Shown { org, gate });
        let Some((member, org)) = member.zip(shown) else {
            let changes =
                words.iter().fold(Changes::new(), |changes, words| unfound(changes.delete(words), words));
            return Ok(Decision::commit(changes, ()));
        };
        let asked = [
            identity_keys::User::key(member.user_id),
            identity_keys::Membership::key(member.user_id, tenant),
        ];
        let mut found = table.get_many(&asked, Consistency::Strong).await?;
        let [of_person, of_place] = asked;
        let person: Option<User> = found.take(&of_person)?;
        let place: Option<Membership> = found.take(&of_place)?;
        let name = person.and_then(|person| person.person().profile.name);
        let (shown, changes) = if name == member.name {
            (
                member.resource(member.version()),
                Changes::new().require(of_member, Condition::VersionIs(member.version())),
            )
        } else {
            let named = Member { name, ..member };
            (named.resource(named.next_version()), Changes::new().replace(&named))
        };
        let renamed = place.map_or_else(Changes::new, |place| org.on(&place));
        let renamed = if renamed.is_empty() { renamed } else { org.seen(renamed) };
        if words.as_ref().is_some_and(|words| words.shown == shown) {
            return Ok(Decision::commit(renamed, ()));
        }
        Ok(Decision::commit(changes.and(renamed).and(found_by(shown, tenant, words.as_ref())), ()))
    };
    table.decide(cause, decide).await
}

/// The member is found by these words, and by those of before no more.
fn found_by(shown: api::Member, tenant: Tenant, before: Option<&Words>) -> Changes {
    let words: Vec<Word> =
        words(&shown).into_iter().map(|(what, text)| Word::new(tenant, what, text, &shown)).collect();
    let kept: BTreeSet<_> = words.iter().map(|word| word.key().sk()).collect();
    let version = before.map_or(0, |before| before.version);
    let gone = before.into_iter().flat_map(places).filter(|key| !kept.contains(&key.sk()));
    let changes = gone.fold(Changes::new(), Changes::remove);
    // whoever else writes them has the member's version as a condition
    let changes = words.iter().fold(changes, Changes::overwrite);
    changes.replace(&Words { org_id: tenant.org_id(), shown, version })
}

/// Where the words are that somebody was found by.
fn places(words: &Words) -> Vec<Key> {
    let (tenant, shown) = (Tenant::trusted(words.org_id), &words.shown);
    let word = |(what, text): (char, String)| Word::new(tenant, what, text, shown).key();
    crate::words::words(shown).into_iter().map(word).collect()
}

fn unfound(changes: Changes, words: &Words) -> Changes {
    places(words).into_iter().fold(changes, Changes::remove)
}

/// What a list of a person's organizations shows of one.
struct Shown {
    org: Org,
    gate: OfGate,
}

/// What of the gate is about it.
#[derive(Deserialize)]
struct OfGate {
    #[serde(default)]
    sso: SsoPolicy,
    version: u64,
}

impl Shown {
    /// The membership with it; nothing where it has it.
    fn on(&self, place: &Membership) -> Changes {
        let Self { org, gate } = self;
        let is_called = place.org_name == org.name && place.org_slug == org.slug.as_str();
        if is_called && place.sso_required == gate.sso.required {
            return Changes::new();
        }
        let attributes = [
            ("org_name", json!(org.name)),
            ("org_slug", json!(org.slug)),
            ("sso_required", json!(gate.sso.required)),
        ];
        Changes::new().set_all_at(&place.key(), &attributes, place.version())
    }

    /// That it still is so.
    fn seen(&self, changes: Changes) -> Changes {
        let gate = identity_keys::Gate::key(Tenant::trusted(self.org.org_id));
        let changes = changes.require(gate, Condition::VersionIs(self.gate.version));
        changes.require(self.org.key(), Condition::VersionIs(self.org.version()))
    }
}

/// Brings the copies of an organization's name and slug, and of whether it asks for its identity provider, up
/// to date, in the memberships of all of its people. Says whether it is done: it is gone on with while
/// `may_go_on` says so. What was done is passed over.
pub async fn refresh_organization(
    table: &Table,
    cause: &Cause,
    tenant: Tenant,
    may_go_on: impl Fn() -> bool,
) -> Result<bool, OrgError> {
    let mut reached: Option<String> = None;
    loop {
        let behind = reached.as_deref();
        let page = |_| async move {
            let asked = [keys::Org::key(tenant), identity_keys::Gate::key(tenant)];
            let mut found = table.get_many(&asked, Consistency::Strong).await?;
            let [of_org, of_gate] = asked;
            let (org, gate): (Option<Org>, Option<OfGate>) = (found.take(&of_org)?, found.take(&of_gate)?);
            let Some((org, gate)) = org.zip(gate) else { return Ok(Decision::done(None)) };
            let org = Shown { org, gate };
            let query = keys::Member::all(tenant).strong();
            let (members, reached): (Vec<Member>, _) = table.after(&query, MEMBERSHIPS, behind).await?;
            let key = |member: &Member| identity_keys::Membership::key(member.user_id, tenant);
            let asked: Vec<_> = members.iter().map(key).collect();
            if asked.is_empty() {
                return Ok(Decision::done(None));
            }
            let mut found = table.get_many(&asked, Consistency::Strong).await?;
            let mut changes = Changes::new();
            for key in &asked {
                let place: Option<Membership> = found.take(key)?;
                changes = place.iter().map(|place| org.on(place)).fold(changes, Changes::and);
            }
            if changes.is_empty() {
                return Ok(Decision::done(reached));
            }
            Ok::<_, OrgError>(Decision::commit(org.seen(changes), reached))
        };
        reached = table.decide(cause, page).await?;
        if reached.is_none() {
            return Ok(true);
        }
        if !may_go_on() {
            return Ok(false);
        }
    }
}
