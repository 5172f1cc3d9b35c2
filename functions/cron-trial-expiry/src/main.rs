//! The Lambda function `cron-trial-expiry`.

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_host::Error> {
    lambda_host::run(cron_trial_expiry::function).await
}
