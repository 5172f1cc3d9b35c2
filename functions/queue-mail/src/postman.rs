use std::{mem, time::Duration};

use email_client::{MagicLink, Mail, MailCode, Mailer, Name, PasswordReset, SendError};
use events::{Audience, Envelope, Event, MailText, Told};
use identity_core::{
    ChangeStep, LinkKey,
    events::{MagicLinkRequested, MailCodeRequested, PasswordResetRequested, SmsCodeRequested},
};
use lambda_host::{LONGEST_SEND, Rotating};
use orgs::events::{OrganizationDeleted, OrganizationErasureRequested};
use primitives::{Email, EmailChangeId, Keys, OrgId, SignedDuration, Timestamp, UserId};
use push_client::TextClient;
use serde::Deserialize;
use serde_json::Value;
use table::{Claimed, Marker, Table, keys::Consumed, time_left};

use crate::{
    TOLD, addressees,
    error::MailError,
    lanes::{Lane, Lanes},
};

/// This consumer's name in its markers.
pub(crate) const CONSUMER: &str = "mail";

/// For how long an event belongs to one worker: longer than an invocation lives, shorter than its message
/// stays hidden after it.
pub(crate) const LEASE: SignedDuration = SignedDuration::from_secs(90);

/// No mail is begun with less time than this left: what is begun is ended, and noted.
pub(crate) const TIME_FOR_A_MAIL: Duration = Duration::from_secs(LONGEST_SEND.as_secs() + 4);

/// What turns events into mails.
pub(crate) struct Postman {
    pub(crate) table: Table,
    pub(crate) mailer: Mailer,
    pub(crate) phones: TextClient,
    pub(crate) links: Rotating<Keys<LinkKey>>,
    pub(crate) app_url: String,
    pub(crate) lanes: Lanes,
}

/// What became of one mail.
enum Outcome {
    /// There is nothing left to do about it.
    Settled,
    /// It is tried again with the next attempt. The text, where there is one, is noted until then.
    Failed(SendError, Option<String>),
    /// SES takes no more, of any.
    Throttled,
    OutOfTime,
}

impl Postman {
    /// Sends the mails of this event, unless they were sent before.
    pub(crate) async fn handle(&self, event: &Envelope) -> Result<(), MailError> {
        if let Some(data) = event.data::<SmsCodeRequested>() {
            return self.text(event, data.map_err(malformed)?).await;
        }
        let lane = self.lanes.of(event);
        let throttled = || MailError::Throttled { retry_after: lane.retry_after() };
        if lane.is_closed(self.table.clock().now()) {
            return Err(throttled());
        }
        let Some((mail, mut people)) = self.write(event).await? else { return Ok(()) };
        self.leave_out_suppressed(event, &mut people).await?;
        let key = Consumed::key(CONSUMER, event.id);
        let mut marker = match self.table.claim(&key, LEASE).await? {
            Claimed::Done => return Ok(()),
            Claimed::InFlight { .. } => return Err(MailError::InFlight),
            Claimed::Mine(marker) => marker,
        };
        let (mut turns, mut news, mut failures) = (lane.turns(), Vec::new(), Vec::new());
        let mut stopped = None;
        for person in &people {
            if marker.steps_done().contains(person.as_str()) {
                continue;
            }
            // What the one before led to is written down first, so that a crash repeats at most the mail that
            // is under way.
            if !self.table.note(&mut marker, mem::take(&mut news)).await? {
                return Err(MailError::InFlight);
            }
            turns.next().await;
            match self.deliver(lane, &mail, person, event, &marker).await {
                Outcome::Settled => news.push(person.to_string()),
                Outcome::Failed(error, remark) => {
                    failures.push(error);
                    news.extend(remark);
                }
                Outcome::Throttled => stopped = Some(throttled()),
                Outcome::OutOfTime => stopped = Some(MailError::OutOfTime),
            }
            if stopped.is_some() {
                break;
            }
        }
        let failed = failures.len();
        let error = stopped
            .or_else(|| failures.into_iter().next().map(|first| MailError::Incomplete { failed, first }));
        match error {
            None => self.table.finish(marker).await?,
            Some(_) => self.table.give_up(marker, news).await?,
        }
        turns.end().await;
        error.map_or(Ok(()), Err)
    }

    /// Leaves those in peace whom mails do not reach, or who do not want any. What came of the others matters
    /// to the event alone, so that nothing is noted of them: asked again, the answer may be another one.
    async fn leave_out_suppressed(&self, event: &Envelope, people: &mut Vec<Email>) -> Result<(), MailError> {
        for (email, said) in identity_core::suppressed(&self.table, people).await? {
            tracing::warn!(code = "mail_held", event = %event.id, reason = ?said.reason, "an address is suppressed");
            people.retain(|person| *person != email);
        }
        Ok(())
    }

