//! `cargo dev`: runs the product on this machine.

use std::io::IsTerminal;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::Context;
use clap::Parser;
use local::{Cloud, InvocationLog, Options, Ports, functions::Hosts};
use serde_json::json;
use tracing_subscriber::filter::LevelFilter;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Layer};

/// A condition that is not met is an answer of the table like any other, but dynoxide warns of
/// each.
const QUIET: &str = "dynoxide::server=error";

/// Runs the whole product on this machine: no Docker, no account, no key.
#[derive(Debug, Parser)]
#[command(name = "cargo dev", bin_name = "cargo dev", version)]
struct Arguments {
    /// Port of the API; the AWS services, DynamoDB, Stripe and DNS take the four ports after it.
    #[arg(long, default_value_t = 3000, value_parser = clap::value_parser!(u16).range(1..=65_531))]
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
    /// Build the demo company, unless it is there: two organizations, with everything that one can have.
    #[arg(long)]
    seed: bool,
    /// How many mails SES takes in a second; all of them where it is not given.
    #[arg(long)]
    mails_per_second: Option<u32>,
    /// A parameter of the template, over its local value, as in `OAuthProviders={}`; several by repeating it.
    #[arg(long = "parameter", value_parser = parameter)]
    parameters: Vec<(String, String)>,
    /// The template to run.
    #[arg(long, default_value = "template.yaml")]
    template: PathBuf,
    /// Which log lines to print, as in `warn,local=debug`. DynamoDB's notes of failed conditions,
    /// which are normal, come with `dynoxide::server=warn`.
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
    let lines = format!("{QUIET},{}", arguments.log);
    let lines = EnvFilter::try_new(lines).context("--log is not a filter of log lines")?;
    let print = tracing_subscriber::fmt::layer()
        .with_ansi(std::io::stderr().is_terminal())
        .with_writer(std::io::stderr)
        .with_filter(lines);
    tracing_subscriber::registry().with(print).with(InvocationLog.with_filter(LevelFilter::INFO)).init();
    // Before anything is kept, so that no signal comes too early to be obeyed.
    let end = end_of_process()?;
    let began = Instant::now();
    let template = local::template::whole(&arguments.template).with_context(|| {
        format!("{} cannot be read; run this in the root of the repository", arguments.template.display())
    })?;
    let options = Options {
        ports: Ports::from(arguments.port),
        state: (!arguments.ephemeral).then_some(arguments.state),
        reset: arguments.reset,
        mails_per_second: arguments.mails_per_second,
        parameters: arguments.parameters.into_iter().collect(),
        progress: |what, took| eprintln!("  {:>6.1} ms  {what}", took.as_secs_f64() * 1_000.0),
        ..Options::ephemeral(template.to_string(), local::functions::registry(&Hosts::default()))
    };
    eprintln!("Gantry is starting");
    let cloud = Cloud::start(options).await?;
    with_staff(&cloud).await?;
    let environment = cloud.write_environment().context("the file for cargo lambda cannot be written")?;
    eprintln!("Gantry is up after {:.1} s\n", began.elapsed().as_secs_f64());
    println!("{}", welcome(&cloud, environment));
    let outcome = tokio::select! {
        () = end => Ok(()),
        // once it is built, there is only the end to wait for
        Err(error) = seed(&cloud, arguments.seed) => Err(error.context("the demo company could not be built")),
    };
    eprintln!("\nstopping");
    cloud.stop().await.context("the state could not be saved").and(outcome)
}

/// Builds the demo company where it is wanted, and says what there is of it.
async fn seed(cloud: &Cloud, is_wanted: bool) -> anyhow::Result<()> {
    if is_wanted {
        eprintln!("\nThe demo company");
        let seeded = cloud.seed(|step| eprintln!("  {step}")).await?;
        println!("\n{seeded}");
    }
    Ok(())
}

fn parameter(text: &str) -> Result<(String, String), &'static str> {
    let (name, value) = text.split_once('=').ok_or("write it as Name=value")?;
    Ok((name.to_owned(), value.to_owned()))
}

/// Who is the first of the staff here.
const FIRST_OF_STAFF: &str = "staff@gantry.example";

