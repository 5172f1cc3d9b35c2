use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use primitives::{
    EmailChangeId, InviteId, InviteLinkId, LoginId, MailCodeId, OrgId, PasswordResetId, Secret, SmsCodeId,
    UserId,
};
use uuid::Uuid;

use crate::key::{derive, mac, same};

/// Makes and checks what a login is proved with. All of it is derived from the login's id and this key, so
/// that none of it is stored or carried anywhere: whoever reads the table, the events or the queues cannot
/// log in.
#[derive(Clone, Debug)]
pub struct LinkKey(Secret<[u8; 32]>);

const LINK: &str = "link";
const BROWSER: &str = "browser";
const CODE: &str = "code";
const RESET: &str = "reset";
const SMS_CODE: &str = "sms code";
const MAIL_CODE: &str = "mail code";
const INVITE: &str = "invite";
const INVITE_LINK: &str = "invite link";

/// What the link in the mail of an invite is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InviteProof {
    /// Into which organization.
    pub org_id: OrgId,
    /// The invite.
    pub invite_id: InviteId,
    /// Which of the links that were sent for it, from 1 on: the last one alone works.
    pub generation: u32,
}

/// What a link is for that a mail about a change of address has in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChangeStep {
    /// The new address is the person's: sent there.
    Confirm,
    /// The change is to be undone: sent to the address before.
    Undo,
}

impl ChangeStep {
    fn purpose(self) -> &'static str {
        match self {
            Self::Confirm => "confirm an email change",
            Self::Undo => "undo an email change",
        }
    }
}

impl LinkKey {
    /// Derives the key from a secret text.
    pub fn from_secret(secret: &str) -> Self {
        Self(derive(secret, "magic links"))
    }

    /// The token in the link that is sent by mail.
    pub fn token(&self, login: LoginId) -> String {
        self.seal(LINK, login.uuid())
    }

    /// The 6-digit code that is sent in the same mail.
    pub fn code(&self, login: LoginId) -> String {
        self.digits(CODE, login.uuid())
    }

    /// The 6-digit code that is sent to a phone.
    pub fn sms_code(&self, code: SmsCodeId) -> String {
        self.digits(SMS_CODE, code.uuid())
    }

    /// The 6-digit code that is sent by mail, to show once more who one is.
    pub fn mail_code(&self, code: MailCodeId) -> String {
        self.digits(MAIL_CODE, code.uuid())
    }

    /// Whether these are the digits of this code.
    pub fn is_mail_code(&self, code: MailCodeId, digits: &str) -> bool {
        same(self.mail_code(code).as_bytes(), digits.as_bytes())
    }

    /// Whether these are the digits of this code.
    pub fn is_sms_code(&self, code: SmsCodeId, digits: &str) -> bool {
        same(self.sms_code(code).as_bytes(), digits.as_bytes())
    }

    fn digits(&self, purpose: &str, id: Uuid) -> String {
        let mac = mac(&self.0, &[purpose.as_bytes(), id.as_bytes()]);
        let mut number = [0; 16];
        number.copy_from_slice(&mac[..16]);
        // 2^128 is so much more than 10^6 that no code is likelier than another
        format!("{:06}", u128::from_be_bytes(number) % 1_000_000)
    }

    /// What the browser that asked for the login keeps, to show that it is the same one.
    pub fn browser_token(&self, login: LoginId) -> String {
        self.seal(BROWSER, login.uuid())
    }

    /// The login that this token of a link is for, if the token is ours.
    pub fn open_token(&self, token: &str) -> Option<LoginId> {
        self.open(LINK, token).map(LoginId::from_uuid)
    }

    /// The login that this token of a browser is for, if the token is ours.
    pub fn open_browser_token(&self, token: &str) -> Option<LoginId> {
        self.open(BROWSER, token).map(LoginId::from_uuid)
    }

    /// The token in the link to a new password.
    pub fn reset_token(&self, reset: PasswordResetId) -> String {
        self.seal(RESET, reset.uuid())
    }

    /// The wish for a new password that this token is for, if the token is ours.
    pub fn open_reset_token(&self, token: &str) -> Option<PasswordResetId> {
        self.open(RESET, token).map(PasswordResetId::from_uuid)
    }

