use access::{Reading, needs::ReadAudit};
use audit::{Action, AuditError, Filter, api::AuditEvent};
use http_api::{
    Answer, IntoResponse, MemberOrKey, Paged, PathParameter, Problem, Problems, Response, Searched, State,
    ToSchema,
};
use primitives::{EventId, Page, Text, Time};
use serde::{Deserialize, Serialize};

use crate::Api;

/// Which end of a list is first.
#[derive(Clone, Copy, Debug, Default, Deserialize, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Order {
    /// The oldest first.
    Asc,
    /// The newest first.
    #[default]
    Desc,
}

/// Any id, or a name in its place.
type Id = Text<1, 100>;

/// Which events are asked for.
#[derive(Debug, Deserialize)]
pub(crate) struct Asked {
    action: Option<Action>,
    actor_id: Option<Id>,
    target_id: Option<Id>,
    from: Option<Time>,
    to: Option<Time>,
    #[serde(default)]
    order: Order,
}

impl From<Asked> for Filter {
    fn from(Asked { action, actor_id, target_id, from, to, order }: Asked) -> Self {
        let order = match order {
            Order::Asc => table::Order::Ascending,
            Order::Desc => table::Order::Descending,
        };
        let (from, to) = (from.map(Time::timestamp), to.map(Time::timestamp));
        let [actor_id, target_id] = [actor_id, target_id].map(|id| id.map(Text::into_string));
        Self { action, actor_id, target_id, from, to, order }
    }
}

pub(crate) fn refused(error: AuditError) -> Problem {
    match error {
        AuditError::Backwards => Problem::field("?to", &error),
        error => error.into(),
    }
}

/// What happened in the organization, newest first, a page at a time: every change in it. All of it is there
/// at once; by action, actor or target it is found some seconds later. Where more than one of these is asked
/// for, a page may show fewer events than asked for, or none, and a cursor behind what was looked at.
#[utoipa::path(
    get, path = "/v1/audit/events", tag = "Audit log", operation_id = "listAuditEvents",
    security(("access_token" = []), ("api_key" = [])),
    params(
        Paged,
        ("action" = Option<String>, Query, max_length = 100, pattern = "^[a-z_]+([.][a-z_]*)?$",
            description = "What happened: all that happens to one sort of thing (`member`), or whatever begins so (`member.updated`)"),
        ("actor_id" = Option<String>, Query, max_length = 100, min_length = 1,
            description = "Who did it: a person, or the name of one of our functions"),
        ("target_id" = Option<String>, Query, max_length = 100, min_length = 1,
            description = "What it was done to"),
        ("from" = Option<Time>, Query, description = "From when"),
        ("to" = Option<Time>, Query, description = "Up to when, that millisecond included"),
        ("order" = inline(Option<Order>), Query, description = "Which end is first; the newest where nothing is said"),
    ),
    responses((status = 200, description = "A page of events", body = Page<AuditEvent>), Problems),
    extensions(
        ("x-gantry-codes" = json!(["access_restricted", "no_organization"])),
        ("x-gantry-budget" = json!({"calls": 2, "read_units": 2, "write_units": 0})),
        ("x-gantry-usage" = json!({"organization": 2, "events": 0, "answer_bytes": 12000})),
    ),
)]
pub(crate) async fn list(
    State(api): State<Api>,
    reader: MemberOrKey<ReadAudit, Reading>,
    Paged { limit, cursor }: Paged,
    Searched(asked): Searched<Asked>,
) -> Result<Response, Problem> {
    let page = (limit, cursor.as_deref());
    let page = audit::events(&api.table, &*api.cursors, &reader.permit, &asked.into(), page).await;
    Ok(Answer::ok(&page.map_err(refused)?).into_response())
}

/// One thing that happened in the organization.
#[utoipa::path(
    get, path = "/v1/audit/events/{event_id}", tag = "Audit log", operation_id = "getAuditEvent",
    security(("access_token" = []), ("api_key" = [])),
    params(("event_id" = EventId, Path, description = "The event")),
    responses((status = 200, description = "The event", body = AuditEvent), Problems),
    extensions(
        ("x-gantry-codes" = json!(["access_restricted", "no_organization", "not_found"])),
        ("x-gantry-budget" = json!({"calls": 2, "read_units": 2, "write_units": 0})),
        ("x-gantry-usage" = json!({"organization": 0.5, "events": 0, "answer_bytes": 600})),
    ),
)]
pub(crate) async fn show(
    State(api): State<Api>,
    reader: MemberOrKey<ReadAudit, Reading>,
    PathParameter(id): PathParameter<EventId>,
) -> Result<Response, Problem> {
    Ok(Answer::ok(&audit::event(&api.table, &reader.permit, id).await?).into_response())
}
