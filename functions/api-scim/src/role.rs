use access::Role;
use orgs::api::ManagedBy;
use scim::{Mapping, User};

/// What a user is as a member, and whether it is a group that says so.
pub(crate) fn role_of(mapping: &Mapping, user: &User) -> (Role, Option<ManagedBy>) {
    let role = mapping.role_of(&user.groups);
    (role.unwrap_or(user.base_role), role.map(|_| ManagedBy::Directory))
}
