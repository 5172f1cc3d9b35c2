use access::Tenant;
use directory::Serving;
use http_api::{
    Answer, Client, Command, IntoResponse, Limiter, Problem, Problems, Response, State, StatusCode, ToSchema,
};
use http_host::SignIn;
use identity::{
    Entrance, External, Home, IdentityError, OpenedOAuth, Purpose, SSO, ShownBrowser, SignedIn, SsoComer,
};
use orgs::{ByDirectory, OrgError};
use primitives::{Email, EmailDomain, Fault, FaultKind, MemberId, Slug};
use serde::Deserialize;
use sso::{RoleSaid, SsoConnection, SsoError, limits};
use table::{Attempt, Table};

use crate::{
    Api,
    providers::{Authorization, VerifyAuthorization, VerifyOAuth, faster_or_refused, is_refusal},
    sso_client::SsoFailed,
};

/// Who wants to sign in by the identity provider of their organization: the address, or the organization.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct StartSso {
    /// The person's address: its domain says which organization.
    email: Option<Email>,
    /// The organization's name in URLs.
    org_slug: Option<Slug>,
}

/// Begins a sign-in by the identity provider of an organization: says where to send the person. Nothing is
/// stored of it.
#[utoipa::path(
    post, path = "/v1/auth/sso/authorizations", tag = "Signing in", operation_id = "startSso",
    request_body = StartSso,
    responses((status = 201, description = "Where to send the person", body = Authorization), Problems),
    extensions(
        ("x-gantry-limits" = json!(["sso-start"])),
        ("x-gantry-budget" = json!({"calls": 3, "read_units": 3, "write_units": 1})),
        ("x-gantry-usage" = json!({"person": 1, "events": 0, "answer_bytes": 1000})),
    ),
)]
pub(crate) async fn start(
    State(api): State<Api>,
    client: Client,
    limiter: Limiter,
    command: Command<StartSso>,
) -> Result<Response, Problem> {
    limiter.take(&limits::starts(), &client.address()).await?;
    let nobody = |pointer: &str| Problem::field(pointer, &SsoError::NobodysConnection);
    let (connection, hint) = match &command.input {
        StartSso { email: Some(email), org_slug: None } => {
            let connection = by_email(&api.table, email).await?.ok_or_else(|| nobody("/email"))?;
            (connection, Some(email.as_str()))
        }
        StartSso { email: None, org_slug: Some(slug) } => {
            let connection = by_slug(&api.table, slug).await?;
            (connection.ok_or_else(|| nobody("/org_slug"))?, None)
        }
        _ => return Err(Problem::broken_rule("give an email or an org_slug, and not both")),
    };
    let purpose = Purpose::Sso(connection.org_id, connection.connection_id);
    let sent = api.authorize_by(&connection, purpose, hint).await?;
    Ok(Answer::new(StatusCode::CREATED, &sent).into_response())
}

async fn by_email(table: &Table, email: &Email) -> Result<Option<SsoConnection>, SsoError> {
    let Some(serving) = directory::serving(table, email).await? else { return Ok(None) };
    sso::in_use(table, Tenant::trusted(serving.org_id), serving.connection_id).await
}

/// Of several the one that was made first.
async fn by_slug(table: &Table, slug: &Slug) -> Result<Option<SsoConnection>, SsoError> {
    let Some(org_id) = orgs::org_with_slug(table, slug).await? else { return Ok(None) };
    let all = sso::of_tenant(table, Tenant::trusted(org_id)).await?;
    Ok(all.into_iter().find(|connection| connection.enabled))
}

/// Signs in whoever is back from the identity provider of their organization, in the browser that was sent
/// there, once. The session is in that organization. Who was no member becomes one. Of whoever nobody knows
/// here a person is made. The provider says an address of a domain that the connection serves, and that it
/// knows it to be theirs: else 403 `sso_domain_mismatch`; so does whoever comes back as a person who has
/// another address here by now. A sign-in that began at the provider is refused: it was nobody's wish here.
/// The same several times at once, or once more within a minute, is one sign-in.
#[utoipa::path(
    post, path = "/v1/auth/sso/verify", tag = "Signing in", operation_id = "verifySso",
    request_body = VerifyOAuth,
    responses((status = 200, description = "Signed in, or what is missing", body = SignIn), Problems),
    extensions(
        ("x-gantry-codes" = json!([
            "access_restricted", "account_suspended", "deprovisioned", "domain_not_allowed", "email_taken",
            "login_failed", "member_inactive", "member_removed", "organization_suspended", "seat_limit_reached", "sso_domain_mismatch",
            "too_many_memberships",
        ])),
        ("x-gantry-limits" = json!(["failed-authorization"])),
        ("x-gantry-budget" = json!({"calls": 13, "read_units": 30, "write_units": 72})),
        ("x-gantry-usage" = json!({"person": 1, "new_person": 0.5, "events": 3, "answer_bytes": 1500})),
    ),
)]
pub(crate) async fn verify(
    State(api): State<Api>,
    client: Client,
    limiter: Limiter,
    command: Command<VerifyOAuth>,
) -> Result<Response, Problem> {
    let (input, browser) = command.input.parts();
    let (cause, network) = (client.cause(), client.address());
    let opened = api.opened(SSO, &input).await?;
    let issuer = api.issuers.get().await?;
    let (table, policy, issuer) = (&api.table, &*api.policy, &*issuer);
    let entrance = Entrance { table, issuer, policy, cause: &cause, network: &network };
    let code = input.code.as_str();
    let before = || identity::repeated_oauth(&entrance, &opened, code, browser.as_ref());
    if let Some(signed_in) = before().await? {
        return Ok(Answer::ok(&SignIn::from(signed_in)).into_response());
    }
    let failed = &api.policy.failed_authorizations_per_client();
    limiter.require_room(failed, &network).await?;
    let signed_in = match sign_in(&api, &entrance, &opened, &input, browser.as_ref()).await {
        Ok(signed_in) => signed_in,
        // the same may have been sent twice, and the other one was faster
        Err(problem) if is_refusal(&problem) => {
            faster_or_refused(before, problem, (&limiter, failed, &network)).await?
        }
        Err(problem) => return Err(problem),
    };
    Ok(Answer::ok(&SignIn::from(signed_in)).into_response())
}

