use email_client::{
    MagicLink, Mailer, Name, PaymentFailed, SendError, SubscriptionActivated, SubscriptionCanceled,
    TrialEnded, TrialEnding, Welcome,
};
use events::SubscriptionPaymentFailed;
use primitives::{Email, EventId};

/// One of the mails.
pub(crate) enum Letter {
    MagicLink(MagicLink),
    Welcome(Welcome),
    TrialEnding(TrialEnding),
    TrialEnded(TrialEnded),
    PaymentFailed(PaymentFailed),
    SubscriptionActivated(SubscriptionActivated),
    SubscriptionCanceled(SubscriptionCanceled),
}

impl Letter {
    /// What the owners of an organization are told about an event of this name; nothing where it is not for them.
    pub(crate) fn to_owners(
        event: &events::Envelope,
        organization: Name,
        link: String,
    ) -> Option<Result<Self, serde_json::Error>> {
        Some(match event.kind.as_str() {
            "trial.ending" => event
                .data::<events::TrialEnding>()?
                .map(|data| Self::TrialEnding(TrialEnding { organization, days_left: data.days_left, link })),
            "trial.ended" => Ok(Self::TrialEnded(TrialEnded { organization, link })),
            "subscription.payment_failed" => event.data::<SubscriptionPaymentFailed>()?.map(|data| {
                let amount = readable(data.amount, &data.currency);
                Self::PaymentFailed(PaymentFailed { organization, amount, link })
            }),
            "subscription.activated" => {
                Ok(Self::SubscriptionActivated(SubscriptionActivated { organization, link }))
            }
            "subscription.canceled" => {
                Ok(Self::SubscriptionCanceled(SubscriptionCanceled { organization, link }))
            }
            _ => return None,
        })
    }

    pub(crate) async fn send(
        &self,
        mailer: &Mailer,
        to: &Email,
        event: EventId,
    ) -> Result<String, SendError> {
        match self {
            Self::MagicLink(mail) => mailer.send(to, mail, event).await,
            Self::Welcome(mail) => mailer.send(to, mail, event).await,
            Self::TrialEnding(mail) => mailer.send(to, mail, event).await,
            Self::TrialEnded(mail) => mailer.send(to, mail, event).await,
            Self::PaymentFailed(mail) => mailer.send(to, mail, event).await,
            Self::SubscriptionActivated(mail) => mailer.send(to, mail, event).await,
            Self::SubscriptionCanceled(mail) => mailer.send(to, mail, event).await,
        }
    }
}

/// An amount in the currency's smallest unit, for people to read. Which currencies have how many digits is Stripe's rule:
/// <https://docs.stripe.com/currencies#zero-decimal>.
fn readable(amount: i64, currency: &str) -> String {
    const WITHOUT_DIGITS: &[&str] = &[
        "bif", "clp", "djf", "gnf", "jpy", "kmf", "krw", "mga", "pyg", "rwf", "vnd", "vuv", "xaf", "xof",
        "xpf",
    ];
    const THREE_DIGITS: &[&str] = &["bhd", "jod", "kwd", "omr", "tnd"];
    let code = currency.to_uppercase();
    if WITHOUT_DIGITS.contains(&currency) {
        return format!("{amount} {code}");
    }
    let (unit, digits) = if THREE_DIGITS.contains(&currency) { (1000, 3) } else { (100, 2) };
    let sign = if amount < 0 { "-" } else { "" };
    let amount = amount.unsigned_abs();
    format!("{sign}{}.{:0digits$} {code}", amount / unit, amount % unit)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_written_as_their_currency_is() {
        assert_eq!(readable(4900, "eur"), "49.00 EUR");
        assert_eq!(readable(5, "usd"), "0.05 USD");
        assert_eq!(readable(-150, "usd"), "-1.50 USD");
        assert_eq!(readable(4900, "jpy"), "4900 JPY");
        assert_eq!(readable(4900, "kwd"), "4.900 KWD");
    }
}
