use std::net::IpAddr;

use events::ActorRef;

/// Who and what causes a change: stamped on every event and audit row.
#[derive(Clone, Debug, PartialEq)]
pub struct Cause {
    pub actor: ActorRef,
    /// Names the request, from the edge to the last consumer.
    pub correlation_id: String,
    /// The client's address, where there is a client.
    pub ip: Option<IpAddr>,
    /// The country that the client's address is in, where a CDN says so: two letters of ISO 3166.
    pub country: Option<String>,
    /// The client's `User-Agent`, shortened.
    pub user_agent: Option<String>,
}

impl Cause {
    /// One of our own functions, in the course of what `correlation_id` names.
    pub fn system(name: impl Into<String>, correlation_id: impl Into<String>) -> Self {
        let actor = ActorRef::System(name.into());
        Self { actor, correlation_id: correlation_id.into(), ip: None, country: None, user_agent: None }
    }
}
