use http_api::{Departing, Fresh, Problem, Problems, Response, State, StatusCode};
use table::Decision;

use crate::{
    Api,
    me::{Me, me},
};

/// Has the account erased in 7 days. Until then the person can sign in, look around, and have it restored;
/// nothing else. Whoever is the only owner of an organization makes somebody else one first, or deletes it,
/// and whoever is one of the staff has that taken back.
#[utoipa::path(
    delete, path = "/v1/me", tag = "Account", operation_id = "deleteMe",
    security(("access_token" = [])),
    responses((status = 204, description = "It will be erased"), Problems),
    extensions(
        ("x-gantry-codes" = json!(["conflict", "last_owner", "staff_target"])),
        ("x-gantry-budget" = json!({"calls": 6, "read_units": 10, "write_units": 16})),
        ("x-gantry-usage" = json!({"person": 0.005, "events": 1, "answer_bytes": 250})),
    ),
)]
pub(crate) async fn delete(
    State(api): State<Api>,
    Departing(caller): Departing,
    _: Fresh,
) -> Result<StatusCode, Problem> {
    let user_id = caller.principal.user_id;
    let decide = |_| async {
        let Some(changes) = identity::request_deletion(&api.table, &api.policy, user_id).await? else {
            return Ok(Decision::done(()));
        };
        let changes = changes.and(orgs::require_other_owners(&api.table, user_id).await?);
        let (staff, refused) = identity::refused_to_staff(user_id);
        Ok::<_, Problem>(Decision::commit(changes, ()).unless(&staff, Err(refused.into())))
    };
    api.table.decide(&caller.cause(), decide).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Takes the end of the account back, as long as it has not come.
#[utoipa::path(
    post, path = "/v1/me/restore", tag = "Account", operation_id = "restoreMe",
    security(("access_token" = [])),
    responses((status = 200, description = "The person", body = Me, headers(("ETag"))), Problems),
    extensions(
        ("x-gantry-codes" = json!(["conflict", "erased"])),
        ("x-gantry-budget" = json!({"calls": 4, "read_units": 5, "write_units": 8})),
        ("x-gantry-usage" = json!({"person": 0.001, "events": 1, "answer_bytes": 1000})),
    ),
)]
pub(crate) async fn restore(
    State(api): State<Api>,
    Departing(caller): Departing,
) -> Result<Response, Problem> {
    identity::restore(&api.table, &caller.cause(), &caller.principal).await?;
    let mut principal = caller.principal;
    principal.person.deletion = None;
    me(&api, principal).await
}
