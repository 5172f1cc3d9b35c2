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

    /// The whole table, written a second time: a slip in one of the two is noticed.
    #[test]
    fn who_may_do_what() {
        let table = [
            (Permission::ReadOrganization, "read the organization", "owner admin member viewer"),
            (Permission::ReadMembers, "read the members", "owner admin member viewer"),
            (Permission::ReadBilling, "read the subscription", "owner admin"),
            (Permission::ManageOwnDevices, "manage devices", "owner admin member viewer"),
        ];
        for (permission, words, roles) in table {
            let may: Vec<_> = Role::ALL.into_iter().filter(|role| role.holds(permission)).collect();
            let may: Vec<_> = may.iter().map(ToString::to_string).collect();
            assert_eq!((permission.to_string().as_str(), may.join(" ").as_str()), (words, roles));
        }
    }
}
