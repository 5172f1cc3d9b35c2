use access::{Access, Actor, ImpersonationMode, Impersonator, Permission, Principal, Profile, Role};
use http_api::{
    Answer, Caller, Change, Command, IfMatch, IntoResponse, Looking, Paged, Problem, Problems, Response,
    State, ToSchema,
};
use identity::IdentityError;
use orgs::api::Membership;
use primitives::{
    Email, Locale, MediaId, MemberId, Name, OrgId, Page, PhoneNumber, SessionId, Time, TimeZone, UserId,
};
use serde::{Deserialize, Serialize};

use crate::Api;

/// The signed-in person.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Me {
    /// The person.
    id: UserId,
    /// The verified address.
    email: Email,
    /// What others call the person.
    name: Option<String>,
    /// The language that the person reads: a tag of BCP 47.
    locale: Option<String>,
    /// Where the person is: the name of a time zone in IANA's database.
    time_zone: Option<String>,
    /// A picture of the person.
    avatar_media_id: Option<MediaId>,
    /// The number of the person's phone, once it was verified.
    #[schema(inline)]
    phone: Option<PhoneNumber>,
    /// That the account is about to be erased; null where it is not.
    deletion: Option<MyDeletion>,
    /// How often the profile has changed: its `ETag`.
    version: u64,
    /// The session that asks.
    session: MySession,
    /// The person's place in the organization that the session is in; null in none.
    membership: Option<MyMembership>,
    /// The organizations that the person belongs to: at most 50.
    organizations: Vec<Membership>,
}

/// The end of an account.
#[derive(Debug, Serialize, ToSchema)]
struct MyDeletion {
    /// When the person asked for it.
    requested_at: Time,
    /// When it comes: until then `POST /v1/me/restore` takes it back.
    erase_at: Time,
}

/// The session that asks.
#[derive(Debug, Serialize, ToSchema)]
struct MySession {
    /// The session.
    id: SessionId,
    /// The organization that it is in; null in none.
    org_id: Option<OrgId>,
    /// When the person signed in.
    auth_time: Time,
    /// Who of our staff acts in the person's name, until when, and how; null where it is the person.
    impersonator: Option<MyImpersonator>,
}

/// Somebody of our staff who acts in the person's name.
#[derive(Debug, Serialize, ToSchema)]
struct MyImpersonator {
    /// Who.
    staff_user_id: UserId,
    /// What they may do.
    mode: ImpersonationMode,
    /// Until when.
    expires_at: Time,
}

impl From<Impersonator> for MyImpersonator {
    fn from(Impersonator { user_id, mode, until }: Impersonator) -> Self {
        Self { staff_user_id: user_id, mode, expires_at: until.into() }
    }
}

/// What the person is in the organization that the session is in, and what both may do now.
#[derive(Debug, Serialize, ToSchema)]
struct MyMembership {
    /// The membership.
    id: MemberId,
    /// The organization.
    org_id: OrgId,
    /// What the person is. Treat a word that you do not know as the least.
    role: Role,
    /// What the person may do: `members:read`.
    permissions: Vec<&'static str>,
    /// How much the organization may use.
    access: Access,
}

impl MyMembership {
    fn of(actor: Actor) -> Self {
        let held = Permission::ALL.iter().filter(|permission| actor.role.holds(**permission));
        Self {
            id: actor.member_id,
            org_id: actor.org_id,
            role: actor.role,
            permissions: held.map(|permission| permission.name()).collect(),
            access: Access::new(actor.level, actor.level_until),
        }
    }
}

/// Who is signed in, where they belong, and what they may do there.
#[utoipa::path(
    get, path = "/v1/me", tag = "Account", operation_id = "getMe",
    security(("access_token" = [])),
    responses((status = 200, description = "The person", body = Me, headers(("ETag"))), Problems),
    extensions(
        ("x-gantry-budget" = json!({"calls": 2, "read_units": 2, "write_units": 0})),
        ("x-gantry-usage" = json!({"person": 80, "events": 0, "answer_bytes": 900})),
    ),
)]
pub(crate) async fn show(State(api): State<Api>, Looking(caller): Looking) -> Result<Response, Problem> {
    me(&api, caller.principal).await
}

