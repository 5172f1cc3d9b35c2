//! `docs/permissions.md`: who may do what, put together from the table of permissions and from what the
//! handlers ask for.

use access::{AccessLevel, Always, Full, Open, Permission, Reading, Role, StaffPermission, StaffRole};
use http_api::NEEDS;
use serde_json::Value;

use super::contract::contract;

/// What one operation needs of its caller.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "each is a fact of its own")]
pub struct Route {
    /// The method, in capitals.
    pub method: String,
    /// The path, with its parameters in braces.
    pub path: String,
    /// Who may come.
    pub caller: Caller,
    /// Whether a program may come as well, by a key that has the scope of the permission.
    pub takes_keys: bool,
    /// Whether the caller must have shown who they are a moment ago.
    pub fresh: bool,
    /// Whether nobody comes in somebody's name.
    pub in_person: bool,
    /// Whether it reads a body.
    pub takes_body: bool,
}

/// Who may come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Caller {
    /// Anybody.
    Anybody,
    /// Somebody with a session, in an organization or in none.
    Session,
    /// Somebody whose login lacks something.
    HalfSession,
    /// Either of the two.
    SessionOrHalf,
    /// A member whose role holds the permission, while the access level is one of these.
    Member(Permission, Vec<AccessLevel>),
    /// A program with a key, whatever that may do.
    ApiKey,
    /// Somebody of our staff whose role holds this permission.
    Staff(StaffPermission),
}

/// Every route of the contract.
///
/// # Panics
/// Where an operation does not say what it needs, or says what nobody knows.
pub fn routes() -> Vec<Route> {
    let contract = contract();
    let paths = contract["paths"].as_object().expect("paths");
    let operations = paths.iter().flat_map(|(path, item)| {
        let methods = item.as_object().expect("a path's operations").iter();
        let methods = methods.filter(|(method, _)| METHODS.contains(&method.as_str()));
        methods.map(move |(method, operation)| Route {
            method: method.to_uppercase(),
            path: path.clone(),
            takes_body: operation["requestBody"].is_object(),
            caller: caller(&operation[NEEDS])
                .unwrap_or_else(|| panic!("{method} {path} is not made with http_api::routes!")),
            takes_keys: operation[NEEDS]["api_key"] == true,
            fresh: operation[NEEDS]["proof_within_seconds"].is_number(),
            in_person: operation[NEEDS]["in_person"] == true,
        })
    });
    operations.collect()
}

const METHODS: [&str; 5] = ["get", "post", "put", "patch", "delete"];

fn caller(needs: &Value) -> Option<Caller> {
    match needs["caller"].as_str()? {
        "anybody" => Some(Caller::Anybody),
        "session" => Some(Caller::Session),
        "half_session" => Some(Caller::HalfSession),
        "api_key" => Some(Caller::ApiKey),
        "session_or_half_session" => Some(Caller::SessionOrHalf),
        "staff" => {
            let permission = StaffPermission::ALL.iter().find(|one| needs["permission"] == one.name())?;
            Some(Caller::Staff(*permission))
        }
        "member" => {
            let permission = Permission::ALL.iter().find(|one| needs["permission"] == one.name())?;
            Some(Caller::Member(*permission, levels(needs["access"].as_str()?)?))
        }
        _ => None,
    }
}

fn levels(name: &str) -> Option<Vec<AccessLevel>> {
    fn of<L: Open>(name: &str) -> Option<Vec<AccessLevel>> {
        (name == L::NAME).then(|| AccessLevel::ALL.into_iter().filter(|level| L::at(*level)).collect())
    }
    of::<Always>(name).or_else(|| of::<Reading>(name)).or_else(|| of::<Full>(name))
}

