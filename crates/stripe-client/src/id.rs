use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

/// Stripe's documented maximum is 255
/// (<https://docs.stripe.com/upgrades#what-changes-does-stripe-consider-to-be-backwards-compatible>).
const LONGEST: usize = 255;

/// The text cannot be an id of a Stripe object.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a Stripe {what} id: expected 1 to 255 ASCII letters, digits, '_' or '-'")]
pub struct InvalidStripeId {
    what: &'static str,
}

fn is_well_formed(text: &str) -> bool {
    (1..=LONGEST).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-'))
}

macro_rules! stripe_ids {
    ($($(#[$doc:meta])* $name:ident $what:literal;)*) => {$(
        $(#[$doc])*
        ///
        /// The prefix is not looked at, as Stripe advises; the characters are, because ids become
        /// parts of keys and of request paths.
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(String);

        impl $name {
            /// The id as Stripe writes it.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl TryFrom<String> for $name {
            type Error = InvalidStripeId;

            fn try_from(text: String) -> Result<Self, InvalidStripeId> {
                if is_well_formed(&text) { Ok(Self(text)) } else { Err(InvalidStripeId { what: $what }) }
            }
        }

        impl FromStr for $name {
            type Err = InvalidStripeId;

            fn from_str(text: &str) -> Result<Self, InvalidStripeId> {
                text.to_owned().try_into()
            }
        }

        impl From<$name> for String {
            fn from(id: $name) -> Self {
                id.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    )*};
}

stripe_ids! {
    /// Names an event (`evt_…`).
    EventId "event";
    /// Names a customer (`cus_…`).
    CustomerId "customer";
    /// Names a subscription (`sub_…`).
    SubscriptionId "subscription";
    /// Names an invoice (`in_…`).
    InvoiceId "invoice";
    /// Names a Checkout session (`cs_…`).
    CheckoutSessionId "checkout session";
    /// Names a promotion code (`promo_…`).
    PromotionCodeId "promotion code";
    /// Names a line of a subscription (`si_…`).
    SubscriptionItemId "subscription item";
    /// Names a charge of a means of payment (`ch_…`).
    ChargeId "charge";
    /// Names a tax id of a customer (`txi_…`).
    TaxIdId "tax id";
}

/// Stands for the event that tells of the object, where none has come: ids of Stripe's are all of one form.
impl From<&CustomerId> for EventId {
    fn from(id: &CustomerId) -> Self {
        Self(id.0.clone())
    }
}

/// The same.
impl From<&SubscriptionId> for EventId {
    fn from(id: &SubscriptionId) -> Self {
        Self(id.0.clone())
    }
}

/// The same.
impl From<&InvoiceId> for EventId {
    fn from(id: &InvoiceId) -> Self {
        Self(id.0.clone())
    }
}

/// Names a price (`price_…`). Older ones were chosen by people and are any text, such as `Gold
/// Plan`: a price's id is shown and compared, and becomes no part of a key or a path.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct PriceId(String);

impl PriceId {
    /// The id as Stripe writes it.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for PriceId {
    type Error = InvalidStripeId;

    fn try_from(text: String) -> Result<Self, InvalidStripeId> {
        if (1..=LONGEST).contains(&text.len()) {
            Ok(Self(text))
        } else {
            Err(InvalidStripeId { what: "price" })
        }
    }
}

impl From<PriceId> for String {
    fn from(id: PriceId) -> Self {
        id.0
    }
}

impl fmt::Display for PriceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn takes_what_stripe_sends() {
        for text in ["sub_1Pgc6rB7WZ01zgkWNy0Cn5nw", "cs_test_a1YS1U", "legacy-plan"] {
            assert_eq!(text.parse::<SubscriptionId>().unwrap().as_str(), text);
        }
    }

    #[test]
    fn refuses_what_would_change_a_key_or_a_path() {
        for text in ["", "sub_1/../customers", "sub#1", "sub 1", "sub_é", &"a".repeat(256)] {
            assert!(text.parse::<SubscriptionId>().is_err(), "{text}");
        }
    }
}
