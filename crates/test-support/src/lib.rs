//! Set-ups that several packages' tests share. A dev-dependency only.

mod database;

pub use database::{Attributes, Database, TABLE_NAME, noon};
