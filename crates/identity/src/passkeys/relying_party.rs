use std::time::Duration;

use primitives::{Email, Secret, Timestamp, UserId, json};
use serde_json::{Value, json};
use url::Url;
use webauthn_rs::{
    Webauthn, WebauthnBuilder,
    prelude::{Credential, PublicKeyCredential, RegisterPublicKeyCredential, WebauthnError},
};

use super::{
    ceremony::{self, Purpose, State},
    credential::{Assertion, Attestation, is_from},
    stored::Passkey,
};
use crate::{IdentityError, SealKey};

/// What a browser needs to begin a ceremony.
#[derive(Clone, Debug)]
pub struct PasskeyOptions {
    /// Goes back with what the browser answers.
    pub ceremony_token: Secret<String>,
    /// What the browser is asked, as Web Authentication writes it in JSON.
    pub public_key: Value,
    /// How long it may take, seconds.
    pub expires_in: i64,
}

/// For whom passkeys are made: the name of a domain, and the page that may use it. Both are configured, and
/// nothing in a request changes them.
#[derive(Clone, Debug)]
pub struct RelyingParty {
    webauthn: Webauthn,
    origin: String,
    seconds: i64,
}

/// Passkeys cannot be made for this address.
#[derive(Debug, thiserror::Error)]
#[error("no passkey can be made for the domain {domain:?} on a page at {url:?}: {detail}")]
pub struct InvalidRelyingParty {
    domain: String,
    url: String,
    detail: String,
}

/// What came of judging a proof.
#[derive(Debug)]
pub(crate) enum Judged {
    /// It is right: the passkey as it is now.
    Right(Box<Passkey>),
    /// It is right, but its counter is behind: there may be a copy.
    Reversed,
    Wrong,
}

impl RelyingParty {
    /// For the page at this URL, which may use passkeys of this domain: its own host, or one above it.
    /// Without a domain it is the host. People are told that it is `product`. A ceremony may take so many
    /// seconds.
    pub fn new(
        app_url: &str,
        domain: Option<&str>,
        product: &str,
        seconds: i64,
    ) -> Result<Self, InvalidRelyingParty> {
        let wrong = |detail: &dyn std::fmt::Display| InvalidRelyingParty {
            domain: domain.unwrap_or_default().to_owned(),
            url: app_url.to_owned(),
            detail: detail.to_string(),
        };
        let url = Url::parse(app_url).map_err(|error| wrong(&error))?;
        let domain = domain.or_else(|| url.domain()).ok_or_else(|| wrong(&"it has no domain"))?;
        let timeout = Duration::from_secs(seconds.unsigned_abs());
        let builder = WebauthnBuilder::new(domain, &url).map_err(|error| wrong(&error))?;
        let webauthn = builder.rp_name(product).timeout(timeout).build().map_err(|error| wrong(&error))?;
        Ok(Self { webauthn, origin: url.origin().ascii_serialization(), seconds })
    }

    fn options(
        &self,
        key: &SealKey,
        purpose: Purpose,
        state: State,
        public_key: Value,
        now: Timestamp,
    ) -> Result<PasskeyOptions, IdentityError> {
        let ceremony_token = ceremony::sealed(key, purpose, state, ceremony::until(self.seconds, now))?;
        Ok(PasskeyOptions { ceremony_token, public_key, expires_in: self.seconds })
    }

    /// Asks a browser to make a passkey: one that is found without a name, by a device that verifies the
    /// person, and that has none of these yet.
    pub(crate) fn ask_for_new(
        &self,
        key: &SealKey,
        (purpose, user_id): (Purpose, UserId),
        (email, name): (&Email, Option<&str>),
        existing: &[Passkey],
        now: Timestamp,
    ) -> Result<PasskeyOptions, IdentityError> {
        let called = name.unwrap_or(email.as_str());
        let (options, state) = self
            .webauthn
            .start_passkey_registration(user_id.uuid(), email.as_str(), called, None)
            .map_err(|_| IdentityError::Sealing)?;
        let mut public_key = serde_json::to_value(options.public_key).map_err(|_| IdentityError::Sealing)?;
        // the library asks for neither, and wants to know more than anybody needs
        public_key["authenticatorSelection"]["residentKey"] = json!("required");
        public_key["authenticatorSelection"]["requireResidentKey"] = json!(true);
        if let Some(extensions) = public_key["extensions"].as_object_mut() {
            extensions.remove("uvm");
        }
        public_key["excludeCredentials"] = descriptors(existing.iter().map(id));
        self.options(key, purpose, State::Create(Box::new(state)), public_key, now)
    }

