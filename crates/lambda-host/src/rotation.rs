use std::sync::Arc;

use primitives::Fault;
use serde::Deserialize;
use serde_json::Value;

use crate::{function::Function, host::Host};

/// What Secrets Manager asks of a function that rotates a secret
/// (<https://docs.aws.amazon.com/secretsmanager/latest/userguide/rotate-secrets_lambda-functions.html>).
/// Any of it may come again.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct RotationEvent {
    /// What is to be done.
    pub step: RotationStep,
    /// The ARN of the secret.
    pub secret_id: String,
    /// Names the new version of the secret, and so the rotation: it is the same for all of its
    /// steps.
    #[serde(rename = "ClientRequestToken")]
    pub version_id: String,
}

/// The steps of a rotation, in their order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum RotationStep {
    /// Makes the new version, labelled `AWSPENDING`.
    CreateSecret,
    /// Tells it to whoever keeps a copy.
    SetSecret,
    /// Tries it.
    TestSecret,
    /// Makes it the current one.
    FinishSecret,
}

impl Host {
    /// A function that Secrets Manager runs to rotate a secret. An error lets Secrets Manager try
    /// again later.
    pub fn rotation<F, E>(&self, work: impl Fn(RotationEvent) -> F + Send + Sync + 'static) -> Function
    where
        F: Future<Output = Result<(), E>> + Send + 'static,
        E: Fault,
    {
        let work = Arc::new(work);
        Function::new(self, move |event| {
            let work = Arc::clone(&work);
            async move {
                work(primitives::json::from_value(event.payload)?).await?;
                Ok(Value::Null)
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn events_are_read_as_secrets_manager_sends_them() {
        let event = json!({
            "ClientRequestToken": "51f72378-6a5d-5dc7-8fd8-29e4319f482a",
            "SecretId": "arn:aws:secretsmanager:us-east-2:111122223333:secret:Key",
            "Step": "finishSecret",
            "RotationToken": "which only a rotation in another account needs",
        });
        let event: RotationEvent = serde_json::from_value(event).unwrap();
        assert_eq!(event.step, RotationStep::FinishSecret);
        assert_eq!(event.version_id, "51f72378-6a5d-5dc7-8fd8-29e4319f482a");
        assert!(serde_json::from_value::<RotationStep>(json!("dropSecret")).is_err());
    }
}
