use access::staff_needs::ExtendTrials;
use billing::{Extended, api::Trial};
use http_api::{
    Answer, FieldError, PathParameter, Problem, Problems, Repeatable, Response, Staff, State, StatusCode,
    ToSchema, not_found,
};
use orgs::{OrgError, Overseen};
use primitives::{FieldCode, OrgId, Text};
use serde::{Deserialize, Serialize};
use staff::Act;
use table::Decision;

use crate::{Api, why};

/// How many days more, and why.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ExtendTrial {
    /// How many days.
    #[schema(minimum = 1, maximum = 30)]
    days: u32,
    /// The reason, in words. It is kept, and read by others.
    #[schema(inline, example = "their security review takes two more weeks")]
    reason: Text<10, 500>,
    /// Where more is said about it.
    #[schema(inline, example = "SUP-1234")]
    ticket: Option<Text<1, 100>>,
}

/// A trial that was extended.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct TrialExtension {
    /// The organization.
    org_id: OrgId,
    /// How many days were given.
    days: u32,
    /// How often it may be extended after this.
    left: u32,
    /// The trial as it is now.
    trial: Trial,
}

fn given(extension: &TrialExtension) -> Answer {
    Answer::new(StatusCode::CREATED, extension)
}

/// Gives an organization more days of its free trial, twice at most: from its end on, or from now on where
/// it is over, so that whoever is shut out is let in with the next request. Whoever has subscribed needs
/// none.
#[utoipa::path(
    post, path = "/v1/admin/orgs/{org_id}/trial-extensions", tag = "Staff", operation_id = "adminExtendTrial",
    security(("access_token" = [])), request_body = ExtendTrial,
    params(("org_id" = OrgId, Path, description = "The organization")),
    responses((status = 201, description = "Extended", body = TrialExtension), Problems),
    extensions(
        ("x-gantry-codes" = json!(["already_subscribed", "conflict", "trial_extension_limit"])),
        ("x-gantry-limits" = json!(["admin"])),
        ("x-gantry-budget" = json!({"calls": 7, "read_units": 8, "write_units": 28})),
        ("x-gantry-usage" = json!({"organization": 0.01, "events": 2, "answer_bytes": 400})),
    ),
)]
pub(crate) async fn extend(
    State(api): State<Api>,
    staff: Staff<ExtendTrials>,
    PathParameter(org_id): PathParameter<OrgId>,
    command: Repeatable<ExtendTrial>,
) -> Result<Response, Problem> {
    let (table, scope, cause) = (&api.table, staff.permit.user_id.to_string(), staff.cause());
    let (act, tenant) =
        (Act { by: *staff.permit, operation: "adminExtendTrial" }, staff.permit.tenant(org_id));
    let rules = &api.rules;
    let work = |input: ExtendTrial, keep| async move {
        let ExtendTrial { days, reason, ticket } = input;
        if !(1..=30).contains(&days) {
            let wrong = FieldError::new("/days", FieldCode::OutOfRange, "from 1 to 30");
            return Err(Problem::invalid(vec![wrong]));
        }
        let why = &why(&reason, ticket.as_ref(), "/reason")?;
        let decide = |_| async move {
            match Overseen::read(table, tenant).await {
                Err(OrgError::NotFound) => return Err(not_found()),
                organization => organization?,
            };
            let Extended { trial, as_of, changes } =
                billing::extend_trial(table, rules, tenant, days).await?;
            let left = billing::MOST_EXTENSIONS.saturating_sub(trial.extended_count);
            let extension = TrialExtension { org_id, days, left, trial: Trial::of(&trial, as_of) };
            Ok::<_, Problem>(Decision::commit(act.done(&org_id, why, Some(changes), as_of), extension))
        };
        table.decide_once(&cause, &keep, decide).await
    };
    command.once(table, &scope, given, work).await
}
