//! S3: the buckets of the template, with what is put into them, until their lifecycle ends it. A bucket with
//! versions keeps what was put before, and one with a lock lets nobody delete it.

use std::collections::BTreeMap;
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
    DeleteMarkerEntry, DeleteObjectInput, DeleteObjectOutput, ETag, GetObjectInput, GetObjectOutput,
    HeadObjectInput, HeadObjectOutput, ListObjectVersionsInput, ListObjectVersionsOutput, ObjectLockMode,
    ObjectVersion, PutObjectInput, PutObjectOutput, StreamingBlob, Timestamp,
};
use s3s::service::{S3Service, S3ServiceBuilder};
use s3s::{S3, S3Request, S3Response, S3Result, s3_error};

use crate::engine::Engine;
use crate::state::Object;
use crate::template::BucketSpec;

/// The credentials of all functions here.
pub(crate) const CREDENTIALS: &str = "local";

struct Buckets(Arc<Engine>);

impl Buckets {
    fn of(&self, bucket: &str) -> S3Result<BucketSpec> {
        self.0.template.buckets.get(bucket).copied().ok_or_else(|| s3_error!(NoSuchBucket))
    }

    /// What is there now. What has outlived its bucket's lifecycle is not, and what is deleted is there by
    /// its version alone.
    fn find(&self, bucket: &str, name: &str, version: Option<&str>) -> S3Result<Object> {
        let lasts = self.of(bucket)?.days;
        let found = self.0.store.read(|state| {
            let object = state.objects.get(bucket)?.get(name)?;
            match version {
                None => Some(object.clone()).filter(|object| !object.is_deleted),
                Some(_) => object.versions().find(|one| one.version.as_deref() == version).cloned(),
            }
        });
        let is_there = |object: &Object| {
            lasts.is_none_or(|days| self.0.clock.now() < object.at + SignedDuration::from_hours(24 * days))
        };
        found.filter(is_there).ok_or_else(|| s3_error!(NoSuchKey))
    }

    /// Until when nobody deletes this version, where its bucket has a lock.
    fn locked_until(&self, bucket: &str, object: &Object) -> S3Result<Option<jiff::Timestamp>> {
        let days = self.of(bucket)?.locked_days.filter(|_| !object.is_deleted);
        Ok(days.map(|days| object.at + SignedDuration::from_hours(24 * days)))
    }
}

fn moment(at: jiff::Timestamp) -> Timestamp {
    std::time::SystemTime::from(at).into()
}

fn etag(content: &[u8]) -> ETag {
    ETag::Strong(format!("{:x}", compute(content)))
}

