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
    /// The organizations that it names: several contradict each other.
    pub(crate) claims: Vec<OrgId>,
    /// What it adds to our knowledge; may be nothing.
    pub(crate) facts: Vec<Fact>,
}

impl News {
    /// Reads the event, or says why it has to be put aside. Nothing if it is of a kind that has no
    /// effect on us.
    pub(crate) fn read(event: &Event, livemode: bool) -> Result<Option<Self>, ParkReason> {
        let content = event.read();
        if matches!(content, Ok(Content::Other)) {
            return Ok(None);
        }
        if event.of_other_account {
            return Err(ParkReason::OtherAccount);
        }
        if event.livemode != livemode {
            return Err(ParkReason::WrongLivemode);
        }
        let content = content.map_err(|error| {
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
                Ok(Some(Self {
                    customer: seen.customer.clone(),
                    claims: claims([claim(&seen.metadata)]),
                    facts: vec![customer(event, &seen.customer), Fact::Subscription(seen.into(), stamp)],
                }))
            }
            Content::Invoice(change, seen) => Ok(Some(Self {
                customer: seen.customer.clone().ok_or(ParkReason::NoCustomer)?,
                claims: claims([claim(&seen.metadata), claim(&seen.subscription_metadata)]),
                facts: Invoice::seen(event.id.clone(), event.created, change, seen)
                    .map(Fact::Invoice)
                    .into_iter()
                    .collect(),
            })),
            Content::CheckoutCompleted(session) => {
                let payer = session.customer.clone().ok_or(ParkReason::NoCustomer)?;
                let facts = vec![customer(event, &payer)];
                let claims = claims([claim(&session.metadata), reference(&session)]);
                Ok(Some(Self { customer: payer, claims, facts }))
            }
            Content::Other => Ok(None),
        }
    }
}

fn customer(event: &Event, id: &CustomerId) -> Fact {
    Fact::Customer { id: id.clone(), at: event.created, event_id: event.id.clone() }
}

fn claims<const N: usize>(found: [Option<OrgId>; N]) -> Vec<OrgId> {
    let mut claims: Vec<_> = found.into_iter().flatten().collect();
    claims.dedup();
    claims
}

/// Metadata is attached with the account's secret key: by us, or by another program of the company,
/// for which the name may mean something else.
fn claim(metadata: &Metadata) -> Option<OrgId> {
    org(metadata.get(ORG_ID)?)
}

/// The reference of a Checkout session that the company made. Into the address of a Payment Link
/// anybody can put the organization of somebody else.
fn reference(session: &CheckoutSession) -> Option<OrgId> {
    let text = session.client_reference_id.as_ref()?;
    if session.from_payment_link {
        tracing::warn!("the reference of a payment link is the buyer's to choose and binds nobody");
        return None;
    }
    org(text)
}

/// What is no organization id is not meant for us, and claims nothing.
fn org(text: &str) -> Option<OrgId> {
    let id = text.parse().ok();
    if id.is_none() {
        tracing::info!("a reference at Stripe is none of ours and is passed over");
    }
    id
}
