//! The Lambda function `queue-mail`.

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_host::Error> {
    lambda_host::run(queue_mail::function).await
}
