use std::{
    collections::BTreeSet,
    marker::PhantomData,
    net::IpAddr,
    sync::{Arc, OnceLock},
};

use access::{API_KEY, AccessError, Asker, Full, Needed, Open, Permit, Principal};
use axum::extract::FromRequestParts;
use events::ActorRef;
use http::{Method, header, request::Parts};
use primitives::{Secret, SessionId, UserId};
use table::{Cause, Consistency};

use crate::{edge::Edge, problem::Problem, refusal::Refusal};

/// The address that opened the connection to us, as the platform tells it. Put into the request by the host.
#[derive(Clone, Copy, Debug)]
pub struct Peer(pub IpAddr);

/// What in the request cannot be read. Put into it by the host; the edge answers 400.
#[derive(Clone, Debug)]
pub struct Malformed(pub String);

/// Where a request comes from, whoever sent it.
#[derive(Clone, Debug)]
pub struct Client {
    /// Names the request in logs, events and audit rows.
    pub correlation_id: String,
    /// The client's address.
    pub ip: Option<IpAddr>,
    /// The country that the client's address is in, where a CDN of ours says so: two letters of ISO 3166.
    pub country: Option<String>,
    /// The client's `User-Agent`, shortened.
    pub user_agent: Option<String>,
}

impl Client {
    /// The cause of what somebody does who is not signed in.
    pub fn cause(&self) -> Cause {
        self.cause_by(ActorRef::Anonymous)
    }

    /// The cause of what `actor` does.
    pub fn cause_by(&self, actor: ActorRef) -> Cause {
        Cause {
            actor,
            correlation_id: self.correlation_id.clone(),
            ip: self.ip,
            country: self.country.clone(),
            user_agent: self.user_agent.clone(),
        }
    }

    /// Whom limits by address count: the address, or all without one together.
    pub fn address(&self) -> String {
        self.ip.map_or_else(|| "unknown".to_owned(), |ip| network(ip).to_string())
    }
}

/// The address, or for IPv6 its /64: one subscriber has all of it.
fn network(ip: IpAddr) -> IpAddr {
    match ip {
        IpAddr::V6(ip) if ip.to_ipv4_mapped().is_none() => {
            let [a, b, c, d, ..] = ip.segments();
            IpAddr::from([a, b, c, d, 0, 0, 0, 0])
        }
        ip => ip.to_canonical(),
    }
}

impl<S: Sync> FromRequestParts<S> for Client {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        extension(parts)
    }
}

impl<S: Sync> FromRequestParts<S> for Edge {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        extension(parts)
    }
}

pub(crate) fn extension<T: Clone + Send + Sync + 'static>(parts: &Parts) -> Result<T, Problem> {
    parts.extensions.get().cloned().ok_or_else(|| Refusal::NotWrapped.into())
}

/// A signed-in person, in an organization or not.
#[derive(Clone, Debug)]
pub struct Caller {
    /// Who.
    pub principal: Principal,
    /// From where.
    pub client: Client,
}

impl Caller {
    /// The cause of what the person does.
    pub fn cause(&self) -> Cause {
        let by = self.principal.impersonator.map(|by| by.user_id);
        self.client.cause_by(ActorRef::person(self.principal.user_id, by))
    }

    /// Who asks.
    pub fn asker(&self) -> Asker<'_> {
        Asker::Person(&self.principal)
    }

    /// What a refusal is to this caller that a domain decided on: see [`Problem::refused`].
    pub fn refused(&self, error: AccessError) -> Problem {
        Problem::refused(self.asker(), error)
    }
}

impl Problem {
    /// What a refusal is that a domain decided on, since it asks for more than the route does: with the
    /// permission that is lacking, or the challenge for a proof.
    pub fn refused(asker: Asker<'_>, error: AccessError) -> Self {
        let problem = match asker {
            Asker::Person(principal) => Self::from(error).asking(principal.shown.asked_level()),
            Asker::Key(_) => error.into(),
        };
        match error {
            AccessError::Forbidden { permission, .. } => problem.needed(permission.name(), None),
            AccessError::Restricted { level } => problem.needed(Full::NAME, Some(level)),
            _ => problem,
        }
    }
}

impl<S: Sync> FromRequestParts<S> for Caller {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let caller = anybody(parts, state).await?;
        caller.principal.require_in_person()?;
        require_staying(parts, &caller)?;
        Ok(caller)
    }
}

/// Whoever is signed in, and whoever acts in their name.
pub(crate) async fn anybody<S: Sync>(parts: &mut Parts, state: &S) -> Result<Caller, Problem> {
    let client = Client::from_request_parts(parts, state).await?;
    let Seen(principal) = Seen::from_request_parts(parts, state).await?;
    Ok(Caller { principal, client })
}

