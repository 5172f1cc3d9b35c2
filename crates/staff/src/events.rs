//! The events of staff: who they are, and what they look at and do.

use access::StaffRole;
use primitives::UserId;
use serde_json::json;

events::events! {
    /// Somebody of our staff looked at people or organizations. It is written down before they see anything.
    "staff.looked" StaffLooked Internal {
        /// Who.
        staff_user_id: UserId = "usr_01kar8h5g0e0vsx4q1v3f6m2ah",
        /// By which operation of the API.
        operation: String = "adminListPeople",
        /// What they looked for.
        searched: Option<String> = "ada@example.com",
        /// The ids of the people or organizations that they saw.
        targets: Vec<String> = json!(["usr_01kar8h5g0e0vsx4q1v3f6m2aj"]),
    }
    /// Somebody of our staff did something to a person or an organization. What came of it is in events of
    /// its own; there are none where it was so already.
    "staff.acted" StaffActed Internal {
        /// Who; null where somebody did it by a command of the deployment.
        staff_user_id: Option<UserId> = "usr_01kar8h5g0e0vsx4q1v3f6m2ah",
        /// By which operation of the API, or which command.
        operation: String = "adminSuspendPerson",
        /// The id of the person or the organization.
        target: String = "usr_01kar8h5g0e0vsx4q1v3f6m2aj",
        /// Why.
        reason: String = "the card that pays is stolen",
        /// Where more is said about it.
        ticket: Option<String> = "SUP-1234",
        /// Whether something was changed.
        changed: bool = true,
    }
    /// A person became one of our staff.
    "staff_member.added" StaffMemberAdded Internal {
        /// The person.
        user_id: UserId = "usr_01kar8h5g0e0vsx4q1v3f6m2aj",
        /// What the person is.
        role: StaffRole = "support",
    }
    /// One of our staff is something else from now on.
    "staff_member.updated" StaffMemberUpdated Internal {
        /// The person.
        user_id: UserId = "usr_01kar8h5g0e0vsx4q1v3f6m2aj",
        /// What the person is.
        role: StaffRole = "operator",
    }
    /// A person is one of our staff no more.
    "staff_member.removed" StaffMemberRemoved Internal {
        /// The person.
        user_id: UserId = "usr_01kar8h5g0e0vsx4q1v3f6m2aj",
    }
}
