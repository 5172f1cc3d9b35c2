use access::{Profile, Role, Tenant};
use events::NewEvent;
use identity_core::{EmailOwner, Membership, User as Person, events::UserCreated, keys as identity_keys};
use orgs::{Provision, Provisioned, api::ManagedBy};
use primitives::{Email, UserId};
use scim::{Linked, Mapping, User};
use table::{Changes, Condition, Consistency, Item, Key, Table};

use crate::{
    effect::{Effect, Made},
    error::Refused,
    role::role_of,
};

/// Who has an address.
enum Owner {
    /// This person.
    Person(UserId),
    /// Nobody.
    Nobody(Option<EmailOwner>),
    /// Somebody who has another one now and may want it back.
    Kept,
}

async fn owner(table: &Table, email: &Email) -> Result<Owner, Refused> {
    let key = identity_keys::EmailOwner::key(email.clone());
    let owner: Option<EmailOwner> = table.get(&key, Consistency::Strong).await?;
    let now = table.clock().now();
    Ok(match owner {
        Some(owner) if owner.is_current() => Owner::Person(owner.user_id),
        Some(owner) if owner.holds(now) => Owner::Kept,
        free => Owner::Nobody(free),
    })
}

/// Makes a member of a user of the directory, where the directory may say so: of whoever has an address of
/// a domain that the organization has verified, and of whom the directory itself has taken out. Of others
/// it may say what it wants: they are members when they have accepted an invite. So nobody who belongs
/// elsewhere is looked at or changed by it.
///
/// `begins` is that it was not active before.
pub(crate) async fn enter(
    table: &Table,
    tenant: Tenant,
    user: &mut User,
    made: Made,
    begins: bool,
) -> Result<Effect, Refused> {
    let Some(email) = user.address() else { return Ok(Effect::default()) };
    let again = user.person.map(|person| person.user_id);
    let free = if begins { orgs::unbar(tenant, again, std::slice::from_ref(&email)) } else { Changes::new() };
    let owner = match again {
        Some(user_id) => Owner::Person(user_id),
        None => owner(table, &email).await?,
    };
    match owner {
        Owner::Person(user_id) => known(table, tenant, user, (user_id, &email), (made, begins)).await,
        Owner::Nobody(before) => {
            let effect = somebody_new(table, tenant, user, (email, before), made).await?;
            Ok(Effect { changes: effect.changes.and(free), ..effect })
        }
        Owner::Kept => Ok(Effect { changes: free, refusals: Vec::new() }),
    }
}

/// Somebody who has an account.
async fn known(
    table: &Table,
    tenant: Tenant,
    user: &mut User,
    (user_id, email): (UserId, &Email),
    (made, begins): (Made, bool),
) -> Result<Effect, Refused> {
    let keys = [identity_keys::User::key(user_id), identity_keys::Membership::key(user_id, tenant)];
    let mut found = table.get_many(&keys, Consistency::Strong).await?;
    let [of_person, of_place] = keys;
    let person: Option<Person> = found.take(&of_person)?;
    let place: Option<Membership> = found.take(&of_place)?;
    let free = |emails: &[Email]| {
        if begins { orgs::unbar(tenant, Some(user_id), emails) } else { Changes::new() }
    };
    let Some(person) = person else {
        // the account was erased
        return Ok(Effect { changes: free(std::slice::from_ref(email)), refusals: Vec::new() });
    };
    let emails = [email.clone(), person.email.clone()];
    if let Some(place) = place {
        // a member already, whoever asked that person in
        if user.person.and_then(|person| person.member_id) == Some(place.member_id) {
            return Ok(Effect { changes: free(&emails), refusals: Vec::new() });
        }
        user.base_role = if place.role == Role::Owner { Role::Member } else { place.role };
        user.person = Some(Linked { user_id, member_id: Some(place.member_id), taken_out: false });
        let changes = free(&emails).require(of_place, Condition::VersionIs(place.version));
        return Ok(Effect { changes, refusals: Vec::new() });
    }
    let was_taken_out = user.person.is_some_and(|person| person.taken_out);
    let verified = directory::verified(table, tenant, &person.email).await?;
    let stays = person.deletion.is_none() && person.suspended_at().is_none();
    let changes = free(&emails);
    let condition = match (&verified, was_taken_out) {
        (Some(verified), _) => Some(verified.condition.clone()),
        (None, true) => None,
        (None, false) => return Ok(Effect { changes, refusals: Vec::new() }),
    };
    if !stays {
        return Ok(Effect { changes, refusals: Vec::new() });
    }
    if user.person.is_none()
        && let Some(verified) = &verified
    {
        user.base_role = verified.role;
    }
    let seen = (of_person, Condition::VersionIs(person.version()));
    let name = person.person().profile.name;
    let effect = let_in(table, tenant, user, (user_id, person.email), (made, name)).await?;
    let conditions = [Some(seen), condition].into_iter().flatten();
    let changes =
        conditions.fold(effect.changes, |changes, (key, condition)| changes.require(key, condition));
    Ok(Effect { changes: changes.and(free(&emails)), ..effect })
}

