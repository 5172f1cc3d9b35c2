use access::staff_needs::ReadBilling;
use billing::{Month, Mrr, NoMonth};
use http_api::{
    Answer, FieldError, IntoResponse, Paged, Problem, Problems, Response, Searched, Staff, State, ToSchema,
};
use primitives::{FieldCode, OrgId, Page, Time};
use serde::{Deserialize, Serialize};
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
    added_at: Time,
}

impl From<billing::Card> for SharedFingerprint {
    fn from(card: billing::Card) -> Self {
        let holder =
            |holder: billing::Holder| CardHolder { org_id: holder.org_id, added_at: holder.since.into() };
        Self {
            fingerprint: card.card.to_string(),
            organizations: card.holders.into_iter().map(holder).collect(),
        }
    }
}

/// Cards that several organizations pay with, the latest first: where a company has trials again and again.
/// Nothing follows from it by itself, since an agency pays for its customers with one. Which organizations
/// were seen is written down. A page has 50 at most.
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
    staff: Staff<ReadBilling>,
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

/// Which months; the latest twelve where nothing is said.
#[derive(Debug, Deserialize)]
pub(crate) struct Months {
    from: Option<String>,
    to: Option<String>,
}

/// So many months are shown at once.
const MOST_MONTHS: i64 = 60;

impl Months {
    fn read(&self, now: Month) -> Result<(Month, Month), Problem> {
        let wrong = |place: &str, detail: &str| {
            Problem::invalid(vec![FieldError::new(place, FieldCode::OutOfRange, detail)])
        };
        let month = |place: &'static str, text: &Option<String>| match text {
            Some(text) => text.parse().map(Some).map_err(|error: NoMonth| wrong(place, &error.to_string())),
            None => Ok(None),
        };
        let to = month("?to", &self.to)?.unwrap_or(now).min(now);
        let from = month("?from", &self.from)?.unwrap_or_else(|| to.before(11));
        if from > to || from < to.before(MOST_MONTHS - 1) {
            return Err(wrong("?from", "1 to 60 months, the first one not behind the last one"));
        }
        Ok((from, to))
    }
}

/// What our own records say of trials and revenue.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct RevenueReport {
    /// When this was so.
    as_of: Time,
    /// The months, the first one first; in UTC.
    months: Vec<RevenueMonth>,
}

/// What happened in a month.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct RevenueMonth {
    /// Which one.
    #[schema(example = "2026-11")]
    month: String,
    /// Organizations that began to try the product.
    trials_started: u64,
    /// Organizations whose first subscription began.
    trials_converted: u64,
    /// Trials that ended without one.
    trials_ended: u64,
    /// Organizations that pay now and did not.
    subscriptions_gained: u64,
    /// Organizations that paid and do not any more.
    subscriptions_lost: u64,
    /// Monthly recurring revenue, by currency.
    mrr: Vec<RecurringRevenue>,
}

/// Monthly recurring revenue in one currency, in its smallest unit.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct RecurringRevenue {
    /// ISO 4217, lower case.
    #[schema(example = "usd")]
    currency: String,
    /// At the month's beginning.
    opening: u64,
    /// Of organizations that began to pay.
    gained: u64,
    /// Of organizations that pay more than before.
    expanded: u64,
    /// Of organizations that pay less than before.
    contracted: u64,
    /// Of organizations that ceased to pay.
    lost: u64,
    /// At the month's end, or now.
    closing: u64,
}

impl From<billing::RevenueMonth> for RevenueMonth {
    fn from(month: billing::RevenueMonth) -> Self {
        let mrr = |mrr: Mrr| {
            let Mrr { currency, opening, gained, expanded, contracted, lost, closing } = mrr;
            RecurringRevenue { currency, opening, gained, expanded, contracted, lost, closing }
        };
        Self {
            month: month.month,
            trials_started: month.trials_started,
            trials_converted: month.trials_converted,
            trials_ended: month.trials_ended,
            subscriptions_gained: month.subscriptions_gained,
            subscriptions_lost: month.subscriptions_lost,
            mrr: month.mrr.into_iter().map(mrr).collect(),
        }
    }
}

/// Trials and recurring revenue by month, as our own records have them: by list prices, without tax,
/// discounts and usage. What counts is said in the guide to billing. A month that is over does not change
/// any more.
#[utoipa::path(
    get, path = "/v1/admin/billing/revenue", tag = "Staff", operation_id = "adminGetRevenue",
    security(("access_token" = [])),
    params(
        ("from" = Option<String>, Query, description = "The first month; eleven before the last one, if left out",
            pattern = "^[0-9]{4}-[0-9]{2}$", example = "2026-01"),
        ("to" = Option<String>, Query, description = "The last month; this one, if left out",
            pattern = "^[0-9]{4}-[0-9]{2}$", example = "2026-11"),
    ),
    responses((status = 200, description = "The report", body = RevenueReport), Problems),
    extensions(
        ("x-gantry-limits" = json!(["admin"])),
        ("x-gantry-budget" = json!({"calls": 7, "read_units": 6, "write_units": 5})),
        ("x-gantry-usage" = json!({"person": 0.0001, "events": 1, "answer_bytes": 4000})),
    ),
)]
pub(crate) async fn revenue(
    State(api): State<Api>,
    staff: Staff<ReadBilling>,
    Searched(months): Searched<Months>,
) -> Result<Response, Problem> {
    let now = api.table.clock().now();
    let (from, to) = months.read(Month::of(now))?;
    let found = billing::revenue(&api.table, &staff.permit, (from, to)).await?;
    let act = Act { by: *staff.permit, operation: "adminGetRevenue" };
    let searched = Some(format!("{from} to {to}"));
    act.looked(&api.table, &staff.cause(), &Found { searched, targets: Vec::new() }).await?;
    let months = found.into_iter().map(RevenueMonth::from).collect();
    Ok(Answer::ok(&RevenueReport { as_of: now.into(), months }).into_response())
}