/// The person as the request sees them.
pub(crate) async fn me(api: &Api, principal: Principal) -> Result<Response, Problem> {
    let memberships = identity::memberships(&api.table, principal.user_id).await?;
    let session = MySession {
        id: principal.session_id,
        org_id: principal.actor.map(|actor| actor.org_id),
        auth_time: principal.signed_in_at.into(),
        impersonator: principal.impersonator.map(MyImpersonator::from),
    };
    let Profile { name, locale, time_zone, avatar_media_id, version } = principal.person.profile;
    let me = Me {
        id: principal.user_id,
        email: principal.email,
        name,
        locale,
        time_zone,
        avatar_media_id,
        phone: principal.person.phone,
        deletion: principal.person.deletion.map(|deletion| MyDeletion {
            requested_at: deletion.requested_at.into(),
            erase_at: deletion.erase_at.into(),
        }),
        version,
        session,
        membership: principal.actor.map(MyMembership::of),
        organizations: memberships.into_iter().map(Membership::from).collect(),
    };
    Ok(Answer::ok(&me).tagged(version).into_response())
}

/// What is to change about the person: what is not there stays, and null empties.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct UpdateMe {
    /// What others call the person: 1 to 100 characters that are seen, without a link.
    #[serde(default)]
    #[schema(value_type = Option<Name>)]
    name: Change<Name>,
    /// The language that the person reads: a tag of BCP 47.
    #[serde(default)]
    #[schema(inline, value_type = Option<Locale>)]
    locale: Change<Locale>,
    /// Where the person is: the name of a time zone in IANA's database.
    #[serde(default)]
    #[schema(value_type = Option<TimeZone>)]
    time_zone: Change<TimeZone>,
    /// A picture of the person.
    #[serde(default)]
    #[schema(value_type = Option<MediaId>)]
    avatar_media_id: Change<MediaId>,
}

impl UpdateMe {
    fn of(self, profile: Profile) -> Profile {
        Profile {
            name: self.name.map(|name| name.to_string()).of(profile.name),
            locale: self.locale.map(|locale| locale.to_string()).of(profile.locale),
            time_zone: self.time_zone.map(|zone| zone.to_string()).of(profile.time_zone),
            avatar_media_id: self.avatar_media_id.of(profile.avatar_media_id),
            version: profile.version,
        }
    }
}

/// Changes what the person says about themselves.
#[utoipa::path(
    patch, path = "/v1/me", tag = "Account", operation_id = "updateMe",
    security(("access_token" = [])), request_body = UpdateMe,
    responses((status = 200, description = "The person", body = Me, headers(("ETag"))), Problems),
    extensions(
        ("x-gantry-codes" = json!(["conflict"])),
        ("x-gantry-budget" = json!({"calls": 3, "read_units": 4, "write_units": 6})),
        ("x-gantry-usage" = json!({"person": 0.2, "new_person": 1, "events": 1, "answer_bytes": 1000})),
    ),
)]
pub(crate) async fn update(
    State(api): State<Api>,
    caller: Caller,
    IfMatch(expected): IfMatch,
    command: Command<UpdateMe>,
) -> Result<Response, Problem> {
    let (cause, mut principal, input) = (caller.cause(), caller.principal, command.input);
    let change = |profile| input.clone().of(profile);
    let updated = identity::update_profile(&api.table, &cause, &principal, &expected, change).await;
    principal.person.profile = updated.map_err(|error| match error {
        IdentityError::VersionMismatch { current } => Problem::from(error).standing_at(current),
        error => error.into(),
    })?;
    me(&api, principal).await
}

/// The organizations that the person belongs to, by when they were joined.
#[utoipa::path(
    get, path = "/v1/me/memberships", tag = "Account", operation_id = "listMyMemberships",
    security(("access_token" = [])),
    params(Paged),
    responses((status = 200, description = "A page of memberships", body = Page<Membership>), Problems),
    extensions(
        ("x-gantry-budget" = json!({"calls": 2, "read_units": 2, "write_units": 0})),
        ("x-gantry-usage" = json!({"person": 1, "events": 0, "answer_bytes": 500})),
    ),
)]
pub(crate) async fn memberships(
    State(api): State<Api>,
    Looking(caller): Looking,
    Paged { limit, cursor }: Paged,
) -> Result<Response, Problem> {
    let query = identity::keys::Membership::all(caller.principal.user_id);
    let page =
        api.table.page::<identity::Membership>(&query, limit, cursor.as_deref(), &*api.cursors).await?;
    Ok(Answer::ok(&page.map(Membership::from)).into_response())
}
