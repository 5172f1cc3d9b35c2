//! Whom a mail goes to, and what it calls them: what the table says, whatever the event does.

use access::{Deletion, Tenant};
use email_client::Name;
use events::Audience;
use identity_core::{ChangeStep, EmailChange, EmailOwner, InviteProof, Session, events::MailCodeRequested};
use orgs::{Invite, api, keys::Summary};
use primitives::{Email, EmailChangeId, LoginId, OrgId, PasswordResetId, UserId};
use serde::Deserialize;
use table::{Consistency, StoreError, Table};

use crate::error::MailError;

/// How many people are written to at most: enough for any organization, and an end to what one event can
/// cause.
const MOST: usize = 50;

/// What is needed of an organization.
#[derive(Debug, Deserialize)]
struct OrgRef {
    name: String,
    deletion: Option<Deletion>,
}

/// What is needed of a person.
#[derive(Debug, Deserialize)]
struct PersonRef {
    email: Email,
}

/// What is needed of a login, and of a wish for a new password.
#[derive(Debug, Deserialize)]
struct LoginRef {
    email: Email,
}

/// These people of the organization. Found in the index, so that it does not matter how many members there
/// are besides. An organization has an owner at any time: when none is found, the index is behind, and the
/// mail is tried again.
pub(crate) async fn of(table: &Table, org_id: OrgId, audience: Audience) -> Result<Vec<Email>, MailError> {
    let mut found = Vec::new();
    for role in audience.roles() {
        let query = orgs::keys::with_role(Tenant::trusted(org_id), role);
        let members: Vec<Summary<api::Member>> = table.first(&query, MOST - found.len()).await?;
        found.extend(members.into_iter().map(|Summary(member)| member.email));
        if found.is_empty() {
            return Err(MailError::NoOwner);
        }
        if found.len() >= MOST {
            tracing::warn!(%org_id, "an organization has more people to write to than are written to");
            break;
        }
    }
    Ok(found)
}

/// The organization's name, as mails show it, and whether it is about to be erased; nothing where there is no
/// such organization.
pub(crate) async fn name(table: &Table, org_id: OrgId) -> Result<Option<(Name, bool)>, StoreError> {
    let key = orgs::keys::Org::key(Tenant::trusted(org_id));
    let org: Option<OrgRef> = table.get(&key, Consistency::Strong).await?;
    Ok(org.map(|org| (Name::new(&org.name), org.deletion.is_some())))
}

/// Who asked for this login; nothing where nobody did.
pub(crate) async fn of_login(table: &Table, login_id: LoginId) -> Result<Option<Email>, StoreError> {
    let login: Option<LoginRef> =
        table.get(&identity_core::keys::Login::key(login_id), Consistency::Strong).await?;
    Ok(login.map(|login| login.email))
}

/// Whose session this code was sent for last, if it can still be shown: the person's address then.
pub(crate) async fn of_mail_code(
    table: &Table,
    asked: &MailCodeRequested,
) -> Result<Option<Email>, StoreError> {
    let key = identity_core::keys::Session::key(asked.user_id, asked.session_id);
    let session: Option<Session> = table.get(&key, Consistency::Strong).await?;
    let now = table.clock().now();
    let code = session.and_then(|session| session.mail_code);
    let code = code.filter(|code| code.code_id == asked.code_id && code.is_open(now));
    Ok(code.map(|code| code.email))
}

/// The person's address, as it is now; nothing where there is no such person.
pub(crate) async fn of_person(table: &Table, user_id: UserId) -> Result<Option<Email>, StoreError> {
    let person: Option<PersonRef> =
        table.get(&identity_core::keys::User::key(user_id), Consistency::Strong).await?;
    Ok(person.map(|person| person.email))
}

/// The addresses of these people, of those who are still there: nobody has to be in an organization for that.
pub(crate) async fn of_people(table: &Table, people: &[UserId]) -> Result<Vec<Email>, StoreError> {
    let people: Vec<_> = people.iter().take(MOST).map(|id| identity_core::keys::User::key(*id)).collect();
    let mut emails = Vec::with_capacity(people.len());
    if !people.is_empty() {
        let mut found = table.get_many(&people, Consistency::Strong).await?;
        for key in &people {
            emails.extend(found.take::<PersonRef>(key)?.map(|person| person.email));
        }
    }
    Ok(emails)
}

/// The address that this step of a change of address is asked of; nothing where it is not its turn any more.
pub(crate) async fn of_change(
    table: &Table,
    user_id: UserId,
    change_id: EmailChangeId,
    step: ChangeStep,
) -> Result<Option<Email>, StoreError> {
    let key = identity_core::keys::EmailChange::key(user_id);
    let change: Option<EmailChange> = table.get(&key, Consistency::Strong).await?;
    let now = table.clock().now();
    let change = change.filter(|change| change.change_id == change_id);
    Ok(change.and_then(|change| match step {
        ChangeStep::Confirm => change.is_pending(now).then_some(change.new_email),
        ChangeStep::Undo => change.is_undoable(now).then_some(change.old_email),
    }))
}

/// Who asked for this new password, if somebody has the address; nothing where nobody did, or has.
pub(crate) async fn of_reset(table: &Table, reset_id: PasswordResetId) -> Result<Option<Email>, StoreError> {
    let key = identity_core::keys::PasswordReset::key(reset_id);
    let Some(reset) = table.get::<LoginRef>(&key, Consistency::Strong).await? else { return Ok(None) };
    let owner = identity_core::keys::EmailOwner::key(reset.email.clone());
    let owner: Option<EmailOwner> = table.get(&owner, Consistency::Strong).await?;
    Ok(owner.filter(EmailOwner::is_current).map(|_| reset.email))
}

/// Whom this invite was sent to, if it is open and was not sent again since: with what its link is for.
pub(crate) async fn of_invite(
    table: &Table,
    org_id: OrgId,
    sent: &api::Invite,
) -> Result<Option<(Email, InviteProof)>, StoreError> {
    let key = orgs::keys::Invite::key(Tenant::trusted(org_id), sent.id);
    let invite: Option<Invite> = table.get(&key, Consistency::Strong).await?;
    let is_last = |invite: &Invite| {
        let last = invite.resource(sent.version);
        last.email == sent.email && last.last_sent_at == sent.last_sent_at
    };
    let invite = invite.filter(|invite| invite.is_open(table.clock().now()) && is_last(invite));
    Ok(invite.map(|invite| (invite.email.clone(), invite.link())))
}
