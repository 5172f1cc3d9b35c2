//! The product through its front door: the template's API, the real functions, a real database engine, real
//! HTTP.
#![expect(clippy::unwrap_used, reason = "everything here is test code")]

mod authorisation;
mod bad_input;
mod budgets;
mod canary;
mod crashes;
mod deadlines;
mod deletion;
mod device_links;
mod edge;
mod email_change;
mod form;
mod introspection;
mod known;
mod late_reads;
mod least_privilege;
mod lost_answers;
mod mail_burst;
mod mail_feedback;
mod passkey_proofs;
mod passkeys;
mod passwords;
mod product;
mod races;
mod reset;
mod rotation;
mod rotation_steps;
mod samples;
mod second_factors;
mod signing_in;
mod starts;
mod stored;
mod story;
mod torn_stream;
mod trusted_browsers;
