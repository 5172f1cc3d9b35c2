use primitives::Secret;

/// A secret or restricted API key.
#[derive(Clone, Debug)]
pub struct ApiKey {
    text: Secret<String>,
    livemode: bool,
}

/// The text is no secret or restricted API key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "not a Stripe API key: expected sk_test_…, sk_live_…, rk_test_… or rk_live_… from the Stripe dashboard"
)]
pub struct InvalidApiKey;

impl ApiKey {
    /// Checks the form. A publishable key (`pk_…`) is refused: it can do nothing a server needs.
    pub fn new(text: Secret<String>) -> Result<Self, InvalidApiKey> {
        let key = text.expose();
        let (_, rest) =
            key.split_once('_').filter(|(kind, _)| matches!(*kind, "sk" | "rk")).ok_or(InvalidApiKey)?;
        let (mode, body) = rest.split_once('_').ok_or(InvalidApiKey)?;
        let livemode = match mode {
            "live" => true,
            "test" => false,
            _ => return Err(InvalidApiKey),
        };
        if body.is_empty() || !body.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_') {
            return Err(InvalidApiKey);
        }
        Ok(Self { text, livemode })
    }

    /// Whether the key acts on real money. Events of the other mode are not meant for us.
    pub fn livemode(&self) -> bool {
        self.livemode
    }

    pub(crate) fn expose(&self) -> &str {
        self.text.expose()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(text: &str) -> Result<ApiKey, InvalidApiKey> {
        ApiKey::new(Secret::new(text.to_owned()))
    }

    #[test]
    fn tells_the_mode() {
        assert!(!key("sk_test_51abc").unwrap().livemode());
        assert!(key("rk_live_51abc").unwrap().livemode());
    }

    #[test]
    fn refuses_other_keys() {
        for text in
            ["", "sk_test_", "pk_test_1", "sk_1", "whsec_1", "sk_test_a\r\nx: y", " sk_test_1", "sk_test_1 "]
        {
            assert!(key(text).is_err(), "{text}");
        }
    }

    #[test]
    fn is_not_printed() {
        assert!(!format!("{:?}", key("sk_test_51abc").unwrap()).contains("51abc"));
    }
}
