use access::{AccessError, Principal, Tenant};
use identity_core::{Membership, Policy, Session, User, keys};
use primitives::OrgId;
use table::{Cause, Changes, Consistency, Decision, Item, Table};

use crate::{
    IdentityError, Issuer, SignedIn,
    entry::{Gate, Missing, begin_half},
};

/// Takes the session into another organization of the person's. Where it is there already, it gives the pair
/// that it has: the same request again, also many at once, is one. Where the organization asks for a second
/// factor that the session has not shown, it stays where it is, and a login that lacks it begins. Where it
/// asks for a sign-in by its own identity provider, it stays where it is too. What one organization's
/// provider says opens no other: there the person shows something of their own first.
pub async fn switch_org(
    table: &Table,
    issuer: &Issuer,
    policy: &Policy,
    cause: &Cause,
    principal: &Principal,
    org_id: OrgId,
) -> Result<SignedIn, IdentityError> {
    let switch = |_| async {
        let now = table.clock().now();
        let tenant = Tenant::trusted(org_id);
        let keys = [
            keys::User::key(principal.user_id),
            keys::Session::key(principal.user_id, principal.session_id),
            keys::Membership::key(principal.user_id, tenant),
            keys::Gate::key(tenant),
        ];
        let mut found = table.get_many(&keys, Consistency::Strong).await?;
        let [user, session, place, gate] = keys;
        let user: User = found.take(&user)?.ok_or(IdentityError::MissingUser)?;
        let session: Session = found.take(&session)?.ok_or(IdentityError::SessionEnded)?;
        let membership: Membership = found.take(&place)?.ok_or(IdentityError::NotAMember)?;
        if !user.has(session.session_id, now) || !session.is_in_use(policy, now) {
            return Err(IdentityError::SessionEnded);
        }
        let gate: Gate = found.take(&gate)?.unwrap_or_default();
        let missing = gate.asks(&user, &session, (membership.member_id, membership.role), now)?;
        let is_elsewhere = session.sso.is_none_or(|sso| !gate.has_connection(sso));
        if is_elsewhere && session.shown.is_by_sso_alone() {
            return Err(AccessError::StepUpRequired.into());
        }
        if let Some(missing) = missing {
            // A factor is set up by whoever has shown a moment ago who they are, on this way too.
            if missing == Missing::MfaEnrollment {
                principal.require_fresh(now)?;
            }
            let sso = session.sso.filter(|_| !is_elsewhere);
            let (mut half, challenge) =
                begin_half(&user, session.shown, missing, Some(tenant), false, policy, now);
            half.sso = sso;
            return Ok(Decision::commit(Changes::new().create(&half), SignedIn::Half(challenge)));
        }
        if session.is_within(&membership) {
            return Ok(Decision::done(SignedIn::Session(issuer.tokens(&session, policy, now)?)));
        }
        let session = session.moved(&membership, now);
        let tokens = issuer.tokens(&session, policy, now)?;
        let mut changes = Changes::new().replace(&session);
        if user.last_org_id != Some(org_id) {
            changes = changes.set(&user.key(), "last_org_id", &org_id);
        }
        Ok(Decision::commit(changes, SignedIn::Session(tokens)))
    };
    table.decide(cause, switch).await
}
