//! Signing in by the identity provider of an organization. Which connection it is, whether it serves the
//! address, and how the person comes into the organization, others know.

use access::{Shown, Tenant, Way};
use events::NewEvent;
use identity_core::{Device, EmailOwner, SsoLink, SsoSubject, User, events::UserCreated, keys};
use primitives::{Email, OrgId, SsoConnectionId, UserId};
use table::{Attempt, Changes, Condition, Consistency, Decision, Item};

use super::{
    attempt::{OpenedOAuth, Purpose},
    stored::{External, OAuthAttempt, Outcome},
};
use crate::{
    Entrance, Home, IdentityError, ShownBrowser, SignedIn,
    entry::{Comer, Opened},
    history::KnownNetwork,
    started::Earlier,
};

/// Whom the identity provider of an organization has named: a person, or somebody who is to be one.
#[derive(Debug)]
pub struct SsoComer {
    hash: String,
    subject: Option<SsoSubject>,
    link: Option<SsoLink>,
    known: Option<Earlier>,
    /// The person, or how they will be.
    user: User,
    owner: Option<EmailOwner>,
    knows_network: bool,
}

impl SsoComer {
    /// The person who is known by who they are there, else by the address, which the provider must know to be
    /// theirs and which the connection must serve: two calls. An address that is kept for somebody who has
    /// another one now is nobody's.
    pub async fn read(
        entrance: &Entrance<'_>,
        opened: &OpenedOAuth,
        (external, email): (&External, &Email),
    ) -> Result<Self, IdentityError> {
        let (org_id, connection_id) = connection(opened)?;
        let (table, now) = (entrance.table, entrance.table.clock().now());
        let hash =
            SsoSubject::hash((Tenant::trusted(org_id), connection_id), &external.issuer, &external.subject);
        let keys = [
            keys::SsoSubject::key(hash.clone()),
            keys::EmailOwner::key(email.clone()),
            KnownNetwork::place(email, entrance.network),
        ];
        let mut found = table.get_many(&keys, Consistency::Strong).await?;
        let subject: Option<SsoSubject> = found.take(&keys[0])?;
        let owner: Option<EmailOwner> = found.take(&keys[1])?;
        let network: Option<KnownNetwork> = found.take(&keys[2])?;
        let holder = owner.as_ref().filter(|owner| owner.holds(now));
        let user_id = match (&subject, holder) {
            (Some(subject), _) => Some(subject.user_id),
            (None, Some(holder)) if !holder.is_current() => return Err(IdentityError::EmailTaken),
            (None, holder) => holder.map(|holder| holder.user_id),
        };
        let (known, link, user) = match user_id {
            Some(user_id) => {
                let device = Device::of(entrance.cause);
                let (earlier, link) = Earlier::read_with(table, user_id, &device, connection_id).await?;
                let user = earlier.user.clone();
                (Some(earlier), link, user)
            }
            None => (None, None, User::expected(table.ids().next(), email.clone(), now)),
        };
        let knows_network = user.email == *email && network.is_some_and(|network| network.is_known_at(now));
        Ok(Self { hash, subject, link, known, user, owner, knows_network })
    }

    /// The person, or how they will be.
    pub fn user(&self) -> &User {
        &self.user
    }

    /// Whether the person came by this connection before, under the name that never changes.
    pub fn is_known_there(&self) -> bool {
        self.subject.is_some()
    }

    /// What is stored of who it is.
    fn kept(&self, connection_id: SsoConnectionId, email: &Email, entrance: &Entrance<'_>) -> Changes {
        let (user_id, now) = (self.user.user_id, entrance.table.clock().now());
        let changes = match &self.subject {
            // whoever erases the person at this moment has ended what it opens
            Some(subject) => Changes::new().require(subject.key(), Condition::VersionIs(subject.version())),
            None => SsoSubject::linked(self.hash.clone(), (user_id, connection_id), self.link.as_ref(), now),
        };
        if self.known.is_some() {
            return changes;
        }
        let created = UserCreated { user_id, email: email.clone() };
        let created = NewEvent::new(None, &user_id, self.user.next_version(), &created);
        changes.replace(&EmailOwner::new(email.clone(), user_id, self.owner.as_ref())).publish(created)
    }
}

/// The organization and the connection that an attempt is about.
fn connection(opened: &OpenedOAuth) -> Result<(OrgId, SsoConnectionId), IdentityError> {
    match opened.purpose {
        Purpose::Sso(org_id, connection_id) => Ok((org_id, connection_id)),
        _ => Err(IdentityError::LoginFailed),
    }
}

/// Lets somebody in whom an organization's provider has named, into that organization and once for each
/// attempt. `home` is their place there, as it is or will be by the changes beside.
pub async fn enter_by_sso<E: From<IdentityError>>(
    entrance: &Entrance<'_>,
    (opened, code): (&OpenedOAuth, &str),
    (comer, email): (&SsoComer, &Email),
    browser: Option<&ShownBrowser>,
    (home, beside): (&Home, Changes),
    before: &Attempt,
) -> Result<Decision<SignedIn, E>, IdentityError> {
    let (org_id, connection_id) = connection(opened)?;
    let (user, user_id): (_, UserId) = (&comer.user, comer.user.user_id);
    let device = comer.known.as_ref().and_then(|known| known.device.as_ref());
    let mut comes = Comer::known(user, device, Shown::only(Way::Sso)).unless_changed().within(browser);
    (comes.org_id, comes.sso, comes.home) = (Some(org_id), Some(connection_id), Some(home));
    (comes.is_first, comes.knows_network) = (comer.known.is_none(), comer.knows_network);
    let entered = entrance.enter(&comes, before.before()).await?;
    let (outcome, of_entry) = match &entered.opened {
        // the person is stored with the session
        Opened::Session(session) => {
            let outcome = Outcome::Session { user_id, session_id: session.session_id };
            (outcome, entrance.seen_here(&user.email, None))
        }
        Opened::Half(half_id) => {
            let outcome = Outcome::Half { user_id, half_id: *half_id };
            let unchanged = match &comer.known {
                Some(_) => Changes::new().require(user.key(), Condition::VersionIs(user.version())),
                None => Changes::new().create(user),
            };
            (outcome, unchanged)
        }
    };
    let now = entrance.table.clock().now();
    let attempt = OAuthAttempt::used(opened, code, outcome, now);
    let kept = comer.kept(connection_id, email, entrance);
    let changes = beside.and(of_entry).and(kept).create(&attempt);
    // somebody else has come back with it
    Ok(entered.with(user_id, changes).unless(&attempt.key(), Err(IdentityError::LoginFailed.into())))
}
