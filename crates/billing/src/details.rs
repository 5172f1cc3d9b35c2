//! Who pays: what invoices are made out to, where they are sent, and by which tax ids. All of it is at Stripe
//! alone, which prints it; we tell others that it changed, and not to what.

use ::access::{
    Permit,
    needs::{ReadBilling, WriteBilling},
};
use events::NewEvent;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use stripe_client::{Address, CustomerChange, CustomerId, StripeError, TaxIdId, key_of};
use table::{Cause, Changes, Decision, Item, Keep};
use utoipa::ToSchema;

use crate::{
    BillingError,
    api::{self, BillingAddress, BillingDetails},
    events::BillingDetailsUpdated,
    payments::Payments,
};

/// Stripe's link works for so long where nobody follows it.
const PORTAL_IS_OPEN: SignedDuration = SignedDuration::from_mins(5);

/// A page of Stripe's on which payments are looked after.
#[derive(Clone, Debug)]
pub struct Portal {
    /// Where it is: whoever has the address is let in.
    pub url: String,
    /// Until when somebody has to be there.
    pub expires_at: Timestamp,
}

/// What is to be otherwise of who pays. What is not said stays; nothing in place of a text clears it.
#[derive(Clone, Debug, Default)]
pub struct NewDetails {
    /// What invoices are made out to.
    pub company_name: Option<Option<String>>,
    /// Where invoices are sent.
    pub email: Option<Option<String>>,
    /// Where it is; nothing clears all of it.
    pub address: Option<Option<NewAddress>>,
}

/// What is to be otherwise of an address, in the same way.
#[derive(Clone, Debug, Default)]
pub struct NewAddress {
    /// By the names of its parts.
    pub parts: Vec<(AddressPart, Option<String>)>,
}

/// Where a part of an address is.
pub type AddressPart = fn(&mut BillingAddress) -> &mut Option<String>;

/// A kind of tax id that is taken: those of the countries that we sell to
/// (<https://docs.stripe.com/billing/customer/tax-ids#supported-tax-id>).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum TaxIdType {
    /// European Union: VAT.
    EuVat,
    /// United Kingdom: VAT.
    GbVat,
    /// Switzerland: VAT.
    ChVat,
    /// Switzerland: UID.
    ChUid,
    /// Norway: VAT.
    NoVat,
    /// Norway: VOEC.
    NoVoec,
    /// Australia: business number.
    AuAbn,
    /// Australia: ATO reference number.
    AuArn,
    /// New Zealand: GST.
    NzGst,
    /// Canada: business number.
    CaBn,
    /// Canada: GST/HST.
    CaGstHst,
    /// British Columbia: PST.
    CaPstBc,
    /// Manitoba: PST.
    CaPstMb,
    /// Saskatchewan: PST.
    CaPstSk,
    /// Québec: QST.
    CaQst,
    /// United States: employer's number.
    UsEin,
}

impl TaxIdType {
    /// Stripe's word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::EuVat => "eu_vat",
            Self::GbVat => "gb_vat",
            Self::ChVat => "ch_vat",
            Self::ChUid => "ch_uid",
            Self::NoVat => "no_vat",
            Self::NoVoec => "no_voec",
            Self::AuAbn => "au_abn",
            Self::AuArn => "au_arn",
            Self::NzGst => "nz_gst",
            Self::CaBn => "ca_bn",
            Self::CaGstHst => "ca_gst_hst",
            Self::CaPstBc => "ca_pst_bc",
            Self::CaPstMb => "ca_pst_mb",
            Self::CaPstSk => "ca_pst_sk",
            Self::CaQst => "ca_qst",
            Self::UsEin => "us_ein",
        }
    }
}

impl Payments {
    /// Who pays for the organization.
    pub async fn details(&self, reader: &Permit<ReadBilling>) -> Result<BillingDetails, BillingError> {
        let account = self.account_to_read(reader.tenant()).await?;
        match account.stripe.payer() {
            Some(payer) => self.details_of(payer).await,
            None => Ok(BillingDetails::default()),
        }
    }

    async fn details_of(&self, payer: &CustomerId) -> Result<BillingDetails, BillingError> {
        Ok(shown(self.stripe.customer(payer).await.map_err(BillingError::of_call)?))
    }

    /// Changes that. It is the same when done twice, and told of each time: rather that than never, where the
    /// process dies in between.
    pub async fn update_details(
        &self,
        cause: &Cause,
        permit: &Permit<WriteBilling>,
        new: &NewDetails,
    ) -> Result<BillingDetails, BillingError> {
        let (payer, _) = self.link(cause, permit.tenant()).await?;
        let before = self.details_of(&payer).await?;
        let mut changed = Vec::new();
        let mut change = CustomerChange::default();
        for (name, new, to) in
            [("company_name", &new.company_name, &mut change.name), ("email", &new.email, &mut change.email)]
        {
            if let Some(new) = new {
                changed.push(name.to_owned());
                *to = Some(new.clone().unwrap_or_default());
            }
        }
        if let Some(new) = &new.address {
            changed.push("address".to_owned());
            let address = new.as_ref().map(|new| new.over(before.address.clone())).unwrap_or_default();
            change.address = Some(CustomerChange::address(&stored(address)));
        }
        if changed.is_empty() {
            return Ok(before);
        }
        let after = self.stripe.update_customer(&payer, &change).await.map_err(BillingError::of_call)?;
        self.tell(cause, permit, (changed, &shown(after)), &Keep::nothing()).await
    }

