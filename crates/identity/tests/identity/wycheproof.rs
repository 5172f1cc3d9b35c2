//! Project Wycheproof's signatures and tokens (`tests/data/wycheproof-*.json`, with their source and
//! licence) against what checks access tokens. We take one algorithm, so of the tokens none may be taken;
//! what is right in itself is refused too, since it is another's.

use aws_lc_rs::hmac;
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use identity::AuthenticationError;
use jsonwebtoken::{Algorithm, DecodingKey, crypto::verify};
use serde::Deserialize;
use serde_json::{Value, json};
use table::Consistency;

use crate::{
    setting::Setting,
    tokens::{Forger, part},
};

#[derive(Deserialize)]
struct Vectors<T> {
    license: String,
    groups: Vec<T>,
}

fn vectors<T: for<'de> Deserialize<'de>>(text: &str) -> Vec<T> {
    let vectors: Vectors<T> = serde_json::from_str(text).unwrap();
    assert_eq!(vectors.license, "Apache-2.0");
    vectors.groups
}

#[derive(Deserialize)]
struct OfKey {
    x: String,
    tests: Vec<Signature>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Signature {
    tc_id: u32,
    comment: String,
    msg: String,
    sig: String,
    result: String,
}

#[test]
fn of_signatures_the_right_ones_are_taken_and_no_others() {
    let groups: Vec<OfKey> = vectors(include_str!("../data/wycheproof-ed25519.json"));
    let (mut taken, mut refused) = (0, 0);
    for OfKey { x, tests } in groups {
        let key = DecodingKey::from_ed_components(&x).unwrap();
        for test in tests {
            let signature = URL_SAFE_NO_PAD.encode(hex::decode(&test.sig).unwrap());
            let message = hex::decode(&test.msg).unwrap();
            let is_right = verify(&signature, &message, &key, Algorithm::EdDSA).unwrap_or(false);
            assert_eq!(is_right, test.result == "valid", "{} {}", test.tc_id, test.comment);
            *if is_right { &mut taken } else { &mut refused } += 1;
        }
    }
    assert_eq!((taken, refused), (88, 63));
}

#[derive(Deserialize)]
struct OfTokens {
    tests: Vec<Token>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Token {
    tc_id: u32,
    comment: String,
    jws: String,
}

#[tokio::test]
async fn of_others_tokens_none_is_taken() {
    let setting = Setting::new().await;
    let sets = [include_str!("../data/wycheproof-jws.json"), include_str!("../data/wycheproof-jwk.json")];
    let groups = sets.into_iter().flat_map(vectors::<OfTokens>);
    let tokens: Vec<Token> = groups.flat_map(|group| group.tests).collect();
    assert_eq!(tokens.len(), 427);
    for Token { tc_id, comment, jws } in tokens {
        let refused = setting.authority.principal(&jws, Consistency::Eventual).await;
        assert!(matches!(refused, Err(AuthenticationError::InvalidToken)), "{tc_id} {comment}: {refused:?}");
    }
}

/// A token that is good, by a key of ours that is published, and what it is made of.
struct Good {
    forger: Forger,
    header: Value,
    claims: Value,
    token: String,
}

type Attacks = Vec<(&'static str, String)>;

impl Good {
    fn parts(&self) -> [&str; 3] {
        self.token.split('.').collect::<Vec<_>>().try_into().unwrap()
    }

    fn header_with(&self, member: &str, value: Value) -> Value {
        let mut header = self.header.clone();
        header[member] = value;
        header
    }

    /// No signature, under each way to write that; and the public key as the secret of a MAC, in each form in
    /// which somebody may have it.
    fn without_its_signature(&self) -> Attacks {
        let [head, body, signature] = self.parts();
        let head_of = |alg: &str| URL_SAFE_NO_PAD.encode(self.header_with("alg", json!(alg)).to_string());
        let mut attacks = vec![
            ("its signature left out", format!("{head}.{body}.")),
            ("its signature gone", format!("{head}.{body}")),
        ];
        for alg in ["none", "None", "NONE", "nOnE", ""] {
            attacks.push(("no signature", format!("{}.{body}.", head_of(alg))));
            attacks.push(("that of another header", format!("{}.{body}.{signature}", head_of(alg))));
        }
        let x = self.forger.public();
        let document = json!({ "kty": "OKP", "crv": "Ed25519", "x": x }).to_string();
        for secret in [x.as_bytes().to_vec(), URL_SAFE_NO_PAD.decode(&x).unwrap(), document.into_bytes()] {
            for alg in ["HS256", "EdDSA"] {
                let message = format!("{}.{body}", head_of(alg));
                let key = hmac::Key::new(hmac::HMAC_SHA256, &secret);
                let mac = URL_SAFE_NO_PAD.encode(hmac::sign(&key, message.as_bytes()).as_ref());
                attacks.push(("the public key as a secret", format!("{message}.{mac}")));
            }
        }
        attacks
    }

    /// A key of the attacker's, brought along, to be fetched, or under a name that leads elsewhere.
    fn by_another_key(&self) -> Attacks {
        let stranger = Forger::unpublished();
        let own = json!({ "kty": "OKP", "crv": "Ed25519", "x": stranger.public(), "kid": "forger" });
        let mut attacks = vec![("a stranger's key", stranger.sign(&self.header, &self.claims))];
        for (member, value) in [
            ("jwk", own),
            ("jku", json!("https://evil.example/jwks.json")),
            ("x5u", json!("https://evil.example/cert.pem")),
            ("x5c", json!(["MIIB"])),
            ("x5t#S256", json!("AAAA")),
        ] {
            attacks.push((member, stranger.sign(&self.header_with(member, value), &self.claims)));
        }
        for kid in ["../../dev/null", "forger' OR '1'='1", "forger\u{0}", "", "forger ", "|id", "FORGER"] {
            let header = self.header_with("kid", json!(kid));
            attacks.push(("another kid", stranger.sign(&header, &self.claims)));
            attacks.push(("another kid", self.forger.sign(&header, &self.claims)));
        }
        let list = self.header_with("kid", json!(["forger"]));
        attacks.push(("a list of kids", self.forger.sign(&list, &self.claims)));
        attacks
    }

    /// What may be read in two ways, and other writings of the same.
    fn written_otherwise(&self) -> Attacks {
        let [head, body, signature] = self.parts();
        let raised = URL_SAFE_NO_PAD.encode(self.claims.to_string().replace("aal1", "aal2"));
        let twice = r#"{"typ":"at+jwt","alg":"none","alg":"EdDSA","kid":"forger"}"#;
        let claims = self.claims.to_string();
        let doubled = format!("{{\"sub\":{},{}", self.claims["sub"], &claims[1..]);
        let mut attacks = vec![
            ("a member twice", self.forger.sign_text(twice, &claims)),
            ("a claim twice", self.forger.sign_text(&self.header.to_string(), &doubled)),
            ("padding", format!("{}==", self.token)),
            ("a fourth part", format!("{}.{signature}", self.token)),
            ("a part before", format!(".{}", self.token)),
            ("blanks", format!("{head} .{body}.{signature}")),
            ("a line", format!("{head}\n.{body}.{signature}")),
            ("JSON", json!({ "protected": head, "payload": body, "signature": signature }).to_string()),
            ("encrypted", format!("{head}..{body}.{signature}.{signature}")),
            ("another body", format!("{head}.{raised}.{signature}")),
            ("very long", format!("{}.{body}.{signature}", "A".repeat(1_000_000))),
            ("nothing", String::new()),
        ];
        for alg in [json!("eddsa"), json!("Ed25519"), json!("EdDSA "), json!(["EdDSA"]), Value::Null] {
            let header = self.header_with("alg", alg);
            attacks.push(("another spelling", self.forger.sign(&header, &self.claims)));
        }
        // the last letter of the signature has bits that say nothing
        let (most, last) = signature.split_at(signature.len() - 1);
        for other in ('A'..='Z').chain('a'..='z').chain('0'..='9').map(String::from) {
            if other != last {
                attacks.push(("another last letter", format!("{head}.{body}.{most}{other}")));
            }
        }
        attacks
    }
}

/// What is usually tried against those who check tokens (RFC 8725).
#[tokio::test]
async fn the_usual_attacks_let_nobody_in() {
    let setting = Setting::new().await;
    let session = setting.signed_in("ada@example.com").await;
    let claims = part(session.access_token.expose(), 1);
    let forger = Forger::new(&setting).await;
    let header = json!({ "typ": "at+jwt", "alg": "EdDSA", "kid": "forger" });
    let token = forger.sign(&header, &claims);
    let good = Good { forger, header, claims, token };
    let take = async |token: &str| setting.authority.principal(token, Consistency::Eventual).await;
    let [head, body, _] = good.parts();
    let refresh = session.refresh_token.expose();
    let of_other_sorts = vec![
        ("a refresh token", refresh.clone()),
        ("a refresh token that says it is one", format!("{head}.{body}.{refresh}")),
        ("a half-session's", format!("ghs_{}", "A".repeat(86))),
    ];
    let attacks =
        [good.without_its_signature(), good.by_another_key(), good.written_otherwise(), of_other_sorts];
    for (name, token) in attacks.concat() {
        take(&good.token).await.unwrap();
        let refused = take(&token).await;
        let shown: String = token.chars().take(200).collect();
        assert!(matches!(refused, Err(AuthenticationError::InvalidToken)), "{name} {shown}: {refused:?}");
    }
}
