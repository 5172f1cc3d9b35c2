use primitives::OrgId;
use stripe_client::{CheckoutSession, Content, CustomerId, Event, Metadata};

use crate::{Fact, Invoice, ParkReason, Rank, Stamp};

/// Where we attach the organization to what we create at Stripe.
const ORG_ID: &str = "org_id";

/// What an event means to us.
#[derive(Clone, Debug)]
pub(crate) struct News {
    /// Whom it is about.
    pub(crate) customer: CustomerId,
    /// The organization that it names itself.
    pub(crate) claimed_org: Option<OrgId>,
    /// What it adds to our knowledge; may be nothing.
    pub(crate) facts: Vec<Fact>,
}

impl News {
    /// Reads the event, or says why it has to be put aside.
    pub(crate) fn read(event: &Event, livemode: bool) -> Result<Self, ParkReason> {
        if event.livemode != livemode {
            return Err(ParkReason::WrongLivemode);
        }
        let content = event.read().map_err(|error| {
            tracing::error!(
                stripe_event_id = %event.id,
                stripe_event_type = event.kind,
                api_version = event.api_version,
                error = &error as &dyn std::error::Error,
                "an event from Stripe cannot be read"
            );
            ParkReason::Unreadable
        })?;
        match content {
            Content::Subscription(change, seen) => {
                let stamp = Stamp { at: event.created, rank: Rank::from(change), event_id: event.id.clone() };
                Ok(Self {
                    customer: seen.customer.clone(),
                    claimed_org: claim(&seen.metadata)?,
                    facts: vec![customer(event, &seen.customer), Fact::Subscription(seen.into(), stamp)],
                })
            }
            Content::Invoice(change, seen) => Ok(Self {
                customer: seen.customer.clone().ok_or(ParkReason::NoCustomer)?,
                claimed_org: claim(&seen.metadata)?,
                facts: Invoice::seen(event.id.clone(), event.created, change, seen)
                    .map(Fact::Invoice)
                    .into_iter()
                    .collect(),
            }),
            Content::CheckoutCompleted(session) => {
                let payer = session.customer.clone().ok_or(ParkReason::NoCustomer)?;
                let facts = vec![customer(event, &payer)];
                Ok(Self { customer: payer, claimed_org: claim_of_checkout(&session)?, facts })
            }
            Content::Other => Err(ParkReason::UnknownType),
        }
    }
}

fn customer(event: &Event, id: &CustomerId) -> Fact {
    Fact::Customer { id: id.clone(), at: event.created, event_id: event.id.clone() }
}

fn claim(metadata: &Metadata) -> Result<Option<OrgId>, ParkReason> {
    metadata.get(ORG_ID).map(|text| org(text)).transpose()
}

fn claim_of_checkout(session: &CheckoutSession) -> Result<Option<OrgId>, ParkReason> {
    let reference = session.client_reference_id.as_deref().map(org).transpose()?;
    match (reference, claim(&session.metadata)?) {
        (Some(a), Some(b)) if a != b => Err(ParkReason::OrgMismatch),
        (a, b) => Ok(a.or(b)),
    }
}

fn org(text: &str) -> Result<OrgId, ParkReason> {
    text.parse().map_err(|_| ParkReason::ForeignOrg)
}
