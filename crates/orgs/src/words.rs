//! The words by which a member is found: the address, and the name from each of its first four words on.

use access::{Permit, Role, Tenant, needs::ReadMembers};
use primitives::{Limit, MemberId, OrgId, Page, Text, folded};
use serde::{Deserialize, Serialize};
use table::{CursorKeys, Item, Key, Table};

use crate::{OrgError, api, keys};

/// How many rows a page looks at where a role is asked for.
const LOOKED_AT: usize = 100;
/// The letters of the places in a name from which on it is looked for: its first word, and the next ones.
const WORDS: &str = "N123";
/// How much of a word its key says. The rest is compared when it is read.
const KEY_LETTERS: usize = 64;

/// A member, under one of the words by which it is found.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Word {
    org_id: OrgId,
    member_id: MemberId,
    what: char,
    text: String,
    /// The member as the API shows it, as JSON text.
    shown: String,
    #[serde(default)]
    version: u64,
}

impl Item for Word {
    fn key(&self) -> Key {
        let text: String = self.text.chars().take(KEY_LETTERS).collect();
        keys::MemberWord::key(Tenant::trusted(self.org_id), text, self.member_id, self.what)
    }

    fn version(&self) -> u64 {
        self.version
    }
}

impl Word {
    pub(crate) fn new(tenant: Tenant, what: char, text: String, shown: &api::Member) -> Self {
        let (org_id, member_id) = (tenant.org_id(), shown.id);
        Self { org_id, member_id, what, text, shown: keys::summary(shown), version: 0 }
    }

    fn member(&self) -> Option<api::Member> {
        primitives::json::from_str(&self.shown).ok()
    }
}

/// What somebody is found by, each with its letter. The first that begins as it is asked for is the one that
/// is shown, so that nobody is shown twice.
pub(crate) fn words(shown: &api::Member) -> Vec<(char, String)> {
    let name = shown.name.as_deref().map(folded).unwrap_or_default();
    let begins = name.match_indices(' ').map(|(at, _)| at + 1);
    let starts = std::iter::once(0).chain(begins).take(WORDS.len());
    let of_name = WORDS.chars().zip(starts).map(|(what, at)| (what, name[at..].to_owned()));
    let of_name = of_name.filter(|(_, text)| !text.is_empty());
    std::iter::once(('M', folded(shown.email.as_str()))).chain(of_name).collect()
}

/// A page of the members whose address or name begins so, the name from any of its first four words on, of
/// one role alone where that is asked for. A page looks at one more than it shows, or at 100 where a role is
/// asked for: it may show fewer than it could, or none, and a cursor. The words are some seconds behind.
pub async fn members_like(
    table: &Table,
    cursors: &dyn CursorKeys,
    reader: &Permit<ReadMembers>,
    (q, role): (&Text<1, 100>, Option<Role>),
    page: (Limit, Option<&str>),
) -> Result<Page<api::Member>, OrgError> {
    let wanted = folded(q.as_str());
    if wanted.is_empty() {
        return Ok(Page { items: Vec::new(), next_cursor: None });
    }
    let begins: String = wanted.chars().take(KEY_LETTERS).collect();
    let query = keys::MemberWord::all(reader.tenant()).beginning(&begins);
    let is_meant = |word: &Word| {
        let Some(member) = word.member().filter(|member| role.is_none_or(|role| member.role == role)) else {
            return false;
        };
        let first = words(&member).into_iter().find(|(_, text)| text.starts_with(&wanted));
        first.is_some_and(|(what, _)| what == word.what)
    };
    let kept = format!("{wanted:?} {role:?}");
    // most of what begins so is meant; of what is asked for by role as well, anybody's guess
    let looked_at = if role.is_none() { page.0.get() + 1 } else { LOOKED_AT };
    let words = table.sift::<Word>(&query, page, cursors, (looked_at, &kept, is_meant)).await?;
    let items = words.items.iter().filter_map(Word::member).collect();
    Ok(Page { items, next_cursor: words.next_cursor })
}
