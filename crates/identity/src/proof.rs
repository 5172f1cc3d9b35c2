use primitives::{Email, Keys, LoginId};
use table::{Consistency, Key, StoreError, Table};

use crate::{LinkKey, login::LatestLogin};

/// What a person shows to log in.
#[derive(Clone, Debug)]
pub enum Proof {
    /// The link from the mail.
    Link {
        /// The link's token.
        token: String,
        /// What the browser that asked for the link was given.
        browser_token: Option<String>,
        /// The person said yes to signing in with another browser than the one that asked.
        confirmed: bool,
    },
    /// The code from the mail, typed in.
    Code {
        /// The address the code was sent to.
        email: Email,
        /// The six digits.
        code: String,
        /// What the browser that asked for the code was given.
        browser_token: Option<String>,
    },
}

/// A proof as the keys at hand see it. Nothing was counted or written for it yet, so a proof may be opened again with newer keys.
#[derive(Clone, Debug)]
pub struct OpenedProof {
    /// The login that it is about.
    pub(crate) login_id: Option<LoginId>,
    pub(crate) shown: Shown,
    pub(crate) same_browser: bool,
    has_foreign_parts: bool,
}

/// What was shown of the mail.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Shown {
    Link { confirmed: bool },
    Code { is_right: bool },
}

impl OpenedProof {
    /// Whether something in it was made with none of the keys: it is wrong, or made with a key that is newer than these.
    pub fn has_foreign_parts(&self) -> bool {
        self.has_foreign_parts
    }
}

/// Opens a proof with the keys at hand.
pub async fn open_proof(
    table: &Table,
    links: &Keys<LinkKey>,
    proof: &Proof,
) -> Result<OpenedProof, StoreError> {
    let browser = |token: &Option<String>| {
        let login =
            token.as_deref().and_then(|token| links.iter().find_map(|key| key.open_browser_token(token)));
        (login, token.is_some() && login.is_none())
    };
    Ok(match proof {
        Proof::Link { token, browser_token, confirmed } => {
            let login_id = links.iter().find_map(|key| key.open_token(token));
            let (asked_by, browser_is_foreign) = browser(browser_token);
            OpenedProof {
                login_id,
                shown: Shown::Link { confirmed: *confirmed },
                same_browser: asked_by.is_some() && asked_by == login_id,
                has_foreign_parts: login_id.is_none() || browser_is_foreign,
            }
        }
        Proof::Code { email, code, browser_token } => {
            let latest: Option<LatestLogin> =
                table.get(&Key::LatestLogin(email.clone()), Consistency::Strong).await?;
            let login_id = latest.map(|latest| latest.login_id);
            let is_right = login_id.is_some_and(|login| links.iter().any(|key| key.is_code(login, code)));
            let (asked_by, browser_is_foreign) = browser(browser_token);
            OpenedProof {
                login_id,
                shown: Shown::Code { is_right },
                same_browser: asked_by.is_some() && asked_by == login_id,
                has_foreign_parts: !is_right || browser_is_foreign,
            }
        }
    })
}
