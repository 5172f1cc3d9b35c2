//! Stripe: webhook signatures, lean event parsing and outgoing calls.
