//! S3: the buckets of the template, with what is put into them, until their lifecycle ends it.

use std::sync::Arc;

use axum::body::Body;
use axum::response::Response;
use base64::{Engine as _, engine::general_purpose::STANDARD};
use bytes::Bytes;
use futures::StreamExt;
use http::{HeaderMap, Method, StatusCode, Uri};
use jiff::SignedDuration;
use md5::compute;
use s3s::auth::SimpleAuth;
use s3s::dto::{
    ETag, GetObjectInput, GetObjectOutput, HeadObjectInput, HeadObjectOutput, PutObjectInput,
    PutObjectOutput, StreamingBlob,
};
use s3s::service::{S3Service, S3ServiceBuilder};
use s3s::{S3, S3Request, S3Response, S3Result, s3_error};

use crate::engine::Engine;
use crate::state::Object;

/// The credentials of all functions here.
pub(crate) const CREDENTIALS: &str = "local";

struct Buckets(Arc<Engine>);

impl Buckets {
    /// What is there now. What has outlived its bucket's lifecycle is not.
    fn find(&self, bucket: &str, name: &str) -> S3Result<Object> {
        let lasts = self.0.template.buckets.get(bucket).ok_or_else(|| s3_error!(NoSuchBucket))?;
        let found = self.0.store.read(|state| state.objects.get(bucket)?.get(name).cloned());
        let is_there = |object: &Object| {
            lasts.is_none_or(|days| self.0.clock.now() < object.at + SignedDuration::from_hours(24 * days))
        };
        found.filter(is_there).ok_or_else(|| s3_error!(NoSuchKey))
    }
}

fn etag(content: &[u8]) -> ETag {
    ETag::Strong(format!("{:x}", compute(content)))
}

#[async_trait::async_trait]
impl S3 for Buckets {
    async fn put_object(&self, request: S3Request<PutObjectInput>) -> S3Result<S3Response<PutObjectOutput>> {
        let PutObjectInput { bucket, key, body, content_type, checksum_sha256, .. } = request.input;
        if !self.0.template.buckets.contains_key(&bucket) {
            return Err(s3_error!(NoSuchBucket));
        }
        let mut content = Vec::new();
        if let Some(mut body) = body {
            while let Some(chunk) = body.next().await {
                content.extend_from_slice(&chunk.map_err(|_| s3_error!(IncompleteBody))?);
            }
        }
        let hash = STANDARD.encode(aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, &content));
        if checksum_sha256.as_ref().is_some_and(|told| *told != hash) {
            return Err(s3_error!(BadDigest));
        }
        let tag = etag(&content);
        let (at, kind) = (self.0.clock.now(), content_type);
        let object = Object { at, kind, content: content.into() };
        self.0.store.change(|state| state.objects.entry(bucket).or_default().insert(key, object));
        self.0.store.settle().await;
        let output =
            PutObjectOutput { e_tag: Some(tag), checksum_sha256: Some(hash), ..PutObjectOutput::default() };
        Ok(S3Response::new(output))
    }

    async fn get_object(&self, request: S3Request<GetObjectInput>) -> S3Result<S3Response<GetObjectOutput>> {
        let GetObjectInput { bucket, key, response_content_disposition, .. } = request.input;
        let object = self.find(&bucket, &key)?;
        let output = GetObjectOutput {
            content_length: i64::try_from(object.content.len()).ok(),
            content_type: object.kind,
            content_disposition: response_content_disposition,
            e_tag: Some(etag(&object.content)),
            body: Some(StreamingBlob::from(s3s::Body::from(object.content))),
            ..GetObjectOutput::default()
        };
        Ok(S3Response::new(output))
    }

    async fn head_object(
        &self,
        request: S3Request<HeadObjectInput>,
    ) -> S3Result<S3Response<HeadObjectOutput>> {
        let object = self.find(&request.input.bucket, &request.input.key)?;
        let output = HeadObjectOutput {
            content_length: i64::try_from(object.content.len()).ok(),
            content_type: object.kind,
            e_tag: Some(etag(&object.content)),
            ..HeadObjectOutput::default()
        };
        Ok(S3Response::new(output))
    }
}

/// S3 for these buckets. Unlike the other services it looks at signatures: a link is nothing else.
pub(super) fn service(engine: Arc<Engine>) -> S3Service {
    let mut builder = S3ServiceBuilder::new(Buckets(engine));
    builder.set_auth(SimpleAuth::from_single(CREDENTIALS, CREDENTIALS));
    builder.build()
}

/// Whether a path is about a bucket of the template.
pub(super) fn is_about(engine: &Engine, path: &str) -> bool {
    let bucket = path.trim_start_matches('/').split('/').next().unwrap_or_default();
    engine.template.buckets.contains_key(bucket)
}

/// Answers one request.
pub(super) async fn respond(
    service: &S3Service,
    (method, uri, headers): (Method, Uri, HeaderMap),
    body: Bytes,
) -> Response {
    let mut request = http::Request::new(s3s::Body::from(body));
    *request.method_mut() = method;
    *request.uri_mut() = uri;
    *request.headers_mut() = headers;
    match service.call(request).await {
        Ok(answer) => answer.map(Body::new),
        Err(error) => {
            tracing::error!(error = ?error, "a request for S3 could not be answered");
            let mut failed = Response::new(Body::empty());
            *failed.status_mut() = StatusCode::INTERNAL_SERVER_ERROR;
            failed
        }
    }
}