    /// The tax ids of who pays, the newest first.
    pub async fn tax_ids(&self, reader: &Permit<ReadBilling>) -> Result<Vec<api::TaxId>, BillingError> {
        let account = self.account_to_read(reader.tenant()).await?;
        let Some(payer) = account.stripe.payer() else { return Ok(Vec::new()) };
        let found = self.stripe.tax_ids(payer).await.map_err(BillingError::of_call)?;
        Ok(found.into_iter().map(tax_id).collect())
    }

    /// Adds a tax id. One that is there is given as it is.
    pub async fn add_tax_id(
        &self,
        cause: &Cause,
        permit: &Permit<WriteBilling>,
        (kind, value): (TaxIdType, &str),
        keep: &Keep<'_, api::TaxId>,
    ) -> Result<api::TaxId, BillingError> {
        let (payer, version) = self.link(cause, permit.tenant()).await?;
        // where the account stands: what is removed and added again is another one
        let version = version.to_string();
        let known = self.stripe.tax_ids(&payer).await.map_err(BillingError::of_call)?;
        let is_same =
            |known: &stripe_client::TaxId| known.kind == kind.as_str() && plain(&known.value) == plain(value);
        if let Some(known) = known.into_iter().find(is_same) {
            let known = tax_id(known);
            let give = |_| async { Ok(Decision::done(known.clone())) };
            return self.table.decide_once(cause, keep, give).await;
        }
        let key = key_of(&["tax-id", payer.as_str(), kind.as_str(), value, &version]);
        let added = self.stripe.add_tax_id(&payer, (kind.as_str(), value), &key).await;
        let added = added.map_err(|error| match error {
            StripeError::Refused { code: Some(code), .. } if code == "tax_id_invalid" => {
                BillingError::InvalidTaxId
            }
            error => BillingError::of_call(error),
        })?;
        self.tell(cause, permit, (vec!["tax_ids".to_owned()], &tax_id(added)), keep).await
    }

    /// Removes a tax id.
    pub async fn remove_tax_id(
        &self,
        cause: &Cause,
        permit: &Permit<WriteBilling>,
        id: &TaxIdId,
    ) -> Result<(), BillingError> {
        let account = self.account(permit.tenant()).await?;
        let payer = account.stripe.payer().ok_or(BillingError::NotThere)?;
        if !self.stripe.remove_tax_id(payer, id).await.map_err(BillingError::of_call)? {
            return Err(BillingError::NotThere);
        }
        self.tell(cause, permit, (vec!["tax_ids".to_owned()], &()), &Keep::nothing()).await
    }

    async fn tell<O: Clone>(
        &self,
        cause: &Cause,
        permit: &Permit<WriteBilling>,
        (changed, output): (Vec<String>, &O),
        keep: &Keep<'_, O>,
    ) -> Result<O, BillingError> {
        let event = &BillingDetailsUpdated { changed };
        let tell = |_| async move {
            // the account has not changed, but for what is told of it: each has its place in one history
            let account = self.account(permit.tenant()).await?;
            let event = NewEvent::new(Some(account.org_id), &account.org_id, account.next_version(), event);
            Ok(Decision::commit(Changes::new().replace(&account).publish(event), output.clone()))
        };
        self.table.decide_once(cause, keep, tell).await
    }

    /// Where the page is on which payments are looked after, and until when: invoices, means of payment, and
    /// the end.
    pub async fn portal(
        &self,
        cause: &Cause,
        permit: &Permit<WriteBilling>,
        return_url: &str,
        keep: &Keep<'_, Portal>,
    ) -> Result<Portal, BillingError> {
        let account = self.account(permit.tenant()).await?;
        let payer = account.stripe.payer().ok_or(BillingError::NoCustomer)?;
        let url = self.stripe.open_portal(payer, return_url).await.map_err(BillingError::of_call)?;
        let expires_at = self.now().saturating_add(PORTAL_IS_OPEN).unwrap_or(Timestamp::MAX);
        let portal = &Portal { url, expires_at };
        let give = |_| async move { Ok(Decision::done(portal.clone())) };
        self.table.decide_once(cause, keep, give).await
    }
}

impl NewAddress {
    fn over(&self, before: Option<BillingAddress>) -> BillingAddress {
        let mut address = before.unwrap_or_default();
        for (part, new) in &self.parts {
            part(&mut address).clone_from(new);
        }
        address
    }
}

/// People write them with blanks, dots and dashes, or without.
fn plain(value: &str) -> String {
    value.chars().filter(char::is_ascii_alphanumeric).map(|letter| letter.to_ascii_uppercase()).collect()
}

fn shown(customer: stripe_client::Customer) -> BillingDetails {
    let address = customer.address.map(|at| {
        let Address { line1, line2, city, state, postal_code, country } = at;
        BillingAddress { line1, line2, city, state, postal_code, country }
    });
    BillingDetails { company_name: customer.name, email: customer.email, address }
}

fn stored(address: BillingAddress) -> Address {
    let BillingAddress { line1, line2, city, state, postal_code, country } = address;
    Address { line1, line2, city, state, postal_code, country }
}

fn tax_id(known: stripe_client::TaxId) -> api::TaxId {
    api::TaxId {
        id: known.id.to_string(),
        kind: known.kind,
        value: known.value,
        country: known.country,
        verification: known.verification.map(|verification| verification.status),
        created_at: known.created.into(),
    }
}
