//! HTTP function hook-stripe.
