use email_client::{
    InvoiceOverdue, MagicLink, Mailer, Name, PaymentFailed, SendError, SubscriptionActivated,
    SubscriptionCanceled, TrialEnded, TrialEnding, Welcome,
};
use events::{Envelope, SubscriptionPaymentFailed};
use primitives::{Email, EventId, Timestamp};

/// One of the mails.
pub(crate) enum Letter {
    MagicLink(MagicLink),
    Welcome(Welcome),
    TrialEnding(TrialEnding),
    TrialEnded(TrialEnded),
    PaymentFailed(PaymentFailed),
    InvoiceOverdue(InvoiceOverdue),
    SubscriptionActivated(SubscriptionActivated),
    SubscriptionCanceled(SubscriptionCanceled),
}

/// Whom an event of an organization is told to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Audience {
    Owners,
    ReadersOfBilling,
}

impl Audience {
    /// Nothing where the event is not for mail.
    pub(crate) fn of(event: &Envelope) -> Option<Self> {
        match event.kind.as_str() {
            "organization.created" => Some(Self::Owners),
            "trial.ending"
            | "trial.ended"
            | "subscription.payment_failed"
            | "invoice.overdue"
            | "subscription.activated"
            | "subscription.canceled" => Some(Self::ReadersOfBilling),
            _ => None,
        }
    }
}

impl Letter {
    /// What an organization is told about an event; nothing where it is not for mail, or no longer true.
    pub(crate) fn about(
        event: &Envelope,
        organization: Name,
        app_url: &str,
        now: Timestamp,
    ) -> Result<Option<Self>, serde_json::Error> {
        let link = format!("{app_url}/settings/billing");
        let letter = match event.kind.as_str() {
            "organization.created" => Self::Welcome(Welcome { organization, link: app_url.to_owned() }),
            "trial.ending" => {
                let Some(data) = event.data::<events::TrialEnding>().transpose()? else { return Ok(None) };
                if data.ends_at <= now {
                    tracing::warn!(event = %event.id, "a trial ended before the mail that it ends was sent");
                    return Ok(None);
                }
                Self::TrialEnding(TrialEnding { organization, days_left: data.days_left, link })
            }
            "trial.ended" => Self::TrialEnded(TrialEnded { organization, link }),
            "subscription.payment_failed" => {
                let data = event.data::<SubscriptionPaymentFailed>().transpose()?;
                let Some(data) = data else { return Ok(None) };
                let amount = readable(data.amount, &data.currency);
                Self::PaymentFailed(PaymentFailed { organization, amount, link })
            }
            "invoice.overdue" => {
                let Some(data) = event.data::<events::InvoiceOverdue>().transpose()? else { return Ok(None) };
                let amount = readable(data.amount, &data.currency);
                Self::InvoiceOverdue(InvoiceOverdue { organization, amount, link })
            }
            "subscription.activated" => {
                Self::SubscriptionActivated(SubscriptionActivated { organization, link })
            }
            "subscription.canceled" => {
                Self::SubscriptionCanceled(SubscriptionCanceled { organization, link })
            }
            _ => return Ok(None),
        };
        Ok(Some(letter))
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
            Self::InvoiceOverdue(mail) => mailer.send(to, mail, event).await,
            Self::SubscriptionActivated(mail) => mailer.send(to, mail, event).await,
            Self::SubscriptionCanceled(mail) => mailer.send(to, mail, event).await,
        }
    }
}

/// An amount in the currency's smallest unit, for people to read. Which currencies have how many digits is
/// Stripe's rule: <https://docs.stripe.com/currencies#zero-decimal>.
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