pub(super) fn page() -> String {
    let permissions = Permission::ALL.iter().map(|permission| {
        let holds = Role::ALL.map(|role| mark(role.holds(*permission)).to_owned());
        row([format!("`{}`", permission.name())].into_iter().chain(holds).chain([permission.to_string()]))
    });
    let all = routes();
    let routes = all.iter().map(|Route { method, path, caller, fresh, takes_keys, .. }| {
        let (who, open) = match caller {
            Caller::Anybody => ("anybody".to_owned(), AccessLevel::ALL.to_vec()),
            Caller::Session => ("a session".to_owned(), AccessLevel::ALL.to_vec()),
            Caller::HalfSession => ("a half-session".to_owned(), AccessLevel::ALL.to_vec()),
            Caller::SessionOrHalf => ("a session or a half-session".to_owned(), AccessLevel::ALL.to_vec()),
            Caller::Member(permission, open) => (format!("`{}`", permission.name()), open.clone()),
            Caller::ApiKey => ("an API key".to_owned(), AccessLevel::ALL.to_vec()),
            Caller::Staff(permission) => {
                (format!("staff, `{}`", permission.name()), AccessLevel::ALL.to_vec())
            }
        };
        let who = if *takes_keys { format!("{who}, keys too") } else { who };
        let who = if *fresh { format!("{who}, proved lately") } else { who };
        let open = AccessLevel::ALL.map(|level| mark(open.contains(&level)).to_owned());
        row([format!("`{method} {path}`"), who].into_iter().chain(open))
    });
    let of_staff = StaffPermission::ALL.iter().map(|permission| {
        let holds = StaffRole::ALL.map(|role| mark(role.holds(*permission)).to_owned());
        row([format!("`{}`", permission.name())].into_iter().chain(holds).chain([permission.to_string()]))
    });
    let staff = StaffRole::ALL.map(|role| role.to_string());
    let staff =
        table(["Permission".to_owned()].into_iter().chain(staff).chain(["Allows to".to_owned()]), of_staff);
    let roles = Role::ALL.map(|role| role.to_string());
    let levels = AccessLevel::ALL.map(|level| format!("`{level}`"));
    let roles = table(
        ["Permission".to_owned()].into_iter().chain(roles).chain(["Allows to".to_owned()]),
        permissions,
    );
    let routes = table(["Route".to_owned(), "Who".to_owned()].into_iter().chain(levels), routes);
    format!("{PAGE}## Roles\n\n{roles}\n## Staff\n\n{STAFF}{staff}\n## Routes\n\n{routes}")
}

fn mark(yes: bool) -> &'static str {
    if yes { "●" } else { "" }
}

fn row(cells: impl Iterator<Item = String>) -> String {
    format!("| {} |\n", cells.collect::<Vec<_>>().join(" | "))
}

fn table(head: impl Iterator<Item = String>, rows: impl Iterator<Item = String>) -> String {
    let head: Vec<_> = head.collect();
    let rule = row(head.iter().map(|_| "---".to_owned()));
    [row(head.into_iter()), rule].into_iter().chain(rows).collect()
}

const STAFF: &str = "\
A handler for our own people takes a `Staff<P>`: the caller works from an address of the list, has a session of less than
eight hours in which more than one factor was shown, and a role that holds `P`, or gets 403 `address_not_allowed`, 401
`session_ended`, 403 `mfa_required` or 403 `forbidden`. Whoever is no staff gets 404, as on a path that is not there
(docs/decisions/0035-staff.md).

";

const PAGE: &str = "\
<!-- Written by `cargo xtask generate` from crates/access and the handlers' arguments; do not edit. -->

# Permissions

A handler that works in an organization takes a `Member<P, L>`: the caller must hold the permission `P`, or gets 403
`forbidden`, and the organization's access level must be one that `L` is open at, or it is 402 `access_restricted`. Both
refusals say in `needed` what is lacking. All of it is read from one call of the table, with every request. The access
level follows from trial and subscription (docs/api.md). *Proved lately* takes a `Fresh` as well: whoever showed more than
ten minutes ago who they are gets 401 `step_up_required`. *Keys too* takes a `MemberOrKey<P, L>`: a program with an API
key that has the scope of `P`, as long as whoever made the key holds `P`, may do so as well; no other route takes a
key (403 `insufficient_scope`). `tests/api/authorisation.rs` goes through every route, role
and level of this page.

";
