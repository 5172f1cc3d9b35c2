//! Set-ups that several test packages share.
