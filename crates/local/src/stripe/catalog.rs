//! Products and prices.

use serde_json::{Value, json};

use super::StripeState;
use super::call::Call;
use super::refusal::{Answer, Refusal};
use super::values::{members, merge, text};

/// Amount of a price that nobody made and no plan has, cents.
const AMOUNT: u32 = 3_900;

impl StripeState {
    /// Offers the plans of this product, as an account does that was set up for it.
    pub(super) fn offer_plans(&mut self, now: i64) {
        if self.objects.contains_key("price") {
            return;
        }
        for plan in access::PLANS {
            let product = self.offer_product(plan.id, plan.name, now);
            for price in plan.prices {
                self.offer_price(&product, price.lookup_key, price.unit_amount, now);
            }
        }
        self.save_portal(now);
    }

    /// The price of a lookup key; where nobody made one, it is there all the same.
    pub(super) fn price_of(&mut self, lookup_key: &str, now: i64) -> String {
        if let Some(price) = self.all("price").into_iter().find(|one| one["lookup_key"] == lookup_key) {
            return text(&price["id"]);
        }
        let product = self.offer_product(lookup_key, lookup_key, now);
        self.offer_price(&product, lookup_key, AMOUNT, now)
    }

    fn offer_product(&mut self, id: &str, name: &str, now: i64) -> String {
        let id = format!("prod_local_{id}");
        let product = self.make("prod", "product", now, json!({ "id": id, "name": name, "updated": now }));
        self.put(&product);
        id
    }

    fn offer_price(&mut self, product: &str, lookup_key: &str, amount: u32, now: i64) -> String {
        let id = format!("price_local_{lookup_key}");
        let recurring = json!({
            "interval": if lookup_key.ends_with("_year") { "year" } else { "month" }, "interval_count": 1,
            "meter": null, "usage_type": "licensed", "trial_period_days": null,
        });
        let price = json!({
            "id": id, "lookup_key": lookup_key, "product": product, "recurring": recurring,
            "unit_amount": amount, "unit_amount_decimal": amount.to_string(), "tax_behavior": "exclusive",
        });
        let price = self.make("price", "price", now, price);
        self.put(&price);
        id
    }
}

pub(super) fn create_product(state: &mut StripeState, call: &Call) -> Answer {
    call.required("name")?;
    if let Some(id) = call.text("id").filter(|id| state.get("product", id).is_some()) {
        return Err(Refusal::invalid("Product already exists.").code("resource_already_exists").param(id));
    }
    let mut product = state.make("prod", "product", call.now, call.except(&[]));
    product["updated"] = json!(call.now);
    state.put(&product);
    state.emit("product.created", &product, call.now);
    Ok(product)
}

pub(super) fn update_product(state: &mut StripeState, call: &Call) -> Answer {
    let was = state.find("product", call.id(), "id")?;
    let mut product = was.clone();
    merge(&mut product, call.except(&[]));
    product["updated"] = json!(call.now);
    state.put(&product);
    state.emit_change("product.updated", &was, &product, call.now);
    Ok(product)
}

pub(super) fn retrieve_product(state: &mut StripeState, call: &Call) -> Answer {
    state.find("product", call.id(), "id")
}

pub(super) fn delete_product(state: &mut StripeState, call: &Call) -> Answer {
    let product = state.find("product", call.id(), "id")?;
    if state.all("price").iter().any(|price| price["product"] == product["id"]) {
        return Err(Refusal::invalid("This product cannot be deleted because it has one or more prices."));
    }
    let gone = json!({ "id": product["id"], "object": "product", "deleted": true });
    state.put(&gone);
    state.emit("product.deleted", &product, call.now);
    Ok(gone)
}

pub(super) fn list_products(state: &mut StripeState, call: &Call) -> Answer {
    let ids = call.get("ids");
    if ids.is_null() {
        return state.list(call, "/v1/products", "product", &["active"]);
    }
    let named: Vec<&Value> =
        state.all("product").into_iter().filter(|product| members(ids).contains(&product["id"])).collect();
    super::lists::page(call, "/v1/products", &named)
}

pub(super) fn search_products(state: &mut StripeState, call: &Call) -> Answer {
    state.search(call, "/v1/products/search", "product")
}

