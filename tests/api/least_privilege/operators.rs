//! What operators do by hand.

use jiff::SignedDuration;
use serde_json::json;

use crate::product::Product;

/// An event that nobody noted as published is found, and published again.
pub(super) async fn publish_again(product: &Product) {
    let of_this_hour = |command: &str| {
        let now = product.cloud.clock().now();
        let (from, until) = (now - SignedDuration::from_hours(1), now + SignedDuration::from_hours(1));
        json!({ "command": command, "from": from, "until": until })
    };
    product.owner("eve@example.com", "eve-and-co").await;
    product.settle().await;
    product.unpublish("magic_link.requested").await;
    // what is of an organization is handed over to be chained as well
    product.unpublish("organization.created").await;
    let list = product.cloud.invoke("operator", of_this_hour("outbox.list")).await.unwrap();
    let events = list["events"].as_array().unwrap();
    for kind in ["magic_link.requested", "organization.created"] {
        assert!(events.iter().any(|event| event["kind"] == kind), "{list}");
    }
    let done = product.cloud.invoke("operator", of_this_hour("outbox.republish")).await.unwrap();
    assert_eq!(done["published"], list["events"].as_array().unwrap().len(), "{done}");
    product.settle().await;
}
