use access::{
    Always, Full, MfaMode, MfaPolicy,
    needs::{ReadPolicies, WritePolicies},
};
use http_api::{
    Answer, Caller, Change, Command, Fresh, IfMatch, IntoResponse, Member, Problem, Problems, Response,
    State, ToSchema,
};
use orgs::{
    OrgError,
    api::{KeysOfLeavers, Mfa},
};
use primitives::{EmailDomain, MemberId, Time, json};
use serde::{Deserialize, Serialize};

use crate::Api;

/// What the organization asks of its members.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Policies {
    /// A second factor.
    mfa: Mfa,
    /// Of which domains the addresses are that may be invited. Null is any.
    allowed_email_domains: Option<Vec<EmailDomain>>,
    /// What becomes of the API keys of whoever is no member any more.
    api_keys_of_leavers: KeysOfLeavers,
    /// Whether our staff may act in the names of members, for an hour at most. The owners are told each time.
    support_access: bool,
    /// Whether members come in by an identity provider of the organization's alone: whoever signs in
    /// otherwise is in no organization, and sessions by other ways end with their next request in this one.
    sso_required: bool,
    /// The memberships of those owners who come in otherwise too, with a second factor: for the day on which
    /// the identity provider is out of order.
    break_glass_member_ids: Vec<MemberId>,
    /// How often they were changed.
    version: u64,
}

fn shown(policies: orgs::Policies) -> Response {
    let version = policies.version;
    let policies = Policies {
        mfa: policies.mfa.into(),
        allowed_email_domains: policies.allowed_email_domains,
        api_keys_of_leavers: policies.api_keys_of_leavers,
        support_access: policies.support_access,
        sso_required: policies.sso_required,
        break_glass_member_ids: policies.break_glass,
        version,
    };
    Answer::ok(&policies).tagged(version).into_response()
}

/// What the organization asks of its members.
#[utoipa::path(
    get, path = "/v1/orgs/current/policies", tag = "Organizations", operation_id = "getPolicies",
    security(("access_token" = [])),
    responses((status = 200, description = "The policies", body = Policies, headers(("ETag"))), Problems),
    extensions(
        ("x-gantry-budget" = json!({"calls": 2, "read_units": 2, "write_units": 0})),
        ("x-gantry-usage" = json!({"organization": 5, "events": 0, "answer_bytes": 300})),
    ),
)]
pub(crate) async fn show(
    State(api): State<Api>,
    member: Member<ReadPolicies, Always>,
) -> Result<Response, Problem> {
    Ok(shown(orgs::policies(&api.table, member.permit.tenant()).await?))
}

/// What is to change. What is left out stays.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct UpdatePolicies {
    /// A second factor.
    #[serde(default, deserialize_with = "json::present")]
    #[schema(nullable = false)]
    mfa: Option<UpdateMfaPolicy>,
    /// Of which domains the addresses are that may be invited: 1 to 20, each without those below it. Null is
    /// any. Who is a member stays one.
    #[serde(default)]
    #[schema(value_type = Option<Vec<EmailDomain>>, min_items = 1, max_items = 20)]
    allowed_email_domains: Change<Vec<EmailDomain>>,
    /// What becomes of the API keys of whoever is no member any more.
    #[serde(default, deserialize_with = "json::present")]
    #[schema(nullable = false)]
    api_keys_of_leavers: Option<KeysOfLeavers>,
    /// Whether our staff may act in the names of members. Once they may not, whoever does so is out with the
    /// next request.
    #[serde(default, deserialize_with = "json::present")]
    #[schema(nullable = false)]
    support_access: Option<bool>,
    /// Whether members come in by an identity provider of the organization's alone, from their next request
    /// on. It takes a connection that is in use, at least one owner of those below, and that whoever asks for
    /// it came by that provider or is one of these: else 409 `would_lock_out`.
    #[serde(default, deserialize_with = "json::present")]
    #[schema(nullable = false)]
    sso_required: Option<bool>,
    /// The memberships of those owners who come in otherwise too: at most 5, each with a second factor.
    #[serde(default, deserialize_with = "json::present")]
    #[schema(nullable = false, max_items = 5)]
    break_glass_member_ids: Option<Vec<MemberId>>,
}

/// Whether members are to show a second factor.
#[derive(Clone, Copy, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct UpdateMfaPolicy {
    /// Whether it is asked for.
    mode: MfaMode,
    /// Until when those may come without who have none yet: at most 90 days from now. Null is no grace.
    grace_ends_at: Option<Time>,
}

impl From<UpdateMfaPolicy> for MfaPolicy {
    fn from(update: UpdateMfaPolicy) -> Self {
        Self { mode: update.mode, grace_ends_at: update.grace_ends_at.map(Time::timestamp) }
    }
}

/// Changes what the organization asks of its members, from their next request on.
#[utoipa::path(
    patch, path = "/v1/orgs/current/policies", tag = "Organizations", operation_id = "updatePolicies",
    security(("access_token" = [])), request_body = UpdatePolicies,
    responses((status = 200, description = "The policies", body = Policies, headers(("ETag"))), Problems),
    extensions(
        ("x-gantry-codes" = json!(["conflict", "not_found", "step_up_required", "would_lock_out"])),
        ("x-gantry-budget" = json!({"calls": 5, "read_units": 8, "write_units": 12})),
        ("x-gantry-usage" = json!({"organization": 0.1, "events": 1, "answer_bytes": 300})),
    ),
)]
pub(crate) async fn update(
    State(api): State<Api>,
    member: Member<WritePolicies, Full>,
    caller: Caller,
    _: Fresh,
    IfMatch(expected): IfMatch,
    command: Command<UpdatePolicies>,
) -> Result<Response, Problem> {
    let (table, permit, cause) = (&api.table, &member.permit, member.cause());
    let UpdatePolicies { mfa, allowed_email_domains, api_keys_of_leavers, support_access, .. } =
        command.input;
    let (sso_required, break_glass) = (command.input.sso_required, command.input.break_glass_member_ids);
    let change = |before: orgs::Policies| orgs::Policies {
        mfa: mfa.map_or(before.mfa, MfaPolicy::from),
        allowed_email_domains: allowed_email_domains.clone().of(before.allowed_email_domains),
        api_keys_of_leavers: api_keys_of_leavers.unwrap_or(before.api_keys_of_leavers),
        support_access: support_access.unwrap_or(before.support_access),
        sso_required: sso_required.unwrap_or(before.sso_required),
        break_glass: break_glass.clone().unwrap_or(before.break_glass),
        version: before.version,
    };
    let set = orgs::set_policies(table, &cause, permit, &caller.principal, &expected, change).await;
    let policies = set.map_err(|error| match error {
        OrgError::LongGrace { .. } => Problem::field("/mfa/grace_ends_at", &error),
        OrgError::BreakGlassCount { .. } | OrgError::NoOwners => {
            Problem::field("/break_glass_member_ids", &error)
        }
        OrgError::DomainCount { .. } => Problem::field("/allowed_email_domains", &error),
        OrgError::VersionMismatch { current } => Problem::from(error).standing_at(current),
        error => error.into(),
    })?;
    Ok(shown(policies))
}
