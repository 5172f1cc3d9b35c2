use access::{Always, Full, needs::WriteUsage};
use http_api::{
    Answer, Command, IntoResponse, Limiter, MemberOrKey, PathParameter, Problem, Problems, Repeatable,
    Response, State, StatusCode, ToSchema,
};
use primitives::{ReservationId, SignedDuration, Text, json};
use serde::Deserialize;
use usage::{api::Reservation, limits::ingest};

use crate::{Api, refused};

/// What to set aside.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct CreateReservation {
    /// Of what, by the meter's name: one that counts or adds up.
    #[schema(inline)]
    meter: Text<1, 64>,
    /// How much of it: 1 to 10,000,000,000.
    #[schema(minimum = 1, maximum = 10_000_000_000_u64)]
    #[serde(deserialize_with = "json::whole")]
    amount: u64,
    /// For how many seconds: 10 to 86,400; 300 where nothing is said.
    #[schema(minimum = 10, maximum = 86_400)]
    #[serde(default = "usually", deserialize_with = "json::whole")]
    expires_in: u32,
}

/// So long where nothing is said.
fn usually() -> u32 {
    300
}

/// Sets an amount of a quota aside, before it is used: what is begun then can be finished, however many
/// others begin. Settle or release it in time; half a minute before its end whoever uses it stops.
#[utoipa::path(
    post, path = "/v1/usage/reservations", tag = "Usage", operation_id = "createReservation",
    security(("access_token" = []), ("api_key" = [])), request_body = CreateReservation,
    responses((status = 201, description = "It is set aside", body = Reservation, headers(("Location"))), Problems),
    extensions(
        ("x-gantry-codes" = json!(["conflict", "quota_exceeded", "rate_limited", "too_many_at_once"])),
        ("x-gantry-limits" = json!(["ingest"])),
        ("x-gantry-budget" = json!({"calls": 6, "read_units": 12, "write_units": 12})),
        ("x-gantry-usage" = json!({"organization": 100, "events": 0, "answer_bytes": 250})),
    ),
)]
pub(crate) async fn create(
    State(api): State<Api>,
    member: MemberOrKey<WriteUsage, Full>,
    limiter: Limiter,
    command: Repeatable<CreateReservation>,
) -> Result<Response, Problem> {
    let (table, scope) = (api.table.clone(), member.asker().scope());
    let make = |CreateReservation { meter, amount, expires_in }, keep| async move {
        limiter.take(&ingest(), &member.permit.tenant().to_string()).await?;
        let lasts = SignedDuration::from_secs(expires_in.into());
        let what = (meter.as_str(), amount, lasts);
        let made = usage::reserve(&api.table, &member.cause(), &keep, &member.permit, what).await;
        made.map_err(|error| refused("/meter", error))
    };
    command.once(&table, &scope, created, make).await
}

fn created(reservation: &usage::Reservation) -> Answer {
    let at = format!("/v1/usage/reservations/{}", reservation.reservation_id);
    Answer::new(StatusCode::CREATED, &reservation.as_created()).at(at)
}

/// How much was used.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct SettleReservation {
    /// How much of what was set aside: 0 to all of it.
    #[schema(minimum = 0, maximum = 10_000_000_000_u64)]
    #[serde(deserialize_with = "json::whole")]
    amount: u64,
}

/// Says how much was used of what was set aside: that is counted, and the rest is free again. The same again
/// finds it done.
#[utoipa::path(
    post, path = "/v1/usage/reservations/{reservation_id}/settle", tag = "Usage", operation_id = "settleReservation",
    security(("access_token" = []), ("api_key" = [])), request_body = SettleReservation,
    params(("reservation_id" = ReservationId, Path, description = "The reservation")),
    responses((status = 200, description = "It is settled", body = Reservation), Problems),
    extensions(
        ("x-gantry-codes" = json!(["conflict", "no_organization", "not_found", "reservation_closed", "reservation_expired"])),
        ("x-gantry-budget" = json!({"calls": 4, "read_units": 14, "write_units": 16})),
        ("x-gantry-usage" = json!({"organization": 90, "events": 0, "answer_bytes": 250})),
    ),
)]
pub(crate) async fn settle(
    State(api): State<Api>,
    member: MemberOrKey<WriteUsage, Always>,
    PathParameter(id): PathParameter<ReservationId>,
    Command { input: SettleReservation { amount } }: Command<SettleReservation>,
) -> Result<Response, Problem> {
    let settled = usage::settle(&api.table, &member.cause(), &member.permit, (id, amount)).await;
    let settled = settled.map_err(|error| refused("/amount", error))?;
    Ok(Answer::ok(&settled.shown(api.table.clock().now())).into_response())
}

/// Gives back all that was set aside. The same again finds it done, and so does one that has expired.
#[utoipa::path(
    post, path = "/v1/usage/reservations/{reservation_id}/release", tag = "Usage", operation_id = "releaseReservation",
    security(("access_token" = []), ("api_key" = [])),
    params(("reservation_id" = ReservationId, Path, description = "The reservation")),
    responses((status = 200, description = "It is released", body = Reservation), Problems),
    extensions(
        ("x-gantry-codes" = json!(["conflict", "no_organization", "not_found", "reservation_closed"])),
        ("x-gantry-budget" = json!({"calls": 3, "read_units": 5, "write_units": 8})),
        ("x-gantry-usage" = json!({"organization": 10, "events": 0, "answer_bytes": 250})),
    ),
)]
pub(crate) async fn release(
    State(api): State<Api>,
    member: MemberOrKey<WriteUsage, Always>,
    PathParameter(id): PathParameter<ReservationId>,
) -> Result<Response, Problem> {
    let released = usage::release(&api.table, &member.cause(), &member.permit, id).await;
    let released = released.map_err(|error| refused("", error))?;
    Ok(Answer::ok(&released.shown(api.table.clock().now())).into_response())
}
