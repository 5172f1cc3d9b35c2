//! Customers and their tax ids.

use serde_json::{Value, json};

use super::StripeState;
use super::call::Call;
use super::refusal::{Answer, Refusal};
use super::values::{merge, text};

pub(super) fn create(state: &mut StripeState, call: &Call) -> Answer {
    check_email(call)?;
    let mut customer = state.make("cus", "customer", call.now, json!({}));
    fill(&mut customer, call);
    if let Some(method) = call.text("payment_method") {
        let method = state.attach(method, &text(&customer["id"]), call.now)?;
        if !call.get("invoice_settings")["default_payment_method"].is_null() {
            customer["invoice_settings"]["default_payment_method"] = method["id"].clone();
        }
    }
    state.put(&customer);
    state.emit("customer.created", &customer, call.now);
    Ok(customer)
}

pub(super) fn retrieve(state: &mut StripeState, call: &Call) -> Answer {
    // One that is deleted says so, and nothing else any more.
    state.get("customer", call.id()).cloned().ok_or_else(|| Refusal::missing("customer", call.id(), "id"))
}

pub(super) fn update(state: &mut StripeState, call: &Call) -> Answer {
    check_email(call)?;
    let was = state.find("customer", call.id(), "id")?;
    let wanted = call.get("invoice_settings")["default_payment_method"].as_str();
    if let Some(method) = wanted {
        let found = state.find("payment_method", method, "invoice_settings[default_payment_method]")?;
        if found["customer"] != was["id"] {
            let message = "The customer does not have a payment method with the ID provided. It must be attached first.";
            return Err(Refusal::invalid(&format!("{message} ({method})"))
                .code("resource_missing")
                .param("invoice_settings[default_payment_method]"));
        }
    }
    let mut customer = was.clone();
    fill(&mut customer, call);
    state.put(&customer);
    state.emit_change("customer.updated", &was, &customer, call.now);
    Ok(customer)
}

fn fill(customer: &mut Value, call: &Call) {
    // An address comes as a whole: what it does not name is empty.
    if call.get("address").is_object() {
        customer["address"] = json!({ "city": null, "country": null, "line1": null, "line2": null, "postal_code": null, "state": null });
    }
    merge(customer, call.except(&["payment_method", "tax", "tax_id_data"]));
}

fn check_email(call: &Call) -> Answer<()> {
    match call.text("email") {
        Some(email) if !email.contains('@') => {
            let message = format!("Invalid email address: {email}");
            Err(Refusal::invalid(&message).code("email_invalid").param("email"))
        }
        _ => Ok(()),
    }
}

/// Ends the customer's subscriptions at once. Invoices and payments stay.
pub(super) fn delete(state: &mut StripeState, call: &Call) -> Answer {
    let customer = state.find("customer", call.id(), "id")?;
    let live: Vec<String> = state.live_subscriptions(call.id()).iter().map(|one| text(&one["id"])).collect();
    for subscription in live {
        state.end_subscription(&subscription, Some("cancellation_requested"), call.now);
    }
    let gone = json!({ "id": customer["id"], "object": "customer", "deleted": true });
    state.put(&gone);
    state.emit("customer.deleted", &customer, call.now);
    Ok(gone)
}

pub(super) fn list(state: &mut StripeState, call: &Call) -> Answer {
    state.list(call, "/v1/customers", "customer", &["email"])
}

pub(super) fn search(state: &mut StripeState, call: &Call) -> Answer {
    state.search(call, "/v1/customers/search", "customer")
}