    /// Sends one mail, and says what is left to do about it.
    async fn deliver(
        &self,
        lane: &Lane,
        mail: &Mail,
        person: &Email,
        event: &Envelope,
        marker: &Marker,
    ) -> Outcome {
        loop {
            if time_left() < TIME_FOR_A_MAIL {
                return Outcome::OutOfTime;
            }
            let Err(error) = self.mailer.send(person, mail, event.id).await else {
                return Outcome::Settled;
            };
            match error {
                SendError::Throttled { .. } => {
                    if !lane.throttled(self.table.clock().now()).await {
                        return Outcome::Throttled;
                    }
                }
                // An address that will never be right: nobody waits for it.
                SendError::Rejected { .. } => {
                    tracing::error!(event = %event.id, ?error, "a mail is refused for good");
                    return Outcome::Settled;
                }
                // It may be on its way. To lose it is worse than to send it twice; to send it twenty times is
                // worse than to lose it.
                SendError::Unknown { .. } => {
                    let remark = format!("?{person}");
                    if marker.steps_done().contains(&remark) {
                        tracing::error!(event = %event.id, ?error, "a mail may be sent or not, and is not tried again");
                        return Outcome::Settled;
                    }
                    return Outcome::Failed(error, Some(remark));
                }
                SendError::Unavailable { .. } | SendError::Refused { .. } => {
                    return Outcome::Failed(error, None);
                }
            }
        }
    }

    /// The mail and who gets it; nothing where the event is not for mail, or comes too late.
    async fn write(&self, event: &Envelope) -> Result<Option<(Mail, Vec<Email>)>, MailError> {
        if let Some(data) = event.data::<MagicLinkRequested>() {
            return self.magic_link(event, data.map_err(malformed)?).await;
        }
        if let Some(data) = event.data::<MailCodeRequested>() {
            return self.mail_code(event, data.map_err(malformed)?).await;
        }
        if let Some(data) = event.data::<PasswordResetRequested>() {
            return self.password_reset(event, data.map_err(malformed)?).await;
        }
        let Some(told) = Told::about(TOLD, event) else { return Ok(None) };
        let (told, data) = told.map_err(malformed)?;
        let Some(text) = &told.mail else { return Ok(None) };
        if is_over(text, &data, self.table.clock().now()) {
            tracing::warn!(event = %event.id, "what the mail says was over before it was sent");
            return Ok(None);
        }
        let about = |name: Option<&Name>| {
            email_client::about(told, text, name, &data, (&self.app_url, None), self.mailer.brand())
        };
        match told.to {
            Audience::PersonWhen(pointer) if data.pointer(pointer) != Some(&Value::Bool(true)) => Ok(None),
            Audience::Person | Audience::PersonWhen(_) => {
                let user_id = UserId::deserialize(&data["user_id"]).map_err(malformed)?;
                // who was erased meanwhile needs no news
                let email = addressees::of_person(&self.table, user_id).await?;
                Ok(email.map(|email| Ok::<_, MailError>((about(None)?, vec![email]))).transpose()?)
            }
            Audience::People(pointer) => {
                let listed = data.pointer(pointer).unwrap_or(&Value::Null);
                let listed = Vec::<UserId>::deserialize(listed).map_err(malformed)?;
                let people = addressees::of_people(&self.table, &listed).await?;
                if people.is_empty() { Ok(None) } else { Ok(Some((about(None)?, people))) }
            }
            Audience::NewAddress | Audience::OldAddress => {
                let step =
                    if told.to == Audience::NewAddress { ChangeStep::Confirm } else { ChangeStep::Undo };
                let user_id = UserId::deserialize(&data["user_id"]).map_err(malformed)?;
                let change_id = EmailChangeId::deserialize(&data["change_id"]).map_err(malformed)?;
                let Some(email) = addressees::of_change(&self.table, user_id, change_id, step).await? else {
                    return Ok(None);
                };
                let token = self.links.get().await?.current.change_token(step, user_id, change_id);
                let (link, brand) = ((self.app_url.as_str(), Some(token.as_str())), self.mailer.brand());
                Ok(Some((email_client::about(told, text, None, &data, link, brand)?, vec![email])))
            }
            Audience::Invited => {
                let org_id = tenant(event)?;
                let sent = orgs::api::Invite::deserialize(&data["invite"]).map_err(malformed)?;
                let found = addressees::of_invite(&self.table, org_id, &sent).await?;
                let Some((email, link)) = found else { return Ok(None) };
                let name = addressees::name(&self.table, org_id).await?;
                let (name, _) = name.ok_or(MailError::Foreign("there is no such organization"))?;
                let token = self.links.get().await?.current.invite_token(&link);
                let (link, brand) = ((self.app_url.as_str(), Some(token.as_str())), self.mailer.brand());
                Ok(Some((email_client::about(told, text, Some(&name), &data, link, brand)?, vec![email])))
            }
            Audience::Owners | Audience::PersonAndOwners | Audience::Holding(_) => {
                let org_id = tenant(event)?;
                let name = addressees::name(&self.table, org_id).await?;
                let (name, is_deleted) = name.ok_or(MailError::Foreign("there is no such organization"))?;
                // whoever deleted it hears of no trial that ends, say
                let its_end = [OrganizationDeleted::NAME, OrganizationErasureRequested::NAME];
                let matters = its_end.contains(&told.event.name) || told.to == Audience::PersonAndOwners;
                if is_deleted && !matters {
                    return Ok(None);
                }
                let mut people = addressees::of(&self.table, org_id, told.to).await?;
                if told.to == Audience::PersonAndOwners {
                    let person = UserId::deserialize(&data["user_id"]).map_err(malformed)?;
                    let person = addressees::of_person(&self.table, person).await?;
                    people.extend(person.filter(|person| !people.contains(person)));
                }
                Ok(Some((about(Some(&name))?, people)))
            }
        }
    }

