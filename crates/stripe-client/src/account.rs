use primitives::{Secret, json};
use serde::Deserialize;

use crate::{ApiKey, Client, ClientOptions, WebhookSecrets};

/// What we need to work with one account at Stripe.
#[derive(Clone, Debug)]
pub struct Account {
    /// Calls Stripe for the account.
    pub client: Client,
    /// What the account's webhooks are signed with.
    pub webhook_secrets: WebhookSecrets,
    /// Whether it is about real money.
    pub livemode: bool,
}

/// The account's secret does not have the form that is expected, or is not filled in yet.
#[derive(Debug, thiserror::Error)]
pub enum InvalidAccount {
    /// It is not the JSON it should be.
    #[error(r#"expected {{"api_key": "sk_…", "webhook_secrets": ["whsec_…"]}}"#)]
    Form,
    /// The API key is none.
    #[error(transparent)]
    ApiKey(#[from] crate::InvalidApiKey),
    /// There is no signing secret.
    #[error(transparent)]
    WebhookSecrets(#[from] crate::SignatureError),
}

impl Account {
    /// Reads the secret that the account is kept in: `{"api_key": "sk_…", "webhook_secrets":
    /// ["whsec_…"]}`.
    pub fn from_secret(text: &str, options: ClientOptions) -> Result<Self, InvalidAccount> {
        #[derive(Deserialize)]
        struct Document {
            api_key: Secret<String>,
            webhook_secrets: Vec<Secret<String>>,
        }
        // The parser's error would quote the secret.
        let document: Document = json::from_str(text).map_err(|_| InvalidAccount::Form)?;
        let key = ApiKey::new(document.api_key)?;
        let livemode = key.livemode();
        let webhook_secrets = WebhookSecrets::new(document.webhook_secrets)?;
        Ok(Self { client: Client::new(key, options), webhook_secrets, livemode })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_a_complete_secret_and_says_what_is_missing() {
        let read = |text: &str| Account::from_secret(text, ClientOptions::default());
        let account = read(r#"{"api_key": "sk_test_1", "webhook_secrets": ["whsec_1"]}"#).unwrap();
        assert!(!account.livemode);
        for (text, expected) in [
            ("", "expected {\"api_key\""),
            (r#"{"api_key": "", "webhook_secrets": []}"#, "not a Stripe API key"),
            (r#"{"api_key": "sk_test_1", "webhook_secrets": []}"#, "no webhook signing secret"),
            (r#"{"api_key": "sk_test_1", "webhook_secrets": "whsec_hidden"}"#, "expected {"),
        ] {
            let error = read(text).unwrap_err().to_string();
            assert!(error.starts_with(expected) && !error.contains("hidden"), "{error}");
        }
    }
}
