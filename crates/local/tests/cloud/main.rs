//! The local cloud from outside: real SDK clients, real HTTP, a small product of its own.

#![expect(clippy::unwrap_used, reason = "everything here is test code")]

mod ends;
mod fifo;
mod front;
mod guides;
mod invoke;
mod page;
mod product;
mod services;
mod story;
mod stripe;
mod stripe_types;
