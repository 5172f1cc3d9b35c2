use aws_lc_rs::digest::{SHA256, digest};
use primitives::{FieldCode, Invalid};

use crate::events::DevicePlatform;

/// The token that a push service gave to an app, in its one spelling.
///
/// Apple's are bytes that apps write in hexadecimal, in lower or upper case; both are the same
/// device. Firebase's are text, in which case matters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PushToken {
    platform: DevicePlatform,
    text: String,
}

/// The text is no token of that service.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidPushToken {
    /// Apple's are hexadecimal. SNS takes up to 400 digits; Apple says that lengths may change, so
    /// the lower bound is loose.
    #[error("a token of Apple's is 32 to 400 hexadecimal digits, two for each byte")]
    Apns,
    /// Firebase's are graphic ASCII.
    #[error("use the token as the push service gave it")]
    Fcm,
}

impl Invalid for InvalidPushToken {
    fn field_code(&self) -> FieldCode {
        FieldCode::InvalidPushToken
    }
}

impl PushToken {
    /// The token in its one spelling.
    ///
    /// # Errors
    /// When the service gives no such tokens.
    pub fn new(platform: DevicePlatform, text: &str) -> Result<Self, InvalidPushToken> {
        let text = match platform {
            DevicePlatform::Apns => apns(text).ok_or(InvalidPushToken::Apns)?,
            DevicePlatform::Fcm => fcm(text).ok_or(InvalidPushToken::Fcm)?,
        };
        Ok(Self { platform, text })
    }

    /// The service that gave it.
    pub fn platform(&self) -> DevicePlatform {
        self.platform
    }

    /// The token, for the push service.
    pub(crate) fn expose(&self) -> &str {
        &self.text
    }

    /// What it is known by: two services may give the same token.
    pub(crate) fn hash(&self) -> String {
        let service = match self.platform {
            DevicePlatform::Apns => "apns",
            DevicePlatform::Fcm => "fcm",
        };
        hex::encode(digest(&SHA256, format!("{service} {}", self.text).as_bytes()))
    }
}

fn apns(text: &str) -> Option<String> {
    let right = (32..=400).contains(&text.len())
        && text.len().is_multiple_of(2)
        && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    right.then(|| text.to_ascii_lowercase())
}

fn fcm(text: &str) -> Option<String> {
    let right = (8..=2048).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic());
    right.then(|| text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    const TOKEN: &str = "740f4707bebcf74f9b7c25d48e3358945f6aa01da5ddb387462c7eaf61bb78ad"; // checkov:skip=CKV_SECRET_6: an example

    #[test]
    fn a_token_of_apples_has_one_spelling() {
        let lower = PushToken::new(DevicePlatform::Apns, TOKEN).unwrap();
        let upper = PushToken::new(DevicePlatform::Apns, &TOKEN.to_uppercase()).unwrap();
        assert_eq!((lower.hash(), lower.expose()), (upper.hash(), TOKEN));
        assert_eq!(lower, upper);
    }

    #[test]
    fn case_matters_in_a_token_of_firebases() {
        let tokens = ["dGhpcyBpcw:APA91b", "dGhpcyBpcw:apa91B"]
            .map(|text| PushToken::new(DevicePlatform::Fcm, text).unwrap());
        assert_ne!(tokens[0].hash(), tokens[1].hash());
        assert_eq!(tokens[0].expose(), "dGhpcyBpcw:APA91b");
        assert_ne!(
            PushToken::new(DevicePlatform::Fcm, TOKEN).unwrap().hash(),
            PushToken::new(DevicePlatform::Apns, TOKEN).unwrap().hash()
        );
    }

    #[test]
    fn what_is_no_token_is_refused() {
        let described = "{length = 32, bytes = 0x740f4707 bebcf74f ... 61bb78ad}";
        for text in [
            "",
            "undefined",
            "zz".repeat(32).as_str(),
            &TOKEN[..63],
            &TOKEN[..30],
            &"a".repeat(402),
            described,
            "<740f4707 bebcf74f 9b7c25d4 8e335894 5f6aa01d a5ddb387 462c7eaf 61bb78ad>",
            &format!("{TOKEN}\n"),
            "ＡＡ".repeat(32).as_str(),
        ] {
            assert_eq!(PushToken::new(DevicePlatform::Apns, text), Err(InvalidPushToken::Apns), "{text}");
        }
        for text in
            ["", "short", "with spaces in it", "line\nend-of-token", "tökentökentöken", &"a".repeat(2049)]
        {
            assert_eq!(PushToken::new(DevicePlatform::Fcm, text), Err(InvalidPushToken::Fcm), "{text}");
        }
    }
}
