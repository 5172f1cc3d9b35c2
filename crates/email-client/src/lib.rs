//! Mails to people: what each of them says, how it looks, and sending it through SES.
//!
//! Owns the texts, the templates and the one client of SES. It must not know why a mail is sent, nor who
//! receives it beyond the address.

mod brand;
mod mail;
mod mailer;
mod name;
mod render;
mod sender;

pub use brand::{Brand, Colour, ColourError};
pub use mail::{
    InvoiceOverdue, MagicLink, Mail, PaymentFailed, SubscriptionActivated, SubscriptionCanceled, TrialEnded,
    TrialEnding, Welcome,
};
pub use mailer::{Letterhead, Mailer, SendError};
pub use name::Name;
pub use render::Rendered;
pub use sender::Sender;