    /// The token in the link that takes this step of a change of address.
    pub fn change_token(&self, step: ChangeStep, user: UserId, change: EmailChangeId) -> String {
        let ids = [user.uuid().as_bytes().as_slice(), change.uuid().as_bytes()].concat();
        let mac = mac(&self.0, &[step.purpose().as_bytes(), &ids]);
        URL_SAFE_NO_PAD.encode([ids.as_slice(), &mac].concat())
    }

    /// The change that this token takes the step of, if the token is ours.
    pub fn open_change_token(&self, step: ChangeStep, token: &str) -> Option<(UserId, EmailChangeId)> {
        let bytes = URL_SAFE_NO_PAD.decode(token).ok()?;
        let (ids, shown) = bytes.split_at_checked(32)?;
        let (user, change) = ids.split_at(16);
        let user = UserId::from_uuid(Uuid::from_slice(user).ok()?);
        let change = EmailChangeId::from_uuid(Uuid::from_slice(change).ok()?);
        same(shown, &mac(&self.0, &[step.purpose().as_bytes(), ids])).then_some((user, change))
    }

    /// The token in the link of an invite.
    pub fn invite_token(&self, link: &InviteProof) -> String {
        let InviteProof { org_id, invite_id, generation } = link;
        let (org, invite) = (org_id.uuid(), invite_id.uuid());
        let said = [org.as_bytes().as_slice(), invite.as_bytes(), &generation.to_be_bytes()].concat();
        let mac = mac(&self.0, &[INVITE.as_bytes(), &said]);
        URL_SAFE_NO_PAD.encode([said.as_slice(), &mac].concat())
    }

    /// The invite that this token is for, if the token is ours.
    pub fn open_invite_token(&self, token: &str) -> Option<InviteProof> {
        let bytes = URL_SAFE_NO_PAD.decode(token).ok()?;
        let (said, shown) = bytes.split_at_checked(36)?;
        let (ids, generation) = said.split_at(32);
        let link = InviteProof {
            org_id: OrgId::from_uuid(Uuid::from_slice(&ids[..16]).ok()?),
            invite_id: InviteId::from_uuid(Uuid::from_slice(&ids[16..]).ok()?),
            generation: u32::from_be_bytes(generation.try_into().ok()?),
        };
        same(shown, &mac(&self.0, &[INVITE.as_bytes(), said])).then_some(link)
    }

    /// The token in a link by which several people come in.
    pub fn invite_link_token(&self, org: OrgId, link: InviteLinkId) -> String {
        let ids = [org.uuid().as_bytes().as_slice(), link.uuid().as_bytes()].concat();
        let mac = mac(&self.0, &[INVITE_LINK.as_bytes(), &ids]);
        URL_SAFE_NO_PAD.encode([ids.as_slice(), &mac].concat())
    }

    /// The link into this organization that this token is for, if the token is ours.
    pub fn open_invite_link_token(&self, token: &str) -> Option<(OrgId, InviteLinkId)> {
        let bytes = URL_SAFE_NO_PAD.decode(token).ok()?;
        let (ids, shown) = bytes.split_at_checked(32)?;
        let (org, link) = ids.split_at(16);
        let org = OrgId::from_uuid(Uuid::from_slice(org).ok()?);
        let link = InviteLinkId::from_uuid(Uuid::from_slice(link).ok()?);
        same(shown, &mac(&self.0, &[INVITE_LINK.as_bytes(), ids])).then_some((org, link))
    }

    /// Whether this is the login's code.
    pub fn is_code(&self, login: LoginId, code: &str) -> bool {
        same(self.code(login).as_bytes(), code.as_bytes())
    }

    fn seal(&self, purpose: &str, id: Uuid) -> String {
        let mac = mac(&self.0, &[purpose.as_bytes(), id.as_bytes()]);
        URL_SAFE_NO_PAD.encode([id.as_bytes().as_slice(), &mac].concat())
    }

    fn open(&self, purpose: &str, token: &str) -> Option<Uuid> {
        let bytes = URL_SAFE_NO_PAD.decode(token).ok()?;
        let (id, shown) = bytes.split_at_checked(16)?;
        let mac = mac(&self.0, &[purpose.as_bytes(), id]);
        same(shown, &mac).then(|| Uuid::from_slice(id).ok()).flatten()
    }
}

