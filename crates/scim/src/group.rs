use std::collections::BTreeSet;

use access::{Role, Tenant};
use events::{Event, NewEvent};
use primitives::{OrgId, ScimGroupId, ScimUserId, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use table::{Item, Key, Tally};

use crate::{
    Operation, ScimError, api,
    filter::{Expression, Operator},
    keys,
    limits::MOST_GROUPS,
    patch::{What, apply, steps},
    resource::{complete, valued},
    schema::{GROUP, GROUP_SCHEMA},
    unique::{Claims, GROUP_EXTERNAL, GROUP_NAME},
};

/// Up to how many members a group is shown with them, unless they are asked for by name; then it is 10
/// times as many: an answer has 6 MB at most.
pub const MOST_MEMBERS_SHOWN: u32 = 1_000;

/// A group as an organization's directory has it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Group {
    /// The organization.
    pub org_id: OrgId,
    /// The group.
    pub group_id: ScimGroupId,
    /// What it is called.
    pub display_name: String,
    /// The id that the identity provider gave.
    pub external_id: Option<String>,
    /// What its members are, where it says so.
    pub role: Option<Role>,
    /// How many members it has.
    pub members: u32,
    /// Since when it is here.
    pub created_at: Timestamp,
    /// When it changed last.
    pub changed_at: Timestamp,
    #[serde(default)]
    version: u64,
}

impl Item for Group {
    fn key(&self) -> Key {
        keys::Group::key(Tenant::trusted(self.org_id), self.group_id)
    }

    fn version(&self) -> u64 {
        self.version
    }
}

/// That a user is in a group.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct GroupMember {
    /// The organization.
    pub org_id: OrgId,
    /// The group.
    pub group_id: ScimGroupId,
    /// The user.
    pub scim_id: ScimUserId,
    #[serde(default)]
    version: u64,
}

impl GroupMember {
    /// That this one is in it.
    pub fn new(group: &Group, scim_id: ScimUserId) -> Self {
        Self { org_id: group.org_id, group_id: group.group_id, scim_id, version: 0 }
    }
}

impl Item for GroupMember {
    fn key(&self) -> Key {
        keys::GroupMember::key(Tenant::trusted(self.org_id), self.group_id, self.scim_id)
    }

    fn version(&self) -> u64 {
        self.version
    }
}

impl Group {
    /// A new one, without members.
    pub fn new(tenant: Tenant, group_id: ScimGroupId, new: &NewGroup, now: Timestamp) -> Self {
        Self {
            org_id: tenant.org_id(),
            group_id,
            display_name: new.display_name.clone(),
            external_id: new.external_id.clone(),
            role: None,
            members: 0,
            created_at: now,
            changed_at: now,
            version: 0,
        }
    }

    /// The same with another name, or another id elsewhere.
    #[must_use]
    pub fn called(self, display_name: String, external_id: Option<String>) -> Self {
        Self { display_name, external_id, ..self }
    }

    /// The same with so many members fewer.
    #[must_use]
    pub fn with_fewer(self, count: u32) -> Self {
        Self { members: self.members.saturating_sub(count), ..self }
    }

    /// The same that gives another role.
    #[must_use]
    pub(crate) fn giving(self, role: Option<Role>, now: Timestamp) -> Self {
        Self { role, changed_at: now, ..self }
    }

    /// The same as it is read once it was stored.
    #[must_use]
    pub fn stored(self) -> Self {
        Self { version: self.next_version(), ..self }
    }

    /// What no other group has.
    pub fn claims(&self) -> Claims {
        let claims = Claims::of(Tenant::trusted(self.org_id), &self.group_id);
        let name = crate::unique::folded(&self.display_name);
        claims.and(GROUP_NAME, Some(&name)).and(GROUP_EXTERNAL, self.external_id.as_deref())
    }

    /// How many there are.
    pub fn count(tenant: Tenant) -> Tally {
        Tally::new(keys::GroupCount::key(tenant), MOST_GROUPS)
    }

    /// As SCIM shows it, with these members where they are shown.
    pub fn resource(&self, base: &str, version: u64, members: Option<&[ScimUserId]>) -> Map<String, Value> {
        let mut resource = Map::from_iter([
            ("schemas".to_owned(), json!([GROUP_SCHEMA])),
            ("id".to_owned(), json!(self.group_id)),
            ("displayName".to_owned(), json!(self.display_name)),
        ]);
        if let Some(id) = &self.external_id {
            resource.insert("externalId".to_owned(), json!(id));
        }
        if let Some(members) = members.filter(|members| !members.is_empty()) {
            let shown = |id: &ScimUserId| json!({ "value": id, "$ref": format!("{base}/Users/{id}"), "type": "User" });
            resource.insert("members".to_owned(), members.iter().map(shown).collect());
        }
        let meta = api::meta(
            "Group",
            &format!("{base}/Groups/{}", self.group_id),
            (self.created_at, self.changed_at),
            version,
        );
        resource.insert("meta".to_owned(), meta);
        resource
    }

    /// As the API shows it at this version.
    pub fn shown(&self, version: u64) -> api::ScimGroup {
        api::ScimGroup {
            id: self.group_id,
            display_name: self.display_name.clone(),
            external_id: self.external_id.clone(),
            role: self.role,
            member_count: self.members,
            created_at: self.created_at.into(),
            version,
        }
    }

