//! What is known of the erasure of a person or an organization, while it goes on and when all else is gone:
//! that it began, what went, what stays by which duty, and that it ended. No personal data is in it.
//!
//! Owns the certificate. It must not know how anything is erased, nor other domains.

pub mod api;
mod erasure;
pub mod events;
mod kept;
pub mod keys;
mod operations;
mod part;
mod subject;

pub use erasure::{CERTIFICATES_ARE_KEPT, Erasure};
pub use operations::{begin, certified, load, note, under_way};
pub use part::Part;
pub use subject::{NoSubject, Subject};
