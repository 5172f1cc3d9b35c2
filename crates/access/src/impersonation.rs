//! Our staff in the name of a member.

use primitives::{Timestamp, UserId};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{AccessError, Permission, Principal, StaffPermission};

/// What somebody of our staff may do in the name of a member.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ImpersonationMode {
    /// Look.
    Read,
    /// Change things too, but for what is the person's alone.
    Write,
}

impl ImpersonationMode {
    /// What a role needs for it.
    pub fn permission(self) -> StaffPermission {
        match self {
            Self::Read => StaffPermission::ReadAsMembers,
            Self::Write => StaffPermission::WriteAsMembers,
        }
    }
}

/// Who of our staff acts in the name of the person.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Impersonator {
    /// Who.
    pub user_id: UserId,
    /// What they may do.
    pub mode: ImpersonationMode,
    /// Until when.
    pub until: Timestamp,
}

impl Permission {
    /// Whether it is for the member alone: what is paid, how programs come in, who answers for the
    /// organization and how it protects itself, what it takes along, and that it ends.
    pub fn is_personal(self) -> bool {
        matches!(
            self,
            Self::ReadBilling
                | Self::WriteBilling
                | Self::ReadApiKeys
                | Self::WriteApiKeys
                | Self::ReadTokens
                | Self::WritePolicies
                | Self::WriteOwners
                | Self::DeleteOrganization
                | Self::WriteExports
        )
    }
}

impl Principal {
    /// Refuses what nobody does in the name of somebody else.
    pub fn require_in_person(&self) -> Result<(), AccessError> {
        if self.impersonator.is_none() { Ok(()) } else { Err(AccessError::ImpersonationRefused) }
    }

    /// The same of what needs this permission, and is only looked at or not.
    pub fn require_for(&self, permission: Permission, reads: bool) -> Result<(), AccessError> {
        let Some(impersonator) = self.impersonator else { return Ok(()) };
        let may = reads || impersonator.mode == ImpersonationMode::Write;
        if may && !permission.is_personal() { Ok(()) } else { Err(AccessError::ImpersonationRefused) }
    }
}
