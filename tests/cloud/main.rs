//! The product as it is deployed: the template in an emulated AWS, the built functions, enforced
//! roles, API Gateway in front.
//!
//! All tests share one stack, and those with faults another. Each has its own people, organizations
//! and client address.
#![expect(clippy::unwrap_used, reason = "everything here is test code")]

mod failures;
mod faults;
mod gateway;
mod product;
mod roles;
mod story;
