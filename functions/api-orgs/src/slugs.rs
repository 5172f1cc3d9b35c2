use http_api::{Answer, IntoResponse, Looking, PathParameter, Problem, Problems, Response, State, ToSchema};
use orgs::SlugCheck;
use primitives::Slug;
use serde::Serialize;

use crate::Api;

/// Whether a slug can be had.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = SlugCheck)]
pub(crate) struct Checked {
    /// The slug.
    slug: Slug,
    /// Whether a new organization can have it, or the one that the session is in. Somebody may be faster.
    available: bool,
    /// Of an organization that had it, and has another one now, that one; null of any other.
    moved_to: Option<Slug>,
}

/// Whether a slug can be had, and where one leads that an organization had before.
#[utoipa::path(
    get, path = "/v1/orgs/slugs/{slug}", tag = "Organizations", operation_id = "checkSlug",
    security(("access_token" = [])),
    params(("slug" = Slug, Path, description = "The slug")),
    responses((status = 200, description = "Whether it can be had", body = Checked), Problems),
    extensions(
        ("x-gantry-budget" = json!({"calls": 2, "read_units": 2, "write_units": 0})),
        ("x-gantry-usage" = json!({"new_organization": 3, "events": 0, "answer_bytes": 80})),
    ),
)]
pub(crate) async fn check(
    State(api): State<Api>,
    Looking(caller): Looking,
    PathParameter(slug): PathParameter<Slug>,
) -> Result<Response, Problem> {
    let own = caller.principal.actor.map(|actor| actor.org_id);
    let SlugCheck { is_available: available, moved_to } = orgs::check_slug(&api.table, &slug, own).await?;
    Ok(Answer::ok(&Checked { slug, available, moved_to }).into_response())
}
