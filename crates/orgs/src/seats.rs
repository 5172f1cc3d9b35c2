//! How many people an organization has and invites. The number is changed in the transaction of what it
//! counts; how many there may be is a fact that billing writes into the organization's gate.

use access::{AccessSchedule, Tenant};
use serde::Deserialize;
use table::{Changes, Key, Tally};

use crate::keys;

/// The seats of an organization.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Seats(Tenant);

/// What the gate says of how many there may be.
#[derive(Debug, Deserialize)]
pub(crate) struct Cap {
    access: AccessSchedule,
}

impl Cap {
    /// How many there may be.
    pub(crate) fn seats(&self) -> Option<u32> {
        self.access.seats()
    }
}

impl Seats {
    pub(crate) fn of(tenant: Tenant) -> Self {
        Self(tenant)
    }

    /// Where they are counted: the commit failed here when none is left.
    pub(crate) fn key(self) -> Key {
        keys::Seats::key(self.0)
    }

    /// Takes so many, of as many as there may be.
    pub(crate) fn take(self, count: u32, most: Option<u32>) -> Changes {
        Tally::new(self.key(), most.unwrap_or(u32::MAX)).add(count)
    }

    /// Gives so many back.
    pub(crate) fn give_back(self, count: u32) -> Changes {
        Tally::new(self.key(), u32::MAX).subtract(count)
    }
}
