//! What members do about the directory: tokens, and which groups give which roles.

use access::{Permit, Role, Tenant, needs::WriteDirectory};
use events::{NewEvent, previous};
use primitives::{Expected, OrgId, ScimGroupId, ScimTokenId, Secret, Timestamp};
use serde::{Deserialize, Serialize};
use table::{Cause, Changes, Consistency, Decision, Item, Keep, Key, Table};

use crate::{
    Group, Mapping, ScimError, Token,
    events::{ScimGroupUpdated, ScimTokenCreated, ScimTokenRevoked},
    keys,
    limits::MOST_TOKENS,
    token::Shown,
};

/// Which tokens an organization has.
#[derive(Debug, Serialize, Deserialize)]
struct Tokens {
    org_id: OrgId,
    tokens: Vec<ScimTokenId>,
    #[serde(default)]
    version: u64,
}

impl Item for Tokens {
    fn key(&self) -> Key {
        keys::Tokens::key(Tenant::trusted(self.org_id))
    }

    fn version(&self) -> u64 {
        self.version
    }
}

impl Tokens {
    async fn read(table: &Table, tenant: Tenant) -> Result<Self, ScimError> {
        let read = table.get(&keys::Tokens::key(tenant), Consistency::Strong).await?;
        Ok(read.unwrap_or_else(|| Self { org_id: tenant.org_id(), tokens: Vec::new(), version: 0 }))
    }

    /// As it is now. The gate says whether there is one at all: whether the directory has a say in who
    /// comes in.
    fn stored(&self, before: usize) -> Changes {
        let changes = Changes::new().replace(self);
        if (before == 0) == self.tokens.is_empty() {
            return changes;
        }
        let gate = identity_core::keys::Gate::key(Tenant::trusted(self.org_id));
        changes.set(&gate, "has_scim", &!self.tokens.is_empty())
    }
}

/// What a token is to be like.
#[derive(Clone, Debug)]
pub struct NewToken {
    /// What people call it.
    pub name: String,
    /// When it ends.
    pub expires_at: Option<Timestamp>,
}

/// A token with its text.
#[derive(Debug)]
pub struct Made {
    /// The token as it is stored.
    pub token: Token,
    /// Its text, which is shown once.
    pub text: Secret<String>,
}

fn of(token: &Token, event: &impl events::Event) -> NewEvent {
    NewEvent::new(Some(token.org_id), &token.token_id, token.next_version(), event)
}

/// Makes a token of this environment.
pub async fn create_token(
    table: &Table,
    cause: &Cause,
    permit: &Permit<WriteDirectory>,
    environment: &str,
    new: NewToken,
    keep: &Keep<'_, Made>,
) -> Result<Made, ScimError> {
    let now = table.clock().now();
    if new.expires_at.is_some_and(|ends| ends <= now) {
        return Err(ScimError::EndsInThePast);
    }
    let shown = Shown::new(environment, permit.org_id, table.ids().next());
    let token = &Token::new(&shown, new.name, permit.user_id, (now, new.expires_at));
    let (tenant, text) = (permit.tenant(), shown.text());
    let decide = |_| async move {
        let mut tokens = Tokens::read(table, tenant).await?;
        let before = tokens.tokens.len();
        if before >= MOST_TOKENS {
            return Err(ScimError::TooManyTokens { most: MOST_TOKENS });
        }
        tokens.tokens.push(token.token_id);
        let event = of(token, &ScimTokenCreated { scim_token: token.shown() });
        let changes = tokens.stored(before).create(token).publish(event);
        Ok(Decision::commit(changes, Made { token: token.clone(), text: text.clone() }))
    };
    table.decide_once(cause, keep, decide).await
}

/// Takes a token back, from the next request on. One that is gone is.
pub async fn revoke_token(
    table: &Table,
    cause: &Cause,
    permit: &Permit<WriteDirectory>,
    token_id: ScimTokenId,
) -> Result<(), ScimError> {
    let tenant = permit.tenant();
    let decide = |_| async move {
        let key = keys::Token::key(tenant, token_id);
        let Some(token) = table.get::<Token>(&key, Consistency::Strong).await? else {
            return Ok(Decision::done(()));
        };
        let mut tokens = Tokens::read(table, tenant).await?;
        let before = tokens.tokens.len();
        tokens.tokens.retain(|id| *id != token_id);
        let event = of(&token, &ScimTokenRevoked { scim_token: token.shown() });
        Ok::<_, ScimError>(Decision::commit(tokens.stored(before).delete(&token).publish(event), ()))
    };
    table.decide(cause, decide).await
}

/// Says what the members of a group are; nothing is that it does not. Their roles follow some seconds
/// later.
pub async fn update_group_role(
    table: &Table,
    cause: &Cause,
    permit: &Permit<WriteDirectory>,
    (group_id, expected): (ScimGroupId, &Expected),
    role: Option<Option<Role>>,
) -> Result<Group, ScimError> {
    let tenant = permit.tenant();
    let decide = |_| async move {
        let asked = [keys::Group::key(tenant, group_id), keys::Roles::key(tenant)];
        let mut found = table.get_many(&asked, Consistency::Strong).await?;
        let [of_group, of_roles] = asked;
        let before: Group = found.take(&of_group)?.ok_or(ScimError::NotFound)?;
        let mapping = found.take(&of_roles)?.unwrap_or_else(|| Mapping::none(tenant));
        let current = before.version();
        if !expected.admits(current) {
            return Err(ScimError::VersionMismatch { current });
        }
        let Some(role) = role.filter(|role| *role != before.role) else {
            return Ok(Decision::done(before));
        };
        let mapping = mapping.with(group_id, role)?;
        let after = before.clone().giving(role, table.clock().now());
        let version = after.next_version();
        let event = ScimGroupUpdated {
            scim_group: after.shown(version),
            previous: previous(&before.shown(version), &after.shown(version)),
            added: Vec::new(),
            removed: Vec::new(),
        };
        let changes = Changes::new().replace(&after).replace(&mapping).publish(after.event(&event));
        Ok(Decision::commit(changes, after.stored()))
    };
    table.decide(cause, decide).await
}
