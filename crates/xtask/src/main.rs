//! `cargo xtask <command>`.

use anyhow::Result;
use clap::{Parser, Subcommand};
use xtask::{
    bench, check, cloud, edit_loop, features, fuzz, generate, invoke, mutants, new_domain, new_function,
    new_route, new_secret, operate, process, stripe_setup, tools, usage_recount, verify_audit,
};

#[derive(Parser)]
#[command(bin_name = "cargo xtask", about = "Commands for working on this repository.")]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Everything that a change must pass: format, lints, tests, dependencies, templates, secrets,
    /// bills of materials, cloud.
    Check(check::Options),
    /// Deploys the template to an emulated AWS, prints the API's URL, and stays until Ctrl-C.
    Cloud(cloud::Options),
    /// Writes the documents that come from the code: docs/openapi.json, docs/events.md,
    /// docs/errors.md, docs/cost.md, events/schemas.
    Generate(generate::Options),
    /// Adds a function: its crate, its place in the template, a sample event.
    NewFunction(new_function::Options),
    /// Adds a domain: its crate with tests, its permissions, its ids.
    NewDomain(new_domain::Options),
    /// Adds a route to a function: its handler, its place among the routes, a sample event, its
    /// call in the test of budgets.
    NewRoute(new_route::Options),
    /// Adds a key of ours: its secret, its rotation, its place in documents and tests.
    NewSecret(new_secret::Options),
    /// Sends every sample under events/ to the functions of a running `cargo lambda watch`.
    InvokeAll(invoke::Options),
    /// Has a stack's `operator` carry out a command, such as finding and publishing events that
    /// were not published.
    Operate(operate::Options),
    /// Makes somebody one of a stack's staff: the first of them, whom nobody else could.
    Staff(operate::StaffOptions),
    /// Builds the functions as they are shipped and measures them; writes docs/benchmarks.md.
    Bench(bench::Options),
    /// Measures how long it takes from a changed line in a domain to the answer of its tests.
    EditLoop(edit_loop::Options),
    /// Has every package compiled with the same features, whether it is selected alone or with all
    /// others: writes crates/workspace-features.
    Features(features::Options),
    /// Gives the parsers of outside input hostile input, for longer than the tests do.
    Fuzz(fuzz::Options),
    /// Changes the pure rules one place at a time, and says which changes no test notices.
    Mutants(mutants::Options),
    /// Proves that a file of audit events is whole: that none was changed, removed or put in.
    VerifyAudit(verify_audit::Options),
    /// Compares what usage was counted with its events, in an export of the traffic table.
    UsageRecount(usage_recount::Options),
    /// Says what an account at Stripe lacks for this product, and makes it so with `--apply`; more with
    /// `--help`.
    #[command(disable_help_flag = true)]
    StripeSetup(stripe_setup::Options),
    /// Installs the pinned tools that are not Rust's own into target/tools.
    Tools(tools::Options),
}

fn main() -> Result<()> {
    let root = process::workspace_root();
    match Arguments::parse().command {
        Command::Check(options) => check::run(&root, &options),
        Command::Cloud(options) => cloud::run(&root, &options),
        Command::Generate(options) => generate::run(&root, &options),
        Command::NewFunction(options) => new_function::run(&root, &options),
        Command::NewDomain(options) => new_domain::run(&root, &options),
        Command::NewRoute(options) => new_route::run(&root, &options),
        Command::NewSecret(options) => new_secret::run(&root, &options),
        Command::InvokeAll(options) => invoke::run(&root, &options),
        Command::Operate(options) => operate::run(&root, &options),
        Command::Staff(options) => operate::staff(&root, options),
        Command::Bench(options) => bench::run(&root, &options),
        Command::EditLoop(options) => edit_loop::run(&root, &options),
        Command::Features(options) => features::run(&root, &options),
        Command::Fuzz(options) => fuzz::run(&root, &options),
        Command::Mutants(options) => mutants::run(&root, &options),
        Command::VerifyAudit(options) => verify_audit::run(&root, &options),
        Command::UsageRecount(options) => usage_recount::run(&root, &options),
        Command::StripeSetup(options) => stripe_setup::run(&root, &options),
        Command::Tools(options) => tools::install(&root, &options),
    }
}