    /// Asks a browser for a proof with one of these, or with whatever the person has where there are none.
    pub(crate) fn ask(
        &self,
        key: &SealKey,
        purpose: Purpose,
        ids: impl Iterator<Item = Vec<u8>>,
        now: Timestamp,
    ) -> Result<PasskeyOptions, IdentityError> {
        let (options, state) =
            self.webauthn.start_discoverable_authentication().map_err(|_| IdentityError::Sealing)?;
        let mut public_key = serde_json::to_value(options.public_key).map_err(|_| IdentityError::Sealing)?;
        if let Some(members) = public_key.as_object_mut() {
            members.remove("extensions");
        }
        public_key["allowCredentials"] = descriptors(ids);
        self.options(key, purpose, State::Get(Box::new(state)), public_key, now)
    }

    /// The credential that a browser has made, if it is what it was asked for (Web Authentication, Level 3,
    /// section 7.1).
    pub(crate) fn made(&self, state: &State, made: &Attestation) -> Option<Credential> {
        let State::Create(state) = state else { return None };
        if !is_from(&made.client_data, &self.origin) || made.is_discoverable == Some(false) {
            return None;
        }
        let credential: RegisterPublicKeyCredential = json::from_value(json!({
            "id": "", "rawId": encoded(&made.id), "type": "public-key", "response": {
                "attestationObject": encoded(&made.object), "clientDataJSON": encoded(&made.client_data),
            },
        }))
        .ok()?;
        let passkey = self.webauthn.finish_passkey_registration(&credential, state).ok()?;
        // the id that was signed is the one that it is called by
        let credential = Credential::from(passkey);
        (credential.cred_id.as_slice() == made.id).then_some(credential)
    }

    /// Judges a proof with this passkey (section 7.2).
    pub(crate) fn judge(
        &self,
        state: &State,
        shown: &Assertion,
        passkey: &Passkey,
        now: Timestamp,
    ) -> Judged {
        let State::Get(state) = state else { return Judged::Wrong };
        let handle = shown.user_handle.as_deref();
        let is_own = handle.is_none_or(|handle| handle == passkey.user_id.uuid().as_bytes());
        if !is_own || !is_from(&shown.client_data, &self.origin) {
            return Judged::Wrong;
        }
        let credential: Result<PublicKeyCredential, _> = json::from_value(json!({
            "id": "", "rawId": encoded(&shown.id), "type": "public-key", "response": {
                "authenticatorData": encoded(&shown.authenticator_data),
                "clientDataJSON": encoded(&shown.client_data),
                "signature": encoded(&shown.signature),
                "userHandle": null,
            },
        }));
        let Ok(credential) = credential else { return Judged::Wrong };
        let state = state.as_ref().clone();
        match self.webauthn.finish_discoverable_authentication_v2(&credential, state, &passkey.credential) {
            Ok(result) => Judged::Right(Box::new(passkey.shown(&result, now))),
            // said of what is signed only
            Err(WebauthnError::CredentialPossibleCompromise) => Judged::Reversed,
            Err(_) => Judged::Wrong,
        }
    }
}

pub(crate) fn id(passkey: &Passkey) -> Vec<u8> {
    passkey.credential.cred_id().as_slice().to_vec()
}

fn encoded(bytes: &[u8]) -> String {
    use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
    URL_SAFE_NO_PAD.encode(bytes)
}

fn descriptors(ids: impl Iterator<Item = Vec<u8>>) -> Value {
    ids.map(|id| json!({ "type": "public-key", "id": encoded(&id) })).collect()
}

#[cfg(test)]
mod tests {
    use primitives::Ids;

    use super::*;

    /// The test vectors of the standard: what they are, whose, and under which licence, the file says.
    const VECTORS: &str = include_str!("../../tests/data/webauthn-vectors.json");

    fn bytes(of: &Value, name: &str) -> Vec<u8> {
        hex::decode(of[name].as_str().unwrap()).unwrap()
    }

    fn example() -> RelyingParty {
        RelyingParty::new("https://example.org", None, "Example", 300).unwrap()
    }

    /// The state of a ceremony that was begun with this challenge.
    fn with_challenge(state: State, challenge: &[u8]) -> State {
        let mut state = serde_json::to_value(state).unwrap();
        let of = |state: &mut Value, pointer: &str| {
            if let Some(place) = state.pointer_mut(pointer) {
                *place = json!(encoded(challenge));
            }
        };
        of(&mut state, "/create/rs/challenge");
        of(&mut state, "/get/ast/challenge");
        serde_json::from_value(state).unwrap()
    }

