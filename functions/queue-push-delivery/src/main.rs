//! The Lambda function `queue-push-delivery`.

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_host::Error> {
    lambda_host::run(queue_push_delivery::function).await
}
