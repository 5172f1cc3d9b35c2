//! A mail that does not arrive comes back through SES, its topic and a queue: nobody writes to the address
//! any more, nobody is told so, and an operator lifts it.

use jiff::SignedDuration;
use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::product::Product;

/// Asks for a link, and lets everything that follows happen; gives the answer without what is random in it.
async fn ask(product: &Product, email: &str) -> (StatusCode, Vec<String>) {
    let answer = product.post("/v1/auth/magic-links", &json!({ "email": email })).await;
    product.settle().await;
    let mut names: Vec<String> = answer.body.as_object().unwrap().keys().cloned().collect();
    names.sort();
    (answer.status, names)
}

async fn operator(product: &Product, command: &Value) -> Value {
    product.cloud.invoke("operator", command.clone()).await.unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_address_that_bounces_gets_no_more_mail_until_it_is_lifted() {
    let product = Product::start().await;
    let fine = ask(&product, "ada@example.com").await;
    for (mailbox, reason) in [("bounce+eve", "bounced"), ("complaint", "complained")] {
        let email = format!("{mailbox}@simulator.amazonses.com");
        for _ in 0..2 {
            assert_eq!(ask(&product, &email).await, fine, "nobody is told");
        }
        assert_eq!(product.mails(&email).await.len(), 1, "{mailbox}: the second mail is held");
        let one = operator(&product, &json!({ "command": "mail.suppressed", "email": email })).await;
        assert_eq!(one["suppressed"]["reason"], reason, "{one}");
    }
    for harmless in ["success", "ooto", "full"] {
        let email = format!("{harmless}@simulator.amazonses.com");
        ask(&product, &email).await;
        ask(&product, &email).await;
        assert_eq!(product.mails(&email).await.len(), 2, "{harmless}");
    }
    let events = product.events().await;
    assert_eq!(events.iter().filter(|event| *event == "mail_suppression.added").count(), 2);

    let listed = operator(&product, &json!({ "command": "mail.suppressed", "limit": 1 })).await;
    let next = operator(&product, &json!({ "command": "mail.suppressed", "next": listed["next"] })).await;
    let of = |answer: &Value| answer["suppressed"].as_array().unwrap().clone();
    let all = [of(&listed), of(&next)].concat();
    assert_eq!((all.len(), &next["next"]), (2, &Value::Null), "{listed} {next}");
    assert!(!format!("{all:?}").contains('@'), "by its hash alone");

    product.advance(SignedDuration::from_mins(1)).await;
    for (wrong, code) in [
        (json!({ "command": "mail.lift", "reason": "x" }), "invalid_request"),
        (
            json!({ "command": "mail.lift", "email": "bounce@simulator.amazonses.com", "reason": " " }),
            "invalid_reason",
        ),
    ] {
        assert_eq!(operator(&product, &wrong).await["error"]["code"], code);
    }
    for listed in &all {
        let lift =
            json!({ "command": "mail.lift", "address": listed["address"], "reason": "it works again" });
        assert_eq!(operator(&product, &lift).await, json!({ "lifted": true }));
        assert_eq!(operator(&product, &lift).await, json!({ "lifted": false }));
    }
    let email = "bounce+eve@simulator.amazonses.com";
    ask(&product, email).await;
    assert_eq!(product.mails(email).await.len(), 2, "it is written to again");
    let one = operator(&product, &json!({ "command": "mail.suppressed", "email": email })).await;
    assert_eq!(one["suppressed"]["reason"], "bounced", "and bounces again: {one}");
}
