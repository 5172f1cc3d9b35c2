//! Compares an account at Stripe with what this product needs of it; see `--help`.

use std::process::ExitCode;

use anyhow::{Context, Result, ensure};
use clap::Parser;
use primitives::Secret;
use stripe_client::{ApiKey, Client, ClientOptions};
use stripe_setup::{Remedy, apply, differences};

/// Says what of an account at Stripe is not as this product needs it: `+` is missing, `~` is otherwise, `!`
/// is done by hand. The account is the one of the key in `STRIPE_API_KEY`. Fails where something differs.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask stripe-setup")]
struct Options {
    /// Makes the account so, instead of only saying what differs.
    #[arg(long)]
    apply: bool,
    /// The key may be one for real money.
    #[arg(long)]
    live: bool,
    /// Where the API is, such as `https://api.example.com`: with it the webhook endpoint is looked at.
    #[arg(long)]
    public_url: Option<String>,
    /// Where Stripe is.
    #[arg(long, default_value = "https://api.stripe.com/")]
    stripe_url: String,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<ExitCode> {
    let options = Options::parse();
    let client = client(&options)?;
    let found = differences(&client, options.public_url.as_deref()).await?;
    let mut left = 0;
    for difference in &found {
        println!("{difference}");
        let is_by_hand = difference.remedy == Remedy::ByHand;
        if !options.apply || is_by_hand {
            left += 1;
            continue;
        }
        let made =
            apply(&client, difference).await.with_context(|| format!("cannot make {}", difference.what))?;
        // Stripe says it this once
        if let Some(secret) = made.as_ref().and_then(|made| made["secret"].as_str()) {
            println!("  its signing secret, shown once: {secret}");
            println!("  put it into the stack's StripeSecret, as docs/runbook.md says");
        }
    }
    match (found.len(), left) {
        (0, _) => println!("The account has all that it needs."),
        (found, 0) => println!("{found} made so."),
        (_, left) if options.apply => println!("{left} left, to be done by hand."),
        (_, left) => println!("{left} differ; --apply makes them so."),
    }
    Ok(if left == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

#[expect(clippy::disallowed_methods, reason = "a key on the command line is in the shell's history")]
fn client(options: &Options) -> Result<Client> {
    let key = std::env::var("STRIPE_API_KEY").context("set STRIPE_API_KEY to a key of the account")?;
    let key = ApiKey::new(Secret::new(key))?;
    ensure!(!key.livemode() || options.live, "the key is one for real money: say --live if that is meant");
    let base_url = options.stripe_url.clone();
    Ok(Client::new(key, ClientOptions { base_url, ..ClientOptions::default() }))
}
