//! Mails with a link and a code, which anybody may ask for, to any address.

use http_api::{Client, Limiter, Problem, ToSchema};
use identity::{LoginHistory, Policy, RequestedLogin};
use primitives::Email;
use serde::Serialize;
use table::Table;

/// The link is on its way, if mail can be sent there.
#[derive(Debug, Serialize, ToSchema)]
pub struct MagicLinkRequested {
    /// Send it along when you verify: it shows that the same browser asked for the link.
    browser_token: String,
    /// How long link and code work, seconds.
    expires_in: i64,
}

impl From<RequestedLogin> for MagicLinkRequested {
    fn from(asked: RequestedLogin) -> Self {
        Self { browser_token: asked.browser_token.expose().clone(), expires_in: asked.expires_in }
    }
}

/// Uses the limits of mails to an address, and says what is known of the address.
pub async fn admit_mail(
    limiter: &Limiter,
    table: &Table,
    policy: &Policy,
    client: &Client,
    email: Email,
) -> Result<LoginHistory, Problem> {
    let network = client.address();
    let history = identity::login_history(table, email.clone(), &network).await?;
    let is_known = history.knows_network();
    let from_network = limiter.count(&policy.magic_links_per_client(), &network).await?;
    if !from_network.allowed && !is_known {
        return Err(Limiter::refusal(&from_network, None));
    }
    // from where the owner has signed in before there is a budget that strangers elsewhere cannot use up
    let subject = if is_known { format!("{email} {network}") } else { email.to_string() };
    limiter.take(&policy.magic_links(), &subject).await?;
    Ok(history)
}
