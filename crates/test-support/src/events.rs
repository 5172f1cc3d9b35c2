//! Events that tests of the outbox publish: no domain has them.

use primitives::UserId;

events::events! {
    /// A counter counted.
    "counter.changed" CounterChanged Internal {
        /// How far it is.
        count: u32 = 1,
    }
    /// Somebody came.
    "somebody.joined" SomebodyJoined Internal {
        /// Who.
        user_id: UserId = "usr_01kar8h5g0e0vsx4q1v3f6m2ah",
    }
}
