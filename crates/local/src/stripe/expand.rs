//! `expand[]`: ids that become objects, and what is only shown when asked for.

use serde_json::{Value, json};

use super::StripeState;
use super::refusal::{Answer, Refusal};
use super::values::{members, text};
use super::versions::render;

impl StripeState {
    /// Expands what `paths` name in an answer that is written in a version.
    pub(super) fn expand(&self, answer: &mut Value, paths: &Value, version: &str) -> Answer<()> {
        for path in members(paths).iter().filter_map(Value::as_str) {
            let names: Vec<&str> = path.split('.').collect();
            self.expand_path(answer, &names, version).map_err(|name| {
                Refusal::invalid(&format!("This property cannot be expanded ({name}).")).param("expand")
            })?;
        }
        Ok(())
    }

    fn expand_path<'a>(&self, value: &mut Value, names: &[&'a str], version: &str) -> Result<(), &'a str> {
        let Some((name, rest)) = names.split_first() else { return Ok(()) };
        if let Value::Array(all) = value {
            return all.iter_mut().try_for_each(|one| self.expand_path(one, names, version));
        }
        if let Some(hidden) = self.hidden(value, name) {
            value[*name] = render(self, &hidden, version);
        }
        let Some(slot) = value.get_mut(*name) else { return Err(name) };
        if let Some(object) = slot.as_str().and_then(|id| self.by_id(id)) {
            *slot = render(self, object, version);
        }
        // Nothing is there to expand, which is no mistake of who asks.
        if slot.is_null() { Ok(()) } else { self.expand_path(slot, rest, version) }
    }

    fn by_id(&self, id: &str) -> Option<&Value> {
        self.objects.values().find_map(|of_kind| of_kind.get(id))
    }

    /// What an object shows only when asked for.
    fn hidden(&self, object: &Value, name: &str) -> Option<Value> {
        let id = text(&object["id"]);
        let object = self.get(object["object"].as_str()?, &id)?;
        let of = |kind: &str, fits: &dyn Fn(&Value) -> bool, url: &str| {
            let all: Vec<&Value> = self.all(kind).into_iter().filter(|one| fits(one)).collect();
            Some(json!({ "object": "list", "url": url, "has_more": false, "data": all }))
        };
        match (object["object"].as_str()?, name) {
            ("invoice", "confirmation_secret") => {
                let intent = self.get("payment_intent", object["_payment_intent"].as_str()?)?;
                Some(json!({ "type": "payment_intent", "client_secret": intent["client_secret"] }))
            }
            ("invoice", "payments") => of(
                "invoice_payment",
                &|one| one["invoice"] == *id,
                &format!("/v1/invoice_payments?invoice={id}"),
            ),
            ("customer", "tax_ids") => {
                of("tax_id", &|one| one["customer"] == *id, &format!("/v1/customers/{id}/tax_ids"))
            }
            ("customer", "subscriptions") => {
                let live = |one: &Value| one["customer"] == *id && one["status"] != "canceled";
                of("subscription", &live, &format!("/v1/customers/{id}/subscriptions"))
            }
            ("checkout.session", "line_items") => Some(object["_line_items"].clone()),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::API_VERSION;
    use super::*;

    #[test]
    fn ids_become_objects_also_inside_of_lists() {
        let mut state = StripeState::default();
        let customer = state.make("cus", "customer", 1, json!({ "name": "A" }));
        state.put(&customer);
        let mut list = json!({ "object": "list", "data": [{ "customer": customer["id"], "default": null }] });
        state.expand(&mut list, &json!(["data.customer", "data.default"]), API_VERSION).unwrap();
        assert_eq!(list["data"][0]["customer"]["name"], "A");
        let refused = state.expand(&mut list, &json!(["data.nothing"]), API_VERSION).unwrap_err();
        assert_eq!(refused.error["message"], "This property cannot be expanded (nothing).");
    }
}
