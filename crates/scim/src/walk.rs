//! Pages by `startIndex`: where a page ends is noted, so that the next one begins there, however far that
//! is.

use std::collections::BTreeMap;

use access::Tenant;
use primitives::{ScimTokenId, SignedDuration};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use table::{Consistency, Copied, Query, Table};

use crate::{ScimError, keys};

/// How many ends are noted of one walk, and for how long.
const MOST_NOTED: usize = 8;
const NOTED_FOR: SignedDuration = SignedDuration::from_mins(10);
/// How many rows are passed over to get to an index of which nothing is noted.
const PASSED_OVER: u64 = 500;

/// Where pages begin.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Walk {
    ends: BTreeMap<String, String>,
}

fn name(index: u64) -> String {
    format!("{index:012}")
}

/// So many items from this index on, which counts from 1.
pub(crate) async fn page<T: DeserializeOwned>(
    table: &Table,
    (tenant, token_id, list): (Tenant, ScimTokenId, &str),
    query: &Query,
    (index, count): (u64, usize),
) -> Result<Vec<T>, ScimError> {
    let key = keys::Walk::key(tenant, token_id, list.to_owned());
    let mut walk = Walk::default();
    if index > 1 {
        walk = table.get(&key, Consistency::Strong).await?.unwrap_or_default();
    }
    // the nearest place from which on to read
    let noted = walk.ends.range(..=name(index)).next_back();
    let (from, after) = match noted.and_then(|(at, place)| Some((at.parse::<u64>().ok()?, place.clone()))) {
        Some((from, place)) => (from, Some(place)),
        None => (1, None),
    };
    let skipped = index - from;
    if skipped > PASSED_OVER {
        let detail = "this startIndex is too far from the pages that were read: read them one after the \
                      other, or use a cursor (RFC 9865)";
        return Err(ScimError::TooMany(detail.to_owned()));
    }
    let skipped = usize::try_from(skipped).unwrap_or(usize::MAX);
    let (items, end): (Vec<T>, _) = table.after(query, skipped + count, after.as_deref()).await?;
    let items: Vec<T> = items.into_iter().skip(skipped).collect();
    if let Some(end) = end.filter(|_| items.len() == count) {
        walk.ends.insert(name(index + u64::try_from(items.len()).unwrap_or_default()), end);
        while walk.ends.len() > MOST_NOTED {
            walk.ends.pop_first();
        }
        let expires_at = Some(table.clock().now() + NOTED_FOR);
        table.put_copies(&[Copied { key, item: walk, expires_at }]).await?;
    }
    Ok(items)
}
