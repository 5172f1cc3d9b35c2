//! Items of usage.

use std::collections::BTreeMap;

use access::Tenant;
use primitives::{OrgId, SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use table::{Index, Item, Key, sortable};
use usage_ledger::{Counted, Distinct, Span, Window};

use crate::keys;

/// How long what was used in an hour is shown.
const HOURS_ARE_KEPT: SignedDuration = SignedDuration::from_hours(24 * 92);

/// As it is stored, whatever it is.
pub(crate) type Stored = Map<String, Value>;

/// An event that was counted.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Event {
    pub(crate) org_id: OrgId,
    pub(crate) hash: String,
    pub(crate) meter: String,
    pub(crate) hour: String,
    pub(crate) time: Timestamp,
    pub(crate) value: u64,
    #[serde(default)]
    pub(crate) text: Option<String>,
    #[serde(default)]
    pub(crate) subject: Option<String>,
    #[serde(skip)]
    pub(crate) expires_at: Option<Timestamp>,
    #[serde(default)]
    pub(crate) version: u64,
}

impl Event {
    pub(crate) fn at(tenant: Tenant, hash: &str) -> Key {
        keys::UsageEvent::key(tenant, hash.get(..2).unwrap_or_default().to_owned(), hash.to_owned())
    }
}

impl Item for Event {
    fn key(&self) -> Key {
        Self::at(Tenant::trusted(self.org_id), &self.hash)
    }

    fn version(&self) -> u64 {
        self.version
    }

    fn expires_at(&self) -> Option<Timestamp> {
        self.expires_at
    }
}

/// That an hour has to be summed up.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Todo {
    pub(crate) org_id: OrgId,
    pub(crate) hour: Timestamp,
    /// Under which plan something was used.
    pub(crate) plan: String,
    /// From when on it is summed up.
    pub(crate) due_at: Timestamp,
    /// That it was summed up, and is not any more unless something comes.
    #[serde(default)]
    pub(crate) closing: bool,
    #[serde(default)]
    pub(crate) version: u64,
}

impl Todo {
    pub(crate) fn span(&self) -> Span {
        Span::of(Window::Hour, self.hour)
    }
}

impl Item for Todo {
    fn key(&self) -> Key {
        keys::UsageTodo::key(Tenant::trusted(self.org_id), self.span())
    }

    fn version(&self) -> u64 {
        self.version
    }

    fn index(&self) -> Option<Index> {
        let id = format!("{} {}", self.org_id, self.hour.as_second());
        Some(keys::ROLLUP.due(self.due_at, &id))
    }
}

/// What was used in a span of time, by meter.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Sum {
    pub(crate) org_id: OrgId,
    pub(crate) window: Window,
    pub(crate) start: Timestamp,
    pub(crate) meters: BTreeMap<String, Counted>,
    #[serde(default)]
    pub(crate) version: u64,
}

impl Sum {
    pub(crate) fn at(tenant: Tenant, span: Span) -> Key {
        let start = sortable(span.start);
        match span.window {
            Window::Hour => keys::UsageHour::key(tenant, start),
            Window::Day => keys::UsageDay::key(tenant, start),
            Window::Month => keys::UsageMonth::key(tenant, start),
        }
    }
}

impl Item for Sum {
    fn key(&self) -> Key {
        Self::at(Tenant::trusted(self.org_id), Span::of(self.window, self.start))
    }

    fn version(&self) -> u64 {
        self.version
    }

    fn expires_at(&self) -> Option<Timestamp> {
        (self.window == Window::Hour).then(|| self.start + HOURS_ARE_KEPT)
    }
}

/// The different values of a day or a month.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Set {
    pub(crate) org_id: OrgId,
    pub(crate) meter: String,
    pub(crate) window: Window,
    pub(crate) start: Timestamp,
    pub(crate) distinct: Distinct,
    #[serde(skip)]
    pub(crate) expires_at: Option<Timestamp>,
    #[serde(default)]
    pub(crate) version: u64,
}

impl Item for Set {
    fn key(&self) -> Key {
        let span = Span::of(self.window, self.start);
        keys::UsageSet::key(Tenant::trusted(self.org_id), self.meter.clone(), span)
    }

    fn version(&self) -> u64 {
        self.version
    }

    fn expires_at(&self) -> Option<Timestamp> {
        self.expires_at
    }
}

/// A part of an hour's different values that got too large, as it is stored anew.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Values {
    pub(crate) org_id: OrgId,
    pub(crate) meter: String,
    pub(crate) hour: Timestamp,
    pub(crate) shard: String,
    #[serde(default)]
    pub(crate) level: u32,
    #[serde(with = "table::number_set")]
    pub(crate) values: Vec<u64>,
    #[serde(skip)]
    pub(crate) expires_at: Option<Timestamp>,
    #[serde(default)]
    pub(crate) version: u64,
}

impl Item for Values {
    fn key(&self) -> Key {
        let hour = Span::of(Window::Hour, self.hour);
        keys::UsageValues::key(Tenant::trusted(self.org_id), hour, self.meter.clone(), self.shard.clone())
    }

    fn version(&self) -> u64 {
        self.version
    }

    fn expires_at(&self) -> Option<Timestamp> {
        self.expires_at
    }
}
