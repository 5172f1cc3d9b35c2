use http_api::ToSchema;
use serde::Serialize;
use serde_json::Value;

/// What a browser needs to use a passkey.
#[derive(Debug, Serialize, ToSchema)]
pub struct PasskeyOptions {
    /// Goes back with what the browser answers.
    ceremony_token: String,
    /// What the browser is asked, in the JSON of Web Authentication, Level 3: the argument of
    /// `PublicKeyCredential.parseRequestOptionsFromJSON`, or of `parseCreationOptionsFromJSON` for a new one.
    #[schema(value_type = Object)]
    public_key: Value,
    /// How long it may take, seconds.
    expires_in: i64,
}

impl From<identity::PasskeyOptions> for PasskeyOptions {
    fn from(options: identity::PasskeyOptions) -> Self {
        Self {
            ceremony_token: options.ceremony_token.expose().clone(),
            public_key: options.public_key,
            expires_in: options.expires_in,
        }
    }
}

/// A new credential, as `PublicKeyCredential.toJSON()` writes it (Web Authentication, Level 3, section 5.1:
/// `RegistrationResponseJSON`). All bytes are base64url without padding. Other members are passed over.
#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
#[expect(dead_code, reason = "it says the form of what identity::Attestation reads")]
pub struct RegistrationCredential {
    /// The credential's id.
    #[schema(min_length = 2, max_length = 1364)]
    id: String,
    /// The same.
    #[schema(min_length = 2, max_length = 1364)]
    raw_id: String,
    /// `public-key`.
    #[schema(rename = "type", pattern = "^public-key$")]
    kind: String,
    /// What the authenticator made.
    #[schema(inline)]
    response: RegistrationProof,
    /// What became of extensions: an object.
    #[schema(value_type = Option<Object>, nullable = false)]
    client_extension_results: (),
}

#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
#[expect(dead_code, reason = "as above")]
struct RegistrationProof {
    /// What the browser says of the page.
    #[schema(rename = "clientDataJSON", max_length = 32_768)]
    client_data: String,
    /// The new key and who made it.
    #[schema(max_length = 32_768)]
    attestation_object: String,
}

/// A proof with a credential, as `PublicKeyCredential.toJSON()` writes it (Web Authentication, Level 3,
/// section 5.1: `AuthenticationResponseJSON`). All bytes are base64url without padding. Other members are
/// passed over.
#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
#[expect(dead_code, reason = "it says the form of what identity::Assertion reads")]
pub struct AuthenticationCredential {
    /// The credential's id.
    #[schema(min_length = 2, max_length = 1364)]
    id: String,
    /// The same.
    #[schema(min_length = 2, max_length = 1364)]
    raw_id: String,
    /// `public-key`.
    #[schema(rename = "type", pattern = "^public-key$")]
    kind: String,
    /// What the authenticator made.
    #[schema(inline)]
    response: AuthenticationProof,
    /// What became of extensions: an object.
    #[schema(value_type = Option<Object>, nullable = false)]
    client_extension_results: (),
}

#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
#[expect(dead_code, reason = "as above")]
struct AuthenticationProof {
    /// What the browser says of the page.
    #[schema(rename = "clientDataJSON", max_length = 32_768)]
    client_data: String,
    /// What the authenticator says of itself.
    #[schema(max_length = 32_768)]
    authenticator_data: String,
    /// Its signature of both.
    #[schema(max_length = 32_768)]
    signature: String,
    /// Whose it is, where the authenticator knows.
    #[schema(max_length = 32_768)]
    user_handle: Option<String>,
}
