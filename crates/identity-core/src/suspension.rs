//! The events of a person whom our staff lets in no more, or in whose name it acts.

use access::ImpersonationMode;
use primitives::{ImpersonationId, Timestamp, UserId};

events::events! {
    /// Our staff lets a person in no more. All sessions have ended.
    "user.suspended" UserSuspended Internal {
        /// The person.
        user_id: UserId = "usr_01kar8h5g0e0vsx4q1v3f6m2ah",
    }
    /// Somebody of our staff acts in the name of a member from now on.
    "impersonation.started" ImpersonationStarted Public {
        /// The impersonation.
        impersonation_id: ImpersonationId = "imp_01kar8h5g0e0vsx4q1v3f6m2ah",
        /// In whose name.
        user_id: UserId = "usr_01kar8h5g0e0vsx4q1v3f6m2ah",
        /// Who.
        staff_user_id: UserId = "usr_01kar8h5g0e0vsx4q1v3f6m2aj",
        /// To do what.
        mode: ImpersonationMode = "read",
        /// When it ends at the latest.
        #[schemars(with = "String")]
        expires_at: Timestamp = "2026-11-23T11:00:00Z",
    }
    /// Somebody of our staff acts in the name of a member no more, before the time was over.
    "impersonation.ended" ImpersonationEnded Public {
        /// The impersonation.
        impersonation_id: ImpersonationId = "imp_01kar8h5g0e0vsx4q1v3f6m2ah",
        /// In whose name.
        user_id: UserId = "usr_01kar8h5g0e0vsx4q1v3f6m2ah",
        /// Who.
        staff_user_id: UserId = "usr_01kar8h5g0e0vsx4q1v3f6m2aj",
    }
    /// A person whom our staff had suspended may come in again.
    "user.unsuspended" UserUnsuspended Internal {
        /// The person.
        user_id: UserId = "usr_01kar8h5g0e0vsx4q1v3f6m2ah",
    }
}
