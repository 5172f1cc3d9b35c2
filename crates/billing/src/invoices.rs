//! Invoices as Stripe has them: it is asked, so that what is shown is what is printed and paid.

use ::access::{Permit, needs::ReadBilling};
use jiff::Timestamp;
use primitives::{Page, Time};
use stripe_client::{InvoiceId, InvoiceQuery, InvoiceShown, InvoiceStatus, StripeError};

use crate::{BillingError, api::InvoiceDetails, payments::Payments};

/// Which invoices.
#[derive(Clone, Debug, Default)]
pub struct WhichInvoices {
    /// Those that stand so.
    pub status: Option<InvoiceStatus>,
    /// Those created since then.
    pub from: Option<Timestamp>,
    /// Those created before then.
    pub to: Option<Timestamp>,
}

impl Payments {
    /// A page of the organization's invoices, the newest first. The cursor is the last one's id: Stripe looks
    /// for it among those of this customer alone.
    pub async fn invoices(
        &self,
        reader: &Permit<ReadBilling>,
        which: &WhichInvoices,
        (limit, cursor): (usize, Option<&str>),
    ) -> Result<Page<InvoiceDetails>, BillingError> {
        let after =
            cursor.map(str::parse::<InvoiceId>).transpose().map_err(|_| BillingError::InvalidCursor)?;
        let account = self.account_to_read(reader.tenant()).await?;
        let Some(payer) = account.stripe.payer() else {
            let nothing = after.is_none().then(|| Page { items: Vec::new(), next_cursor: None });
            return nothing.ok_or(BillingError::InvalidCursor);
        };
        let query = InvoiceQuery {
            status: which.status.map(InvoiceStatus::as_str),
            from: which.from,
            to: which.to,
            after: after.as_ref(),
            limit,
        };
        let found = match self.stripe.invoices(payer, &query).await {
            Err(StripeError::Refused { code: Some(code), .. })
                if code == "resource_missing" && after.is_some() =>
            {
                return Err(BillingError::InvalidCursor);
            }
            found => found.map_err(BillingError::of_call)?,
        };
        let last = found.invoices.last().filter(|_| found.has_more).map(|last| last.id.to_string());
        Ok(Page { items: found.invoices.iter().map(shown).collect(), next_cursor: last })
    }

    /// An invoice of the organization. Stripe gives those of everybody who pays us: of another organization
    /// it is as if there were none.
    pub async fn invoice(
        &self,
        reader: &Permit<ReadBilling>,
        id: &InvoiceId,
    ) -> Result<InvoiceDetails, BillingError> {
        let account = self.account_to_read(reader.tenant()).await?;
        let ours = account.stripe.customers();
        if ours.is_empty() {
            return Err(BillingError::NotThere);
        }
        match self.stripe.invoice(id).await {
            Ok(found) if found.customer.as_ref().is_some_and(|customer| ours.contains(customer)) => {
                Ok(shown(&found))
            }
            Ok(_) => Err(BillingError::NotThere),
            Err(error) if error.is_missing() => Err(BillingError::NotThere),
            Err(error) => Err(BillingError::of_call(error)),
        }
    }
}

fn shown(invoice: &InvoiceShown) -> InvoiceDetails {
    let paid_at = invoice.paid_at();
    InvoiceDetails {
        id: invoice.id.to_string(),
        number: invoice.number.clone(),
        status: invoice.status.clone(),
        amount_due: invoice.amount_due,
        amount_paid: invoice.amount_paid,
        currency: invoice.currency.clone(),
        created_at: invoice.created.into(),
        due_at: invoice.due_date.map(Time::from),
        paid_at: paid_at.map(Time::from),
        // the one that succeeded is among the attempts
        failed_attempts: invoice.attempt_count.saturating_sub(u32::from(paid_at.is_some())),
        pdf_url: invoice.invoice_pdf.clone(),
        pay_url: invoice.hosted_invoice_url.clone(),
    }
}
