//! The customer portal, and its configurations.

use serde_json::{Value, json};

use super::StripeState;
use super::call::Call;
use super::refusal::{Answer, Refusal};
use super::values::{merge, text};

pub(super) fn create_configuration(state: &mut StripeState, call: &Call) -> Answer {
    if !call.get("features").is_object() {
        return Err(Refusal::required("features"));
    }
    let mut configuration = state.make("bpc", "billing_portal.configuration", call.now, call.except(&[]));
    configuration["updated"] = json!(call.now);
    state.put(&configuration);
    state.emit("billing_portal.configuration.created", &configuration, call.now);
    Ok(configuration)
}

pub(super) fn update_configuration(state: &mut StripeState, call: &Call) -> Answer {
    let was = state.find("billing_portal.configuration", call.id(), "id")?;
    let mut configuration = was.clone();
    merge(&mut configuration, call.except(&[]));
    configuration["updated"] = json!(call.now);
    state.put(&configuration);
    state.emit_change("billing_portal.configuration.updated", &was, &configuration, call.now);
    Ok(configuration)
}

pub(super) fn retrieve_configuration(state: &mut StripeState, call: &Call) -> Answer {
    state.find("billing_portal.configuration", call.id(), "id")
}

pub(super) fn list_configurations(state: &mut StripeState, call: &Call) -> Answer {
    let filters = ["active", "is_default"];
    state.list(call, "/v1/billing_portal/configurations", "billing_portal.configuration", &filters)
}

pub(super) fn create_session(state: &mut StripeState, call: &Call) -> Answer {
    let customer = state.find("customer", call.required("customer")?, "customer")?;
    let configuration = match call.text("configuration") {
        Some(id) => state.find("billing_portal.configuration", id, "configuration")?["id"].clone(),
        None => state.usual_configuration()?["id"].clone(),
    };
    let fields = json!({
        "customer": customer["id"], "configuration": configuration, "return_url": call.get("return_url"),
        "locale": call.get("locale"), "flow": call.get("flow_data"),
    });
    let mut session = state.make("bps", "billing_portal.session", call.now, fields);
    session["url"] = json!(format!("{}/portal/{}", call.url, text(&session["id"])));
    state.put(&session);
    state.emit("billing_portal.session.created", &session, call.now);
    Ok(session)
}

impl StripeState {
    /// The one that holds where none is named: the dashboard makes it, and no call does.
    fn usual_configuration(&self) -> Answer {
        let all = self.all("billing_portal.configuration");
        all.into_iter().find(|one| one["is_default"] == true).cloned().ok_or_else(|| {
            let message = "You can’t create a portal session in test mode until you save your customer portal settings in test mode.";
            Refusal::invalid(message)
        })
    }

    /// Saves the settings of the portal in the dashboard, as this product needs them.
    pub(super) fn save_portal(&mut self, now: i64) {
        let fields = json!({
            "is_default": true, "updated": now,
            "features": {
                "invoice_history": { "enabled": true }, "payment_method_update": { "enabled": true },
                "subscription_cancel": { "enabled": true },
            },
        });
        let configuration = self.make("bpc", "billing_portal.configuration", now, fields);
        self.put(&configuration);
    }

    /// What somebody chooses in the portal.
    pub(super) fn use_portal(
        &mut self,
        session: &Value,
        action: &str,
        what: &str,
        call: &Call,
    ) -> Answer<()> {
        let customer = text(&session["customer"]);
        let own = |state: &Self, kind: &str| -> Answer {
            let found = state.find(kind, what, "id")?;
            if found["customer"] == session["customer"] {
                Ok(found)
            } else {
                Err(Refusal::missing(kind, what, "id"))
            }
        };
        let changed = |name: &str, value: Value| Call {
            now: call.now,
            ids: vec![what.to_owned()],
            url: call.url.clone(),
            params: [(name.to_owned(), value)].into_iter().collect(),
        };
        match action {
            "cancel" | "resume" => {
                own(self, "subscription")?;
                let ends = json!(action == "cancel");
                super::subscriptions::update(self, &changed("cancel_at_period_end", ends))?;
            }
            "card_good" => self.use_card(&customer, "4242", call.now)?,
            "card_bad" => self.use_card(&customer, "0341", call.now)?,
            "pay" => {
                own(self, "invoice")?;
                super::invoices::pay(self, &changed("", Value::Null))?;
            }
            _ => return Err(Refusal::invalid("The portal has no such button.")),
        }
        Ok(())
    }

    /// From now on all is paid by this card.
    pub(super) fn use_card(&mut self, customer: &str, last4: &str, now: i64) -> Answer<()> {
        let was = self.find("customer", customer, "customer")?;
        let card = self.card(last4, "visa", now);
        let card = self.attach(&text(&card["id"]), customer, now)?;
        let mut owner = was.clone();
        owner["invoice_settings"]["default_payment_method"] = card["id"].clone();
        self.put(&owner);
        self.emit_change("customer.updated", &was, &owner, now);
        for was in self.live_subscriptions(customer) {
            let mut subscription = was.clone();
            subscription["default_payment_method"] = card["id"].clone();
            self.put(&subscription);
            self.emit_change("customer.subscription.updated", &was, &subscription, now);
        }
        Ok(())
    }
}
