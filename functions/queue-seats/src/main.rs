//! Runs the function in Lambda.

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_host::Error> {
    lambda_host::run(queue_seats::function).await
}
