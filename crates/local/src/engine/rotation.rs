//! Rotating a secret: the function is run through the steps, as Secrets Manager does.

use serde_json::json;

use super::{Engine, InvokeError, Trigger};
use crate::state::{CURRENT, PENDING};

/// The steps, in their order.
const STEPS: [&str; 4] = ["createSecret", "setSecret", "testSecret", "finishSecret"];

/// Why a secret was not rotated. Its new version stays pending, and the next attempt goes on with
/// it.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RotationError {
    /// There is no such secret, or nothing rotates it.
    #[error("no RotationSchedule of the template is for this secret")]
    NotScheduled,
    /// The function failed.
    #[error("{step} failed: {source}")]
    Step { step: &'static str, source: InvokeError },
    /// The function answered, but did not do it.
    #[error("all steps were taken, but the new version is not the current one")]
    Unfinished,
}

impl Engine {
    /// Rotates a secret by the function that the template names. Gives the id of the version that
    /// is current now: `version`, or the one of a rotation that did not come to its end.
    pub(crate) async fn rotate(&self, arn: &str, version: String) -> Result<String, RotationError> {
        let rotation = self.template.rotations.get(arn).ok_or(RotationError::NotScheduled)?;
        let _one_at_a_time = self.rotation_gate.lock().await;
        let version = self.begin_rotation(arn, version).ok_or(RotationError::NotScheduled)?;
        for step in STEPS {
            let event = json!({ "Step": step, "SecretId": arn, "ClientRequestToken": version });
            let failed = |source| RotationError::Step { step, source };
            let permit = self.functions.permit(&rotation.function).await.map_err(failed)?;
            let trigger = Trigger::Rotation(arn.to_owned());
            self.invoke(&rotation.function, event, trigger, permit).await.map_err(failed)?;
        }
        let now = self.clock.now();
        self.store.change(|state| {
            let secret = state.secrets.get_mut(arn).ok_or(RotationError::NotScheduled)?;
            let is_current = secret.labelled(CURRENT).is_some_and(|current| current.id == version);
            if !is_current {
                return Err(RotationError::Unfinished);
            }
            secret.rotated_at = Some(now);
            Ok(version)
        })
    }

    /// Adds the version without a value that a rotation begins with, unless one is pending.
    fn begin_rotation(&self, arn: &str, version: String) -> Option<String> {
        let now = self.clock.now();
        self.store.change(|state| {
            let secret = state.secrets.get_mut(arn)?;
            let pending = secret.labelled(PENDING).filter(|pending| !pending.labels.contains(CURRENT));
            if let Some(pending) = pending {
                return Some(pending.id.clone());
            }
            secret.put(&version, None, &[PENDING], now).ok()?;
            Some(version)
        })
    }
}
