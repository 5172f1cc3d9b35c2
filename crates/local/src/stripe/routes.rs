//! Which function answers which call, and the parameters that it takes.

use http::Method;

use super::call::Call;
use super::refusal::{Answer, Refusal};
use super::{
    StripeState, catalog, checkout, coupons, customers, invoices, meters, payments, portal, preview, setup,
    subscriptions,
};

/// Answers a call.
pub(super) type Handler = fn(&mut StripeState, &Call) -> Answer;

/// A route: method, path below `/v1` (`:` stands for an id), parameters, function. Lists take the parameters
/// of pages besides.
type Route = (&'static str, &'static str, &'static str, Handler);

const PAGES: &[&str] = &["limit", "starting_after", "ending_before", "created"];

const CUSTOMER: &str = "address balance description email invoice_prefix invoice_settings metadata name payment_method phone \
                        preferred_locales shipping tax tax_exempt tax_id_data business_name individual_name";
const PRODUCT: &str = "active default_price description id images marketing_features metadata name statement_descriptor tax_code \
                       unit_label url shippable type";
const PRICE: &str = "active billing_scheme currency currency_options lookup_key metadata nickname product product_data recurring \
                     tax_behavior tiers tiers_mode transfer_lookup_key transform_quantity unit_amount unit_amount_decimal";
const SUBSCRIPTION: &str = "add_invoice_items automatic_tax billing_cycle_anchor billing_mode cancel_at cancel_at_period_end \
                            cancellation_details collection_method currency customer days_until_due \
                            default_payment_method description discounts items metadata off_session \
                            pause_collection payment_behavior payment_settings proration_behavior proration_date \
                            trial_end trial_from_plan trial_period_days trial_settings";
const SESSION: &str = "adaptive_pricing allow_promotion_codes automatic_tax billing_address_collection cancel_url \
                       client_reference_id consent_collection custom_text customer customer_email customer_update \
                       discounts expires_at line_items locale managed_payments metadata mode \
                       payment_method_collection payment_method_types saved_payment_method_options \
                       subscription_data success_url tax_id_collection ui_mode phone_number_collection \
                       payment_method_options name_collection";
const CONFIGURATION: &str = "active business_profile default_return_url features login_page metadata name";
const ENDPOINT: &str = "api_version connect description disabled enabled_events metadata url";

#[rustfmt::skip]
const ROUTES: &[Route] = &[
    ("GET", "account", "", setup::account),
    ("GET", "customers", "email", customers::list),
    ("POST", "customers", CUSTOMER, customers::create),
    ("GET", "customers/search", "query page", customers::search),
    ("GET", "customers/:", "", customers::retrieve),
    ("POST", "customers/:", CUSTOMER, customers::update),
    ("DELETE", "customers/:", "", customers::delete),
    ("GET", "customers/:/tax_ids", "", customers::list_tax_ids),
    ("POST", "customers/:/tax_ids", "type value", customers::create_tax_id),
    ("GET", "customers/:/tax_ids/:", "", customers::retrieve_tax_id),
    ("DELETE", "customers/:/tax_ids/:", "", customers::delete_tax_id),
    ("GET", "customers/:/payment_methods", "type allow_redisplay", payments::list_methods_of_customer),
    ("GET", "products", "active ids type url shippable", catalog::list_products),
    ("POST", "products", PRODUCT, catalog::create_product),
    ("GET", "products/search", "query page", catalog::search_products),
    ("GET", "products/:", "", catalog::retrieve_product),
    ("POST", "products/:", PRODUCT, catalog::update_product),
    ("DELETE", "products/:", "", catalog::delete_product),
    ("GET", "prices", "active currency lookup_keys product recurring type", catalog::list_prices),
    ("POST", "prices", PRICE, catalog::create_price),
    ("GET", "prices/search", "query page", catalog::search_prices),
    ("GET", "prices/:", "", catalog::retrieve_price),
    ("POST", "prices/:", PRICE, catalog::update_price),
    ("GET", "coupons", "", coupons::list),
    ("POST", "coupons", "amount_off applies_to currency duration duration_in_months id max_redemptions metadata name percent_off redeem_by", coupons::create),
    ("GET", "coupons/:", "", coupons::retrieve),
    ("DELETE", "coupons/:", "", coupons::delete),
    ("GET", "promotion_codes", "active code coupon customer", coupons::list_promotions),
    ("POST", "promotion_codes", "active code coupon customer expires_at max_redemptions metadata promotion restrictions", coupons::create_promotion),
    ("GET", "promotion_codes/:", "", coupons::retrieve_promotion),
    ("POST", "promotion_codes/:", "active metadata restrictions", coupons::update_promotion),
    ("GET", "checkout/sessions", "customer customer_details payment_intent payment_link status subscription", checkout::list),
    ("POST", "checkout/sessions", SESSION, checkout::create),
    ("GET", "checkout/sessions/:", "", checkout::retrieve),
    ("POST", "checkout/sessions/:/expire", "", checkout::expire),
    ("GET", "checkout/sessions/:/line_items", "", checkout::list_line_items),
    ("POST", "billing_portal/sessions", "configuration customer flow_data locale return_url", portal::create_session),
    ("GET", "billing_portal/configurations", "active is_default", portal::list_configurations),
    ("POST", "billing_portal/configurations", CONFIGURATION, portal::create_configuration),
    ("GET", "billing_portal/configurations/:", "", portal::retrieve_configuration),
    ("POST", "billing_portal/configurations/:", CONFIGURATION, portal::update_configuration),
    ("GET", "subscriptions", "customer price status collection_method", subscriptions::list),
    ("POST", "subscriptions", SUBSCRIPTION, subscriptions::create),
    ("GET", "subscriptions/search", "query page", subscriptions::search),
    ("GET", "subscriptions/:", "", subscriptions::retrieve),
    ("POST", "subscriptions/:", SUBSCRIPTION, subscriptions::update),
    ("DELETE", "subscriptions/:", "cancellation_details invoice_now prorate", subscriptions::cancel),
    ("POST", "subscriptions/:/resume", "billing_cycle_anchor proration_behavior proration_date", subscriptions::resume),
    ("GET", "invoices", "collection_method customer status subscription", invoices::list),
    ("POST", "invoices/create_preview", "automatic_tax currency customer customer_details discounts invoice_items preview_mode subscription subscription_details", preview::create),
    ("GET", "invoices/search", "query page", invoices::search),
    ("GET", "invoices/:", "", invoices::retrieve),
    ("POST", "invoices/:", "auto_advance description footer metadata", invoices::update),
    ("POST", "invoices/:/finalize", "auto_advance", invoices::finalize),
    ("POST", "invoices/:/pay", "forgive off_session paid_out_of_band payment_method", invoices::pay),
    ("POST", "invoices/:/void", "", invoices::void),
    ("POST", "invoices/:/mark_uncollectible", "", invoices::mark_uncollectible),
    ("GET", "invoices/:/lines", "", invoices::lines),
    ("GET", "invoice_payments", "invoice payment status", invoices::list_payments),
    ("GET", "payment_intents", "customer", payments::list_intents),
    ("GET", "payment_intents/:", "client_secret", payments::retrieve_intent),
    ("POST", "payment_intents/:/confirm", "client_secret mandate_data off_session payment_method return_url setup_future_usage use_stripe_sdk", payments::confirm_intent),
    ("POST", "setup_intents", "automatic_payment_methods customer description metadata payment_method_types usage", setup::create_setup_intent),
    ("GET", "setup_intents/:", "client_secret", setup::retrieve_setup_intent),
    ("POST", "setup_intents/:/confirm", "client_secret payment_method return_url use_stripe_sdk", setup::confirm_setup_intent),
    ("GET", "payment_methods", "customer type", payments::list_methods),
    ("POST", "payment_methods", "billing_details card metadata type", payments::create_method),
    ("GET", "payment_methods/:", "", payments::retrieve_method),
    ("POST", "payment_methods/:/attach", "customer", payments::attach_method),
    ("POST", "payment_methods/:/detach", "", payments::detach_method),
    ("GET", "charges", "customer payment_intent", payments::list_charges),
    ("GET", "charges/:", "", payments::retrieve_charge),
    ("POST", "refunds", "amount charge metadata payment_intent reason", payments::create_refund),
    ("GET", "webhook_endpoints", "", setup::list_endpoints),
    ("POST", "webhook_endpoints", ENDPOINT, setup::create_endpoint),
    ("GET", "webhook_endpoints/:", "", setup::retrieve_endpoint),
    ("POST", "webhook_endpoints/:", ENDPOINT, setup::update_endpoint),
    ("DELETE", "webhook_endpoints/:", "", setup::delete_endpoint),
    ("GET", "events", "type types delivery_success", setup::list_events),
    ("GET", "events/:", "", setup::retrieve_event),
    ("GET", "billing/meters", "status", meters::list),
    ("POST", "billing/meters", "customer_mapping default_aggregation display_name event_name event_time_window value_settings", meters::create),
    ("GET", "billing/meters/:", "", meters::retrieve),
    ("POST", "billing/meters/:", "display_name", meters::update),
    ("POST", "billing/meters/:/deactivate", "", meters::deactivate),
    ("GET", "billing/meters/:/event_summaries", "customer end_time start_time value_grouping_window", meters::summaries),
    ("POST", "billing/meter_events", "event_name identifier payload timestamp", meters::create_event),
];

/// The function for a path, and the ids in it.
pub(super) fn find(method: &Method, path: &str) -> Option<(Handler, &'static str, Vec<String>)> {
    let path: Vec<&str> = path.strip_prefix("/v1/")?.split('/').collect();
    ROUTES.iter().find_map(|(own_method, own_path, parameters, handler)| {
        let own: Vec<&str> = own_path.split('/').collect();
        let fits = *own_method == method.as_str()
            && own.len() == path.len()
            && own.iter().zip(&path).all(|(own, part)| own == part || (*own == ":" && !part.is_empty()));
        let ids = own.iter().zip(&path).filter(|(own, _)| **own == ":").map(|(_, part)| (*part).to_owned());
        fits.then(|| (*handler, *parameters, ids.collect()))
    })
}

/// Refuses what a route does not know, as Stripe does: a misspelt parameter is no silence.
pub(super) fn check(call: &Call, parameters: &str, method: &Method) -> Answer<()> {
    let is_known = |name: &str| {
        name == "expand"
            || parameters.split_whitespace().any(|own| own == name)
            || (method == Method::GET && PAGES.contains(&name))
    };
    match call.params.keys().find(|name| !is_known(name)) {
        Some(name) => Err(Refusal::unknown(name)),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_comes_before_an_id() {
        let ids = |method: Method, path: &str| find(&method, path).map(|(.., ids)| ids);
        assert_eq!(ids(Method::GET, "/v1/customers/search").unwrap(), [""; 0]);
        assert_eq!(ids(Method::GET, "/v1/customers/cus_1/tax_ids/txi_2").unwrap(), ["cus_1", "txi_2"]);
        assert_eq!(ids(Method::POST, "/v1/invoices/create_preview").unwrap(), [""; 0]);
        for path in ["/v1/customers/", "/v1/charges/x/y", "/customers", "/v1/nothing"] {
            assert!(find(&Method::GET, path).is_none(), "{path}");
        }
    }
}
