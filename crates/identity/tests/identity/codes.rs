//! Codes: which of them are right, and what others can do about it.

use futures::future::join_all;
use identity::{IdentityError, login_history};
use primitives::SignedDuration;

use crate::setting::{NETWORK, Setting, code, code_from, other_than};

#[tokio::test]
async fn the_codes_of_the_last_three_logins_are_right() {
    let setting = Setting::new().await;
    let mut codes = Vec::new();
    for _ in 0..4 {
        let (_, code, browser) = setting.login("ada@example.com").await;
        codes.push((code, browser));
        setting.clock.advance(SignedDuration::from_secs(1));
    }
    let first = setting.verify(&code("ada@example.com", &codes[0].0)).await;
    assert!(matches!(first, Err(IdentityError::LoginFailed)), "the fourth last is not");
    for (digits, _) in codes.iter().skip(1) {
        setting.verify(&code("ada@example.com", digits)).await.unwrap();
        let again = setting.verify(&code("ada@example.com", digits)).await;
        assert!(matches!(again, Err(IdentityError::LoginFailed)), "once");
    }
}

#[tokio::test]
async fn whoever_kept_the_browser_token_is_not_disturbed_by_others_who_ask() {
    let setting = Setting::new().await;
    let (_, digits, browser) = setting.login("ada@example.com").await;
    for _ in 0..20 {
        setting.clock.advance(SignedDuration::from_secs(1));
        setting.login("ada@example.com").await;
    }
    assert!(
        setting.verify(&code("ada@example.com", &digits)).await.is_err(),
        "by the address alone it is too old"
    );
    setting.verify(&code_from("ada@example.com", &digits, &browser)).await.unwrap();
}

/// Otherwise guesses at one address could be counted for others, without end.
#[tokio::test]
async fn a_browser_token_for_another_address_says_nothing_about_the_code_there() {
    let setting = Setting::new().await;
    let (_, right, browser) = setting.login("ada@example.com").await;
    let calls = async |digits: &str| {
        setting.table.usage().take();
        let answer = setting.verify(&code_from("eve@example.com", digits, &browser)).await;
        assert!(matches!(answer, Err(IdentityError::LoginFailed)));
        setting.table.usage().take().iter().map(|call| call.operation).collect::<Vec<_>>()
    };
    assert_eq!(calls(&right).await, calls(other_than(&right)).await);
    setting.verify(&code_from("ada@example.com", &right, &browser)).await.unwrap();
}

#[tokio::test]
async fn a_wrong_code_asks_for_the_same_whether_or_not_somebody_waits_for_one() {
    let setting = Setting::new().await;
    let (_, digits, _) = setting.login("ada@example.com").await;
    setting.clock.advance(SignedDuration::from_secs(1));
    let (_, used, _) = setting.login("bob@example.com").await;
    setting.verify(&code("bob@example.com", &used)).await.unwrap();
    let wrong = other_than(&digits);
    let mut asked = Vec::new();
    for email in ["ada@example.com", "bob@example.com", "nobody@example.com"] {
        setting.table.usage().take();
        let answer = setting.verify(&code(email, wrong)).await;
        assert!(matches!(answer, Err(IdentityError::LoginFailed)));
        asked.push(setting.table.usage().take().iter().map(|call| call.operation).collect::<Vec<_>>());
    }
    assert_eq!(asked, [["BatchGetItem"], ["BatchGetItem"], ["BatchGetItem"]]);
}

#[tokio::test]
async fn many_who_ask_for_one_address_at_once_leave_three_logins() {
    let setting = Setting::new().await;
    join_all((0..10).map(|_| setting.login("ada@example.com"))).await;
    assert_eq!(setting.database.count("login").await, 10);
    let items = setting.database.items().await;
    let recent =
        items.iter().find(|item| item["kind"].as_s().is_ok_and(|kind| kind == "recent_logins")).unwrap();
    assert_eq!(recent["logins"].as_l().unwrap().len(), 3);
}

#[tokio::test]
async fn a_network_is_known_after_a_sign_in_from_there_for_ninety_days() {
    let setting = Setting::new().await;
    let knows = async |email: &str, network: &str| {
        let history = login_history(&setting.table, email.parse().unwrap(), network).await.unwrap();
        history.knows_network()
    };
    setting.login("ada@example.com").await;
    assert!(!knows("ada@example.com", NETWORK).await, "whoever asks is nobody yet");
    setting.clock.advance(SignedDuration::from_secs(1));
    setting.signed_in("ada@example.com").await;
    assert!(knows("ada@example.com", NETWORK).await);
    assert!(!knows("ada@example.com", "198.51.100.1").await && !knows("bob@example.com", NETWORK).await);
    setting.clock.advance(SignedDuration::from_hours(24 * 90) - SignedDuration::from_secs(1));
    assert!(knows("ada@example.com", NETWORK).await);
    setting.clock.advance(SignedDuration::from_secs(1));
    assert!(!knows("ada@example.com", NETWORK).await);
    assert!(!format!("{:?}", setting.database.items().await).contains(NETWORK), "not in a key as text");
}
