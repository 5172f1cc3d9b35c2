//! Mails: templates, rendering and sending through SES.