async fn sign_in(
    api: &Api,
    entrance: &Entrance<'_>,
    opened: &OpenedOAuth,
    input: &VerifyAuthorization,
    browser: Option<&ShownBrowser>,
) -> Result<SignedIn, Problem> {
    let Purpose::Sso(org_id, connection_id) = opened.purpose else {
        return Err(IdentityError::LoginFailed.into());
    };
    let (table, tenant) = (entrance.table, Tenant::trusted(org_id));
    let connection = sso::in_use(table, tenant, connection_id).await?.ok_or(IdentityError::LoginFailed)?;
    let (external, claims) = api.redeem_by(&connection, (opened, entrance.cause), input).await?;
    let groups = connection.group_claim.as_deref().and_then(|claim| claims.texts(claim));
    let role = connection.role(groups.as_deref());
    let comes = Comes { connection: &connection, role, member_id: table.ids().next(), external: &external };
    match comes.enter(entrance, (opened, input.code.as_str()), browser).await {
        Ok(signed_in) => {
            sso::note_sign_in(table, &connection).await;
            Ok(signed_in)
        }
        Err(failed) => {
            // what is ours to mend is no news for those who run the organization
            if !matches!(failed.kind(), FaultKind::Internal | FaultKind::Unavailable) {
                sso::note_failure(table, &connection, &failed.to_string()).await;
            }
            Err(told(failed))
        }
    }
}

/// What is said of a failure to whoever wants to sign in. An organization that is about to be erased, or was,
/// lets nobody in.
fn told(failed: SsoFailed) -> Problem {
    match failed {
        SsoFailed::Org(OrgError::InviteClosed | OrgError::NotFound) => IdentityError::LoginFailed.into(),
        failed => failed.into(),
    }
}

/// Whom an organization's provider has named.
struct Comes<'a> {
    connection: &'a SsoConnection,
    role: RoleSaid,
    member_id: MemberId,
    external: &'a External,
}

impl Comes<'_> {
    /// Lets them in. Whose the domain is, how somebody becomes a member and how they sign in is one
    /// transaction: here all of it is known.
    async fn enter(
        &self,
        entrance: &Entrance<'_>,
        attempt: (&OpenedOAuth, &str),
        browser: Option<&ShownBrowser>,
    ) -> Result<SignedIn, SsoFailed> {
        let (table, cause) = (entrance.table, entrance.cause);
        let email = self.external.email.as_ref().filter(|_| self.external.email_verified);
        let email = email.ok_or(SsoError::DomainMismatch)?;
        let decide = |before: Attempt| self.decide(entrance, attempt, (email, browser), before);
        match table.decide(cause, decide).await {
            Err(SsoFailed::Org(OrgError::SeatLimit))
                if orgs::release_seats(table, cause, self.connection.org_id).await? =>
            {
                table.decide(cause, decide).await
            }
            other => other,
        }
    }

    async fn decide(
        &self,
        entrance: &Entrance<'_>,
        attempt: (&OpenedOAuth, &str),
        (email, browser): (&Email, Option<&ShownBrowser>),
        before: Attempt,
    ) -> Result<table::Decision<SignedIn, SsoFailed>, SsoFailed> {
        let (table, tenant) = (entrance.table, Tenant::trusted(self.connection.org_id));
        let serving = self.serving(table, email).await?;
        let comer = SsoComer::read(entrance, attempt.0, (self.external, email)).await?;
        // of whoever has an address elsewhere by now the organization has nothing to say
        let own = &comer.user().email;
        if EmailDomain::of(own) != serving.domain {
            self.serving(table, own).await?;
        }
        let by = ByDirectory { tenant, role: self.role.new, keeps_role: self.role.kept };
        let admission = orgs::admit(table, by, comer.user(), self.member_id).await?;
        let rests_on_domain = !admission.changes.is_empty() || !comer.is_known_there();
        let mut beside = admission.changes;
        if rests_on_domain {
            beside = beside.require(serving.condition.0, serving.condition.1);
        }
        let home = Home::at(admission.membership, admission.mfa, admission.sso);
        let entered =
            identity::enter_by_sso(entrance, attempt, (&comer, email), browser, (&home, beside), &before)
                .await?;
        let refusals = admission.refusals.into_iter();
        Ok(refusals.fold(entered, |entered, (key, error)| entered.unless(&key, Err(error.into()))))
    }

    /// That the connection serves whoever has this address.
    async fn serving(&self, table: &Table, email: &Email) -> Result<Serving, SsoFailed> {
        let serving = directory::serving(table, email).await?;
        let is_this = |serving: &Serving| {
            (serving.org_id, serving.connection_id) == (self.connection.org_id, self.connection.connection_id)
        };
        Ok(serving.filter(is_this).ok_or(SsoError::DomainMismatch)?)
    }
}