/// Makes somebody an operator where nobody is staff yet, so that what staff does can be tried.
async fn with_staff(cloud: &Cloud) -> anyhow::Result<()> {
    let listed = cloud.invoke("operator", json!({ "command": "staff.list" })).await?;
    if listed["staff"].as_array().is_some_and(Vec::is_empty) {
        let reason = "the first of the staff on this machine";
        let put = json!({
            "command": "staff.put", "email": FIRST_OF_STAFF, "role": "operator", "reason": reason,
        });
        cloud.invoke("operator", put).await?;
    }
    Ok(())
}

/// Waits for whatever asks a process to end: Ctrl-C, a plain `kill`, the terminal's closing.
#[cfg(unix)]
fn end_of_process() -> anyhow::Result<impl Future<Output = ()>> {
    use tokio::signal::unix::{SignalKind, signal};
    let kinds = [SignalKind::interrupt(), SignalKind::terminate(), SignalKind::hangup()];
    let mut signals = kinds
        .into_iter()
        .map(signal)
        .collect::<Result<Vec<_>, _>>()
        .context("the signals that end the process cannot be waited for")?;
    Ok(async move {
        let received = signals.iter_mut().map(|signal| Box::pin(signal.recv()));
        futures::future::select_all(received).await;
    })
}

/// Waits for Ctrl-C.
#[cfg(not(unix))]
fn end_of_process() -> anyhow::Result<impl Future<Output = ()>> {
    Ok(async {
        // A terminal without Ctrl-C is one that ends the process itself.
        let _asked = tokio::signal::ctrl_c().await;
    })
}

/// What a newcomer needs: where things are, and what to try.
fn welcome(cloud: &Cloud, environment: Option<PathBuf>) -> String {
    let (api, aws, dynamodb) = (cloud.api_url(), cloud.aws_url(), cloud.dynamodb_url());
    let (stripe, dns) = (cloud.stripe_url(), cloud.dns_address());
    let ending = if environment.is_some() {
        "Ctrl-C stops it; the state stays for the next start."
    } else {
        "Ctrl-C stops it; nothing is kept."
    };
    let watch = environment
        .map(|file| {
            format!(
                "\n  cargo lambda   cargo lambda watch --invoke-address 127.0.0.1 --env-file {}",
                file.display()
            )
        })
        .unwrap_or_default();
    format!(
        "  API            {api}\n  \
           Local page     {api}/_local  (mails, events, queues, table, clock)\n  \
           DynamoDB       {dynamodb}\n  \
           AWS services   {aws}\n  \
           Stripe         {stripe}\n  \
           DNS            {dns}, over UDP and TCP{watch}\n  \
           Staff          {FIRST_OF_STAFF} is an operator, unless you made others\n\n\
         Try:\n  \
           curl -i {api}/v1/auth/magic-links -H 'content-type: application/json' -d '{{\"email\":\"ada@example.com\"}}'\n  \
           curl {api}/_local/api/mails          # the mail, with its link and code\n  \
           curl {api}/_local/api/clock -H 'content-type: application/json' -d '{{\"advance\":\"15d\"}}'\n\n\
         {ending}"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn last_line(state: Option<PathBuf>) -> String {
        let template = concat!(env!("CARGO_MANIFEST_DIR"), "/../../template.yaml");
        let template = local::template::whole(template.as_ref()).unwrap().to_string();
        let registry = local::functions::registry(&Hosts::default());
        let cloud = Cloud::start(Options { state, ..Options::ephemeral(template, registry) }).await.unwrap();
        let text = welcome(&cloud, cloud.write_environment().unwrap());
        cloud.stop().await.unwrap();
        text.lines().last().unwrap_or_default().to_owned()
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn the_last_words_say_whether_the_state_stays() {
        let folder = tempfile::tempdir().unwrap();
        let kept = last_line(Some(folder.path().to_owned())).await;
        assert_eq!(kept, "Ctrl-C stops it; the state stays for the next start.");
        assert_eq!(last_line(None).await, "Ctrl-C stops it; nothing is kept.");
    }
}
