//! A person's phone: its number, the codes that are sent to it, and these as a second factor.
//!
//! A code is sent in two steps: [`SmsRequest`] is asked for and admitted by limits, then sent. It is shown in
//! three: [`SmsStep`] reads what was sent and counts the try, the digits are compared, and what they are for
//! is done.

mod number;
mod own;
mod proof;
mod request;
mod second;
mod step;

pub use number::{Countries, InvalidPhone, mobile_number};
pub use own::{remove_phone, verify_phone};
pub use proof::SmsProof;
pub use request::{CodeSent, SmsRequest};
pub use second::confirm_sms_factor;
pub use step::{Compared, SmsStep};
