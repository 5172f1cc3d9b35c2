//! Organizations and their members.
//!
//! Owns the organization's record, its slug and its list of members. It must not know HTTP, trials or
//! subscriptions: who needs those in the same transaction joins the changes.

mod accept;
mod admission;
pub mod api;
mod bars;
mod break_glass;
mod caps;
mod copies;
mod deletion;
mod departing;
mod erasure;
mod error;
pub mod events;
mod invite;
mod invites;
mod join_request;
mod joining;
pub mod keys;
pub mod limits;
mod links;
mod member;
mod org;
mod oversight;
mod place;
mod policies;
mod provisioning;
mod rules;
mod seats;
mod settings;
mod slugs;
mod words;

pub use accept::{Preview, accept, decline, preview};
pub use admission::{Admission, ByDirectory, admit};
pub use bars::{bar, unbar};
pub use caps::{MOST_MEMBERSHIPS, owners};
pub use copies::{refresh_member, refresh_organization, refresh_person};
pub use deletion::{deletion_of, request_deletion, request_erasure, restore, restored_by_staff};
pub use departing::{leave_all, require_other_owners};
pub use erasure::{Emptied, begin_erasure, empty, end_erasure, erase_rest, owners_of};
pub use error::OrgError;
pub use invite::Invite;
pub use invites::{
    confirm, invite, invite_with_id, invites, may_invite, may_rebind, rebind, resend, revoke, to_resend,
};
pub use join_request::JoinRequest;
pub use joining::{
    ByDomain, Requested, approve, ask, decline_request, join_requests, release_seats, requested, to_be_joined,
};
pub use links::{Link, NewLink, accept_link, create_link, links, preview_link, revoke_link};
pub use member::{Member, Places, member, members, places_of, readdressed};
pub use org::{Founder, NewOrg, Org, create, current, refusals};
pub use oversight::{Overseen, members_of, with_ids, with_slug, with_slugs};
pub use place::{deprovision, leave, remove, set_role, transfer_ownership};
pub use policies::{Policies, policies, set_policies};
pub use provisioning::{Provision, Provisioned, directed, provision, uninvite};
pub use rules::Rules;
pub use seats::{KeptFree, SeatCount, SeatsTaken, TooMany, keep_free, seat_count, seats_taken};
pub use settings::{Settings, update};
pub use slugs::{SlugCheck, check_slug, org_with_slug};
pub use words::members_like;

use primitives::{Fault, FaultCode};

/// The codes of this crate's errors.
pub const FAULTS: &[&[FaultCode]] = &[OrgError::CODES];