/// Whoever is about to leave changes nothing.
fn require_staying(parts: &Parts, caller: &Caller) -> Result<(), Problem> {
    if consistency(parts) == Consistency::Strong {
        caller.principal.require_staying()?;
    }
    Ok(())
}

/// A [`Caller`] who only looks: our staff in the person's name, too.
#[derive(Clone, Debug)]
pub struct Looking(pub Caller);

impl<S: Sync> FromRequestParts<S> for Looking {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let caller = anybody(parts, state).await?;
        if consistency(parts) == Consistency::Strong {
            caller.principal.require_in_person()?;
        }
        require_staying(parts, &caller)?;
        Ok(Self(caller))
    }
}

/// A [`Caller`] who may be about to have the account erased: for the few things that such a person can still
/// change.
#[derive(Clone, Debug)]
pub struct Departing(pub Caller);

impl<S: Sync> FromRequestParts<S> for Departing {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let caller = anybody(parts, state).await?;
        caller.principal.require_in_person()?;
        Ok(Self(caller))
    }
}

/// Who the request's token stands for: looked up once, whatever the handler takes.
#[derive(Clone, Debug)]
pub(crate) struct Seen(pub(crate) Principal);

impl<S: Sync> FromRequestParts<S> for Seen {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        if let Some(seen) = parts.extensions.get::<Self>() {
            return Ok(seen.clone());
        }
        let seen = Self(principal(parts, consistency(parts)).await?);
        if let (Some(by), Some(told)) = (seen.0.impersonator, parts.extensions.get::<InTheName>()) {
            told.0.get_or_init(|| by.user_id);
        }
        parts.extensions.insert(seen.clone());
        Ok(seen)
    }
}

/// That it is the person, and nobody in their name. It stands behind a [`Member`] or a [`MemberOrKey`] whose
/// permission does not say so already, and a program passes.
#[derive(Clone, Copy, Debug)]
pub struct InPerson;

impl<S: Sync> FromRequestParts<S> for InPerson {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        // nobody acts in the name of a program
        if bearer(parts).is_some_and(|token| token.starts_with(API_KEY)) {
            return Ok(Self);
        }
        let Seen(principal) = Seen::from_request_parts(parts, state).await?;
        principal.require_in_person()?;
        Ok(Self)
    }
}

/// Where it is noted that somebody of our staff acts in the name of the person: the answer says so.
#[derive(Clone, Debug, Default)]
pub(crate) struct InTheName(Arc<OnceLock<UserId>>);

impl InTheName {
    /// Who, where somebody does.
    pub(crate) fn by(&self) -> Option<UserId> {
        self.0.get().copied()
    }
}

/// That the caller showed who they are a moment ago ([`access::PROOF_IS_FRESH`]); else 401 `step_up_required`
/// with the challenge of RFC 9470.
///
/// It stands behind a [`Caller`] or a [`Member`], so that nobody is asked for a proof of what is refused
/// anyhow, and costs nothing beside it.
#[derive(Clone, Copy, Debug)]
pub struct Fresh;

impl<S: Sync> FromRequestParts<S> for Fresh {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let Seen(principal) = Seen::from_request_parts(parts, state).await?;
        principal.require_in_person()?;
        let edge: Edge = extension(parts)?;
        let fresh = principal.require_fresh(edge.clock().now());
        fresh.map_err(|error| Problem::from(error).asking(principal.shown.asked_level()))?;
        Ok(Self)
    }
}

/// A login that lacks something before it is a session, by its token. What the token is worth, the domain
/// says.
#[derive(Clone, Debug)]
pub struct HalfSession(Secret<String>);

/// What the tokens of such logins begin with.
const HALF_SESSION_TOKEN: &str = "ghs_";

impl HalfSession {
    /// The token.
    pub fn token(&self) -> &str {
        self.0.expose()
    }
}

impl<S: Sync> FromRequestParts<S> for HalfSession {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let token = bearer(parts).ok_or(Refusal::MissingToken)?;
        if !token.starts_with(HALF_SESSION_TOKEN) {
            return Err(Problem::from(Refusal::NoHalfSession).about_token());
        }
        Ok(Self(Secret::new(token.to_owned())))
    }
}

/// Who sets up how they sign in: a signed-in person, who has shown a moment ago who they are where it is
/// `FRESH`, or somebody whose login lacks just that.
#[derive(Clone, Debug)]
pub enum Enrolling<const FRESH: bool> {
    /// With a session.
    Caller(Box<Caller>),
    /// With a half-session.
    Half(HalfSession, Client),
}

impl<const FRESH: bool> Enrolling<FRESH> {
    /// The cause of what they do.
    pub fn cause(&self) -> Cause {
        match self {
            Self::Caller(caller) => caller.cause(),
            Self::Half(_, client) => client.cause(),
        }
    }
}

