//! A code on the screen of one device signs another one in.

use access::{Principal, Shown, Way};
use events::NewEvent;
use identity_core::{
    Device, DeviceLink, HalfSession, Policy, ShownLink, SignedInTo, User,
    events::{DeviceLinkCreated, DeviceLinkRedeemed},
    keys,
};
use primitives::{DeviceLinkId, Secret, Timestamp};
use table::{Attempt, Cause, Changes, Consistency, Decision, Table};

use crate::{
    Entrance, IdentityError, SignedIn,
    entry::{Comer, Opened, repeated},
};

/// What a screen shows, once.
#[derive(Clone, Debug)]
pub struct StartedLink {
    /// The link.
    pub link_id: DeviceLinkId,
    /// What the other device is to show.
    pub token: Secret<String>,
    /// Until when it works.
    pub valid_until: Timestamp,
}

/// Begins a link on the screen of the session that asks. One that was begun before ends.
pub async fn start_device_link(
    table: &Table,
    policy: &Policy,
    cause: &Cause,
    principal: &Principal,
) -> Result<StartedLink, IdentityError> {
    let token = &ShownLink::new(principal.user_id, table.ids().next());
    let start = |_| async move {
        let key = keys::DeviceLink::key(token.user_id);
        let before: Option<DeviceLink> = table.get(&key, Consistency::Strong).await?;
        let now = table.clock().now();
        let link = DeviceLink::begin(token, principal.session_id, before.as_ref(), policy, now);
        let event = DeviceLinkCreated { user_id: link.user_id, link_id: link.link_id };
        let event = NewEvent::new(None, &link.link_id, 1, &event);
        let (link_id, valid_until) = (link.link_id, link.valid_until);
        let started = StartedLink { link_id, token: token.token(), valid_until };
        Ok(Decision::commit(Changes::new().replace(&link).publish(event), started))
    };
    table.decide(cause, start).await
}

/// Signs the device in that shows the token, once, under the name that it gives. What is still asked for is
/// decided as for any other way in. The same once more within some seconds gives the same tokens, or asks
/// for what is missing again: the answer was lost. A token that is unknown, used or over is
/// [`IdentityError::LoginFailed`].
pub async fn redeem_device_link(
    entrance: &Entrance<'_>,
    token: &str,
    name: &str,
) -> Result<SignedIn, IdentityError> {
    let shown = &ShownLink::read(token).ok_or(IdentityError::LoginFailed)?;
    let redeem = |before: Attempt| async move {
        let (user_id, now) = (shown.user_id, entrance.table.clock().now());
        let keys = [keys::DeviceLink::key(user_id), keys::User::key(user_id)];
        let mut found = entrance.table.get_many(&keys, Consistency::Strong).await?;
        let link: DeviceLink = found.take(&keys[0])?.ok_or(IdentityError::LoginFailed)?;
        let user: User = found.take(&keys[1])?.ok_or(IdentityError::LoginFailed)?;
        if !link.is_shown_by(shown, &user, now) {
            return Err(IdentityError::LoginFailed);
        }
        let used = link.used.as_ref();
        if used.is_some_and(|used| !used.is_repeated_by(name.as_bytes(), now)) {
            return Err(IdentityError::LoginFailed);
        }
        match used.map(|used| used.by) {
            Some(SignedInTo::Session(session_id)) => {
                let tokens = repeated(entrance, user_id, session_id).await?;
                return Ok(Decision::done(SignedIn::Session(tokens)));
            }
            Some(SignedInTo::Half(half_id)) => {
                let key = keys::HalfSession::key(user_id, half_id);
                let half: Option<HalfSession> = entrance.table.get(&key, Consistency::Strong).await?;
                let stands = |half: &HalfSession| half.used.is_none() && user.admits(half);
                half.filter(stands).ok_or(IdentityError::LoginFailed)?;
            }
            None => {}
        }
        let device = Device { name: name.to_owned(), country: entrance.cause.country.clone() };
        // the session on whose screen it is may end at this moment
        let comer = Comer::known(&user, None, Shown::only(Way::DeviceLink)).unless_changed().on(&device);
        let entered = entrance.enter(&comer, before.before()).await?;
        let event = DeviceLinkRedeemed { user_id, link_id: link.link_id, device: name.to_owned() };
        let event = NewEvent::new(None, &link.link_id, 2, &event);
        let by = match &entered.opened {
            Opened::Session(session) => SignedInTo::Session(session.session_id),
            Opened::Half(half_id) => SignedInTo::Half(*half_id),
        };
        let changes = match link.used {
            Some(_) => Changes::new().replace(&link.again(by)),
            None => Changes::new().replace(&link.used_for(by, name, now)).publish(event),
        };
        Ok(entered.with(user_id, changes))
    };
    entrance.table.decide(entrance.cause, redeem).await
}
