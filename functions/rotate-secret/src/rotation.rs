use aws_sdk_secretsmanager::{
    Client,
    operation::{
        describe_secret::DescribeSecretOutput, get_secret_value::GetSecretValueError,
        put_secret_value::PutSecretValueError,
    },
};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use lambda_host::{RotationEvent, RotationStep};
use primitives::{Secret, random_secret};
use serde_json::json;

use crate::error::RotationError;

const CURRENT: &str = "AWSCURRENT";
const PENDING: &str = "AWSPENDING";

/// The four steps, each of which may come again, late or after a crash: what there is already
/// decides what is left to do.
/// <https://docs.aws.amazon.com/secretsmanager/latest/userguide/rotate-secrets_lambda-functions.html>
pub(crate) struct Rotation {
    pub(crate) secrets: Client,
}

impl Rotation {
    /// Takes one step.
    pub(crate) async fn step(&self, event: &RotationEvent) -> Result<(), RotationError> {
        let RotationEvent { step, secret_id, version_id } = event;
        let described = self.secrets.describe_secret().secret_id(secret_id).send().await;
        let described = described.map_err(RotationError::unavailable)?;
        if described.rotation_enabled != Some(true) {
            return Err(RotationError::NotEnabled);
        }
        let labels = labels(&described, version_id)
            .ok_or_else(|| RotationError::UnknownVersion(version_id.clone()))?;
        if has(labels, CURRENT) {
            tracing::info!(secret_id, version_id, ?step, "the version is the current one already");
            return Ok(());
        }
        if !has(labels, PENDING) {
            return Err(RotationError::NotPending(version_id.clone()));
        }
        match step {
            RotationStep::CreateSecret => self.create(secret_id, version_id).await?,
            // nobody but Secrets Manager keeps a copy that would have to be told
            RotationStep::SetSecret => {}
            RotationStep::TestSecret => self.test(secret_id, version_id).await?,
            RotationStep::FinishSecret => self.finish(&described, secret_id, version_id).await?,
        }
        tracing::info!(secret_id, version_id, ?step, "a step of a rotation is done");
        Ok(())
    }

    /// Fills the new version, unless that was done before: a key must not change once it may have
    /// been read.
    async fn create(&self, secret_id: &str, version_id: &str) -> Result<(), RotationError> {
        if self.text(secret_id, version_id, PENDING).await?.is_some() {
            return Ok(());
        }
        self.require_key(secret_id).await?;
        let fresh = Secret::new(URL_SAFE_NO_PAD.encode(random_secret::<32>()));
        let put = self
            .secrets
            .put_secret_value()
            .secret_id(secret_id)
            .client_request_token(version_id)
            .version_stages(PENDING)
            .secret_string(json!({ "key": fresh.expose() }).to_string())
            .send()
            .await;
        match put {
            Ok(_) => Ok(()),
            // a second call of this step was faster, and its key counts
            Err(error)
                if error
                    .as_service_error()
                    .is_some_and(PutSecretValueError::is_resource_exists_exception) =>
            {
                Ok(())
            }
            Err(error) => Err(RotationError::unavailable(error)),
        }
    }

    /// Refuses a secret of another form, such as the one for Stripe: a random key in its place
    /// would break whoever reads it.
    async fn require_key(&self, secret_id: &str) -> Result<(), RotationError> {
        let current =
            self.secrets.get_secret_value().secret_id(secret_id).version_stage(CURRENT).send().await;
        let current = current.map_err(RotationError::unavailable)?;
        let text = Secret::new(current.secret_string.unwrap_or_default());
        lambda_host::key(text.expose()).map(drop).map_err(RotationError::NotAKey)
    }

    /// Reads the new version as the functions will. When a schedule is made, Secrets Manager runs
    /// this step alone, to see that the function can be called; there is nothing to be read then.
    async fn test(&self, secret_id: &str, version_id: &str) -> Result<(), RotationError> {
        let Some(text) = self.text(secret_id, version_id, PENDING).await? else {
            tracing::info!(secret_id, version_id, "the version has no value yet");
            return Ok(());
        };
        usable(version_id, &text)
    }

    /// Makes the new version the current one. Secrets Manager labels the one before `AWSPREVIOUS`
    /// in the same move.
    async fn finish(
        &self,
        described: &DescribeSecretOutput,
        secret_id: &str,
        version_id: &str,
    ) -> Result<(), RotationError> {
        let text = self.text(secret_id, version_id, PENDING).await?;
        let text = text.ok_or_else(|| RotationError::NotUsable {
            version_id: version_id.to_owned(),
            problem: "it has no value; createSecret comes first".to_owned(),
        })?;
        usable(version_id, &text)?;
        let versions = described.version_ids_to_stages.iter().flatten();
        let current = versions.filter(|(_, labels)| has(labels, CURRENT)).map(|(version, _)| version).next();
        self.secrets
            .update_secret_version_stage()
            .secret_id(secret_id)
            .version_stage(CURRENT)
            .move_to_version_id(version_id)
            .set_remove_from_version_id(current.cloned())
            .send()
            .await
            .map(drop)
            .map_err(RotationError::unavailable)
    }

    /// The text of a version; `None` where it has none yet.
    async fn text(
        &self,
        secret_id: &str,
        version_id: &str,
        label: &str,
    ) -> Result<Option<Secret<String>>, RotationError> {
        let get = self.secrets.get_secret_value().secret_id(secret_id);
        match get.version_id(version_id).version_stage(label).send().await {
            Ok(answer) => Ok(answer.secret_string.map(Secret::new)),
            Err(error)
                if error
                    .as_service_error()
                    .is_some_and(GetSecretValueError::is_resource_not_found_exception) =>
            {
                Ok(None)
            }
            Err(error) => Err(RotationError::unavailable(error)),
        }
    }
}

fn labels<'a>(described: &'a DescribeSecretOutput, version_id: &str) -> Option<&'a Vec<String>> {
    described.version_ids_to_stages.as_ref()?.get(version_id)
}

fn has(labels: &[String], label: &str) -> bool {
    labels.iter().any(|other| other == label)
}

fn usable(version_id: &str, text: &Secret<String>) -> Result<(), RotationError> {
    lambda_host::key(text.expose())
        .map(drop)
        .map_err(|problem| RotationError::NotUsable { version_id: version_id.to_owned(), problem })
}
