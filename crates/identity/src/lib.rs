//! People, magic links and sessions.
