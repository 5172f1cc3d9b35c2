//! The project's commands, run as `cargo xtask <command>`.
//!
//! Owns how the workspace is checked, generated and extended. It must not know the product: what is
//! generated comes from `system-tests`, which knows all of it, so that these commands start at
//! once.

pub mod bench;
pub mod check;
pub mod cloud;
pub mod contract;
pub mod edit_loop;
pub mod features;
mod files;
pub mod fuzz;
pub mod generate;
pub mod invoke;
pub mod mutants;
pub mod new_domain;
pub mod new_function;
pub mod new_route;
pub mod new_secret;
pub mod operate;
pub mod process;
pub mod sbom;
pub mod stripe_setup;
pub mod templates;
pub mod tools;
pub mod tutorial;
pub mod usage_recount;
pub mod verify_audit;