pub(super) fn create_price(state: &mut StripeState, call: &Call) -> Answer {
    let currency = call.required("currency")?.to_owned();
    check_lookup_key(state, call, None)?;
    let product = match call.text("product") {
        Some(id) => text(&state.find("product", id, "product")?["id"]),
        None if call.get("product_data")["name"].is_string() => {
            let fields = call.get("product_data").clone();
            let product = state.make("prod", "product", call.now, fields);
            state.put(&product);
            state.emit("product.created", &product, call.now);
            text(&product["id"])
        }
        None => return Err(Refusal::required("product")),
    };
    let exact = call.text("unit_amount_decimal").map(str::to_owned);
    let amount = call.get("unit_amount").as_i64().or_else(|| exact.as_deref()?.parse().ok());
    if amount.is_none() && exact.is_none() && call.text("billing_scheme") != Some("tiered") {
        return Err(Refusal::required("unit_amount"));
    }
    let mut price =
        state.make("price", "price", call.now, call.except(&["product_data", "transfer_lookup_key"]));
    price["product"] = json!(product);
    price["currency"] = json!(currency.to_lowercase());
    price["unit_amount"] = json!(amount);
    price["unit_amount_decimal"] = json!(exact.or_else(|| amount.map(|amount| amount.to_string())));
    price["type"] = json!(if price["recurring"].is_object() { "recurring" } else { "one_time" });
    if price["recurring"].is_object() {
        let mut recurring = json!({
            "interval": "month", "interval_count": 1, "meter": null, "usage_type": "licensed",
            "trial_period_days": null,
        });
        merge(&mut recurring, price["recurring"].take());
        price["recurring"] = recurring;
    }
    take_lookup_key(state, call, &price);
    state.put(&price);
    state.emit("price.created", &price, call.now);
    Ok(price)
}

/// One price of a lookup key at a time: a new one takes it only when it says so.
fn check_lookup_key(state: &StripeState, call: &Call, own: Option<&str>) -> Answer<()> {
    let Some(key) = call.text("lookup_key").filter(|_| !call.flag("transfer_lookup_key")) else {
        return Ok(());
    };
    let holder = state.all("price").into_iter().find(|price| price["lookup_key"] == key);
    match holder {
        Some(price) if own.is_none_or(|own| price["id"] != own) => {
            let message = format!("A price (`{}`) already uses that lookup key.", text(&price["id"]));
            Err(Refusal::invalid(&message).code("resource_already_exists").param("lookup_key"))
        }
        _ => Ok(()),
    }
}

fn take_lookup_key(state: &mut StripeState, call: &Call, new: &Value) {
    let Some(key) = call.text("lookup_key") else { return };
    let holders: Vec<Value> = state
        .all("price")
        .into_iter()
        .filter(|price| price["lookup_key"] == key && price["id"] != new["id"])
        .cloned()
        .collect();
    for was in holders {
        let mut price = was.clone();
        price["lookup_key"] = Value::Null;
        state.put(&price);
        state.emit_change("price.updated", &was, &price, call.now);
    }
}

pub(super) fn update_price(state: &mut StripeState, call: &Call) -> Answer {
    let was = state.find("price", call.id(), "id")?;
    check_lookup_key(state, call, Some(call.id()))?;
    let mut price = was.clone();
    merge(&mut price, call.except(&["transfer_lookup_key"]));
    take_lookup_key(state, call, &price);
    state.put(&price);
    state.emit_change("price.updated", &was, &price, call.now);
    Ok(price)
}

pub(super) fn retrieve_price(state: &mut StripeState, call: &Call) -> Answer {
    state.find("price", call.id(), "id")
}

pub(super) fn list_prices(state: &mut StripeState, call: &Call) -> Answer {
    let keys = members(call.get("lookup_keys"));
    let recurring = call.get("recurring").as_object().cloned().unwrap_or_default();
    let fits = |price: &&Value| {
        ["active", "product", "type", "currency"].iter().all(|name| {
            let wanted = call.get(name);
            wanted.is_null() || price[*name] == *wanted
        }) && (keys.is_empty() || keys.contains(&price["lookup_key"]))
            && recurring.iter().all(|(name, value)| price["recurring"][name] == *value)
    };
    let all: Vec<&Value> = state.all("price").into_iter().filter(fits).collect();
    super::lists::page(call, "/v1/prices", &all)
}

pub(super) fn search_prices(state: &mut StripeState, call: &Call) -> Answer {
    state.search(call, "/v1/prices/search", "price")
}