    fn made(party: &RelyingParty, vector: &Value) -> Option<Credential> {
        let (_, state) =
            party.webauthn.start_passkey_registration(uuid::Uuid::nil(), "ada", "Ada", None).unwrap();
        let sent = &vector["registration"];
        let state = with_challenge(State::Create(Box::new(state)), &bytes(sent, "challenge"));
        let made = Attestation {
            id: bytes(sent, "credential_id"),
            client_data: bytes(sent, "clientDataJSON"),
            object: bytes(sent, "attestationObject"),
            is_discoverable: None,
        };
        party.made(&state, &made)
    }

    fn shown(party: &RelyingParty, vector: &Value, credential: Credential) -> Judged {
        let now = Timestamp::UNIX_EPOCH;
        let passkey = Passkey::new(Ids::unguessable(), "Key".to_owned(), credential, now).unwrap();
        let (_, state) = party.webauthn.start_discoverable_authentication().unwrap();
        let sent = &vector["authentication"];
        let state = with_challenge(State::Get(Box::new(state)), &bytes(sent, "challenge"));
        let shown = Assertion {
            id: bytes(&vector["registration"], "credential_id"),
            client_data: bytes(sent, "clientDataJSON"),
            authenticator_data: bytes(sent, "authenticatorData"),
            signature: bytes(sent, "signature"),
            user_handle: Some(passkey.user_id.uuid().as_bytes().to_vec()),
        };
        party.judge(&state, &shown, &passkey, now)
    }

    #[test]
    fn the_vectors_of_the_standard_are_taken_as_far_as_the_policy_admits_them() {
        let vectors: Value = serde_json::from_str(VECTORS).unwrap();
        let (party, mut added, mut came_in) = (example(), Vec::new(), Vec::new());
        for vector in vectors["vectors"].as_array().unwrap() {
            let name = vector["section"].as_str().unwrap().strip_prefix("sctn-test-vectors-").unwrap();
            let Some(credential) = made(&party, vector) else { continue };
            added.push(name);
            if matches!(shown(&party, vector, credential), Judged::Right(_)) {
                came_in.push(name);
            }
        }
        // Of the others nine verified nobody or are within a page of another, ES512 is not asked for, the RSA
        // key is of no length that the library takes, and two come with a statement of their maker, which is
        // not asked for either and which it does not take.
        assert_eq!(added, ["packed-self-es256", "packed-es256"]);
        assert_eq!(came_in, ["packed-es256"], "the other one verified nobody this time");
    }

    #[test]
    fn one_changed_byte_of_a_vector_is_refused() {
        let vectors: Value = serde_json::from_str(VECTORS).unwrap();
        let vectors = vectors["vectors"].as_array().unwrap();
        let vector = vectors.iter().find(|one| one["section"] == "sctn-test-vectors-packed-es256").unwrap();
        let party = example();
        for (part, name) in [
            ("registration", "challenge"),
            ("registration", "credential_id"),
            ("registration", "clientDataJSON"),
            ("registration", "attestationObject"),
            ("authentication", "challenge"),
            ("authentication", "clientDataJSON"),
            ("authentication", "authenticatorData"),
            ("authentication", "signature"),
        ] {
            let length = bytes(&vector[part], name).len();
            for at in [0, length / 2, length - 1] {
                let mut changed = vector.clone();
                let mut text = bytes(&vector[part], name);
                text[at] ^= 1;
                changed[part][name] = json!(hex::encode(text));
                let came_in = made(&party, &changed).map(|made| shown(&party, &changed, made));
                assert!(!matches!(came_in, Some(Judged::Right(_))), "{part} {name} {at}");
            }
        }
    }

    #[test]
    fn a_domain_is_the_page_s_own_or_one_above_it() {
        let party = |url: &str, domain: Option<&str>| RelyingParty::new(url, domain, "Acme", 300);
        assert_eq!(
            party("https://app.example.com/start", Some("example.com")).unwrap().origin,
            "https://app.example.com"
        );
        assert!(party("http://localhost:3000/_local/app", None).is_ok());
        for (url, domain) in [
            ("https://app.example.com", Some("example.org")),
            ("https://app.example.com", Some("ample.com")),
            ("https://192.0.2.1", None),
            ("app", None),
        ] {
            assert!(party(url, domain).is_err(), "{url} {domain:?}");
        }
    }
}
