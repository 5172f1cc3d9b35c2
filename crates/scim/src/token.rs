use access::{AccessLevel, AccessSchedule, Deletion, SCIM_TOKEN, Tenant};
use identity_core::{key_text, same};
use primitives::{Id, OrgId, ScimTokenId, Secret, SignedDuration, Timestamp, UserId};
use serde::{Deserialize, Serialize};
use table::{Consistency, Item, Key, Table};

use crate::{ScimError, api, keys};

/// How exactly it is noted when a token was used last.
const NOTED_EVERY: SignedDuration = SignedDuration::from_mins(1);

/// A token by which an identity provider keeps an organization's directory.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Token {
    /// Whose.
    pub org_id: OrgId,
    /// Which.
    pub token_id: ScimTokenId,
    /// What people call it.
    pub name: String,
    /// Who made it.
    pub made_by: UserId,
    /// Since when.
    pub created_at: Timestamp,
    /// When it ends.
    pub valid_until: Option<Timestamp>,
    /// When it was used last, to a minute.
    #[serde(default)]
    pub last_used_at: Option<Timestamp>,
    secret: String,
    #[serde(default)]
    version: u64,
}

impl Item for Token {
    fn key(&self) -> Key {
        keys::Token::key(Tenant::trusted(self.org_id), self.token_id)
    }

    fn version(&self) -> u64 {
        self.version
    }
}

/// The text of a token as a program showed it: `gs_<environment>_<ids>_<secret and checksum>`, with the
/// ids of organization and token.
#[derive(Clone, Debug)]
pub struct Shown {
    /// The organization, as the text says.
    pub org_id: OrgId,
    /// Which token it is.
    pub token_id: ScimTokenId,
    text: Secret<String>,
}

impl Shown {
    /// A new text for this token of this environment.
    pub fn new(environment: &str, org_id: OrgId, token_id: ScimTokenId) -> Self {
        let text = key_text::new(SCIM_TOKEN, environment, [org_id.uuid(), token_id.uuid()]);
        Self { org_id, token_id, text }
    }

    /// What a text says, if it is a token's.
    pub fn read(text: &str) -> Option<Self> {
        let [org_id, token_id] = key_text::read(SCIM_TOKEN, text)?;
        let text = Secret::new(text.to_owned());
        Some(Self { org_id: Id::from_uuid(org_id), token_id: Id::from_uuid(token_id), text })
    }

    /// The text, to be shown once.
    pub fn text(&self) -> &Secret<String> {
        &self.text
    }
}

impl Token {
    /// A new one with this text, that a member made now.
    pub fn new(
        shown: &Shown,
        name: String,
        made_by: UserId,
        (now, valid_until): (Timestamp, Option<Timestamp>),
    ) -> Self {
        Self {
            org_id: shown.org_id,
            token_id: shown.token_id,
            name,
            made_by,
            created_at: now,
            valid_until,
            last_used_at: None,
            secret: key_text::hashed(shown.text.expose()),
            version: 0,
        }
    }

    /// Whether this is its text, and it can be used now.
    pub fn is_shown_by(&self, shown: &Shown, now: Timestamp) -> bool {
        let hash = key_text::hashed(shown.text.expose());
        same(self.secret.as_bytes(), hash.as_bytes()) && self.valid_until.is_none_or(|until| now < until)
    }

    /// As the API shows it.
    pub fn shown(&self) -> api::ScimToken {
        api::ScimToken {
            id: self.token_id,
            name: self.name.clone(),
            created_by: self.made_by,
            created_at: self.created_at.into(),
            expires_at: self.valid_until.map(Into::into),
            last_used_at: self.last_used_at.map(Into::into),
        }
    }
}

/// What of the gate decides what a token is worth.
#[derive(Deserialize)]
struct Gate {
    org_id: Option<OrgId>,
    deletion: Option<Deletion>,
    suspended_at: Option<Timestamp>,
    access: Option<AccessSchedule>,
}

/// Whose directory a token opens, now.
#[derive(Clone, Copy, Debug)]
pub struct Presented {
    /// Which token.
    pub token_id: ScimTokenId,
    /// Whose directory.
    pub tenant: Tenant,
    /// How much the organization may use.
    pub level: AccessLevel,
}

/// Whose directory this text opens: one call of two items, and at most once a minute another one that notes
/// the use. What was taken back, and whose organization is gone, opens nothing from the next request on.
pub async fn presented(table: &Table, text: &str) -> Result<Presented, ScimError> {
    let shown = Shown::read(text).ok_or(ScimError::InvalidToken)?;
    // it is only where to look: the token's hash says whether it is right
    let tenant = Tenant::trusted(shown.org_id);
    let asked = [keys::Token::key(tenant, shown.token_id), identity_core::keys::Gate::key(tenant)];
    let mut found = table.get_many(&asked, Consistency::Strong).await?;
    let [of_token, of_gate] = asked;
    let token: Option<Token> = found.take(&of_token)?;
    let gate: Option<Gate> = found.take(&of_gate)?;
    let now = table.clock().now();
    let token = token.filter(|token| token.is_shown_by(&shown, now)).ok_or(ScimError::InvalidToken)?;
    let gate = gate.filter(|gate| gate.org_id == Some(shown.org_id) && gate.deletion.is_none());
    let gate = gate.ok_or(ScimError::InvalidToken)?;
    if gate.suspended_at.is_some() {
        return Err(access::AccessError::OrganizationSuspended.into());
    }
    if token.last_used_at.is_none_or(|at| now.duration_since(at) >= NOTED_EVERY)
        && let Err(error) =
            table.note_at(&of_token, "last_used_at", (token.last_used_at.as_ref(), &now)).await
    {
        tracing::warn!(error = &error as &dyn std::error::Error, "the use of a SCIM token is not noted");
    }
    let level = gate.access.map_or(AccessLevel::Suspended, |access| access.at(now));
    Ok(Presented { token_id: token.token_id, tenant, level })
}
