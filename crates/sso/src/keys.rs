//! The kinds of items of connections to identity providers.

use access::Tenant;
use primitives::SsoConnectionId;

table::kinds! {
    /// A connection of an organization's to its identity provider, with the secret that the provider knows us
    /// by, sealed. At most five for each. Written by create, change and remove a connection, and at most once
    /// a minute by sign-ins; read by the same, their list, and by sign-ins.
    "sso_connection" SsoConnection(org: Tenant; connection: SsoConnectionId) "SSO#<org>" "CONNECTION#<connection>" {
        store: Main, most_kb: 16, kept: ForGood, owner: Org, erased: Partition,
    }
}
