//! What a browser sends of a credential, as `PublicKeyCredential.toJSON()` writes it (Web Authentication,
//! Level 3, section 5.1). What is not listed here says nothing to us and is passed over: browsers add to it.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use primitives::{FieldCode, Invalid, json};
use serde::Deserialize;

/// What a browser sends proves nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("this passkey cannot be taken: begin again")]
pub struct InvalidCredential;

impl Invalid for InvalidCredential {
    fn field_code(&self) -> FieldCode {
        FieldCode::InvalidProof
    }
}

/// No credential has a longer id (section 4, "Credential ID").
const LONGEST_ID: usize = 1023;

/// What a new credential came with; nothing that is taken is larger.
const LARGEST: usize = 16 * 1024;

/// Bytes in base64url, without padding.
#[derive(Clone, Debug, Deserialize)]
#[serde(try_from = "std::borrow::Cow<'_, str>")]
struct Bytes(Vec<u8>);

impl TryFrom<std::borrow::Cow<'_, str>> for Bytes {
    type Error = &'static str;

    fn try_from(text: std::borrow::Cow<'_, str>) -> Result<Self, Self::Error> {
        if text.len() > 2 * LARGEST {
            return Err("too_long: no passkey needs so much");
        }
        URL_SAFE_NO_PAD.decode(text.as_bytes()).map(Self).map_err(|_| "write it in base64url without padding")
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Sent<R> {
    id: Bytes,
    raw_id: Bytes,
    #[serde(rename = "type")]
    kind: String,
    response: R,
    #[serde(default)]
    client_extension_results: Extensions,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Extensions {
    cred_props: Option<CredentialProperties>,
}

#[derive(Deserialize)]
struct CredentialProperties {
    rk: Option<bool>,
}

impl<R> Sent<R> {
    fn id(&self) -> Result<Vec<u8>, &'static str> {
        let id = &self.raw_id.0;
        if self.kind != "public-key" {
            Err("unknown_value: its type is \"public-key\"")
        } else if self.id.0 != *id || !(1..=LONGEST_ID).contains(&id.len()) {
            Err("`id` and `rawId` are the same, of 1 to 1023 bytes")
        } else {
            Ok(id.clone())
        }
    }
}

/// A new credential: what `navigator.credentials.create()` gave.
#[derive(Clone, Debug, Deserialize)]
#[serde(try_from = "Sent<AttestationSent>")]
pub struct Attestation {
    pub(crate) id: Vec<u8>,
    pub(crate) client_data: Vec<u8>,
    pub(crate) object: Vec<u8>,
    /// Whether it is one that is found without a name, where the browser says so.
    pub(crate) is_discoverable: Option<bool>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct AttestationSent {
    #[serde(rename = "clientDataJSON")]
    client_data: Bytes,
    attestation_object: Bytes,
}

impl TryFrom<Sent<AttestationSent>> for Attestation {
    type Error = &'static str;

    fn try_from(sent: Sent<AttestationSent>) -> Result<Self, Self::Error> {
        Ok(Self {
            id: sent.id()?,
            client_data: sent.response.client_data.0,
            object: sent.response.attestation_object.0,
            is_discoverable: sent.client_extension_results.cred_props.and_then(|properties| properties.rk),
        })
    }
}

/// A proof with a credential: what `navigator.credentials.get()` gave.
#[derive(Clone, Debug, Deserialize)]
#[serde(try_from = "Sent<AssertionSent>")]
pub struct Assertion {
    pub(crate) id: Vec<u8>,
    pub(crate) client_data: Vec<u8>,
    pub(crate) authenticator_data: Vec<u8>,
    pub(crate) signature: Vec<u8>,
    pub(crate) user_handle: Option<Vec<u8>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct AssertionSent {
    #[serde(rename = "clientDataJSON")]
    client_data: Bytes,
    authenticator_data: Bytes,
    signature: Bytes,
    #[serde(default)]
    user_handle: Option<Bytes>,
}

impl TryFrom<Sent<AssertionSent>> for Assertion {
    type Error = &'static str;

    fn try_from(sent: Sent<AssertionSent>) -> Result<Self, Self::Error> {
        let id = sent.id()?;
        let AssertionSent { client_data, authenticator_data, signature, user_handle } = sent.response;
        Ok(Self {
            id,
            client_data: client_data.0,
            authenticator_data: authenticator_data.0,
            signature: signature.0,
            user_handle: user_handle.map(|handle| handle.0),
        })
    }
}

/// What the browser signs of the page, as far as the library does not look at it.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ClientData {
    origin: String,
    cross_origin: Option<bool>,
    top_origin: Option<String>,
}

/// Whether the page was this origin, to the letter, and not within a page of another (sections 7.1, steps 9
/// to 11, and 7.2, steps 12 to 14).
pub(crate) fn is_from(client_data: &[u8], origin: &str) -> bool {
    json::from_slice::<ClientData>(client_data).is_ok_and(|said| {
        said.origin == origin && said.cross_origin != Some(true) && said.top_origin.is_none()
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::*;

    fn sent() -> Value {
        json!({
            "id": "AQID", "rawId": "AQID", "type": "public-key", "authenticatorAttachment": "platform",
            "response": { "clientDataJSON": "e30", "authenticatorData": "AA", "signature": "AA" },
            "clientExtensionResults": {},
        })
    }

    fn read(sent: Value) -> Result<Assertion, String> {
        serde_json::from_value(sent).map_err(|error| error.to_string())
    }

    #[test]
    fn a_credential_is_read_as_browsers_write_it() {
        let assertion = read(sent()).unwrap();
        assert_eq!((assertion.id, assertion.user_handle), (vec![1, 2, 3], None));
        for (pointer, value) in [
            ("/id", json!("AQIE")),
            ("/id", json!("AQID=")),
            ("/rawId", json!("!")),
            ("/type", json!("password")),
            ("/response", json!({})),
            ("/response/signature", json!(1)),
            ("/response/signature", json!("A".repeat(40_000))),
        ] {
            let mut changed = sent();
            *changed.pointer_mut(pointer).unwrap() = value.clone();
            assert!(read(changed).is_err(), "{pointer} {value}");
        }
        let mut long = sent();
        let id = URL_SAFE_NO_PAD.encode([7; 1024]);
        (long["id"], long["rawId"]) = (json!(id), json!(id));
        assert!(read(long).is_err());
    }

    #[test]
    fn a_page_is_one_origin_to_the_letter_and_in_no_other() {
        let is = |said: Value| is_from(said.to_string().as_bytes(), "https://app.example.com");
        assert!(is(json!({ "origin": "https://app.example.com" })));
        assert!(is(json!({ "origin": "https://app.example.com", "crossOrigin": false, "new": [1] })));
        for said in [
            json!({ "origin": "https://app.example.com/" }),
            json!({ "origin": "https://APP.example.com" }),
            json!({ "origin": "https://app.example.com.evil.example" }),
            json!({ "origin": "http://app.example.com" }),
            json!({ "origin": "https://app.example.com:444" }),
            json!({ "origin": "https://app.example.com", "crossOrigin": true }),
            json!({ "origin": "https://app.example.com", "topOrigin": "https://app.example.com" }),
            json!({ "origin": null }),
            json!([]),
        ] {
            assert!(!is(said.clone()), "{said}");
        }
    }

    proptest! {
        #[test]
        fn no_bytes_are_from_anywhere_that_they_do_not_say(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            prop_assert!(!is_from(&bytes, "https://app.example.com"));
        }
    }
}
