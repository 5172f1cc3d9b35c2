use http_api::{
    IfMatch, PathParameter, Problem, Problems, Response, Searched, State, StatusCode, http::HeaderMap,
};
use primitives::ScimUserId;
use scim::{USER, User, normal, patched, read_operations, user_with_id};
use table::Item;

use crate::{
    Api,
    answers::unless_known,
    caller::{Body, Directory},
    query::Asked,
};

/// The users of the directory: all of them, or those that a filter asks for.
#[utoipa::path(
    get, path = "/scim/v2/Users", tag = "SCIM", operation_id = "scimListUsers",
    security(("scim_token" = [])),
    params(
        ("filter" = Option<String>, Query, description = "RFC 7644, section 3.4.2.2"),
        ("startIndex" = Option<String>, Query, description = "From this one on, counting from 1"),
        ("count" = Option<String>, Query, description = "How many"),
        ("cursor" = Option<String>, Query, description = "RFC 9865"),
        ("sortBy" = Option<String>, Query, description = "Not supported, and passed over"),
        ("sortOrder" = Option<String>, Query, description = "Not supported, and passed over"),
        ("attributes" = Option<String>, Query, description = "Only these"),
        ("excludedAttributes" = Option<String>, Query, description = "All but these"),
    ),
    responses((status = 200, description = "A page", content_type = "application/scim+json", body = Value), Problems),
    extensions(
        ("x-gantry-codes" = json!(["scim_invalid_filter", "scim_too_many", "scim_invalid_value", "invalid_cursor"])),
        ("x-gantry-limits" = json!(["scim"])),
        ("x-gantry-budget" = json!({"calls": 6, "read_units": 20, "write_units": 3})),
        ("x-gantry-usage" = json!({"organization": 20, "events": 0, "answer_bytes": 20000})),
    ),
)]
pub(crate) async fn list(
    State(api): State<Api>,
    directory: Directory,
    Searched(asked): Searched<Asked>,
) -> Result<Response, Problem> {
    api.users_page(&directory, &asked).await
}

/// Puts somebody into the directory. Whoever has an address of a domain that the organization has verified
/// is a member from then on; an account is made where there is none. Others are members once they accept an
/// invite.
#[utoipa::path(
    post, path = "/scim/v2/Users", tag = "SCIM", operation_id = "scimCreateUser",
    security(("scim_token" = [])),
    params(
        ("attributes" = Option<String>, Query, description = "Only these"),
        ("excludedAttributes" = Option<String>, Query, description = "All but these"),
    ),
    request_body(content = Value, content_type = "application/scim+json"),
    responses((status = 201, description = "It is in the directory", content_type = "application/scim+json", body = Value), Problems),
    extensions(
        ("x-gantry-codes" = json!(["conflict", "deprovisioned", "scim_uniqueness", "scim_invalid_value", "scim_invalid_syntax", "access_restricted", "seat_limit_reached", "too_many_memberships", "not_found", "unsupported_media_type"])),
        ("x-gantry-limits" = json!(["scim"])),
        ("x-gantry-budget" = json!({"calls": 11, "read_units": 14, "write_units": 50})),
        ("x-gantry-usage" = json!({"organization": 0.2, "events": 3, "answer_bytes": 1500})),
    ),
)]
pub(crate) async fn create(
    State(api): State<Api>,
    directory: Directory,
    Searched(asked): Searched<Asked>,
    Body(body): Body,
) -> Result<Response, Problem> {
    let (shown, mut attributes) = (asked.shown(&USER)?, normal(&USER, &body)?);
    attributes.entry("active").or_insert(true.into());
    let user = api.create_user(&directory, attributes).await?;
    Ok(api.user(StatusCode::CREATED, &user, &shown))
}

/// A user of the directory.
#[utoipa::path(
    get, path = "/scim/v2/Users/{user_id}", tag = "SCIM", operation_id = "scimGetUser",
    security(("scim_token" = [])),
    params(
        ("user_id" = ScimUserId, Path, description = "The user"),
        ("attributes" = Option<String>, Query, description = "Only these"),
        ("excludedAttributes" = Option<String>, Query, description = "All but these"),
    ),
    responses((status = 200, description = "The user", content_type = "application/scim+json", body = Value), Problems),
    extensions(
        ("x-gantry-codes" = json!(["not_found"])),
        ("x-gantry-limits" = json!(["scim"])),
        ("x-gantry-budget" = json!({"calls": 3, "read_units": 6, "write_units": 3})),
        ("x-gantry-usage" = json!({"organization": 5, "events": 0, "answer_bytes": 1500})),
    ),
)]
pub(crate) async fn show(
    State(api): State<Api>,
    directory: Directory,
    PathParameter(id): PathParameter<ScimUserId>,
    Searched(asked): Searched<Asked>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let shown = asked.shown(&USER)?;
    let user = user_with_id(&api.table, directory.tenant(), id).await?;
    let resource = shown.of(user.resource(&api.base, user.version()));
    Ok(unless_known(&resource, user.version(), &headers))
}

