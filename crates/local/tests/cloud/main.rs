//! The local cloud from outside: real SDK clients, real HTTP, a small product of its own.

mod front;
mod product;
mod services;
mod story;
