//! Mails to people: how they look, sending them through SES, and what SES tells of them afterwards.
//!
//! Owns the templates and the one client of SES. What a mail about an event says, the event's domain words
//! beside it. It must not know why a mail is sent, nor who receives it beyond the address.

mod brand;
mod feedback;
mod mail;
mod mailer;
mod name;
mod render;
mod sender;

pub use brand::{Brand, Colour, ColourError};
pub use feedback::{Fate, Feedback, UnreadableFeedback};
pub use mail::{MagicLink, Mail, MailCode, PasswordReset, TextError, about};
pub use mailer::{Letterhead, Mailer, SendError};
pub use name::Name;
pub use sender::Sender;