/// Says anew what a user of the directory is. That `active` becomes false ends the membership at once, with
/// its sessions, keys and seat; that it becomes true begins another one.
#[utoipa::path(
    put, path = "/scim/v2/Users/{user_id}", tag = "SCIM", operation_id = "scimReplaceUser",
    security(("scim_token" = [])),
    params(
        ("user_id" = ScimUserId, Path, description = "The user"),
        ("attributes" = Option<String>, Query, description = "Only these"),
        ("excludedAttributes" = Option<String>, Query, description = "All but these"),
    ),
    request_body(content = Value, content_type = "application/scim+json"),
    responses((status = 200, description = "The user", content_type = "application/scim+json", body = Value), Problems),
    extensions(
        ("x-gantry-codes" = json!(["conflict", "deprovisioned", "scim_uniqueness", "scim_invalid_value", "scim_invalid_syntax", "access_restricted", "seat_limit_reached", "too_many_memberships", "not_found", "unsupported_media_type", "last_owner"])),
        ("x-gantry-limits" = json!(["scim"])),
        ("x-gantry-budget" = json!({"calls": 15, "read_units": 24, "write_units": 60})),
        ("x-gantry-usage" = json!({"organization": 0.5, "events": 2, "answer_bytes": 1500})),
    ),
)]
pub(crate) async fn replace(
    State(api): State<Api>,
    directory: Directory,
    PathParameter(id): PathParameter<ScimUserId>,
    Searched(asked): Searched<Asked>,
    IfMatch(expected): IfMatch,
    Body(body): Body,
) -> Result<Response, Problem> {
    let (shown, attributes) = (asked.shown(&USER)?, normal(&USER, &body)?);
    let make = |before: &User| {
        let mut attributes = attributes.clone();
        attributes.entry("active").or_insert(before.active.into());
        Ok(attributes)
    };
    let user = api.change_user(&directory, (id, &expected), make).await?;
    Ok(api.user(StatusCode::OK, &user, &shown))
}

/// Changes what is said of a user of the directory, also as Entra and Okta do it. What that does to the
/// membership is as with PUT.
#[utoipa::path(
    patch, path = "/scim/v2/Users/{user_id}", tag = "SCIM", operation_id = "scimPatchUser",
    security(("scim_token" = [])),
    params(
        ("user_id" = ScimUserId, Path, description = "The user"),
        ("attributes" = Option<String>, Query, description = "Only these"),
        ("excludedAttributes" = Option<String>, Query, description = "All but these"),
    ),
    request_body(content = Value, content_type = "application/scim+json"),
    responses((status = 200, description = "The user", content_type = "application/scim+json", body = Value), Problems),
    extensions(
        ("x-gantry-codes" = json!(["conflict", "deprovisioned", "scim_uniqueness", "scim_invalid_value", "scim_invalid_syntax", "access_restricted", "seat_limit_reached", "too_many_memberships", "not_found", "unsupported_media_type", "last_owner", "scim_invalid_path", "scim_no_target", "scim_mutability", "scim_invalid_filter"])),
        ("x-gantry-limits" = json!(["scim"])),
        ("x-gantry-budget" = json!({"calls": 15, "read_units": 24, "write_units": 60})),
        ("x-gantry-usage" = json!({"organization": 2, "events": 2, "answer_bytes": 1500})),
    ),
)]
pub(crate) async fn patch(
    State(api): State<Api>,
    directory: Directory,
    PathParameter(id): PathParameter<ScimUserId>,
    Searched(asked): Searched<Asked>,
    IfMatch(expected): IfMatch,
    Body(body): Body,
) -> Result<Response, Problem> {
    let (shown, operations) = (asked.shown(&USER)?, read_operations(&body)?);
    let make = |before: &User| patched(&USER, before.attributes.clone(), &operations);
    let user = api.change_user(&directory, (id, &expected), make).await?;
    Ok(api.user(StatusCode::OK, &user, &shown))
}

/// Takes a user out of the directory, and ends the membership as `active: false` does.
#[utoipa::path(
    delete, path = "/scim/v2/Users/{user_id}", tag = "SCIM", operation_id = "scimDeleteUser",
    security(("scim_token" = [])),
    params(
        ("user_id" = ScimUserId, Path, description = "The user"),
    ),
    responses((status = 204, description = "It is gone"), Problems),
    extensions(
        ("x-gantry-codes" = json!(["not_found", "last_owner", "conflict"])),
        ("x-gantry-limits" = json!(["scim"])),
        ("x-gantry-budget" = json!({"calls": 15, "read_units": 24, "write_units": 66})),
        ("x-gantry-usage" = json!({"organization": 0.1, "events": 2, "answer_bytes": 0})),
    ),
)]
pub(crate) async fn delete(
    State(api): State<Api>,
    directory: Directory,
    PathParameter(id): PathParameter<ScimUserId>,
    IfMatch(expected): IfMatch,
) -> Result<StatusCode, Problem> {
    api.delete_user(&directory, (id, &expected)).await?;
    Ok(StatusCode::NO_CONTENT)
}
