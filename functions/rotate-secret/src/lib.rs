//! Gives the product's own keys new versions, whenever Secrets Manager asks for it.
//!
//! A key is random text of the form `{"key": "…"}`, which nobody outside keeps a copy of. Whoever
//! uses one recognises what the version before made, so nobody notices a rotation.

mod error;
mod rotation;

use std::sync::Arc;

use lambda_host::{Error, Function, Host};

use rotation::Rotation;

/// The function.
#[expect(
    clippy::unused_async,
    reason = "every function is built alike, and others have to wait for something"
)]
pub async fn function(host: &Host) -> Result<Function, Error> {
    let rotation = Arc::new(Rotation { secrets: host.secrets() });
    Ok(host.rotation(move |event| {
        let rotation = Arc::clone(&rotation);
        async move { rotation.step(&event).await }
    }))
}
