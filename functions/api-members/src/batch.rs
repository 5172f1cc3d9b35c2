//! Many invites in one request.

use access::{Full, Role, needs::WriteInvites};
use http_api::{
    Answer, InPerson, Limiter, MemberOrKey, Problem, ProblemDocument, Problems, Repeatable, Response, State,
    StatusCode, ToSchema,
};
use orgs::{OrgError, api::Invite};
use primitives::{Email, Text};
use serde::{Deserialize, Serialize};
use table::{Decision, Item, Keep};

use crate::{Api, invites::mailing, refused};

/// How many are invited at once.
const MOST: usize = 100;

/// Whom to invite.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct CreateInvites {
    /// 1 to 100 people, each of whom is tried for themselves, in this order.
    #[schema(min_items = 1, max_items = 100)]
    items: Vec<InviteItem>,
}

/// One of them.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct InviteItem {
    /// Where the link is sent to. What is no address is refused by itself.
    #[schema(inline)]
    email: Text<1, 320>,
    /// What that person becomes: no more than the caller is.
    role: Role,
}

/// What became of many invites.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct InviteBatch {
    /// How many were sent, or had been before.
    succeeded: usize,
    /// How many were refused.
    failed: usize,
    /// Each, in the order of the request.
    items: Vec<InviteOutcome>,
}

/// What became of one of them.
#[derive(Clone, Debug, Serialize, ToSchema)]
struct InviteOutcome {
    /// Its place in the request, from 0 on.
    index: usize,
    /// What became of it.
    status: InviteOutcomeStatus,
    /// The invite; null where it was refused.
    invite: Option<Invite>,
    /// Why it was refused; null where it was not.
    problem: Option<ProblemDocument>,
}

/// What became of one of many invites. Treat a word that you do not know as refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum InviteOutcomeStatus {
    /// It was sent.
    Created,
    /// The same one was open already: no mail was sent.
    Duplicate,
    /// It was not sent.
    Refused,
}

/// Invites up to 100 people, each for themselves: whoever cannot be invited does not keep the others from it.
/// Sent again, for an answer that got lost, it goes on where it stopped: who was invited already is named as
/// a duplicate, and gets no second mail.
#[utoipa::path(
    post, path = "/v1/orgs/current/invites/batch", tag = "Members", operation_id = "createInvites",
    security(("access_token" = []), ("api_key" = [])), request_body = CreateInvites,
    responses(
        (status = 200, description = "All were invited", body = InviteBatch),
        (status = 207, description = "Some were not", body = InviteBatch),
        Problems,
    ),
    extensions(
        ("x-gantry-codes" = json!(["conflict"])),
        ("x-gantry-limits" = json!(["invite", "invite-address"])),
        ("x-gantry-budget" = json!({"calls": 14, "read_units": 22, "write_units": 52})),
        ("x-gantry-usage" = json!({"organization": 0.05, "events": 2, "answer_bytes": 5000})),
    ),
)]
pub(crate) async fn create(
    State(api): State<Api>,
    member: MemberOrKey<WriteInvites, Full>,
    _: InPerson,
    limiter: Limiter,
    command: Repeatable<CreateInvites>,
) -> Result<Response, Problem> {
    let (table, scope) = (api.table.clone(), member.asker().scope());
    let send = |input, keep| send(api, member, limiter, input, keep);
    command.once(&table, &scope, answer, send).await
}

fn answer(batch: &InviteBatch) -> Answer {
    Answer::new(if batch.failed == 0 { StatusCode::OK } else { StatusCode::MULTI_STATUS }, batch)
}

async fn send(
    api: Api,
    member: MemberOrKey<WriteInvites, Full>,
    limiter: Limiter,
    input: CreateInvites,
    keep: Keep<'static, InviteBatch>,
) -> Result<InviteBatch, Problem> {
    if !(1..=MOST).contains(&input.items.len()) {
        return Err(Problem::field("/items", &OrgError::BatchSize { most: MOST }));
    }
    let mut items = Vec::with_capacity(input.items.len());
    for (index, item) in input.items.iter().enumerate() {
        let outcome = match one(&api, &member, &limiter, item).await {
            Ok((status, invite)) => InviteOutcome {
                index,
                status,
                invite: Some(invite.resource(invite.version())),
                problem: None,
            },
            // of the others nothing is known either: whoever asks again goes on here
            Err(problem) if problem.status().is_server_error() => return Err(problem),
            Err(problem) => InviteOutcome {
                index,
                status: InviteOutcomeStatus::Refused,
                invite: None,
                problem: Some(problem.below(&format!("/items/{index}")).into_document()),
            },
        };
        items.push(outcome);
    }
    let failed = items.iter().filter(|item| item.status == InviteOutcomeStatus::Refused).count();
    let batch = InviteBatch { succeeded: items.len() - failed, failed, items };
    let done = |_| async { Ok::<_, Problem>(Decision::done(batch.clone())) };
    api.table.decide_once(&member.cause(), &keep, done).await
}

async fn one(
    api: &Api,
    member: &MemberOrKey<WriteInvites, Full>,
    limiter: &Limiter,
    item: &InviteItem,
) -> Result<(InviteOutcomeStatus, orgs::Invite), Problem> {
    let email = item.email.as_str().parse::<Email>().map_err(|error| Problem::field("/email", &error))?;
    let (to, cause, keep) = ((&email, item.role), member.cause(), Keep::nothing());
    let open = orgs::may_invite(&api.table, &member.permit, member.asker(), to).await;
    match open.map_err(|error| refused(member.asker(), error))? {
        Some(open) if open.role == item.role => return Ok((InviteOutcomeStatus::Duplicate, open)),
        Some(_) => return Err(OrgError::InvitePending.into()),
        None => {}
    }
    mailing(limiter, &member.permit, &email).await?;
    let sent = orgs::invite(&api.table, &cause, &member.permit, member.asker(), to, &keep).await;
    Ok((InviteOutcomeStatus::Created, sent.map_err(|error| refused(member.asker(), error))?))
}