    async fn magic_link(
        &self,
        event: &Envelope,
        data: MagicLinkRequested,
    ) -> Result<Option<(Mail, Vec<Email>)>, MailError> {
        let Some(minutes) = self.lifetime(event, data.expires_at) else { return Ok(None) };
        let email = addressees::of_login(&self.table, data.login_id).await?;
        let email = email.ok_or(MailError::Foreign("there is no such login"))?;
        let keys = self.links.get().await?;
        let links = &keys.current;
        let token = links.token(data.login_id);
        let link = MagicLink {
            // what stands behind the `#` is sent to no server, so no log on the way can hold it
            link: format!("{}/auth/verify#token={token}", self.app_url),
            code: links.code(data.login_id),
            minutes,
        };
        Ok(Some((link.mail(self.mailer.brand()), vec![email])))
    }

    /// A code for whoever is signed in. One that is void by now is not sent.
    async fn mail_code(
        &self,
        event: &Envelope,
        data: MailCodeRequested,
    ) -> Result<Option<(Mail, Vec<Email>)>, MailError> {
        let Some(minutes) = self.lifetime(event, data.expires_at) else { return Ok(None) };
        let Some(email) = addressees::of_mail_code(&self.table, &data).await? else { return Ok(None) };
        let code = MailCode { code: self.links.get().await?.current.mail_code(data.code_id), minutes };
        Ok(Some((code.mail(self.mailer.brand()), vec![email])))
    }

    /// A link to a new password, for whoever has the address. Where nobody has, nobody is written to.
    async fn password_reset(
        &self,
        event: &Envelope,
        data: PasswordResetRequested,
    ) -> Result<Option<(Mail, Vec<Email>)>, MailError> {
        let Some(minutes) = self.lifetime(event, data.expires_at) else { return Ok(None) };
        let Some(email) = addressees::of_reset(&self.table, data.reset_id).await? else { return Ok(None) };
        let token = self.links.get().await?.current.reset_token(data.reset_id);
        let reset = PasswordReset { link: format!("{}/auth/reset#token={token}", self.app_url), minutes };
        Ok(Some((reset.mail(self.mailer.brand()), vec![email])))
    }

    /// For how many minutes the link works that the event is about; nothing where it is over.
    fn lifetime(&self, event: &Envelope, expires_at: Timestamp) -> Option<u32> {
        if expires_at <= self.table.clock().now() {
            tracing::warn!(event = %event.id, "a link ended before its mail was sent");
            return None;
        }
        // to the nearest minute: the event is some milliseconds younger than what it is about
        let minutes = (expires_at.duration_since(event.time).as_secs() + 30) / 60;
        Some(u32::try_from(minutes).unwrap_or_default())
    }
}

#[expect(clippy::needless_pass_by_value, reason = "it is given to map_err")]
fn malformed(error: serde_json::Error) -> MailError {
    MailError::Malformed(error.to_string())
}

/// Whether what the mail says is no longer true.
fn is_over(text: &MailText, data: &Value, now: Timestamp) -> bool {
    let until = text.until.and_then(|pointer| data.pointer(pointer)?.as_str()?.parse::<Timestamp>().ok());
    until.is_some_and(|until| until <= now)
}

/// The event's organization. One whose data names another did not come from the table.
fn tenant(event: &Envelope) -> Result<OrgId, MailError> {
    let org_id = event.org_id.ok_or(MailError::Foreign("it names no organization"))?;
    let same = ["/organization/id", "/subscription/org_id"].iter().all(|pointer| {
        event.data.pointer(pointer).is_none_or(|named| OrgId::deserialize(named).ok() == Some(org_id))
    });
    if same { Ok(org_id) } else { Err(MailError::Foreign("it names two organizations")) }
}