#[cfg(test)]
mod tests {
    use primitives::Ids;
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn each_token_opens_for_its_own_purpose_and_key_only() {
        let (key, other) = (LinkKey::from_secret("one"), LinkKey::from_secret("two"));
        let login = Ids::unguessable();
        assert_eq!(key.open_token(&key.token(login)), Some(login));
        assert_eq!(key.open_browser_token(&key.browser_token(login)), Some(login));
        assert_eq!(key.open_token(&key.browser_token(login)), None);
        assert_eq!(key.open_browser_token(&key.token(login)), None);
        assert_eq!(other.open_token(&key.token(login)), None);
        assert_eq!(key.open_reset_token(&key.token(login)), None);
        assert_eq!(key.open_token(&key.reset_token(Ids::unguessable())), None);
        assert!(key.is_code(login, &key.code(login)) && key.code(login).len() == 6);
        let code = SmsCodeId::from_uuid(login.uuid());
        assert!(key.is_sms_code(code, &key.sms_code(code)) && key.sms_code(code).len() == 6);
        assert_ne!(key.sms_code(code), key.code(login), "a code of a mail is none of a phone");
        let code = MailCodeId::from_uuid(login.uuid());
        assert!(key.is_mail_code(code, &key.mail_code(code)) && !key.is_code(login, &key.mail_code(code)));
    }

    #[test]
    fn a_link_of_a_change_takes_its_own_step_only() {
        let (key, other) = (LinkKey::from_secret("one"), LinkKey::from_secret("two"));
        let (user, change) = (Ids::unguessable(), Ids::unguessable());
        for (step, not) in [(ChangeStep::Confirm, ChangeStep::Undo), (ChangeStep::Undo, ChangeStep::Confirm)]
        {
            let token = key.change_token(step, user, change);
            assert_eq!(key.open_change_token(step, &token), Some((user, change)));
            assert_eq!(key.open_change_token(not, &token), None);
            assert_eq!(other.open_change_token(step, &token), None);
            assert_eq!(key.open_token(&token), None);
            assert_eq!(key.open_change_token(step, &token[1..]), None);
        }
    }

    #[test]
    fn a_link_of_an_invite_is_of_its_own_generation() {
        let (key, other) = (LinkKey::from_secret("one"), LinkKey::from_secret("two"));
        let link = InviteProof {
            org_id: Ids::unguessable(),
            invite_id: Ids::unguessable(),
            generation: 0x0102_0304,
        };
        let token = key.invite_token(&link);
        assert_eq!(key.open_invite_token(&token), Some(link));
        assert_eq!(other.open_invite_token(&token), None);
        assert_ne!(key.invite_token(&InviteProof { generation: 1, ..link }), token);
        assert!(
            key.open_token(&token).is_none() && key.open_change_token(ChangeStep::Undo, &token).is_none()
        );
        let change = key.change_token(ChangeStep::Undo, Ids::unguessable(), Ids::unguessable());
        assert_eq!(key.open_invite_token(&change), None);
        for changed in 0..36 {
            let mut bytes = URL_SAFE_NO_PAD.decode(&token).unwrap();
            bytes[changed] ^= 1;
            assert_eq!(key.open_invite_token(&URL_SAFE_NO_PAD.encode(bytes)), None);
        }
    }

    #[test]
    fn a_link_for_several_is_none_for_one() {
        let (key, other) = (LinkKey::from_secret("one"), LinkKey::from_secret("two"));
        let (org, link) = (Ids::unguessable(), Ids::unguessable());
        let token = key.invite_link_token(org, link);
        assert_eq!(key.open_invite_link_token(&token), Some((org, link)));
        assert_eq!(other.open_invite_link_token(&token), None);
        assert!(key.open_invite_token(&token).is_none());
        assert!(key.open_change_token(ChangeStep::Undo, &token).is_none());
        let change = key.change_token(ChangeStep::Undo, Ids::unguessable(), Ids::unguessable());
        assert_eq!(key.open_invite_link_token(&change), None);
    }

    proptest! {
        #[test]
        fn no_text_is_a_token(text in ".*") {
            prop_assert_eq!(LinkKey::from_secret("one").open_invite_link_token(&text), None);
            prop_assert_eq!(LinkKey::from_secret("one").open_invite_token(&text), None);
            prop_assert_eq!(LinkKey::from_secret("one").open_token(&text), None);
            prop_assert_eq!(LinkKey::from_secret("one").open_change_token(ChangeStep::Undo, &text), None);
        }
    }
}
