use proptest::prelude::*;

use super::*;

const BODY: &[u8] = br#"{"id":"evt_1","object":"event"}"#;

fn secret(text: &str) -> Secret<String> {
    Secret::new(text.to_owned())
}

fn secrets(texts: &[&str]) -> WebhookSecrets {
    WebhookSecrets::new(texts.iter().map(|text| secret(text)).collect()).unwrap()
}

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

fn header() -> String {
    sign(BODY, &secret("whsec_test"), at(1_800_000_000))
}

fn check(header: &str) -> Result<(), SignatureError> {
    verify(BODY, header, &secrets(&["whsec_test"]), at(1_800_000_000))
}

/// Made with `printf '1492774577.{"id":"evt_1"}' | openssl dgst -sha256 -hmac whsec_known`.
#[test]
fn agrees_with_another_implementation() {
    let header = "t=1492774577,v1=e0b261683dfb202a77829e3fb7030c0f3d00ad950248c5f646db627abb2c5c09";
    let known = secrets(&["whsec_known"]);
    assert_eq!(verify(br#"{"id":"evt_1"}"#, header, &known, at(1_492_774_577)), Ok(()));
}

#[test]
fn takes_any_of_several_secrets_and_signatures() {
    let old = sign(BODY, &secret("whsec_old"), at(1_800_000_000));
    let (_, old_signature) = old.split_once(',').unwrap();
    let both = format!("{},{old_signature},v0=ffff", header());
    for known in [&["whsec_test"][..], &["whsec_old"], &["whsec_other", "whsec_old"], &["whsec_test", "x"]] {
        assert_eq!(verify(BODY, &both, &secrets(known), at(1_800_000_000)), Ok(()));
    }
    assert_eq!(
        verify(BODY, &both, &secrets(&["whsec_other"]), at(1_800_000_000)),
        Err(SignatureError::Mismatch)
    );
}

#[test]
fn tolerates_five_minutes_both_ways_and_not_a_second_more() {
    let known = secrets(&["whsec_test"]);
    for second in [1_799_999_700, 1_800_000_000, 1_800_000_300] {
        assert_eq!(verify(BODY, &header(), &known, at(second)), Ok(()), "{second}");
    }
    for second in [1_799_999_699, 1_800_000_301, 0, 4_000_000_000] {
        assert_eq!(
            verify(BODY, &header(), &known, at(second)),
            Err(SignatureError::OutsideTolerance),
            "{second}"
        );
    }
}

#[test]
fn refuses_malformed_headers() {
    let signature = header().split_once("v1=").unwrap().1.to_owned();
    for text in [
        String::new(),
        "t=1800000000".to_owned(),
        format!("v1={signature}"),
        format!("t=,v1={signature}"),
        format!("t=+1800000000,v1={signature}"),
        format!("t=-5,v1={signature}"),
        format!("t=1800000000,t=1800000000,v1={signature}"),
        format!("t=99999999999999999999,v1={signature}"),
        format!("t=999999999999999999,v1={signature}"),
        "t=1800000000,v1=".to_owned(),
        "t=1800000000,v1=zz".to_owned(),
        format!("t=1800000000,v1={}", &signature[..62]),
        format!("t=1800000000,v0={signature}"),
        format!("t=1800000000,{}", "v1=00,".repeat(2000)),
    ] {
        assert_eq!(check(&text), Err(SignatureError::Malformed), "{text}");
    }
}

#[test]
fn signs_the_time_as_it_is_written() {
    let shifted = header().replacen("t=1800000000", "t=01800000000", 1);
    assert_eq!(check(&shifted), Err(SignatureError::Mismatch));
}

#[test]
fn refuses_a_set_without_a_usable_secret() {
    assert!(WebhookSecrets::new(vec![]).is_err());
    assert!(WebhookSecrets::new(vec![secret("whsec_a"), secret(" ")]).is_err());
}

proptest! {
    #[test]
    fn what_is_signed_verifies(body: Vec<u8>, key in "[!-~]{1,80}", second in 0_i64..4_000_000_000) {
        let header = sign(&body, &secret(&key), at(second));
        prop_assert_eq!(verify(&body, &header, &secrets(&["other", &key]), at(second)), Ok(()));
    }

    #[test]
    fn one_changed_byte_is_noticed(position in 0..BODY.len(), flip in 1_u8..) {
        let mut body = BODY.to_vec();
        body[position] ^= flip;
        let answer = verify(&body, &header(), &secrets(&["whsec_test"]), at(1_800_000_000));
        prop_assert_eq!(answer, Err(SignatureError::Mismatch));
    }

    #[test]
    fn arbitrary_headers_never_pass_or_panic(text in any::<String>()) {
        prop_assert!(check(&text).is_err());
    }

    #[test]
    fn headers_of_the_right_shape_never_pass(text in "(t=[0-9]{0,20},|v1=[0-9a-f]{0,66},|v0=.{0,5},| |,){0,8}") {
        prop_assert!(check(&text).is_err());
    }
}