    /// An event about it.
    pub fn event(&self, event: &impl Event) -> NewEvent {
        NewEvent::new(Some(self.org_id), &self.group_id, self.next_version(), event)
    }
}

/// What a body says of a group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewGroup {
    /// What it is called.
    pub display_name: String,
    /// The id that the identity provider gave.
    pub external_id: Option<String>,
    /// Who is in it.
    pub members: BTreeSet<ScimUserId>,
}

impl NewGroup {
    /// Reads a body.
    pub fn read(body: &Map<String, Value>) -> Result<Self, ScimError> {
        let resource = crate::normal(&GROUP, body)?;
        let members = resource.get("members").map(ids).transpose()?.unwrap_or_default();
        let (display_name, external_id) = called(&resource);
        Ok(Self { display_name, external_id, members })
    }
}

fn called(resource: &Map<String, Value>) -> (String, Option<String>) {
    let text = |name: &str| resource.get(name).and_then(Value::as_str).map(str::to_owned);
    (text("displayName").unwrap_or_default(), text("externalId"))
}

/// The users that values name. Groups in groups are none of ours.
fn ids(values: &Value) -> Result<BTreeSet<ScimUserId>, ScimError> {
    values.as_array().into_iter().flatten().map(id).collect()
}

fn id(member: &Value) -> Result<ScimUserId, ScimError> {
    let of_ref = member["$ref"].as_str().and_then(|at| at.rsplit('/').next());
    let text = member["value"].as_str().or(of_ref).unwrap_or_default();
    text.parse().map_err(|_| {
        ScimError::Value(
            "a member's value is the id of a user; groups in groups are not supported".to_owned(),
        )
    })
}

/// What a patch makes of a group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupPatch {
    /// What it is called, where that is said.
    pub called: Option<(String, Option<String>)>,
    /// Whether those who are in it now are none of it, but for those in `add`.
    pub only: bool,
    /// Who comes in.
    pub add: BTreeSet<ScimUserId>,
    /// Who goes.
    pub remove: BTreeSet<ScimUserId>,
}

impl GroupPatch {
    /// Reads a patch of this group: all operations, in their order, or an error and none.
    pub fn read(group: &Group, operations: &[Operation]) -> Result<Self, ScimError> {
        let mut resource = Map::from_iter([("displayName".to_owned(), json!(group.display_name))]);
        if let Some(id) = &group.external_id {
            resource.insert("externalId".to_owned(), json!(id));
        }
        let before = resource.clone();
        let mut patch = Self { called: None, only: false, add: BTreeSet::new(), remove: BTreeSet::new() };
        for operation in operations {
            for step in steps(&GROUP, operation)? {
                if step.target.path.name != "members" {
                    apply(&GROUP, &mut resource, &step)?;
                    continue;
                }
                patch.members(step.what, step.target.filter.as_ref(), &step.value)?;
            }
        }
        complete(&GROUP, &resource)?;
        patch.called = (resource != before).then(|| called(&resource));
        Ok(patch)
    }

    fn members(&mut self, what: What, filter: Option<&Expression>, value: &Value) -> Result<(), ScimError> {
        let attribute = GROUP.attribute("members").ok_or(ScimError::NotFound)?;
        let named = match filter {
            Some(filter) => Some(selected(filter)?),
            None => valued(attribute, value)?
                .map(|values| match what {
                    // who is nobody is not in it
                    What::Remove => {
                        Ok(values.as_array().into_iter().flatten().filter_map(|one| id(one).ok()).collect())
                    }
                    _ => ids(&values),
                })
                .transpose()?,
        };
        match (what, named) {
            (What::Add, named) => {
                for id in named.unwrap_or_default() {
                    self.remove.remove(&id);
                    self.add.insert(id);
                }
            }
            (What::Remove, Some(named)) => {
                for id in named {
                    self.add.remove(&id);
                    self.remove.insert(id);
                }
            }
            (What::Remove, None) => {
                *self = Self { only: true, add: BTreeSet::new(), remove: BTreeSet::new(), ..self.clone() }
            }
            // one value in the place of another: whoever is meant stays who they are
            (What::Replace, Some(_)) if filter.is_some() => {
                return Err(ScimError::ReadOnly("a member that is there".to_owned()));
            }
            (What::Replace, named) => {
                *self = Self {
                    only: true,
                    add: named.unwrap_or_default(),
                    remove: BTreeSet::new(),
                    ..self.clone()
                };
            }
        }
        Ok(())
    }
}

/// Whom `members[value eq "…"]` means.
fn selected(filter: &Expression) -> Result<BTreeSet<ScimUserId>, ScimError> {
    match filter {
        Expression::Compare(name, Operator::Equal, Value::String(text)) if name.is("value") => {
            // who is nobody is not in it
            Ok(text.parse().ok().into_iter().collect())
        }
        Expression::Or(left, right) => Ok(selected(left)?.into_iter().chain(selected(right)?).collect()),
        _ => Err(ScimError::Filter("members are chosen by `value eq`".to_owned())),
    }
}
