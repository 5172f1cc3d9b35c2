//! Telling Stripe what was used: each hour of a meter what is more than was told before, once.

use access::Tenant;
use primitives::{OrgId, SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use stripe_client::{Client, CustomerId, MeterEvent};
use table::{Cause, Changes, Consistency, Decision, Item, Key, Table};
use usage_ledger::{Meter, Span, Window};

use crate::{UsageError, keys};

/// For so long Stripe knows an identifier, with an hour to spare: what was begun before may or may not have
/// been told, and nobody knows which.
const KNOWN: SignedDuration = SignedDuration::from_hours(23);

/// What Stripe was told of an hour.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Sent {
    org_id: OrgId,
    meter: String,
    hour: Timestamp,
    /// How much it knows of.
    sent: u64,
    /// How often it was told something.
    revision: u64,
    /// What it is being told: written before the call.
    pending: Option<Pending>,
    #[serde(skip)]
    expires_at: Option<Timestamp>,
    #[serde(default)]
    version: u64,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Pending {
    more: u64,
    since: Timestamp,
}

impl Item for Sent {
    fn key(&self) -> Key {
        let hour = Span::of(Window::Hour, self.hour);
        keys::UsageSent::key(Tenant::trusted(self.org_id), self.meter.clone(), hour)
    }

    fn version(&self) -> u64 {
        self.version
    }

    fn expires_at(&self) -> Option<Timestamp> {
        self.expires_at
    }
}

impl Sent {
    /// What Stripe knows the telling by: the same for whoever tells the same.
    fn identifier(&self) -> String {
        format!("{}:{}:{}:{}", self.org_id, self.meter, self.hour.as_second(), self.revision)
    }
}

/// Tells Stripe what was used in an hour and it does not know of. What it is told is written before and noted
/// afterwards, so that whoever dies between has another tell the same under the same name.
pub(crate) async fn bill(
    table: &Table,
    cause: &Cause,
    (client, customer): (&Client, &CustomerId),
    (tenant, hour): (Tenant, Span),
    (meter, event, used): (&Meter, &str, u64),
) -> Result<(), UsageError> {
    // what was begun is brought to its end first, and then there may be more
    for _ in 0..2 {
        let Some(sent) = begun(table, cause, (tenant, hour), (meter, used)).await? else { return Ok(()) };
        let Some(Pending { more, since }) = sent.pending.clone() else { return Ok(()) };
        let now = table.clock().now();
        if since + KNOWN < now {
            return Err(UsageError::Untold { identifier: sent.identifier() });
        }
        let (identifier, at) = (sent.identifier(), (hour.end - SignedDuration::from_secs(1)).min(now));
        client
            .report_usage(&MeterEvent { event, customer, value: more, identifier: &identifier, at })
            .await?;
        let told = &Sent {
            sent: sent.sent.saturating_add(more),
            pending: None,
            expires_at: Some(now + keys::KEPT),
            ..sent
        };
        let noted = |_| async {
            // of two who told the same one notes it
            Ok::<_, UsageError>(
                Decision::commit(Changes::new().replace(told), ()).unless(&told.key(), Ok(())),
            )
        };
        table.decide(cause, noted).await?;
    }
    Ok(())
}

/// What is to be told, as it is written down; nothing where Stripe knows all of it.
async fn begun(
    table: &Table,
    cause: &Cause,
    (tenant, hour): (Tenant, Span),
    (meter, used): (&Meter, u64),
) -> Result<Option<Sent>, UsageError> {
    let key = &keys::UsageSent::key(tenant, meter.name.to_owned(), hour);
    let decide = |_| async move {
        let now = table.clock().now();
        let before: Option<Sent> = table.get(key, Consistency::Strong).await?;
        let before = before.unwrap_or_else(|| Sent {
            org_id: tenant.org_id(),
            meter: meter.name.to_owned(),
            hour: hour.start,
            sent: 0,
            revision: 0,
            pending: None,
            expires_at: None,
            version: 0,
        });
        if before.pending.is_some() {
            return Ok(Decision::done(Some(before)));
        }
        let more = used.saturating_sub(before.sent);
        if more == 0 {
            return Ok(Decision::done(None));
        }
        let pending = Some(Pending { more, since: now });
        let expires_at = Some(now + keys::KEPT);
        let begun = Sent { revision: before.revision + 1, pending, expires_at, ..before };
        let written = Sent { version: begun.next_version(), ..begun.clone() };
        Ok::<_, UsageError>(Decision::commit(Changes::new().replace(&begun), Some(written)))
    };
    table.decide(cause, decide).await
}
