use identity_core::{LinkKey, keys};
use primitives::{Email, Ids, Keys, LoginId};
use table::{Consistency, StoreError, Table};

use crate::{
    Code,
    attempt::Login,
    history::{CODES_OF, RecentLogins},
};

/// How many logins a code is compared with: the last ones of the address, and the one that the browser asked
/// for.
const CANDIDATES: usize = CODES_OF + 1;

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
        code: Code,
        /// What the browser that asked for the code was given.
        browser_token: Option<String>,
    },
}

/// A proof as the keys at hand see it. Nothing was written for it yet, so a proof may be opened again with
/// newer keys.
#[derive(Clone, Debug)]
pub struct OpenedProof {
    /// The login that it proves; none where it proves nothing.
    pub(crate) login_id: Option<LoginId>,
    /// The address that it must belong to, where the proof named one.
    pub(crate) email: Option<Email>,
    /// Whether it comes from the browser that asked for this very login.
    pub(crate) same_browser: bool,
    /// Whether the person has to say that they want to sign in here.
    pub(crate) needs_confirmation: bool,
    has_foreign_parts: bool,
}

impl OpenedProof {
    /// Whether it proves a login, which may be over or used.
    pub fn is_right(&self) -> bool {
        self.login_id.is_some()
    }

    /// Whether something in it was made with none of the keys: it is wrong, or made with a key that is newer
    /// than these.
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
    let (Proof::Link { browser_token, .. } | Proof::Code { browser_token, .. }) = proof;
    let asked_by =
        browser_token.as_deref().and_then(|token| links.iter().find_map(|key| key.open_browser_token(token)));
    let browser_is_foreign = browser_token.is_some() && asked_by.is_none();
    let (login_id, email) = match proof {
        Proof::Link { token, .. } => (links.iter().find_map(|key| key.open_token(token)), None),
        Proof::Code { email, code, .. } => {
            (login_of_code(table, links, email, code, asked_by).await?, Some(email.clone()))
        }
    };
    let same_browser = asked_by.is_some() && asked_by == login_id;
    Ok(OpenedProof {
        login_id,
        email,
        same_browser,
        needs_confirmation: matches!(proof, Proof::Link { confirmed: false, .. }) && !same_browser,
        has_foreign_parts: login_id.is_none() || browser_is_foreign,
    })
}

/// The login that this is the code of: one of the last of the address, or the one that the browser asked for,
/// so that whoever kept its browser token is not disturbed by others who ask for the same address.
///
/// It takes the same read and the same MACs whether or not somebody waits for a code at this address, so that
/// nobody can tell by the time.
async fn login_of_code(
    table: &Table,
    links: &Keys<LinkKey>,
    email: &Email,
    code: &Code,
    asked_by: Option<LoginId>,
) -> Result<Option<LoginId>, StoreError> {
    let keys = [
        keys::RecentLogins::key(email.clone()),
        // a browser token for another address must not say which code is right there
        keys::Login::key(asked_by.unwrap_or_else(Ids::unguessable)),
    ];
    let mut found = table.get_many(&keys, Consistency::Strong).await?;
    let recent: Option<RecentLogins> = found.take(&keys[0])?;
    let own: Option<Login> = found.take(&keys[1])?;
    let own = asked_by.filter(|_| own.is_some_and(|login| login.email == *email));
    let now = table.clock().now();
    let recent = recent.iter().flat_map(|recent| recent.valid_at(now)).filter(|login| Some(*login) != own);
    let mut candidates = [None; CANDIDATES];
    for (candidate, login) in candidates.iter_mut().zip(own.into_iter().chain(recent)) {
        *candidate = Some(login);
    }
    let mut right = None;
    for candidate in candidates {
        let login = candidate.unwrap_or_else(Ids::unguessable);
        let is_right = links.iter().fold(false, |is_right, key| is_right | key.is_code(login, code.as_str()));
        right = right.or(candidate.filter(|_| is_right));
    }
    Ok(right)
}
