//! `cargo dev`: runs the product on this machine.

use std::io::IsTerminal;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::Context;
use clap::Parser;
use local::{Cloud, Options, Ports, functions::Hosts};
use tracing_subscriber::EnvFilter;

/// Runs the whole product on this machine: no Docker, no account, no key.
#[derive(Debug, Parser)]
#[command(name = "cargo dev", bin_name = "cargo dev")]
struct Arguments {
    /// Port of the API; the AWS services, DynamoDB and Stripe take the three ports after it.
    #[arg(long, default_value_t = 3000)]
    port: u16,
    /// Folder that keeps the state over restarts.
    #[arg(long, default_value = ".gantry")]
    state: PathBuf,
    /// Begin with an empty state.
    #[arg(long)]
    reset: bool,
    /// Keep the state in memory only.
    #[arg(long, conflicts_with = "reset")]
    ephemeral: bool,
    /// The template to run.
    #[arg(long, default_value = "template.yaml")]
    template: PathBuf,
    /// Which log lines to print, as in `warn,local=debug`.
    #[arg(long, default_value = "warn")]
    log: String,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let outcome = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .context("the runtime did not start")
        .and_then(|runtime| {
            let outcome = runtime.block_on(run(arguments));
            // A function that is still running must not keep the terminal.
            runtime.shutdown_timeout(Duration::from_secs(1));
            outcome
        });
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

async fn run(arguments: Arguments) -> anyhow::Result<()> {
    tracing_subscriber::fmt()
        .with_env_filter(EnvFilter::try_new(&arguments.log).context("--log is not a filter of log lines")?)
        .with_ansi(std::io::stderr().is_terminal())
        .with_writer(std::io::stderr)
        .init();
    let began = Instant::now();
    let template = std::fs::read_to_string(&arguments.template).with_context(|| {
        format!("{} cannot be read; run this in the root of the repository", arguments.template.display())
    })?;
    if arguments.reset {
        local::remove_state(&arguments.state)
            .with_context(|| format!("the state in {} cannot be removed", arguments.state.display()))?;
    }
    let options = Options {
        ports: Ports::from(arguments.port),
        state: (!arguments.ephemeral).then_some(arguments.state),
        progress: |what, took| eprintln!("  {:>6.1} ms  {what}", took.as_secs_f64() * 1_000.0),
        ..Options::ephemeral(template, local::functions::registry(&Hosts::default()))
    };
    eprintln!("Gantry is starting");
    let cloud = Cloud::start(options).await?;
    let environment = cloud.write_environment().context("the file for cargo lambda cannot be written")?;
    eprintln!("Gantry is up after {:.1} s\n", began.elapsed().as_secs_f64());
    println!("{}", welcome(&cloud, environment));
    tokio::signal::ctrl_c().await.context("Ctrl-C cannot be waited for")?;
    eprintln!("\nstopping");
    cloud.stop().await.context("the state could not be saved")
}

/// What a newcomer needs: where things are, and what to try.
fn welcome(cloud: &Cloud, environment: Option<PathBuf>) -> String {
    let (api, aws, dynamodb, stripe) =
        (cloud.api_url(), cloud.aws_url(), cloud.dynamodb_url(), cloud.stripe_url());
    let watch = environment
        .map(|file| format!("\n  cargo lambda   cargo lambda watch --env-file {}", file.display()))
        .unwrap_or_default();
    format!(
        "  API            {api}\n  \
           Local page     {api}/_local  (mails, events, queues, table, clock)\n  \
           DynamoDB       {dynamodb}\n  \
           AWS services   {aws}\n  \
           Stripe         {stripe}{watch}\n\n\
         Try:\n  \
           curl -i {api}/v1/auth/magic-links -H 'content-type: application/json' -d '{{\"email\":\"ada@example.com\"}}'\n  \
           curl {api}/_local/api/mails          # the mail, with its link and code\n  \
           curl {api}/_local/api/clock -H 'content-type: application/json' -d '{{\"advance\":\"15d\"}}'\n\n\
         Ctrl-C stops it; the state stays for the next start."
    )
}
