use std::fmt;

use serde::{Deserialize, Serialize};

/// What a member is in an organization.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, schemars::JsonSchema, utoipa::ToSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// May do everything, and answers for the organization.
    Owner,
    /// Runs the organization day by day.
    Admin,
    /// Works in it.
    Member,
    /// Looks at it.
    Viewer,
}

/// Makes an enum of permissions, their table and a type for each, so that a new one is one line.
macro_rules! permissions {
    (
        $(#[$about:meta])+ $all:ident of $holder:ident, as types in $types:ident;
        $($(#[$doc:meta])+ $permission:ident: $name:literal, $words:literal, $($role:ident)|+;)+
    ) => {
        $(#[$about])+
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum $all {
            $($(#[$doc])+ $permission,)+
        }

        impl $all {
            /// Every permission.
            pub const ALL: &[Self] = &[$(Self::$permission),+];

            /// Its name, as the API shows it: `members:read`.
            pub fn name(self) -> &'static str {
                match self {
                    $(Self::$permission => $name,)+
                }
            }
        }

        impl $holder {
            /// The whole table of who may do what.
            pub fn holds(self, permission: $all) -> bool {
                match permission {
                    $($all::$permission => matches!(self, $(Self::$role)|+),)+
                }
            }
        }

        impl fmt::Display for $all {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(match self {
                    $(Self::$permission => $words,)+
                })
            }
        }

        /// The permissions as types, for permits and whoever asks for one.
        pub mod $types {
            $(
                $(#[$doc])+
                #[derive(Clone, Copy, Debug)]
                pub struct $permission;

                impl $crate::Needed<super::$all> for $permission {
                    const PERMISSION: super::$all = super::$all::$permission;
                }
            )+
        }
    };
}

pub(crate) use permissions;

permissions! {
    /// One thing that a member may be allowed to do.
    Permission of Role, as types in needs;
    /// Read the organization's own record.
    ReadOrganization: "org:read", "read the organization", Owner | Admin | Member | Viewer;
    /// Change its name, its slug and how it is shown.
    WriteOrganization: "org:write", "change the organization", Owner | Admin;
    /// Delete the organization, and take that back.
    DeleteOrganization: "org:delete", "delete the organization", Owner;
    /// See what is asked of the members.
    ReadPolicies: "policies:read", "read the policies", Owner | Admin;
    /// Change what is asked of the members.
    WritePolicies: "policies:write", "change the policies", Owner | Admin;
    /// List the members.
    ReadMembers: "members:read", "read the members", Owner | Admin | Member | Viewer;
    /// Change the roles of members and take them out, below owner.
    WriteMembers: "members:write", "change the members", Owner | Admin;
    /// Make somebody an owner, or an owner something else.
    WriteOwners: "owners:write", "decide who owns the organization", Owner;
    /// See who is invited.
    ReadInvites: "invites:read", "read the invites", Owner | Admin;
    /// Invite people, to no more than the own role.
    WriteInvites: "invites:write", "invite people", Owner | Admin;
    /// See the keys of programs.
    ReadApiKeys: "api_keys:read", "read the API keys", Owner | Admin;
    /// Make keys for programs, and take them back.
    WriteApiKeys: "api_keys:write", "change the API keys", Owner | Admin;
    /// See the domains of the organization.
    ReadDirectory: "directory:read", "read the domains", Owner | Admin;
    /// Add domains, verify them, and say who may join by them.
    WriteDirectory: "directory:write", "change the domains", Owner | Admin;
    /// Ask whether a member's access token is good.
    ReadTokens: "tokens:read", "ask about tokens", Owner | Admin;
    /// See what happened in the organization, and who did it.
    ReadAudit: "audit:read", "read the audit log", Owner | Admin;
    /// See the state of the subscription.
    ReadBilling: "billing:read", "read the subscription", Owner | Admin;
    /// Subscribe, change and end that, and say who pays.
    WriteBilling: "billing:write", "pay for the organization", Owner | Admin;
    /// Have all that the organization has written into files.
    WriteExports: "exports:write", "export the organization", Owner;
    /// See what is used, of what there may be.
    ReadUsage: "usage:read", "read the usage", Owner | Admin | Member;
    /// Report what is used, and set aside what is about to be.
    WriteUsage: "usage:write", "report usage", Owner | Admin;
}

/// A permission as a type.
pub trait Needed<P = Permission>: Send + Sync + 'static {
    /// The permission.
    const PERMISSION: P;
}

impl Role {
    /// Every role, the one that may do most first.
    pub const ALL: [Self; 4] = [Self::Owner, Self::Admin, Self::Member, Self::Viewer];
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Owner => "owner",
            Self::Admin => "admin",
            Self::Member => "member",
            Self::Viewer => "viewer",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The whole table, written a second time: a slip in one of the two is noticed.
    #[test]
    fn who_may_do_what() {
        let table = [
            (Permission::ReadOrganization, "org:read", "read the organization", "owner admin member viewer"),
            (Permission::WriteOrganization, "org:write", "change the organization", "owner admin"),
            (Permission::DeleteOrganization, "org:delete", "delete the organization", "owner"),
            (Permission::ReadPolicies, "policies:read", "read the policies", "owner admin"),
            (Permission::WritePolicies, "policies:write", "change the policies", "owner admin"),
            (Permission::ReadMembers, "members:read", "read the members", "owner admin member viewer"),
            (Permission::WriteMembers, "members:write", "change the members", "owner admin"),
            (Permission::WriteOwners, "owners:write", "decide who owns the organization", "owner"),
            (Permission::ReadInvites, "invites:read", "read the invites", "owner admin"),
            (Permission::WriteInvites, "invites:write", "invite people", "owner admin"),
            (Permission::ReadApiKeys, "api_keys:read", "read the API keys", "owner admin"),
            (Permission::WriteApiKeys, "api_keys:write", "change the API keys", "owner admin"),
            (Permission::ReadDirectory, "directory:read", "read the domains", "owner admin"),
            (Permission::WriteDirectory, "directory:write", "change the domains", "owner admin"),
            (Permission::ReadTokens, "tokens:read", "ask about tokens", "owner admin"),
            (Permission::ReadAudit, "audit:read", "read the audit log", "owner admin"),
            (Permission::ReadBilling, "billing:read", "read the subscription", "owner admin"),
            (Permission::WriteBilling, "billing:write", "pay for the organization", "owner admin"),
            (Permission::WriteExports, "exports:write", "export the organization", "owner"),
            (Permission::ReadUsage, "usage:read", "read the usage", "owner admin member"),
            (Permission::WriteUsage, "usage:write", "report usage", "owner admin"),
        ];
        assert_eq!(Permission::ALL, table.map(|(permission, ..)| permission));
        for (permission, name, words, roles) in table {
            let may: Vec<_> = Role::ALL.into_iter().filter(|role| role.holds(permission)).collect();
            let may: Vec<_> = may.iter().map(ToString::to_string).collect();
            assert_eq!((permission.name(), &*permission.to_string(), &*may.join(" ")), (name, words, roles));
        }
    }
}
