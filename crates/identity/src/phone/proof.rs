use access::Way;
use identity_core::{SmsCode, SmsPlace, User};
use primitives::{SmsCodeId, Timestamp};
use table::Changes;

use crate::Code;

/// A code of a phone whose digits were compared.
#[derive(Clone, Debug)]
pub struct SmsProof {
    pub(crate) code: Code,
    pub(crate) code_id: Option<SmsCodeId>,
    pub(crate) place: SmsPlace,
}

impl SmsProof {
    /// What has to be stored when it is shown, if it is still the code that was compared and the phone still
    /// the person's: it is used up.
    pub(crate) fn used(&self, user: &User, sent: Option<&SmsCode>, now: Timestamp) -> Option<Changes> {
        let sent = sent.filter(|sent| sent.is_open(now) && Some(sent.code_id) == self.code_id)?;
        let phone = user.phone.as_ref().filter(|_| user.ways().contains_key(&Way::Sms))?;
        (phone.number == sent.number).then(|| Changes::new().delete(sent))
    }
}
