//! The kinds of items of directories.

use access::Tenant;
use primitives::{ScimGroupId, ScimTokenId, ScimUserId};

table::kinds! {
    /// A token by which an identity provider keeps an organization's directory: a hash of its text.
    /// Written by create a token, and at most once a minute by a request that shows it; deleted by revoke;
    /// read by such requests, and by the list of tokens.
    "scim_token" Token(org: Tenant; token: ScimTokenId) "SCIM#<org>" "TOKEN#<token>" {
        store: Main, most_kb: 1, kept: ForGood, owner: Org, erased: Partition,
    }
    /// Which tokens an organization has, at most 10. Written by create and revoke a token; read by the
    /// same.
    "scim_tokens" Tokens(org: Tenant;) "SCIM#<org>" "ALL_TOKENS" {
        store: Main, most_kb: 1, kept: ForGood, owner: Org, erased: Partition,
    }
    /// Which groups give which roles, at most 20. Written by update a group's role, and with the end of a
    /// group; read by the same, and by what changes who is in a group.
    "scim_roles" Roles(org: Tenant;) "SCIM#<org>" "ROLES" {
        store: Main, most_kb: 2, kept: ForGood, owner: Org, erased: Partition,
    }
    /// The last 10 requests of the identity provider that were refused. Written by such requests; read by
    /// the page about SCIM.
    "scim_failures" Failures(org: Tenant;) "SCIM#<org>" "FAILURES" {
        store: Main, most_kb: 4, kept: ForGood, owner: Org, erased: Partition,
    }
    /// How many users a directory has: a tally. Written by create and delete a user; read by their list.
    "scim_user_count" UserCount(org: Tenant;) "SCIM#<org>" "USER_COUNT" {
        store: Main, most_kb: 1, kept: ForGood, owner: Org, erased: Partition,
    }
    /// The same of groups.
    "scim_group_count" GroupCount(org: Tenant;) "SCIM#<org>" "GROUP_COUNT" {
        store: Main, most_kb: 1, kept: ForGood, owner: Org, erased: Partition,
    }
    /// A user as an organization's directory has it, and which member it is. Written and read by
    /// `api-scim`, read by `queue-member-copies`.
    "scim_user" User(org: Tenant; user: ScimUserId) "SCIM_USERS#<org>" "USER#<user>" {
        store: Main, most_kb: 24, kept: ForGood, owner: Org, erased: Partition,
    }
    /// A group as an organization's directory has it. Written and read by `api-scim`, and by the page about
    /// SCIM, which gives it a role.
    "scim_group" Group(org: Tenant; group: ScimGroupId) "SCIM_GROUPS#<org>" "GROUP#<group>" {
        store: Main, most_kb: 2, kept: ForGood, owner: Org, erased: Partition,
    }
    /// That a user is in a group. Written with the user, which says the same; read by the group.
    "scim_group_member" GroupMember(org: Tenant; group: ScimGroupId, user: ScimUserId)
        "SCIM_GROUP_MEMBERS#<org>" "MEMBER#<group>#<user>" {
        store: Main, most_kb: 1, kept: ForGood, owner: Org, erased: Partition,
    }
    /// Which user has a `userName`: keeps it unique, and is what names are looked for in. Written with the
    /// user; read by create, replace and patch, and by the list of users with a filter.
    "scim_user_name" UserName(org: Tenant; name: String) "SCIM_NAMES#<org>" "NAME#<name>" {
        store: Main, most_kb: 2, kept: ForGood, owner: Org, erased: Partition,
    }
    /// Which user or group has an `externalId`, which group a `displayName`, which user is a person; by a
    /// hash. Keeps each unique. Written with the user or the group; read as the names are.
    "scim_claim" Claim(org: Tenant; what: String, hash: String) "SCIM_CLAIMS#<org>" "CLAIM#<what>#<hash>" {
        store: Main, most_kb: 1, kept: ForGood, owner: Org, erased: Partition,
    }
    /// Where pages of a list began that is walked through by `startIndex`, for one token. Written and read
    /// by lists.
    "scim_walk" Walk(org: Tenant; token: ScimTokenId, list: String) "SCIM_WALK#<org>" "WALK#<token>#<list>" {
        store: Traffic, most_kb: 4, kept: Days(1, "10 minutes"), owner: Org, erased: Expires,
    }
}
