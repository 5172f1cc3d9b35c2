//! Set-ups that several packages' tests share. A dev-dependency only.

mod crashes;
mod database;
mod services;

pub use crashes::{Crashes, Moment};
pub use database::{Attributes, Database, TABLE_NAME, noon};
pub use services::{Publication, Services};
