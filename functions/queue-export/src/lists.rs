//! What is in an export: its lists, in the order in which their files are made, and a page of each. Rows are
//! as the API shows them; of what it shows in no list, the parts that are nobody's secret.

use std::collections::BTreeMap;

use access::Tenant;
use audit::AuditError;
use billing::{BillingError, Rules};
use identity_core::keys as of_people;
use jobs::{Format, Job, Owner, api::JobKind};
use primitives::{Fault, Timestamp, UserId};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::{Map, Value};
use table::{Consistency, Item, Query, StoreError, Table};

/// How many rows one call asks for; `DynamoDB` gives 1 MB of them at most.
const PAGE: usize = 500;

/// A page could not be read.
#[derive(Debug, thiserror::Error, Fault)]
pub(crate) enum ListError {
    #[error(transparent)]
    #[fault(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    #[fault(transparent)]
    Audit(#[from] AuditError),
    #[error(transparent)]
    #[fault(transparent)]
    Billing(#[from] BillingError),
    #[error("a row cannot be written: {0}")]
    #[fault(Internal, "internal")]
    Unwritable(#[from] serde_json::Error),
    #[error("what is asked for cannot be read")]
    #[fault(Internal, "internal")]
    Unreadable,
    #[error("there is no such list")]
    #[fault(Internal, "internal")]
    Unknown,
}

/// Some rows, and behind which place their list goes on.
pub(crate) type Rows = (Vec<Value>, Option<String>);

/// The lists of an export. Anchors are in it where the log can be held against them.
pub(crate) fn lists(job: &Job) -> &'static [&'static str] {
    match job.kind {
        JobKind::OrganizationExport => &[
            "organization",
            "members",
            "invites",
            "invite_links",
            "join_requests",
            "api_keys",
            "domains",
            "sso_connections",
            "scim_users",
            "scim_groups",
            "subscription",
            "audit_events",
            "audit_anchors",
        ],
        JobKind::AuditExport if job.asked.format == Format::Jsonl && job.asked.action.is_none() => {
            &["audit_events", "audit_anchors"]
        }
        JobKind::AuditExport => &["audit_events"],
        JobKind::PersonExport => {
            &["person", "organizations", "sessions", "passkeys", "connected_accounts", "devices"]
        }
    }
}

/// A page of a list, from behind this place on. All that was acknowledged is in it: what a late read missed
/// would be missing for good.
pub(crate) async fn page(
    table: &Table,
    job: &Job,
    list: &str,
    after: Option<&str>,
) -> Result<Rows, ListError> {
    match job.owner() {
        Owner::Org(tenant) => of_org(table, tenant, job, list, after).await,
        Owner::Person(user_id) => of_person(table, user_id, list, after).await,
    }
}

async fn of_org(
    table: &Table,
    tenant: Tenant,
    job: &Job,
    list: &str,
    after: Option<&str>,
) -> Result<Rows, ListError> {
    let now = table.clock().now();
    match list {
        "organization" => {
            let found: Option<orgs::Org> =
                table.get(&orgs::keys::Org::key(tenant), Consistency::Strong).await?;
            all(found.iter().map(|org| org.resource(org.version())))
        }
        "members" => {
            let shown = |member: &orgs::Member| member.resource(member.version());
            rows(table, orgs::keys::Member::all(tenant), after, shown).await
        }
        "invites" => {
            let shown = |invite: &orgs::Invite| invite.resource(invite.version());
            rows(table, orgs::keys::Invite::all(tenant), after, shown).await
        }
        "invite_links" => {
            let found: Option<Links> =
                table.get(&orgs::keys::InviteLinks::key(tenant), Consistency::Strong).await?;
            all(found.into_iter().flat_map(|found| found.links).map(|link| link.resource(now)))
        }
        "join_requests" => {
            let shown = |request: &orgs::JoinRequest| request.resource(request.version());
            rows(table, orgs::keys::JoinRequest::all(tenant), after, shown).await
        }
        "api_keys" => {
            let shown = |key: &identity_core::ApiKey| org_keys::api::shown(key, key.version(), now);
            rows(table, of_people::ApiKey::all(tenant), after, shown).await
        }
        "domains" => {
            let shown = |domain: &directory::Domain| domain.resource(domain.version());
            rows(table, directory::keys::Domain::all(tenant), after, shown).await
        }
        "sso_connections" => {
            let shown = |connection: &sso::SsoConnection| connection.resource(connection.version());
            rows(table, sso::keys::SsoConnection::all(tenant), after, shown).await
        }
        "scim_users" => {
            let shown = |user: &scim::User| user.resource("/scim/v2", user.version());
            rows(table, scim::keys::User::all(tenant), after, shown).await
        }
        "scim_groups" => {
            let shown = |group: &scim::Group| group.shown(group.version());
            rows(table, scim::keys::Group::all(tenant), after, shown).await
        }
        "subscription" => {
            let found = billing::overview_for_staff(table, &Rules::default(), tenant).await?;
            let shown = billing::api::Subscription::of(&found.account, found.as_of, found.access);
            all([shown])
        }
        "audit_events" => audit_events(table, tenant, job, after).await,
        "audit_anchors" => {
            let Some((from, to)) = span(job) else { return Ok((Vec::new(), None)) };
            let anchors = audit::anchors_after(table, tenant.org_id(), (from, to), (PAGE, after)).await?;
            Ok((written(anchors.0)?, anchors.1))
        }
        _ => Err(ListError::Unknown),
    }
}

#[derive(Deserialize)]
struct Links {
    links: Vec<orgs::Link>,
}

async fn audit_events(
    table: &Table,
    tenant: Tenant,
    job: &Job,
    after: Option<&str>,
) -> Result<Rows, ListError> {
    let action =
        job.asked.action.as_deref().map(str::parse).transpose().map_err(|_| ListError::Unreadable)?;
    let Some((from, to)) = span(job) else { return Ok((Vec::new(), None)) };
    let filter = audit::Filter {
        action,
        actor_id: None,
        target_id: None,
        from,
        to: Some(to),
        order: table::Order::Ascending,
    };
    let (events, next) = audit::events_after(table, tenant.org_id(), &filter, (PAGE, after)).await?;
    Ok((written(events)?, next))
}

/// From when to when the log is asked for; nothing where there is nothing between. What happens while it is
/// written down is no part of it: else there might be no end.
fn span(job: &Job) -> Option<(Option<Timestamp>, Timestamp)> {
    let to = job.asked.to.unwrap_or(job.created_at).min(job.created_at);
    job.asked.from.is_none_or(|from| from <= to).then_some((job.asked.from, to))
}

/// What a person is shown of each kind of item: what it is stored as, and what the API calls it.
const OF_PERSON: &[(&str, &[(&str, &str)])] = &[
    (
        "person",
        &[
            ("user_id", "id"),
            ("email", "email"),
            ("created_at", "created_at"),
            ("profile", "profile"),
            ("phone", "phone"),
            ("deletion", "deletion"),
            ("suspended_at", "suspended_at"),
        ],
    ),
    (
        "organizations",
        &[
            ("org_id", "id"),
            ("org_name", "name"),
            ("org_slug", "slug"),
            ("member_id", "member_id"),
            ("role", "role"),
        ],
    ),
    (
        "sessions",
        &[
            ("session_id", "id"),
            ("created_at", "started_at"),
            ("rotated_at", "last_seen_at"),
            ("valid_until", "expires_at"),
            ("shown", "methods"),
            ("device", "device"),
            ("org_id", "org_id"),
        ],
    ),
    (
        "passkeys",
        &[
            ("passkey_id", "id"),
            ("name", "name"),
            ("created_at", "created_at"),
            ("last_used_at", "last_used_at"),
        ],
    ),
    ("connected_accounts", &[("accounts", "accounts")]),
    (
        "devices",
        &[
            ("device_id", "id"),
            ("platform", "platform"),
            ("app_version", "app_version"),
            ("locale", "locale"),
            ("registered_at", "registered_at"),
            ("seen_at", "seen_at"),
        ],
    ),
];

async fn of_person(
    table: &Table,
    user_id: UserId,
    list: &str,
    after: Option<&str>,
) -> Result<Rows, ListError> {
    let query = match list {
        "organizations" => of_people::Membership::all(user_id),
        "sessions" => of_people::Session::all(user_id),
        "passkeys" => of_people::Passkey::all(user_id),
        "connected_accounts" => of_people::ConnectedAccounts::all(user_id),
        "devices" => push::keys::Device::all(user_id),
        "person" => of_people::User::all(user_id),
        _ => return Err(ListError::Unknown),
    };
    let parts = OF_PERSON.iter().find(|(name, _)| *name == list).map_or(&[][..], |(_, parts)| *parts);
    let (items, next) = table.after::<Map<String, Value>>(&query.strong(), PAGE, after).await?;
    let shown = items.into_iter().map(|mut item| {
        // whose account it is there, by its hash, is for us to tell them apart
        for account in item.get_mut("accounts").and_then(Value::as_array_mut).into_iter().flatten() {
            if let Some(account) = account.as_object_mut() {
                account.remove("hash");
            }
        }
        let part = |(stored, name): &(&str, &str)| ((*name).to_owned(), ordered(item.remove(*stored)));
        Value::Object(parts.iter().map(part).collect())
    });
    Ok((shown.collect(), next))
}

/// The table gives an item's parts in no order; the same row is the same text each time.
fn ordered(value: Option<Value>) -> Value {
    match value {
        Some(Value::Object(parts)) => {
            let sorted: BTreeMap<_, _> =
                parts.into_iter().map(|(name, part)| (name, ordered(Some(part)))).collect();
            Value::Object(sorted.into_iter().collect())
        }
        Some(Value::Array(all)) => Value::Array(all.into_iter().map(|one| ordered(Some(one))).collect()),
        other => other.unwrap_or_default(),
    }
}

async fn rows<T: DeserializeOwned, R: Serialize>(
    table: &Table,
    query: Query,
    after: Option<&str>,
    show: impl Fn(&T) -> R,
) -> Result<Rows, ListError> {
    let (items, next) = table.after::<T>(&query.strong(), PAGE, after).await?;
    Ok((written(items.iter().map(show))?, next))
}

/// A list that is as short as one item.
fn all(shown: impl IntoIterator<Item = impl Serialize>) -> Result<Rows, ListError> {
    Ok((written(shown)?, None))
}

fn written(shown: impl IntoIterator<Item = impl Serialize>) -> Result<Vec<Value>, ListError> {
    Ok(shown.into_iter().map(serde_json::to_value).collect::<Result<_, _>>()?)
}
