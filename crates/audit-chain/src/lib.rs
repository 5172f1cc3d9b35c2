//! The form under which an audit event is hashed, the chain of an organization's events, and the proof that a
//! file of them is whole.
//!
//! An event is hashed in two steps. What may name a person is hashed first, with a salt of its own, and only
//! that hash is a part of the event's. So personal data can be erased, with its salt, and the chain stays
//! whole: what is left of it is a hash that nobody can guess the data from.
//!
//! Where chains ended is anchored from time to time: many of them in one Merkle tree, whose root lies where
//! nobody can change it.
//!
//! Pure: no I/O but the reader that [`verify`] is given.

mod anchor;
mod anchors;
mod finding;
mod hash;
mod merkle;
mod verify;

pub use anchor::{Anchor, Anchored, End, MOST_ENDS, NoAnchor, Place, Previous, blanks};
pub use anchors::Anchors;
pub use finding::Finding;
pub use hash::{Hash, NoHash, NotHashed, details, first_link, link, row_hash};
pub use verify::{Evidence, Head, NoHead, Report, prove, verify};
