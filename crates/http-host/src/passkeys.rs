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
