use access::{API_KEY, AccessError, Needed, StaffPermission, StaffPermit};
use axum::extract::FromRequestParts;
use events::ActorRef;
use http::request::Parts;
use primitives::SessionId;
use table::{Cause, Consistency};

use crate::{
    Client, Limiter,
    caller::{Seen, bearer, extension, principal},
    edge::Edge,
    problem::Problem,
    refusal::Refusal,
};

/// Somebody of our staff who holds the permission `P`, at an address from which staff works, with a session
/// of the last hours in which more than one factor was shown.
///
/// Whoever is no staff finds nothing there. What a person is among the staff is read strongly with every
/// request, in the call that reads the session.
#[derive(Clone, Debug)]
pub struct Staff<P> {
    /// Who, with the permission.
    pub permit: StaffPermit<P>,
    /// With which session.
    pub session_id: SessionId,
    /// From where.
    pub client: Client,
}

impl<P> Staff<P> {
    /// The cause of what they do.
    pub fn cause(&self) -> Cause {
        self.client.cause_by(ActorRef::Staff(self.permit.user_id))
    }

    /// Refuses what asks for more than the route does, unless the role holds this too.
    pub fn require(&self, permission: StaffPermission) -> Result<(), Problem> {
        let role = self.permit.role;
        if role.holds(permission) {
            return Ok(());
        }
        let refused = AccessError::StaffForbidden { permission, role };
        Err(Problem::from(refused).needed(permission.name(), None))
    }
}

impl<P: Needed<StaffPermission>, S: Sync> FromRequestParts<S> for Staff<P> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let edge: Edge = extension(parts)?;
        let entry = edge.staff_entry().ok_or(Refusal::NotWrapped)?;
        let client = Client::from_request_parts(parts, state).await?;
        if !client.ip.is_some_and(|address| entry.addresses.hold(address)) {
            return Err(AccessError::AddressNotAllowed.into());
        }
        // a program finds nothing where staff works, like everybody who is no staff
        if bearer(parts).is_some_and(|token| token.starts_with(API_KEY)) {
            return Err(AccessError::NotStaff.into());
        }
        let seen = principal(parts, Consistency::Strong).await?;
        parts.extensions.insert(Seen(seen.clone()));
        let permitted = seen.permit_staff(edge.clock().now());
        let permit = permitted.map_err(|error| match error {
            AccessError::StaffForbidden { permission, .. } => {
                Problem::from(error).needed(permission.name(), None)
            }
            error => error.into(),
        })?;
        let limiter: Limiter = extension(parts)?;
        limiter.take(&entry.limit, &seen.user_id.to_string()).await?;
        Ok(Self { permit, session_id: seen.session_id, client })
    }
}
