//! The HTTP edge: extractors, problem details, limits, idempotency keys, OpenAPI.
