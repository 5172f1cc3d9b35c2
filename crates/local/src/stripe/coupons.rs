//! Coupons, the codes that promise them, and what they take off.

use serde_json::{Value, json};

use super::StripeState;
use super::call::Call;
use super::refusal::{Answer, Refusal};
use super::values::{members, merge, next_period, number, text};

pub(super) fn create(state: &mut StripeState, call: &Call) -> Answer {
    let (percent, amount) = (call.get("percent_off"), call.get("amount_off"));
    if percent.is_null() == amount.is_null() {
        return Err(Refusal::invalid("You must pass exactly one of amount_off or percent_off."));
    }
    if !amount.is_null() {
        call.required("currency")?;
    }
    if percent.as_f64().is_some_and(|percent| percent <= 0.0 || percent > 100.0) {
        return Err(Refusal::invalid("percent_off must be above 0 and at most 100.").param("percent_off"));
    }
    let mut fields = call.except(&[]);
    if call.text("duration").is_none() {
        fields["duration"] = json!("once");
    }
    if fields["duration"] == "repeating" && call.get("duration_in_months").is_null() {
        return Err(Refusal::required("duration_in_months"));
    }
    if let Some(id) =
        call.text("id").filter(|id| state.get("coupon", id).is_some_and(|one| one["deleted"] != true))
    {
        return Err(Refusal::invalid(&format!("Coupon already exists: {id}")).code("resource_already_exists"));
    }
    let coupon = state.make("coupon", "coupon", call.now, fields);
    state.put(&coupon);
    state.emit("coupon.created", &coupon, call.now);
    Ok(coupon)
}

pub(super) fn retrieve(state: &mut StripeState, call: &Call) -> Answer {
    state.find("coupon", call.id(), "id")
}

pub(super) fn list(state: &mut StripeState, call: &Call) -> Answer {
    state.list(call, "/v1/coupons", "coupon", &[])
}

pub(super) fn delete(state: &mut StripeState, call: &Call) -> Answer {
    let coupon = state.find("coupon", call.id(), "id")?;
    let gone = json!({ "id": coupon["id"], "object": "coupon", "deleted": true });
    state.put(&gone);
    state.emit("coupon.deleted", &coupon, call.now);
    Ok(gone)
}

pub(super) fn create_promotion(state: &mut StripeState, call: &Call) -> Answer {
    let coupon = call.get("promotion")["coupon"].as_str().or_else(|| call.text("coupon"));
    let coupon =
        state.find("coupon", coupon.ok_or_else(|| Refusal::required("promotion"))?, "promotion[coupon]")?;
    let code = call.text("code").map_or_else(|| format!("LOCAL{}", state.sequence), str::to_owned);
    let same = |one: &Value| one["active"] == true && text(&one["code"]).eq_ignore_ascii_case(&code);
    if state.all("promotion_code").iter().any(|one| same(one)) {
        let message = format!("An active promotion code with `code: {code}` already exists.");
        return Err(Refusal::invalid(&message).code("resource_already_exists").param("code"));
    }
    let mut promotion =
        state.make("promo", "promotion_code", call.now, call.except(&["coupon", "promotion", "code"]));
    promotion["code"] = json!(code);
    promotion["promotion"] = json!({ "type": "coupon", "coupon": coupon["id"] });
    state.put(&promotion);
    state.emit("promotion_code.created", &promotion, call.now);
    Ok(promotion)
}

pub(super) fn update_promotion(state: &mut StripeState, call: &Call) -> Answer {
    let was = state.find("promotion_code", call.id(), "id")?;
    let mut promotion = was.clone();
    merge(&mut promotion, call.except(&[]));
    state.put(&promotion);
    state.emit_change("promotion_code.updated", &was, &promotion, call.now);
    Ok(promotion)
}

pub(super) fn retrieve_promotion(state: &mut StripeState, call: &Call) -> Answer {
    state.find("promotion_code", call.id(), "id")
}

pub(super) fn list_promotions(state: &mut StripeState, call: &Call) -> Answer {
    let coupon = call.text("coupon");
    let code = call.text("code");
    // Codes are what people type: large and small letters are the same.
    let fits = |one: &&Value| {
        code.is_none_or(|code| text(&one["code"]).eq_ignore_ascii_case(code))
            && coupon.is_none_or(|coupon| one["promotion"]["coupon"] == coupon)
            && ["active", "customer"]
                .iter()
                .all(|name| call.get(name).is_null() || one[*name] == *call.get(name))
    };
    let all: Vec<&Value> = state.all("promotion_code").into_iter().filter(fits).collect();
    super::lists::page(call, "/v1/promotion_codes", &all)
}

