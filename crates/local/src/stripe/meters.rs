//! Meters, and the usage that is told of.

use serde_json::{Value, json};

use super::StripeState;
use super::call::Call;
use super::refusal::{Answer, Refusal};
use super::values::{merge, text};

/// How far back usage may lie, and how far ahead a clock may be.
const DAY: i64 = 86_400;
const LATEST: i64 = 35 * DAY;
const AHEAD: i64 = 300;
/// For so long an identifier is known.
const KNOWN_FOR: i64 = DAY;

pub(super) fn create(state: &mut StripeState, call: &Call) -> Answer {
    call.required("display_name")?;
    let name = call.required("event_name")?;
    if call.get("default_aggregation")["formula"].is_null() {
        return Err(Refusal::required("default_aggregation"));
    }
    if state.all("billing.meter").iter().any(|one| one["event_name"] == name && one["status"] == "active") {
        let message = format!("An active meter already exists for event name {name}.");
        return Err(Refusal::invalid(&message).code("resource_already_exists").param("event_name"));
    }
    let mut fields = json!({
        "customer_mapping": { "event_payload_key": "stripe_customer_id", "type": "by_id" },
        "value_settings": { "event_payload_key": "value" }, "updated": call.now, "status": "active",
    });
    merge(&mut fields, call.except(&[]));
    let meter = state.make("mtr", "billing.meter", call.now, fields);
    state.put(&meter);
    state.emit("billing.meter.created", &meter, call.now);
    Ok(meter)
}

pub(super) fn retrieve(state: &mut StripeState, call: &Call) -> Answer {
    state.find("billing.meter", call.id(), "id")
}

pub(super) fn update(state: &mut StripeState, call: &Call) -> Answer {
    let was = state.find("billing.meter", call.id(), "id")?;
    let mut meter = was.clone();
    merge(&mut meter, call.except(&[]));
    state.put(&meter);
    state.emit_change("billing.meter.updated", &was, &meter, call.now);
    Ok(meter)
}

/// It takes no more events, and its name is free.
pub(super) fn deactivate(state: &mut StripeState, call: &Call) -> Answer {
    let was = state.find("billing.meter", call.id(), "id")?;
    let mut meter = was.clone();
    meter["status"] = json!("inactive");
    meter["status_transitions"]["deactivated_at"] = json!(call.now);
    state.put(&meter);
    state.emit_change("billing.meter.deactivated", &was, &meter, call.now);
    Ok(meter)
}

pub(super) fn list(state: &mut StripeState, call: &Call) -> Answer {
    state.list(call, "/v1/billing/meters", "billing.meter", &["status"])
}

/// Usage, once for each identifier: one that was told within a day is refused.
pub(super) fn create_event(state: &mut StripeState, call: &Call) -> Answer {
    let name = call.required("event_name")?;
    let payload = call.get("payload");
    let meter = state
        .all("billing.meter")
        .into_iter()
        .find(|one| one["event_name"] == name && one["status"] == "active");
    let Some(meter) = meter else {
        let message = format!("No active meter found for event name {name}.");
        return Err(Refusal::invalid(&message).code("resource_missing").param("event_name"));
    };
    let key = |field: &str| text(&meter[field]["event_payload_key"]);
    let (customer, value) = (text(&payload[key("customer_mapping")]), text(&payload[key("value_settings")]));
    if customer.is_empty() {
        return Err(Refusal::required(&format!("payload[{}]", key("customer_mapping"))));
    }
    if meter["default_aggregation"]["formula"] != "count" && value.parse::<f64>().is_err() {
        let message = format!("Invalid value: {value}");
        return Err(Refusal::invalid(&message).param(&format!("payload[{}]", key("value_settings"))));
    }
    state.find("customer", &customer, "payload[stripe_customer_id]")?;
    let at = call.get("timestamp").as_i64().unwrap_or(call.now);
    if at < call.now - LATEST || at > call.now + AHEAD {
        let message =
            "The timestamp must be within the past 35 calendar days or up to 5 minutes in the future.";
        return Err(Refusal::invalid(message).code("timestamp_invalid").param("timestamp"));
    }
    let identifier = call.text("identifier").map_or_else(|| state.id("mte"), str::to_owned);
    let known = state.get("billing.meter_event", &identifier);
    if known.is_some_and(|known| known["created"].as_i64().is_some_and(|at| at > call.now - KNOWN_FOR)) {
        let message = format!("An event already exists with identifier {identifier}.");
        return Err(Refusal::invalid(&message).code("resource_already_exists").param("identifier"));
    }
    let fields = json!({
        "event_name": name, "identifier": identifier, "payload": payload, "timestamp": at,
        // what it is kept by; Stripe's have no id of their own
        "id": identifier, "_customer": customer, "_value": value,
    });
    let mut event = state.make("mte", "billing.meter_event", call.now, fields);
    state.put(&event);
    if let Some(event) = event.as_object_mut() {
        event.remove("id");
    }
    Ok(event)
}

impl StripeState {
    /// The usage of a customer by a meter, from `start` until before `end`.
    pub(super) fn usage(&self, meter: &Value, customer: &str, start: i64, end: i64) -> f64 {
        let mut own: Vec<&Value> = self
            .all("billing.meter_event")
            .into_iter()
            .filter(|one| one["event_name"] == meter["event_name"] && one["_customer"] == customer)
            .filter(|one| one["timestamp"].as_i64().is_some_and(|at| at >= start && at < end))
            .collect();
        let value = |one: &Value| text(&one["_value"]).parse::<f64>().unwrap_or_default();
        match meter["default_aggregation"]["formula"].as_str() {
            Some("count") => own.iter().map(|_| 1.0).sum(),
            Some("last") => {
                own.sort_by_key(|one| one["timestamp"].as_i64());
                own.last().map(|one| value(one)).unwrap_or_default()
            }
            _ => own.into_iter().map(value).sum(),
        }
    }
}

/// The usage of a customer in a time; in one piece, or by hour or day.
pub(super) fn summaries(state: &mut StripeState, call: &Call) -> Answer {
    let meter = state.find("billing.meter", call.id(), "id")?;
    let customer = call.required("customer")?;
    let bound = |name: &str| call.get(name).as_i64().ok_or_else(|| Refusal::required(name));
    let (start, end) = (bound("start_time")?, bound("end_time")?);
    let step = match call.text("value_grouping_window") {
        Some("hour") => 3_600,
        Some(_) => DAY,
        None => (end - start).max(1),
    };
    let mut found = Vec::new();
    let mut from = start;
    while from < end {
        let until = (from + step).min(end);
        let value = state.usage(&meter, customer, from, until);
        if value != 0.0 || call.text("value_grouping_window").is_none() {
            let id = format!("mtrusg_{from}");
            found.push(json!({
                "id": id, "object": "billing.meter_event_summary", "livemode": false, "meter": meter["id"],
                "aggregated_value": value, "start_time": from, "end_time": until,
            }));
        }
        from = until;
    }
    found.reverse();
    let url = format!("/v1/billing/meters/{}/event_summaries", call.id());
    super::lists::page(call, &url, &found.iter().collect::<Vec<_>>())
}