#[async_trait::async_trait]
impl S3 for Buckets {
    async fn put_object(&self, request: S3Request<PutObjectInput>) -> S3Result<S3Response<PutObjectOutput>> {
        let PutObjectInput { bucket, key, body, content_type, checksum_sha256, content_md5, .. } =
            request.input;
        let spec = self.of(&bucket)?;
        if spec.locked_days.is_some() && checksum_sha256.is_none() && content_md5.is_none() {
            return Err(s3_error!(InvalidRequest, "Content-MD5 or a checksum is required with Object Lock"));
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
        let object = version(spec, Object { kind, content: content.into(), ..empty(at) });
        let version_id = object.version.clone();
        self.0.store.change(|state| put(state.objects.entry(bucket).or_default(), key, object));
        self.0.store.settle().await;
        let (e_tag, checksum_sha256) = (Some(tag), Some(hash));
        let output = PutObjectOutput { e_tag, checksum_sha256, version_id, ..PutObjectOutput::default() };
        Ok(S3Response::new(output))
    }

    async fn get_object(&self, request: S3Request<GetObjectInput>) -> S3Result<S3Response<GetObjectOutput>> {
        let GetObjectInput { bucket, key, version_id, response_content_disposition, .. } = request.input;
        let object = self.find(&bucket, &key, version_id.as_deref())?;
        let locked = self.locked_until(&bucket, &object)?;
        let output = GetObjectOutput {
            content_length: i64::try_from(object.content.len()).ok(),
            content_type: object.kind,
            content_disposition: response_content_disposition,
            e_tag: Some(etag(&object.content)),
            version_id: object.version,
            object_lock_mode: locked.map(|_| ObjectLockMode::from_static(ObjectLockMode::COMPLIANCE)),
            object_lock_retain_until_date: locked.map(moment),
            last_modified: Some(moment(object.at)),
            body: Some(StreamingBlob::from(s3s::Body::from(object.content))),
            ..GetObjectOutput::default()
        };
        Ok(S3Response::new(output))
    }

    async fn head_object(
        &self,
        request: S3Request<HeadObjectInput>,
    ) -> S3Result<S3Response<HeadObjectOutput>> {
        let HeadObjectInput { bucket, key, version_id, .. } = request.input;
        let object = self.find(&bucket, &key, version_id.as_deref())?;
        let locked = self.locked_until(&bucket, &object)?;
        let output = HeadObjectOutput {
            content_length: i64::try_from(object.content.len()).ok(),
            content_type: object.kind,
            e_tag: Some(etag(&object.content)),
            version_id: object.version,
            object_lock_mode: locked.map(|_| ObjectLockMode::from_static(ObjectLockMode::COMPLIANCE)),
            object_lock_retain_until_date: locked.map(moment),
            last_modified: Some(moment(object.at)),
            ..HeadObjectOutput::default()
        };
        Ok(S3Response::new(output))
    }

    async fn delete_object(
        &self,
        request: S3Request<DeleteObjectInput>,
    ) -> S3Result<S3Response<DeleteObjectOutput>> {
        let DeleteObjectInput { bucket, key, version_id, .. } = request.input;
        let spec = self.of(&bucket)?;
        let mut output = DeleteObjectOutput::default();
        if let Some(wanted) = version_id {
            let Ok(object) = self.find(&bucket, &key, Some(&wanted)) else {
                return Ok(S3Response::new(output));
            };
            if self.locked_until(&bucket, &object)?.is_some_and(|until| self.0.clock.now() < until) {
                return Err(s3_error!(AccessDenied, "the version is locked"));
            }
            self.0.store.change(|state| {
                let files = state.objects.entry(bucket).or_default();
                let left = files.remove(&key).and_then(|object| object.without(&wanted));
                files.extend(left.map(|left| (key, left)));
            });
        } else if spec.is_versioned {
            let marker = version(spec, Object { is_deleted: true, ..empty(self.0.clock.now()) });
            (output.delete_marker, output.version_id) = (Some(true), marker.version.clone());
            self.0.store.change(|state| put(state.objects.entry(bucket).or_default(), key, marker));
        } else {
            self.0.store.change(|state| state.objects.entry(bucket).or_default().remove(&key));
        }
        self.0.store.settle().await;
        Ok(S3Response::new(output))
    }

    async fn list_object_versions(
        &self,
        request: S3Request<ListObjectVersionsInput>,
    ) -> S3Result<S3Response<ListObjectVersionsOutput>> {
        let ListObjectVersionsInput { bucket, prefix, .. } = request.input;
        self.of(&bucket)?;
        let files = self.0.store.read(|state| state.objects.get(&bucket).cloned()).unwrap_or_default();
        let begins = |name: &String| prefix.as_ref().is_none_or(|prefix| name.starts_with(prefix));
        let (mut versions, mut markers) = (Vec::new(), Vec::new());
        for (name, object) in files.into_iter().filter(|(name, _)| begins(name)) {
            for (at, one) in object.versions().enumerate() {
                let (key, version_id) = (Some(name.clone()), one.version.clone());
                let (is_latest, last_modified) = (Some(at == 0), Some(moment(one.at)));
                if one.is_deleted {
                    let owner = None;
                    markers.push(DeleteMarkerEntry { is_latest, key, last_modified, owner, version_id });
                } else {
                    let (e_tag, size) = (Some(etag(&one.content)), i64::try_from(one.content.len()).ok());
                    let version = ObjectVersion { e_tag, size, key, ..ObjectVersion::default() };
                    versions.push(ObjectVersion { is_latest, last_modified, version_id, ..version });
                }
            }
        }
        let output = ListObjectVersionsOutput {
            name: Some(bucket),
            versions: Some(versions),
            delete_markers: Some(markers),
            is_truncated: Some(false),
            ..ListObjectVersionsOutput::default()
        };
        Ok(S3Response::new(output))
    }
}

fn empty(at: jiff::Timestamp) -> Object {
    Object { at, kind: None, content: Bytes::new(), version: None, is_deleted: false, older: Vec::new() }
}

/// The same with a name of its own, in a bucket that keeps versions.
fn version(spec: BucketSpec, object: Object) -> Object {
    let version = spec.is_versioned.then(|| uuid::Uuid::new_v4().simple().to_string());
    Object { version, ..object }
}

/// Puts it over what is there, which stays as a version where it is one.
fn put(files: &mut BTreeMap<String, Object>, name: String, object: Object) {
    let before = files.remove(&name).filter(|_| object.version.is_some());
    files.insert(name, object.over(before));
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
