//! Which organizations pay with the same card: for our staff, who looks at it where trials are had again and
//! again. Nothing is decided by it, since an agency pays for its customers with one.

use access::{StaffPermit, staff_needs::ReadBilling};
use jiff::{SignedDuration, Timestamp};
use primitives::{Limit, OrgId, Page};
use serde::{Deserialize, Serialize};
use table::{Changes, Consistency, CursorKeys, Index, Item, Key, StoreError, Table};

use crate::{CompanyHash, keys};

/// So long a card is known after somebody new had it.
const KNOWN_FOR: SignedDuration = SignedDuration::from_hours(24 * 365 * 2);

/// Of so many organizations it is kept that they have a card: enough to look at.
const MOST: usize = 20;

/// As many as are read in one call.
const PAGE: usize = 50;

/// A card, and who has it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Card {
    /// What stands for it.
    pub card: CompanyHash,
    /// Who has it, the first one first.
    pub holders: Vec<Holder>,
    #[serde(default)]
    version: u64,
}

/// That an organization has a card.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Holder {
    /// The organization.
    pub org_id: OrgId,
    /// Since when.
    pub since: Timestamp,
}

impl Item for Card {
    fn key(&self) -> Key {
        keys::Card::key(self.card.clone())
    }

    fn version(&self) -> u64 {
        self.version
    }

    fn index(&self) -> Option<Index> {
        let latest = self.holders.last().filter(|_| self.holders.len() > 1)?;
        Some(keys::shared_card(latest.since, &self.card))
    }

    fn expires_at(&self) -> Option<Timestamp> {
        self.holders.last()?.since.saturating_add(KNOWN_FOR).ok()
    }
}

/// Writes down that an organization has a card, where that is new.
pub(crate) async fn seen(
    table: &Table,
    card: &CompanyHash,
    org_id: OrgId,
    now: Timestamp,
) -> Result<Changes, StoreError> {
    let found: Option<Card> = table.get(&keys::Card::key(card.clone()), Consistency::Strong).await?;
    let known = found.is_some();
    let mut next = found.unwrap_or_else(|| Card { card: card.clone(), holders: Vec::new(), version: 0 });
    if next.holders.len() >= MOST || next.holders.iter().any(|holder| holder.org_id == org_id) {
        return Ok(Changes::new());
    }
    next.holders.push(Holder { org_id, since: now });
    Ok(if known { Changes::new().replace(&next) } else { Changes::new().create(&next) })
}

/// What the index says of a card.
#[derive(Deserialize)]
struct Listed {
    summary: CompanyHash,
}

/// A page of the cards that several organizations have, the latest first: two calls.
pub async fn shared_cards(
    table: &Table,
    cursors: &dyn CursorKeys,
    _: &StaffPermit<ReadBilling>,
    limit: Limit,
    cursor: Option<&str>,
) -> Result<Page<Card>, StoreError> {
    let limit = Limit::try_from(u32::try_from(limit.get().min(PAGE)).unwrap_or(50)).unwrap_or(limit);
    let query = keys::shared_cards().descending();
    let listed: Page<Listed> = table.page(&query, limit, cursor, cursors).await?;
    let keys: Vec<_> = listed.items.into_iter().map(|listed| keys::Card::key(listed.summary)).collect();
    let mut items = Vec::with_capacity(keys.len());
    if !keys.is_empty() {
        let mut found = table.get_many(&keys, Consistency::Eventual).await?;
        for key in &keys {
            items.extend(found.take::<Card>(key)?);
        }
    }
    Ok(Page { items, next_cursor: listed.next_cursor })
}
