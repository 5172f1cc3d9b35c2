//! The Lambda function `stream-outbox`.

#[tokio::main]
async fn main() -> Result<(), lambda_host::Error> {
    lambda_host::run(stream_outbox::function).await
}
