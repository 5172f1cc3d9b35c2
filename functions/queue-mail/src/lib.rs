//! Sends the mails that events ask for, and codes to phones.
//!
//! SES knows no idempotency key, so each event is claimed before its mails are sent, each mail is
//! noted when it is sent, and the event is marked when all are: a repeated event sends nothing.
//! Whom a mail goes to is what the table says, not what the event does.

mod addressees;
mod error;
mod lanes;
mod postman;
mod texts;

use std::sync::Arc;

use access::Tenant;
use email_client::{Brand, Letterhead, Mailer, Sender};
use events::Told;
use identity_core::LinkKey;
use lambda_host::{Error, Function, Host, Intake};

use lanes::Lanes;
pub use lanes::{OTHER_WORKERS, SIGN_IN_WORKERS};
use postman::Postman;
use push_client::TextClient;

/// What people are told about, domain by domain.
pub const TOLD: &[&[Told]] = &[
    identity_core::events::TOLD,
    orgs::events::TOLD,
    directory::events::TOLD,
    billing::events::TOLD,
    usage::events::TOLD,
    jobs::events::TOLD,
    erasures::events::TOLD,
];

/// The function.
pub async fn function(host: &Host) -> Result<Function, Error> {
    let environment = host.environment();
    let brand = Brand::new(environment.required("PRODUCT_NAME")?, environment.parsed("BRAND_COLOUR")?);
    let letterhead = Letterhead {
        from: Sender::new(brand.product(), environment.required("MAIL_FROM")?),
        brand,
        reply_to: environment.optional("MAIL_REPLY_TO").map(str::parse).transpose()?,
        configuration_set: environment.optional("MAIL_CONFIGURATION_SET").map(str::to_owned),
    };
    let queue_urls = ["SIGN_IN_MAIL_QUEUE_URL", "MAIL_QUEUE_URL"].map(|name| environment.required(name));
    let queue_urls = queue_urls.into_iter().map(|url| url.map(str::to_owned)).collect::<Result<_, _>>()?;
    let postman = Arc::new(Postman {
        table: host.table_opened_with(orgs::keys::Org::key(Tenant::trusted(host.ids().next()))).await?,
        mailer: Mailer::new(host.mail(), letterhead),
        phones: TextClient::new(host.push_sends(), environment.optional("SMS_SENDER_ID").map(str::to_owned)),
        links: host.secret_keys("LINK_SECRET_ARN", LinkKey::from_secret)?,
        app_url: environment.url("APP_URL")?,
        lanes: Lanes::new(environment.parsed("MAIL_SEND_RATE")?),
    });
    Ok(host.bus_queues(Intake { at_once: Some(1), queue_urls }, move |event| {
        let postman = Arc::clone(&postman);
        async move { postman.handle(&event).await }
    }))
}
