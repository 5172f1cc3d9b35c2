//! Set-ups that several packages' tests share. A dev-dependency only.

mod conflicts;
mod crashes;
mod database;
pub mod events;
mod failing;
pub mod kinds;
mod lost_answers;
mod meanwhile;
mod recorder;
mod replica;
mod replicas;
mod services;
mod tapped;

pub use conflicts::Conflicts;
pub use crashes::{Crashes, Moment};
pub use database::{Attributes, Database, TABLE_NAME, noon, table_names};
pub use failing::failing;
pub use lost_answers::LostAnswers;
pub use meanwhile::meanwhile;
pub use recorder::{RecordedCall, Recorder};
pub use replicas::Replicas;
pub use services::{Publication, Services};
