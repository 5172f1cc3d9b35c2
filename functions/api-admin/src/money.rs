use access::staff_needs::ReadRevenue;
use http_api::{Answer, IntoResponse, Paged, Problem, Problems, Response, Staff, State, ToSchema};
use primitives::{OrgId, Page, Time};
use serde::Serialize;
use staff::{Act, Found};

use crate::Api;

/// A card that several organizations pay with.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct SharedFingerprint {
    /// What stands for the card: a hash of Stripe's fingerprint of its number.
    fingerprint: String,
    /// Who has it, the first one first; the first twenty.
    organizations: Vec<CardHolder>,
}

/// That an organization has a card.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct CardHolder {
    /// The organization.
    org_id: OrgId,
    /// Since when.
    since: Time,
}

impl From<billing::Card> for SharedFingerprint {
    fn from(card: billing::Card) -> Self {
        let holder =
            |holder: billing::Holder| CardHolder { org_id: holder.org_id, since: holder.since.into() };
        Self {
            fingerprint: card.card.to_string(),
            organizations: card.holders.into_iter().map(holder).collect(),
        }
    }
}

/// Cards that several organizations pay with, the latest first: where a company has trials again and again.
/// Nothing follows from it by itself, since an agency pays for its customers with one. Which organizations were
/// seen is written down. A page has 50 at most.
#[utoipa::path(
    get, path = "/v1/admin/billing/shared-fingerprints", tag = "Staff",
    operation_id = "adminListSharedFingerprints",
    security(("access_token" = [])),
    params(Paged),
    responses((status = 200, description = "A page of cards", body = Page<SharedFingerprint>), Problems),
    extensions(
        ("x-gantry-limits" = json!(["admin"])),
        ("x-gantry-budget" = json!({"calls": 5, "read_units": 6, "write_units": 5})),
        ("x-gantry-usage" = json!({"person": 0.0001, "events": 1, "answer_bytes": 2000})),
    ),
)]
pub(crate) async fn shared_fingerprints(
    State(api): State<Api>,
    staff: Staff<ReadRevenue>,
    Paged { limit, cursor }: Paged,
) -> Result<Response, Problem> {
    let (table, cursors) = (&api.table, &*api.cursors);
    let page = billing::shared_cards(table, cursors, &staff.permit, limit, cursor.as_deref()).await?;
    let holders = page.items.iter().flat_map(|card| &card.holders);
    let targets = holders.map(|holder| holder.org_id.to_string()).collect();
    let act = Act { by: *staff.permit, operation: "adminListSharedFingerprints" };
    act.looked(table, &staff.cause(), &Found { searched: None, targets }).await?;
    Ok(Answer::ok(&page.map(SharedFingerprint::from)).into_response())
}
