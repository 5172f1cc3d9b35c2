//! The Lambda function `stream-outbox`.

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_host::Error> {
    lambda_host::run(stream_outbox::function).await
}
