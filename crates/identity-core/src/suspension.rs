//! The events of a person whom our staff lets in no more.

use primitives::UserId;

events::events! {
    /// Our staff lets a person in no more. All sessions have ended.
    "user.suspended" UserSuspended Internal {
        /// The person.
        user_id: UserId = "usr_01kar8h5g0e0vsx4q1v3f6m2ah",
    }
    /// A person whom our staff had suspended may come in again.
    "user.unsuspended" UserUnsuspended Internal {
        /// The person.
        user_id: UserId = "usr_01kar8h5g0e0vsx4q1v3f6m2ah",
    }
}