impl<const FRESH: bool, S: Sync> FromRequestParts<S> for Enrolling<FRESH> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        if bearer(parts).is_some_and(|token| token.starts_with(HALF_SESSION_TOKEN)) {
            let half = HalfSession::from_request_parts(parts, state).await?;
            return Ok(Self::Half(half, Client::from_request_parts(parts, state).await?));
        }
        let caller = Caller::from_request_parts(parts, state).await?;
        if FRESH {
            Fresh::from_request_parts(parts, state).await?;
        }
        Ok(Self::Caller(Box::new(caller)))
    }
}

/// What a request changes is judged by what is so now, and not a moment ago.
pub(crate) fn consistency(parts: &Parts) -> Consistency {
    let reads = matches!(parts.method, Method::GET | Method::HEAD);
    if reads { Consistency::Eventual } else { Consistency::Strong }
}

pub(crate) async fn principal(parts: &Parts, consistency: Consistency) -> Result<Principal, Problem> {
    let edge: Edge = extension(parts)?;
    let token = bearer(parts).ok_or(Refusal::MissingToken)?;
    if token.starts_with(API_KEY) {
        return Err(AccessError::PeopleOnly.into());
    }
    edge.authenticate(token, consistency).await.map_err(Problem::about_token)
}

/// A signed-in member, acting in the session's organization, who holds the permission `P`, while the
/// organization's access level is one that the work `L` is open at.
///
/// A handler cannot name it without saying both, and gets the tenant from nowhere else.
#[derive(Clone, Debug)]
pub struct Member<P, L> {
    /// Who, in which organization, with the permission.
    pub permit: Permit<P>,
    /// The person's sessions that have not ended.
    pub live_sessions: Arc<BTreeSet<SessionId>>,
    /// From where.
    pub client: Client,
    impersonator: Option<UserId>,
    open: PhantomData<L>,
}

impl<P, L> Member<P, L> {
    /// The cause of what the member does.
    pub fn cause(&self) -> Cause {
        self.client.cause_by(ActorRef::person(self.permit.user_id, self.impersonator))
    }
}

impl<P: Needed, L: Open, S: Sync> FromRequestParts<S> for Member<P, L> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let caller = anybody(parts, state).await?;
        require_staying(parts, &caller)?;
        let Caller { principal: seen, client } = caller;
        seen.require_for(P::PERMISSION, consistency(parts) == Consistency::Eventual)?;
        let mut permitted = permit::<P, L>(&seen);
        // what an eventual read would refuse may be a moment old
        if permitted.is_err() && seen.actor.is_some() && consistency(parts) == Consistency::Eventual {
            permitted = permit::<P, L>(&principal(parts, Consistency::Strong).await?);
        }
        Ok(Self {
            permit: permitted?,
            live_sessions: seen.live_sessions,
            client,
            impersonator: seen.impersonator.map(|by| by.user_id),
            open: PhantomData,
        })
    }
}

fn permit<P: Needed, L: Open>(principal: &Principal) -> Result<Permit<P>, Problem> {
    let actor = principal.in_org()?;
    let permit = actor.permit().map_err(|error| Problem::from(error).needed(P::PERMISSION.name(), None))?;
    opened::<P, L>(permit)
}

/// The permit, where the organization may use so much.
pub(crate) fn opened<P: Needed, L: Open>(permit: Permit<P>) -> Result<Permit<P>, Problem> {
    permit.require_open::<L>().map_err(|error| {
        let (needed, level) = match error {
            AccessError::NotInPlan { feature, .. } => (feature.name(), None),
            _ => (L::NAME, Some(permit.level)),
        };
        Problem::from(error).needed(needed, level)
    })?;
    Ok(permit)
}

/// RFC 6750, section 2.1.
pub(crate) fn bearer(parts: &Parts) -> Option<&str> {
    let mut values = parts.headers.get_all(header::AUTHORIZATION).iter();
    // of two nobody knows which is meant
    let value = values.next().filter(|_| values.next().is_none())?.to_str().ok()?;
    let (scheme, token) = value.split_once(' ')?;
    (scheme.eq_ignore_ascii_case("bearer") && !token.trim().is_empty()).then(|| token.trim())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_ipv6_subscriber_is_one_network() {
        assert_eq!(network("2001:db8:1:2:3:4:5:6".parse().unwrap()).to_string(), "2001:db8:1:2::");
        assert_eq!(network("::ffff:192.0.2.1".parse().unwrap()).to_string(), "192.0.2.1");
        assert_eq!(network("192.0.2.1".parse().unwrap()).to_string(), "192.0.2.1");
    }
}
