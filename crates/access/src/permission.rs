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

/// One thing that a member may be allowed to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Permission {
    /// Read the organization's own record.
    ReadOrganization,
    /// List the members.
    ReadMembers,
    /// See the state of the subscription.
    ReadBilling,
    /// Register and remove the caller's own devices.
    ManageOwnDevices,
}

impl Role {
    /// Every role, the one that may do most first.
    pub const ALL: [Self; 4] = [Self::Owner, Self::Admin, Self::Member, Self::Viewer];

    /// The whole table of who may do what.
    pub fn holds(self, permission: Permission) -> bool {
        use Permission::{ManageOwnDevices, ReadBilling, ReadMembers, ReadOrganization};
        match permission {
            ReadOrganization | ReadMembers | ManageOwnDevices => true,
            ReadBilling => matches!(self, Self::Owner | Self::Admin),
        }
    }
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

impl fmt::Display for Permission {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::ReadOrganization => "read the organization",
            Self::ReadMembers => "read the members",
            Self::ReadBilling => "read the subscription",
            Self::ManageOwnDevices => "manage devices",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn billing_is_for_owners_and_admins() {
        let may: Vec<_> = Role::ALL.into_iter().filter(|role| role.holds(Permission::ReadBilling)).collect();
        assert_eq!(may, [Role::Owner, Role::Admin]);
    }
}
