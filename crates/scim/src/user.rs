use std::collections::BTreeSet;

use access::{Role, Tenant};
use events::{Event, NewEvent};
use primitives::{Email, MemberId, OrgId, ScimGroupId, ScimUserId, Timestamp, UserId};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use table::{Item, Key, Tally};

use crate::{
    api, keys,
    limits::MOST_USERS,
    schema::USER_SCHEMA,
    unique::{Claims, PERSON, USER_EXTERNAL},
};

/// A user as an organization's directory has it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct User {
    /// The organization.
    pub org_id: OrgId,
    /// The user.
    pub scim_id: ScimUserId,
    /// What the directory says, under the names of the schema.
    pub attributes: Map<String, Value>,
    /// Whether the user may come in.
    pub active: bool,
    /// The groups that the user is in.
    pub groups: BTreeSet<ScimGroupId>,
    /// Who it is here, once that is known.
    pub person: Option<Linked>,
    /// What the person is where no group says more.
    pub base_role: Role,
    /// Since when the directory has it here.
    pub created_at: Timestamp,
    /// When it changed last.
    pub changed_at: Timestamp,
    #[serde(default)]
    version: u64,
}

/// Who a user of the directory is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Linked {
    /// The person.
    pub user_id: UserId,
    /// The person's membership, or the one that the person had last.
    pub member_id: Option<MemberId>,
    /// Whether it was the directory that ended the membership: then the directory may begin another.
    pub taken_out: bool,
}

impl Item for User {
    fn key(&self) -> Key {
        keys::User::key(Tenant::trusted(self.org_id), self.scim_id)
    }

    fn version(&self) -> u64 {
        self.version
    }
}

impl User {
    /// A new one with these attributes.
    pub fn new(tenant: Tenant, scim_id: ScimUserId, attributes: Map<String, Value>, now: Timestamp) -> Self {
        let new = Self {
            org_id: tenant.org_id(),
            scim_id,
            attributes: Map::new(),
            active: true,
            groups: BTreeSet::new(),
            person: None,
            base_role: Role::Member,
            created_at: now,
            changed_at: now,
            version: 0,
        };
        new.with(attributes, now)
    }

    /// The same with other attributes. Where they do not say whether it is active, that stays.
    #[must_use]
    pub fn with(self, mut attributes: Map<String, Value>, now: Timestamp) -> Self {
        let active = attributes.get("active").and_then(Value::as_bool).unwrap_or(self.active);
        attributes.remove("groups");
        if attributes == self.attributes && active == self.active {
            return self;
        }
        Self { attributes, active, changed_at: now, ..self }
    }

    /// The same as it is read once it was stored.
    #[must_use]
    pub fn stored(self) -> Self {
        Self { version: self.next_version(), ..self }
    }

    fn text(&self, name: &str) -> Option<&str> {
        self.attributes.get(name).and_then(Value::as_str)
    }

    /// What the user signs in as.
    pub fn user_name(&self) -> &str {
        self.text("userName").unwrap_or_default()
    }

    /// The address to write to, where there is one: the primary one, that for work, any; else the
    /// `userName`, where it is one.
    pub fn address(&self) -> Option<Email> {
        let emails = self.attributes.get("emails").and_then(Value::as_array);
        let emails: Vec<&Value> = emails.into_iter().flatten().collect();
        let primary = emails.iter().find(|one| one["primary"] == true);
        let work = || {
            emails.iter().find(|one| one["type"].as_str().is_some_and(|of| of.eq_ignore_ascii_case("work")))
        };
        let first = primary.or_else(work).or_else(|| emails.first());
        let read = |text: &str| text.parse::<Email>().ok();
        first.and_then(|one| one["value"].as_str()).and_then(read).or_else(|| read(self.user_name()))
    }

    /// What others call the user.
    pub fn shown_name(&self) -> Option<String> {
        let name = self.attributes.get("name");
        let part = |part: &str| name.and_then(|name| name[part].as_str());
        let whole = [part("givenName"), part("familyName")];
        let whole = whole.iter().flatten().copied().collect::<Vec<_>>().join(" ");
        let shown = self.text("displayName").or_else(|| part("formatted"));
        shown.map(str::to_owned).or_else(|| (!whole.is_empty()).then_some(whole))
    }

    /// What nobody else of the directory has.
    pub fn claims(&self) -> Claims {
        let claims = Claims::of(Tenant::trusted(self.org_id), &self.scim_id).named(self.user_name());
        let claims = claims.and(USER_EXTERNAL, self.text("externalId"));
        claims.and(PERSON, self.person.map(|person| person.user_id.to_string()).as_deref())
    }

    /// How many there are.
    pub fn count(tenant: Tenant) -> Tally {
        Tally::new(keys::UserCount::key(tenant), MOST_USERS)
    }

    /// As SCIM shows it at this version; `base` is where SCIM is.
    pub fn resource(&self, base: &str, version: u64) -> Map<String, Value> {
        let mut resource = self.attributes.clone();
        resource.insert("schemas".to_owned(), json!([USER_SCHEMA]));
        resource.insert("id".to_owned(), json!(self.scim_id));
        if !self.groups.is_empty() {
            let shown = |id: &ScimGroupId| json!({ "value": id, "$ref": format!("{base}/Groups/{id}"), "type": "direct" });
            resource.insert("groups".to_owned(), self.groups.iter().map(shown).collect());
        }
        let meta = api::meta(
            "User",
            &format!("{base}/Users/{}", self.scim_id),
            (self.created_at, self.changed_at),
            version,
        );
        resource.insert("meta".to_owned(), meta);
        resource
    }

    /// As events show it.
    pub fn shown(&self) -> api::ScimUser {
        api::ScimUser {
            id: self.scim_id,
            active: self.active,
            member_id: self.person.and_then(|person| person.member_id),
            groups: self.groups.iter().copied().collect(),
            version: self.next_version(),
        }
    }

    /// An event about it.
    pub fn event(&self, event: &impl Event) -> NewEvent {
        NewEvent::new(Some(self.org_id), &self.scim_id, self.next_version(), event)
    }
}
