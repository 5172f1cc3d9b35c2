use aws_sdk_secretsmanager::error::DisplayErrorContext;
use primitives::Fault;

/// A step of a rotation was not taken. Secrets Manager tries the rotation again by itself.
#[derive(Debug, thiserror::Error, Fault)]
pub(crate) enum RotationError {
    /// Nobody scheduled the rotation of this secret.
    #[error(
        "the rotation of this secret is not enabled; add an AWS::SecretsManager::RotationSchedule to template.yaml"
    )]
    #[fault(Invalid, "rotation_not_enabled")]
    NotEnabled,
    /// The secret has no such version.
    #[error("the secret has no version {0}; begin a rotation with `aws secretsmanager rotate-secret`")]
    #[fault(Invalid, "unknown_version")]
    UnknownVersion(String),
    /// The version is an old one, or of somebody else's.
    #[error("version {0} is not labelled AWSPENDING, so it is not for this rotation to change")]
    #[fault(Invalid, "not_pending")]
    NotPending(String),
    /// The secret is none of our keys.
    #[error("the current version is no key, so the secret is not this function's to rotate: {0}")]
    #[fault(Invalid, "not_a_key")]
    NotAKey(String),
    /// The new version was not made, or is not what the functions read.
    #[error("version {version_id} is not usable: {problem}")]
    #[fault(Invalid, "not_usable")]
    NotUsable {
        version_id: String,
        /// What is wrong with it; never the key itself.
        problem: String,
    },
    /// Secrets Manager did not do what it was asked to.
    #[error("Secrets Manager: {0}")]
    #[fault(Unavailable, "unavailable")]
    Unavailable(String),
}

impl RotationError {
    pub(crate) fn unavailable(error: impl std::error::Error) -> Self {
        Self::Unavailable(DisplayErrorContext(error).to_string())
    }
}
