use std::fmt;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A part of what is erased. There may be others.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema, schemars::JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Part {
    /// The account of a person, with what the person signed in with.
    Account,
    /// Rows of audit logs: all of them of an organization; those of a person are left as hashes.
    AuditRows,
    /// Trial, subscription and customers, as we knew them.
    Billing,
    /// Devices, with their push tokens.
    Devices,
    /// The directory that an identity provider kept.
    Directory,
    /// Domains.
    Domains,
    /// Invites.
    Invites,
    /// Jobs, with the list of their files.
    Jobs,
    /// Members of an organization.
    Members,
    /// A person's memberships.
    Memberships,
    /// What is left of an organization: settings, keys, requests to join.
    Settings,
    /// Connections to identity providers.
    SsoConnections,
    /// Customers at Stripe.
    StripeCustomers,
    /// What was used, summed up.
    Usage,
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Account => "account",
            Self::AuditRows => "audit_rows",
            Self::Billing => "billing",
            Self::Devices => "devices",
            Self::Domains => "domains",
            Self::Directory => "directory",
            Self::Invites => "invites",
            Self::Jobs => "jobs",
            Self::Members => "members",
            Self::Memberships => "memberships",
            Self::Settings => "settings",
            Self::SsoConnections => "sso_connections",
            Self::StripeCustomers => "stripe_customers",
            Self::Usage => "usage",
        })
    }
}
