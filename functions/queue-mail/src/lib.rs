//! Sends the mails that events ask for.
//!
//! SES knows no idempotency key, so each event is claimed before its mails are sent and marked when they are: a repeated event sends nothing. Only
//! a worker that dies between SES's answer and the mark is followed by one that sends again.

mod error;
mod letter;
mod postman;
mod recipients;

use std::sync::Arc;

use email_client::Mailer;
use identity::LinkKey;
use lambda_host::{Error, Function, Host};

use postman::Postman;

/// The function.
pub async fn function(host: &Host) -> Result<Function, Error> {
    let environment = host.environment();
    let set = environment.optional("MAIL_CONFIGURATION_SET").map(str::to_owned);
    let postman = Arc::new(Postman {
        table: host.table().await?,
        mailer: Mailer::new(host.mail(), environment.required("MAIL_FROM")?, set),
        links: host.secret_keys("LINK_SECRET_ARN", LinkKey::from_secret)?,
        app_url: environment.url("APP_URL")?,
    });
    Ok(host.bus_queue(move |event| {
        let postman = Arc::clone(&postman);
        async move { postman.handle(&event).await }
    }))
}
