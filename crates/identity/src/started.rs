use access::Way;
use events::NewEvent;
use identity_core::{Device, KnownDevice, Method, Session, SsoLink, User, events::SessionStarted, keys};
use primitives::{SsoConnectionId, Timestamp, UserId};
use table::{Changes, Consistency, Item, Table};

use crate::IdentityError;

/// What is there of somebody who signs in, and did so before.
#[derive(Debug)]
pub(crate) struct Earlier {
    pub(crate) user: User,
    pub(crate) device: Option<KnownDevice>,
}

impl Earlier {
    /// The person, and whether they were on this device lately: in one call.
    pub(crate) async fn read(table: &Table, user_id: UserId, device: &Device) -> Result<Self, IdentityError> {
        let keys = [keys::User::key(user_id), KnownDevice::key_of(user_id, device)];
        let mut found = table.get_many(&keys, Consistency::Strong).await?;
        let [user, device] = keys;
        let user = found.take(&user)?.ok_or(IdentityError::MissingUser)?;
        Ok(Self { user, device: found.take(&device)? })
    }

    /// The same, and who the person is at the provider of this connection: in one call.
    pub(crate) async fn read_with(
        table: &Table,
        user_id: UserId,
        device: &Device,
        connection_id: SsoConnectionId,
    ) -> Result<(Self, Option<SsoLink>), IdentityError> {
        let keys = [
            keys::User::key(user_id),
            KnownDevice::key_of(user_id, device),
            keys::SsoLink::key(user_id, connection_id),
        ];
        let mut found = table.get_many(&keys, Consistency::Strong).await?;
        let [user, device, link] = keys;
        let user = found.take(&user)?.ok_or(IdentityError::MissingUser)?;
        Ok((Self { user, device: found.take(&device)? }, found.take(&link)?))
    }
}

/// A session that begins: whichever way somebody came in, with its event, and its device as a known one.
///
/// A new device is one that somebody else may have signed in on: not the one on which the account was made.
/// Two who sign in on it at once make it known once, and so are one piece of news.
///
/// What was signed in by a code on a screen is always new, and makes nothing known: it is called what whoever
/// held it has typed.
pub(crate) fn started(
    session: &Session,
    is_first: bool,
    stored: Option<&KnownDevice>,
    now: Timestamp,
) -> Changes {
    let known = stored.filter(|device| device.is_known(now));
    let is_linked = session.shown.has(Way::DeviceLink);
    let changes = match (known, stored) {
        _ if is_linked => Changes::new(),
        (Some(known), _) => known.seen(now).map_or_else(Changes::new, |seen| Changes::new().overwrite(&seen)),
        // it is too old to count, and not deleted yet
        (None, Some(old)) => old.seen(now).map_or_else(Changes::new, |seen| Changes::new().replace(&seen)),
        (None, None) => Changes::new().create(&KnownDevice::new(session.user_id, &session.device, now)),
    };
    let event = SessionStarted {
        user_id: session.user_id,
        session_id: session.session_id,
        method: Method::of(&session.shown),
        device: session.device.name.clone(),
        country: session.device.country.clone(),
        new_device: is_linked || (!is_first && known.is_none()),
    };
    let event = NewEvent::new(None, &session.session_id, session.next_version(), &event);
    changes.create(session).publish(event)
}
