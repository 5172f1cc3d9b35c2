//! Usage, a hundred events at a time.

use jiff::SignedDuration;

use super::{Measured, json};
use crate::usage::{RESERVATIONS, event};

/// Zoe's organization reports what it uses.
pub(super) async fn measure(measured: &mut Measured<'_>) {
    let product = measured.product;
    let (zoe, _) = product.owner("zoe@example.com", "zoe-and-daughters").await;
    let (function, route) = ("api-usage", "POST /v1/usage/events");
    let all: Vec<_> = (0..100)
        .map(|number| match number % 4 {
            0 => event(&format!("{number}"), "api_calls", &json!(null)),
            1 => event(&format!("{number}"), "ai_tokens", &json!(7)),
            2 => event(&format!("{number}"), "storage", &json!(number)),
            _ => event(&format!("{number}"), "active_users", &json!(format!("user {number}"))),
        })
        .collect();
    let answer = product.report(&zoe, &json!(all)).await;
    assert_eq!(answer.body["accepted"], 100, "{answer:?}");
    measured.check(route, function);
    // all of them again
    let answer = product.report(&zoe, &json!(all)).await;
    assert_eq!(answer.body["duplicate"], 100, "{answer:?}");
    measured.again(route, function);
    let route = "POST /v1/usage/reservations";
    let what = json!({ "meter": "ai_tokens", "amount": 7 });
    let made = measured.post(route, function, &zoe, &what).await;
    let path = |made: &str, how: &str| format!("{RESERVATIONS}/{made}/{how}");
    let (used, route) = (json!({ "amount": 5 }), "POST /v1/usage/reservations/{reservation_id}/settle");
    measured.change(&path(&made.text("/id"), "settle"), route, function, &zoe, &used).await;
    let made = product.post_as(RESERVATIONS, &zoe, &what).await;
    let route = "POST /v1/usage/reservations/{reservation_id}/release";
    measured.change(&path(&made.text("/id"), "release"), route, function, &zoe, &json!(null)).await;
    for path in ["/v1/usage/meters", "/v1/usage/quotas"] {
        measured.get(path, &format!("GET {path}"), function, &zoe).await;
    }
    measured.get("/v1/usage?meter=ai_tokens", "GET /v1/usage", function, &zoe).await;
    // each function's clock is the product's
    product.advance(SignedDuration::from_hours(2)).await;
    product.settle().await;
    measured.worker("cron-usage-rollup");
}