/// Somebody whose address nobody has: an account is made, in a domain of the organization's alone. Whoever
/// reads the mails signs in to it. Nothing of it is written by the directory later.
async fn somebody_new(
    table: &Table,
    tenant: Tenant,
    user: &mut User,
    (email, before): (Email, Option<EmailOwner>),
    made: Made,
) -> Result<Effect, Refused> {
    let Some(verified) = directory::verified(table, tenant, &email).await? else {
        return Ok(Effect::default());
    };
    user.base_role = verified.role;
    let name = user.shown_name().filter(|name| name.chars().count() <= LONGEST_NAME);
    let mut person = Person::expected(made.user_id, email.clone(), table.clock().now());
    person.profile = Profile { name: name.clone(), ..person.profile };
    let event = UserCreated { user_id: made.user_id, email: email.clone() };
    let event = NewEvent::new(None, &made.user_id, person.next_version(), &event);
    let owner = EmailOwner::new(email.clone(), made.user_id, before.as_ref());
    let effect = let_in(table, tenant, user, (made.user_id, email), (made, name)).await?;
    let (key, condition) = verified.condition;
    let changes = effect.changes.create(&person).replace(&owner).publish(event).require(key, condition);
    Ok(Effect { changes, ..effect })
}

/// The longest name that a profile has.
const LONGEST_NAME: usize = 100;

async fn let_in(
    table: &Table,
    tenant: Tenant,
    user: &mut User,
    (user_id, email): (UserId, Email),
    (made, name): (Made, Option<String>),
) -> Result<Effect, Refused> {
    let ((role, managed_by), condition) = role(table, tenant, user).await?;
    let new = Provision { user_id, email, name, member_id: made.member_id, role, managed_by };
    let Provisioned { changes, refusals, .. } = orgs::provision(table, tenant, new).await?;
    user.person = Some(Linked { user_id, member_id: Some(made.member_id), taken_out: false });
    let changes = condition.into_iter().fold(changes, |changes, (key, seen)| changes.require(key, seen));
    Ok(Effect { changes, refusals: refusals.into_iter().map(|(key, error)| (key, error.into())).collect() })
}

/// The highest of the roles that the user's groups give, else the one that comes with the domain.
async fn role(
    table: &Table,
    tenant: Tenant,
    user: &User,
) -> Result<((Role, Option<ManagedBy>), Option<(Key, Condition)>), Refused> {
    if user.groups.is_empty() {
        return Ok(((user.base_role, None), None));
    }
    let read: Option<Mapping> = table.get(&scim::keys::Roles::key(tenant), Consistency::Strong).await?;
    let mapping = read.unwrap_or_else(|| Mapping::none(tenant));
    Ok((role_of(&mapping, user), Some(mapping.condition())))
}
