//! Files in a bucket of S3: putting them, and links by which they are had.
//!
//! Owns S3's wire. It must not know what the files are.

use std::time::Duration;

use aws_lc_rs::digest::{SHA256, digest};
use aws_sdk_s3::{
    Client,
    config::http::HttpResponse,
    error::{ProvideErrorMetadata, SdkError},
    presigning::PresigningConfig,
    primitives::ByteStream,
};
use base64::{Engine, engine::general_purpose::STANDARD};
use primitives::{Fault, FaultCode};
use sends::{Failure, Verdict};

/// The codes of this crate's errors.
pub const FAULTS: &[&[FaultCode]] = &[ObjectError::CODES];

/// A bucket. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Objects {
    client: Client,
    bucket: String,
}

/// A file could not be put, or no link to one made.
#[derive(Debug, thiserror::Error, Fault)]
pub enum ObjectError {
    /// S3 did not answer, or answered that it cannot now.
    #[error("S3 is not available ({code})")]
    #[fault(Unavailable, "unavailable", retry_after = 5)]
    Unavailable {
        /// S3's name for the error, or how the call failed.
        code: String,
        /// Everything that is known, for the log.
        detail: String,
    },
    /// S3 refuses the call: a fault of ours.
    #[error("S3 refuses the call ({code})")]
    #[fault(Internal, "internal")]
    Refused {
        /// S3's name for the error.
        code: String,
        /// Everything that is known, for the log.
        detail: String,
    },
}

/// A file that was put.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stored {
    /// Bytes.
    pub size: u64,
    /// SHA-256 in hexadecimal digits.
    pub sha256: String,
}

impl Objects {
    /// The bucket of this name.
    pub fn new(client: Client, bucket: impl Into<String>) -> Self {
        Self { client, bucket: bucket.into() }
    }

    /// Puts a file, over whatever has the name. S3 compares what it got with the hash.
    pub async fn put(&self, name: &str, kind: &str, content: Vec<u8>) -> Result<Stored, ObjectError> {
        let hash = digest(&SHA256, &content);
        let stored = Stored { size: content.len() as u64, sha256: hex::encode(hash.as_ref()) };
        let put = self.client.put_object().bucket(&self.bucket).key(name).content_type(kind);
        let put = put.checksum_sha256(STANDARD.encode(hash.as_ref())).body(ByteStream::from(content));
        put.send().await.map_err(failed)?;
        Ok(stored)
    }

    /// A link by which whoever has it gets the file for so long, saved under this name by browsers. It is
    /// made without a call, and ends with the credentials that it is made with, which a function has for
    /// hours.
    pub async fn link(&self, name: &str, save_as: &str, lasts: Duration) -> Result<String, ObjectError> {
        let lasts = PresigningConfig::expires_in(lasts).map_err(|error| ObjectError::Refused {
            code: "PresigningConfig".to_owned(),
            detail: error.to_string(),
        })?;
        let get = self.client.get_object().bucket(&self.bucket).key(name);
        let get = get.response_content_disposition(format!("attachment; filename=\"{save_as}\""));
        Ok(get.presigned(lasts).await.map_err(failed)?.uri().to_owned())
    }
}

fn failed<E>(error: SdkError<E, HttpResponse>) -> ObjectError
where
    E: std::error::Error + ProvideErrorMetadata + Send + Sync + 'static,
{
    let Failure { verdict, code, detail } = Failure::of(error);
    match verdict {
        Verdict::Refused => ObjectError::Refused { code, detail },
        Verdict::Busy | Verdict::Away | Verdict::Open => ObjectError::Unavailable { code, detail },
    }
}
