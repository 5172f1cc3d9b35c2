//! Browsers in which a person has shown a second factor, and is not asked for it again for a while.

use access::Principal;
use events::NewEvent;
use identity_core::{
    Device, ShownBrowser, TrustedBrowser, TrustedBrowsers, User,
    events::{TrustedBrowserAdded, TrustedBrowserRemoved},
    keys,
};
use primitives::TrustedBrowserId;
use table::{Cause, Changes, Consistency, Decision, StoreError, Table};

use crate::{Entrance, IdentityError, entry::Comer};

impl Entrance<'_> {
    /// What has to be stored where somebody comes in a browser that is remembered; nothing where it is not,
    /// or is not of the person who proved this address.
    pub(crate) async fn remembered(&self, comer: &Comer<'_>) -> Result<Option<Changes>, StoreError> {
        let (Some(user), Some(shown)) = (comer.user, comer.browser) else { return Ok(None) };
        if shown.user_id != user.user_id || !comer.has_proved(&user.email) {
            return Ok(None);
        }
        let key = keys::TrustedBrowsers::key(user.user_id);
        let browsers: Option<TrustedBrowsers> = self.table.get(&key, Consistency::Strong).await?;
        let used = browsers.and_then(|browsers| browsers.used(user, shown, self.table.clock().now()));
        Ok(used.map(|used| Changes::new().replace(&used)))
    }

    /// What has to be stored to remember the browser that somebody has just shown a second factor in.
    pub(crate) fn remember(
        &self,
        user: &User,
        browsers: Option<TrustedBrowsers>,
        new: &ShownBrowser,
    ) -> Changes {
        let (now, device) = (self.table.clock().now(), Device::of(self.cause));
        let browsers = browsers.unwrap_or_else(|| TrustedBrowsers::none(user.user_id));
        let browsers = browsers.with(user, new, device, self.policy, now);
        let event = TrustedBrowserAdded { user_id: user.user_id, browser_id: new.id };
        Changes::new().replace(&browsers).publish(NewEvent::new(None, &new.id, 1, &event))
    }
}

/// The browsers that are remembered of a person, the newest first: one call.
pub async fn trusted_browsers(
    table: &Table,
    principal: &Principal,
) -> Result<Vec<(TrustedBrowserId, TrustedBrowser)>, IdentityError> {
    let key = keys::TrustedBrowsers::key(principal.user_id);
    let browsers: Option<TrustedBrowsers> = table.get(&key, Consistency::Eventual).await?;
    let now = table.clock().now();
    Ok(browsers.map(|browsers| browsers.known(&principal.person, now)).unwrap_or_default())
}

/// Forgets one. One that is not remembered is forgotten.
pub async fn remove_trusted_browser(
    table: &Table,
    cause: &Cause,
    principal: &Principal,
    browser_id: TrustedBrowserId,
) -> Result<(), IdentityError> {
    let user_id = principal.user_id;
    let remove = |_| async move {
        let key = keys::TrustedBrowsers::key(user_id);
        let browsers: Option<TrustedBrowsers> = table.get(&key, Consistency::Strong).await?;
        let Some(left) = browsers.and_then(|browsers| browsers.without(browser_id)) else {
            return Ok(Decision::done(()));
        };
        let event = TrustedBrowserRemoved { user_id, browser_id };
        let event = NewEvent::new(None, &browser_id, 2, &event);
        // what is empty has no end
        let changes =
            if left.is_empty() { Changes::new().delete(&left) } else { Changes::new().replace(&left) };
        Ok(Decision::commit(changes.publish(event), ()))
    };
    table.decide(cause, remove).await
}