impl StripeState {
    /// Makes discounts of what `wanted` names: coupons or promotion codes that hold at this moment.
    pub(super) fn discounts(&mut self, wanted: &Value, owner: &Value, now: i64) -> Answer<Vec<Value>> {
        let mut discounts = Vec::new();
        for one in members(wanted) {
            let promotion = match one["promotion_code"].as_str() {
                Some(id) => Some(self.usable_promotion(id, now)?),
                None => None,
            };
            let coupon = promotion
                .as_ref()
                .map_or_else(|| text(&one["coupon"]), |own| text(&own["promotion"]["coupon"]));
            let mut coupon = self.find("coupon", &coupon, "discounts[0][coupon]")?;
            let used = number(&coupon["times_redeemed"]);
            if coupon["valid"] != true || coupon["redeem_by"].as_i64().is_some_and(|end| end < now) {
                return Err(Refusal::invalid(&format!("Coupon expired: {}", text(&coupon["id"])))
                    .code("coupon_expired"));
            }
            coupon["times_redeemed"] = json!(used + 1);
            self.put(&coupon);
            let months = coupon["duration_in_months"].as_i64().filter(|_| coupon["duration"] == "repeating");
            let end = months.map(|months| {
                next_period(now, &json!({ "interval": "month", "interval_count": months }), now)
            });
            let fields = json!({
                "source": { "type": "coupon", "coupon": coupon["id"] }, "start": now, "end": end,
                "promotion_code": promotion.as_ref().map(|own| own["id"].clone()),
                "customer": owner["customer"], "subscription": owner["id"],
            });
            let discount = self.make("di", "discount", now, fields);
            self.put(&discount);
            discounts.push(discount["id"].clone());
            if let Some(mut promotion) = promotion {
                promotion["times_redeemed"] = json!(number(&promotion["times_redeemed"]) + 1);
                self.put(&promotion);
            }
        }
        Ok(discounts)
    }

    /// A promotion code that may be used now.
    pub(super) fn usable_promotion(&self, id: &str, now: i64) -> Answer {
        let promotion = self.find("promotion_code", id, "discounts[0][promotion_code]")?;
        let limit = promotion["max_redemptions"].as_i64();
        let is_over = promotion["active"] != true
            || promotion["expires_at"].as_i64().is_some_and(|end| end < now)
            || limit.is_some_and(|limit| number(&promotion["times_redeemed"]) >= limit);
        if is_over {
            let message = "This promotion code cannot be redeemed because it is no longer active.";
            return Err(Refusal::invalid(message)
                .code("coupon_expired")
                .param("discounts[0][promotion_code]"));
        }
        Ok(promotion)
    }

    /// What the discounts of a subscription take off an amount, each with its part.
    pub(super) fn taken_off(&self, discounts: &Value, amount: i64, now: i64) -> Vec<(Value, i64)> {
        let mut rest = amount;
        let mut parts = Vec::new();
        for id in members(discounts).iter().filter_map(Value::as_str) {
            let Some(discount) = self.get("discount", id) else { continue };
            let is_over = discount["end"].as_i64().is_some_and(|end| end <= now) || discount["_used"] == true;
            let coupon = discount["source"]["coupon"].as_str().and_then(|id| self.get("coupon", id));
            let Some(coupon) = coupon.filter(|_| !is_over && rest > 0) else { continue };
            let part =
                coupon["amount_off"].as_i64().unwrap_or_else(|| percent(&coupon["percent_off"], amount));
            let part = part.min(rest);
            rest -= part;
            parts.push((discount["id"].clone(), part));
        }
        parts
    }
}

/// Percents have two decimals at most.
fn percent(percent: &Value, amount: i64) -> i64 {
    #[expect(clippy::cast_possible_truncation, reason = "at most 10,000 hundredths of a percent")]
    let hundredths = (percent.as_f64().unwrap_or_default() * 100.0).round() as i64;
    (amount * hundredths + 5_000) / 10_000
}