/// Letters of the country and digits after it, as far as it can be said without asking the country.
/// (<https://docs.stripe.com/billing/customer/tax-ids#supported-tax-id>)
fn is_tax_id(kind: &str, value: &str) -> Option<bool> {
    let compact: String =
        value.chars().filter(char::is_ascii_alphanumeric).collect::<String>().to_uppercase();
    let digits = |text: &str, lengths: &[usize]| {
        lengths.contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit())
    };
    let after = |prefix: &str, lengths: &[usize]| {
        compact.strip_prefix(prefix).is_some_and(|rest| digits(rest, lengths))
    };
    Some(match kind {
        "eu_vat" => {
            const COUNTRIES: &[&str] = &[
                "AT", "BE", "BG", "CY", "CZ", "DE", "DK", "EE", "EL", "ES", "FI", "FR", "HR", "HU", "IE",
                "IT", "LT", "LU", "LV", "MT", "NL", "PL", "PT", "RO", "SE", "SI", "SK", "XI",
            ];
            let (country, rest) = compact.split_at_checked(2)?;
            let general = (8..=12).contains(&rest.len()) && rest.bytes().any(|byte| byte.is_ascii_digit());
            match country {
                "DE" => digits(rest, &[9]),
                "AT" => rest.strip_prefix('U').is_some_and(|rest| digits(rest, &[8])),
                "IT" => digits(rest, &[11]),
                "PL" => digits(rest, &[10]),
                _ => COUNTRIES.contains(&country) && general,
            }
        }
        "gb_vat" => after("GB", &[9, 12]),
        "ch_vat" => {
            let number = compact.strip_prefix("CHE");
            let ending = ["MWST", "TVA", "IVA"];
            number.is_some_and(|rest| {
                let rest = ending.iter().find_map(|ending| rest.strip_suffix(ending)).unwrap_or(rest);
                digits(rest, &[9])
            })
        }
        "ch_uid" => after("CHE", &[9]),
        "no_vat" => digits(compact.strip_suffix("MVA").unwrap_or(&compact), &[9]),
        "au_abn" => digits(&compact, &[11]),
        "nz_gst" => digits(&compact, &[8, 9]),
        "ca_bn" | "us_ein" => digits(&compact, &[9]),
        "ca_gst_hst" => compact.len() == 15 && digits(&compact[..9], &[9]) && &compact[9..11] == "RT",
        "ca_qst" => compact.len() == 16 && digits(&compact[..10], &[10]) && &compact[10..12] == "TQ",
        _ => return None,
    })
}

pub(super) fn create_tax_id(state: &mut StripeState, call: &Call) -> Answer {
    let customer = state.find("customer", call.id(), "id")?;
    let (kind, value) = (call.required("type")?, call.required("value")?);
    match is_tax_id(kind, value) {
        None => {
            let message = format!("Invalid type: {kind} is no type of tax id that the local Stripe knows");
            return Err(Refusal::invalid(&message).param("type"));
        }
        Some(false) => {
            let message = format!("Invalid value for {kind}.");
            return Err(Refusal::invalid(&message).code("tax_id_invalid").param("value"));
        }
        Some(true) => {}
    }
    let id = &customer["id"];
    let country = if kind == "eu_vat" { &value[..2] } else { &kind[..2] };
    let fields = json!({
        "type": kind, "value": value, "customer": id, "country": country.to_uppercase(),
        "owner": { "customer": id, "type": "customer" }, "verification": { "status": "pending" },
    });
    let tax_id = state.make("txi", "tax_id", call.now, fields);
    state.put(&tax_id);
    state.emit("customer.tax_id.created", &tax_id, call.now);
    Ok(tax_id)
}

fn own_tax_id(state: &StripeState, call: &Call) -> Answer {
    let id = call.ids.get(1).map(String::as_str).unwrap_or_default();
    let found = state.find("tax_id", id, "id")?;
    if found["customer"] == call.id() { Ok(found) } else { Err(Refusal::missing("tax_id", id, "id")) }
}

pub(super) fn retrieve_tax_id(state: &mut StripeState, call: &Call) -> Answer {
    own_tax_id(state, call)
}

pub(super) fn delete_tax_id(state: &mut StripeState, call: &Call) -> Answer {
    let tax_id = own_tax_id(state, call)?;
    state.emit("customer.tax_id.deleted", &tax_id, call.now);
    let gone = json!({ "id": tax_id["id"], "object": "tax_id", "deleted": true });
    state.put(&gone);
    Ok(gone)
}

pub(super) fn list_tax_ids(state: &mut StripeState, call: &Call) -> Answer {
    state.find("customer", call.id(), "id")?;
    let own: Vec<&Value> =
        state.all("tax_id").into_iter().filter(|one| one["customer"] == call.id()).collect();
    super::lists::page(call, &format!("/v1/customers/{}/tax_ids", call.id()), &own)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tax_id_has_the_form_of_its_country() {
        for (kind, value, is_one) in [
            ("eu_vat", "DE123456789", true),
            ("eu_vat", "DE12345678", false),
            ("eu_vat", "XX123456789", false),
            ("eu_vat", "ATU12345678", true),
            ("eu_vat", "FRAB123456789", true),
            ("eu_vat", "D", false),
            ("gb_vat", "GB123456789", true),
            ("gb_vat", "123456789", false),
            ("ch_vat", "CHE-123.456.789 MWST", true),
            ("no_vat", "123456789MVA", true),
            ("au_abn", "12345678912", true),
            ("nz_gst", "123456789", true),
            ("us_ein", "12-3456789", true),
            ("ca_gst_hst", "123456789RT0002", true),
            ("ca_bn", "12345678", false),
        ] {
            assert_eq!(is_tax_id(kind, value).unwrap_or(false), is_one, "{kind} {value}");
        }
        assert_eq!(is_tax_id("xx_vat", "1"), None);
    }
}
