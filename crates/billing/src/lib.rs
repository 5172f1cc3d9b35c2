//! Trials, subscriptions and what they give access to.
