use email_client::{MagicLink, Mailer, Name, Welcome};
use events::{Envelope, MagicLinkRequested, OrganizationCreated};
use identity::LinkKey;
use lambda_host::Rotating;
use primitives::{Email, Fault, FaultKind, Keys, SignedDuration};
use table::{Claimed, Key, Table};

use crate::{error::MailError, letter::Letter, recipients};

/// This consumer's name in its markers.
const CONSUMER: &str = "mail";

/// For how long an event belongs to one worker: longer than an invocation lives, shorter than its message stays hidden after it.
const LEASE: SignedDuration = SignedDuration::from_secs(60);

/// What turns events into mails.
pub(crate) struct Postman {
    pub(crate) table: Table,
    pub(crate) mailer: Mailer,
    pub(crate) links: Rotating<Keys<LinkKey>>,
    pub(crate) app_url: String,
}

impl Postman {
    /// Sends the mails of this event, unless they were sent before.
    pub(crate) async fn handle(&self, event: &Envelope) -> Result<(), MailError> {
        let Some((letter, recipients)) = self.write(event).await? else { return Ok(()) };
        let key = Key::Consumed(CONSUMER, event.id);
        let marker = match self.table.claim(&key, LEASE).await? {
            Claimed::Done => return Ok(()),
            Claimed::InFlight { .. } => return Err(MailError::InFlight),
            Claimed::Mine(marker) => marker,
        };
        let mut sent = Vec::new();
        for recipient in &recipients {
            let step = recipient.to_string();
            if marker.steps_done().contains(&step) {
                continue;
            }
            match letter.send(&self.mailer, recipient, event.id).await {
                Ok(_) => {}
                // the others must not wait for an address that will never be right
                Err(error) if error.kind() == FaultKind::Invalid => {
                    tracing::error!(event = %event.id, ?error, "a mail is refused for good");
                }
                Err(error) => {
                    self.table.give_up(marker, sent).await?;
                    return Err(error.into());
                }
            }
            sent.push(step);
        }
        Ok(self.table.finish(marker).await?)
    }

    /// What the mail says and who gets it; nothing where the event is not for mail, or comes too late.
    async fn write(&self, event: &Envelope) -> Result<Option<(Letter, Vec<Email>)>, MailError> {
        let malformed = |error: serde_json::Error| MailError::Malformed(error.to_string());
        if let Some(data) = event.data::<MagicLinkRequested>() {
            return self.magic_link(event, data.map_err(malformed)?).await;
        }
        if let Some(data) = event.data::<OrganizationCreated>() {
            let data = data.map_err(malformed)?;
            let letter = Welcome { organization: Name::new(&data.name), link: self.app_url.clone() };
            return Ok(Some((Letter::Welcome(letter), vec![data.owner_email])));
        }
        let Some(org_id) = event.org_id else { return Ok(None) };
        let link = format!("{}/settings/billing", self.app_url);
        let name = recipients::name(&self.table, org_id).await?;
        let Some(letter) = Letter::to_owners(event, name, link) else { return Ok(None) };
        let owners = recipients::owners(&self.table, org_id).await?;
        if owners.is_empty() {
            tracing::warn!(%org_id, "an organization has no owner to write to");
        }
        Ok(Some((letter.map_err(malformed)?, owners)))
    }

    async fn magic_link(
        &self,
        event: &Envelope,
        data: MagicLinkRequested,
    ) -> Result<Option<(Letter, Vec<Email>)>, MailError> {
        let left = data.expires_at.duration_since(self.table.clock().now());
        if left <= SignedDuration::ZERO {
            tracing::warn!(event = %event.id, "a magic link ended before its mail was sent");
            return Ok(None);
        }
        let keys = self.links.get().await?;
        let links = &keys.current;
        let token = links.token(data.login_id);
        let lifetime = data.expires_at.duration_since(event.time).as_mins();
        let letter = MagicLink {
            // what stands behind the `#` is sent to no server, so no log on the way can hold it
            link: format!("{}/auth/verify#token={token}", self.app_url),
            code: links.code(data.login_id),
            minutes: u32::try_from(lifetime).unwrap_or_default(),
        };
        Ok(Some((Letter::MagicLink(letter), vec![data.email])))
    }
}
