//! Every domain event and its envelope.
