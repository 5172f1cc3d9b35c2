use access::{Full, Role, needs::WriteDirectory};
use http_api::{
    Answer, Caller, Command, IntoResponse, Limiter, Member, PathParameter, Problem, Problems, Response,
    State, StatusCode, ToSchema,
};
use identity::{Purpose, SSO};
use oidc_client::ClaimSet;
use primitives::SsoConnectionId;
use serde::Serialize;
use serde_json::{Map, Value};
use sso::Finding;

use crate::{
    Api,
    providers::{Authorization, VerifyAuthorization},
    sso_client::SsoFailed,
};

/// Tries a connection, whether or not it is in use: says where to send yourself. Nobody is signed in by it.
#[utoipa::path(
    post, path = "/v1/orgs/current/sso/connections/{connection_id}/test", tag = "Single sign-on",
    operation_id = "testSsoConnection", security(("access_token" = [])),
    params(("connection_id" = SsoConnectionId, Path, description = "The connection")),
    responses((status = 201, description = "Where to send yourself", body = Authorization), Problems),
    extensions(
        ("x-gantry-codes" = json!(["not_found"])),
        ("x-gantry-budget" = json!({"calls": 3, "read_units": 5, "write_units": 0})),
        ("x-gantry-usage" = json!({"organization": 0.02, "events": 0, "answer_bytes": 1000})),
    ),
)]
pub(crate) async fn start(
    State(api): State<Api>,
    member: Member<WriteDirectory, Full>,
    caller: Caller,
    PathParameter(id): PathParameter<SsoConnectionId>,
) -> Result<Response, Problem> {
    let permit = &member.permit;
    let connection = sso::to_try(&api.table, permit, id).await?;
    let purpose = Purpose::SsoTest(permit.org_id, id, caller.principal.session_id);
    let sent = api.authorize_by(&connection, purpose, None).await?;
    Ok(Answer::new(StatusCode::CREATED, &sent).into_response())
}

/// What came of a try.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct SsoTestResult {
    /// What the provider says of you, as far as it is short.
    #[schema(value_type = Object)]
    claims: Map<String, Value>,
    /// What somebody would become of whom it says this.
    role: Role,
    /// What would keep somebody from signing in, or may not be as it is meant. Empty is well.
    findings: Vec<SsoFinding>,
}

/// Something about what a provider says.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct SsoFinding {
    /// What it is about.
    code: SsoFindingCode,
    /// The same in words, with what to do.
    detail: &'static str,
}

/// What a finding is about. Treat a word that you do not know as one that keeps nobody from signing in.
#[derive(Clone, Copy, Debug, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum SsoFindingCode {
    /// It tells no address: nobody signs in.
    NoEmail,
    /// It does not say that it knows the address: nobody signs in.
    EmailNotVerified,
    /// The connection does not serve the address: that person does not sign in.
    DomainNotServed,
    /// It does not say in which groups the person is: roles stay as they are.
    NoGroups,
    /// The person is in no group that is named.
    NoGroupCounts,
}

impl From<Finding> for SsoFinding {
    fn from(finding: Finding) -> Self {
        let (code, detail) = match finding {
            Finding::NoEmail => (
                SsoFindingCode::NoEmail,
                "the claim email is missing: have the provider give it for the scope email",
            ),
            Finding::EmailNotVerified => (
                SsoFindingCode::EmailNotVerified,
                "the claim email_verified is not true (of Microsoft: xms_edov; of Google: hd): have the provider say so",
            ),
            Finding::DomainNotServed => (
                SsoFindingCode::DomainNotServed,
                "the address is of no verified domain that the connection serves",
            ),
            Finding::NoGroups => (
                SsoFindingCode::NoGroups,
                "the claim that is named for groups is missing: roles of members stay as they are",
            ),
            Finding::NoGroupCounts => {
                (SsoFindingCode::NoGroupCounts, "you are in none of the groups that are named")
            }
        };
        Self { code, detail }
    }
}

/// How many claims are shown, and how long each may be as JSON.
const MOST_CLAIMS: usize = 50;
const LONGEST_CLAIM: usize = 1000;

fn short(claims: &ClaimSet) -> Map<String, Value> {
    let is_short = |(name, value): &(&str, &Value)| name.len() + value.to_string().len() <= LONGEST_CLAIM;
    let shown = claims.iter().filter(is_short).take(MOST_CLAIMS);
    shown.map(|(name, value)| (name.to_owned(), value.clone())).collect()
}

/// What came of a try, for whoever is back from the provider in the browser and the session in which it
/// began. Nobody is signed in, and nothing is stored.
#[utoipa::path(
    post, path = "/v1/orgs/current/sso/connections/{connection_id}/test/verify", tag = "Single sign-on",
    operation_id = "verifySsoTest", security(("access_token" = [])), request_body = VerifyAuthorization,
    params(("connection_id" = SsoConnectionId, Path, description = "The connection")),
    responses((status = 200, description = "What the provider says", body = SsoTestResult), Problems),
    extensions(
        ("x-gantry-codes" = json!(["authorization_failed", "not_found"])),
        ("x-gantry-limits" = json!(["failed-authorization"])),
        ("x-gantry-budget" = json!({"calls": 5, "read_units": 8, "write_units": 2})),
        ("x-gantry-usage" = json!({"organization": 0.02, "events": 0, "answer_bytes": 1200})),
    ),
)]
pub(crate) async fn verify(
    State(api): State<Api>,
    member: Member<WriteDirectory, Full>,
    caller: Caller,
    limiter: Limiter,
    PathParameter(id): PathParameter<SsoConnectionId>,
    command: Command<VerifyAuthorization>,
) -> Result<Response, Problem> {
    let (input, permit) = (command.input, &member.permit);
    let (failed, network) = (api.policy.failed_authorizations_per_client(), caller.client.address());
    limiter.require_room(&failed, &network).await?;
    let connection = sso::to_try(&api.table, permit, id).await?;
    let expected = Purpose::SsoTest(permit.org_id, id, caller.principal.session_id);
    let opened = api.opened(SSO, &input).await.ok().filter(|opened| opened.purpose == expected);
    let opened = opened.ok_or(SsoFailed::Authorization)?;
    let redeemed = match api.redeem_by(&connection, (&opened, &member.cause()), &input).await {
        Err(problem) if problem.status() == StatusCode::UNAUTHORIZED => Err(SsoFailed::Authorization),
        redeemed => Ok(redeemed?),
    };
    if redeemed.is_err() {
        limiter.count(&failed, &network).await?;
    }
    let (external, claims) = redeemed?;
    let groups = connection.group_claim.as_deref().and_then(|claim| claims.texts(claim));
    let of_email = match &external.email {
        None => Some(Finding::NoEmail),
        Some(_) if !external.email_verified => Some(Finding::EmailNotVerified),
        Some(email) => {
            let serving = directory::serving(&api.table, email).await?;
            let is_served = serving.is_some_and(|serving| serving.connection_id == id);
            (!is_served).then_some(Finding::DomainNotServed)
        }
    };
    let findings = of_email.into_iter().chain(connection.of_groups(groups.as_deref()));
    let result = SsoTestResult {
        claims: short(&claims),
        role: connection.role(groups.as_deref()).new,
        findings: findings.map(SsoFinding::from).collect(),
    };
    Ok(Answer::ok(&result).into_response())
}
