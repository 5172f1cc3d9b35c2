//! Lets programs of others read `docs/openapi.json`, and compare it with the running product.

use std::{
    fs,
    io::{BufRead, BufReader},
    net::TcpListener,
    path::{Path, PathBuf},
    process::{Child, ChildStdout, Command, Stdio},
};

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use crate::{
    process::{cargo, run},
    tools,
};

/// Of this workspace, from its root.
const DESCRIPTION: &str = "docs/openapi.json";
const FOLDER: &str = "tests/contract";

/// Everything: the form, a client made from it, and the product behind it, also as a client of SCIM sees
/// it.
pub fn check(root: &Path) -> Result<()> {
    let description = root.join(DESCRIPTION);
    run(tools::command(root, "openapi-spec-validator").arg(&description))?;
    let quiet = [("REDOCLY_TELEMETRY", "off"), ("REDOCLY_SUPPRESS_UPDATE_NOTICE", "true")];
    run(tools::command(root, "redocly")
        .args(["lint", "--config", "tests/contract/redocly.yaml"])
        .arg(&description)
        .envs(quiet))?;
    let client = client(root, &description)?;
    let product = Product::start(root, Some("certified"))?;
    run(Command::new("node").arg(client).env("GANTRY_API_URL", &product.url))?;
    sign_in(root, &product)?;
    billing(root)?;
    run(Command::new(tools::python(root, "scim"))
        .arg(root.join(FOLDER).join("scim.py"))
        .env("GANTRY_API_URL", &product.url))?;
    run(tools::command(root, "schemathesis")
        .args(["--config-file", "tests/contract/schemathesis.toml", "run", "--url", &product.url])
        .arg(&description)
        .env("GANTRY_API_URL", &product.url))
}

/// Signs people in on the local page, as a browser does.
pub fn browser(root: &Path) -> Result<()> {
    // Below the folder of the packages, where node looks for them.
    let walk = tools::npm_folder(root).join("browser.mjs");
    fs::copy(root.join("tests/browser/walk.mjs"), &walk).context("cannot copy walk.mjs")?;
    let chromium = tools::find(root, "chromium").context("chromium is not installed")?;
    let product = Product::start(root, None)?;
    run(Command::new("node").arg(walk).env("GANTRY_API_URL", &product.url).env("CHROMIUM", chromium))
}

/// A typed client, compiled: what the description is worth to whoever writes a frontend. Gives the
/// program.
fn client(root: &Path, description: &Path) -> Result<PathBuf> {
    // Below the folder of the packages, where the compiler looks for them.
    let folder = tools::npm_folder(root).join("client");
    fs::create_dir_all(&folder).context("cannot create the client's folder")?;
    for file in ["walk.ts", "tsconfig.json"] {
        fs::copy(root.join(FOLDER).join(file), folder.join(file))
            .with_context(|| format!("cannot copy {file}"))?;
    }
    run(tools::command(root, "openapi-typescript")
        .arg(description)
        .arg("--output")
        .arg(folder.join("schema.ts")))?;
    run(tools::command(root, "tsc").arg("--project").arg(folder.join("tsconfig.json")))?;
    Ok(folder.join("walk.js"))
}

/// Sign-ins through a certified identity provider of others: the deployment's, and an organization's own.
fn sign_in(root: &Path, product: &Product) -> Result<()> {
    let folder = tools::npm_folder(root).join("client");
    let programs = ["sign-in.mjs", "sso.mjs"];
    for file in programs.into_iter().chain(["browser.mjs"]) {
        fs::copy(root.join(FOLDER).join(file), folder.join(file))
            .with_context(|| format!("cannot copy {file}"))?;
    }
    // one after the other, each with a provider at the same address
    for program in programs {
        let addresses = [("GANTRY_API_URL", &product.url), ("OIDC_ISSUER", &product.issuer)];
        run(Command::new("node").arg(folder.join(program)).envs(addresses))?;
    }
    Ok(())
}

/// Stripe's own libraries buy on the local Stripe, each on a product of its own: they move its clock.
fn billing(root: &Path) -> Result<()> {
    let python = tools::python(root, "stripe");
    ensure!(python.is_file(), "Stripe's libraries are not installed; run `cargo xtask tools stripe npm`");
    let program = tools::npm_folder(root).join("client").join("billing.mjs");
    fs::copy(root.join(FOLDER).join("billing.mjs"), &program).context("cannot copy billing.mjs")?;
    let mut of_python = Command::new(python);
    of_python.arg(root.join(FOLDER).join("billing.py"));
    let mut of_node = Command::new("node");
    of_node.arg(program);
    for mut library in [of_python, of_node] {
        let product = Product::start(root, None)?;
        run(library.env("GANTRY_API_URL", &product.url))?;
    }
    Ok(())
}

/// The product as `cargo dev` runs it, in memory, on ports of its own. Ends when it is dropped.
struct Product {
    process: Child,
    url: String,
    /// Where it expects an identity provider of others.
    issuer: String,
    /// Kept open: whoever writes into a pipe that nobody reads breaks.
    output: BufReader<ChildStdout>,
}

impl Product {
    /// With an identity provider of others in the place of its own, where one is named.
    fn start(root: &Path, provider: Option<&str>) -> Result<Self> {
        let first = free_ports()?;
        let (port, issuer) = (first.to_string(), format!("http://127.0.0.1:{}", first + 5));
        let arguments = ["--ephemeral", "--log", "error", "--port", &port];
        let providers = provider.map(|name| {
            let known = serde_json::json!({ name: { "issuer": issuer, "client_id": "gantry" } });
            format!("--parameter=OAuthProviders={known}")
        });
        let mut process = Command::new(build(root)?)
            .args(arguments)
            .args(providers)
            .current_dir(root)
            .stdout(Stdio::piped())
            .spawn()
            .context("cannot start the product")?;
        let output = process.stdout.take().context("the product has no output")?;
        let url = format!("http://localhost:{port}");
        let mut product = Self { process, url, issuer, output: BufReader::new(output) };
        // It greets when it is up, and ends without a word when it is not.
        let mut greeting = String::new();
        let read = product.output.read_line(&mut greeting).context("the product cannot be heard")?;
        ensure!(read > 0, "the product does not start; see above");
        Ok(product)
    }
}

impl Drop for Product {
    fn drop(&mut self) {
        if let Err(error) = self.process.kill().and_then(|()| self.process.wait().map(drop)) {
            eprintln!("the product cannot be stopped: {error}");
        }
    }
}

/// The first of six ports in a row that are free. The system gives no connection one of these by itself, so
/// they stay free until something listens there; each process begins elsewhere.
fn free_ports() -> Result<u16> {
    let begin = u16::try_from(std::process::id() % 2_000)?;
    let rows = (0..2_000).map(|row| 20_000 + (begin + row) % 2_000 * 6);
    let is_free = |first: &u16| (0..6).all(|step| TcpListener::bind(("127.0.0.1", first + step)).is_ok());
    rows.into_iter().find(is_free).context("no six ports in a row are free")
}

/// Builds the product with the features that the tests have, so that nothing is built twice, and
/// gives its program.
fn build(root: &Path) -> Result<PathBuf> {
    let output = cargo(root)
        .args(["build", "--workspace", "--locked", "--bins", "--test", "deployed"])
        .arg("--message-format=json-render-diagnostics")
        .stderr(Stdio::inherit())
        .output()
        .context("cannot start cargo")?;
    ensure!(output.status.success(), "the product does not build; see above");
    let lines = output.stdout.split(|byte| *byte == b'\n');
    lines.filter_map(program).next_back().context("cargo built no `local`")
}

/// The product's program, where this line of cargo's report tells of it.
fn program(line: &[u8]) -> Option<PathBuf> {
    let report: Value = serde_json::from_slice(line).ok()?;
    let is_product = report["target"]["name"] == "local" && report["target"]["kind"][0] == "bin";
    is_product.then(|| report["executable"].as_str().map(PathBuf::from)).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::process::workspace_root;

    #[test]
    fn ports_are_free_in_a_row() {
        let port = free_ports().unwrap();
        for step in 0..6 {
            assert!(TcpListener::bind(("127.0.0.1", port + step)).is_ok());
        }
    }

    #[test]
    fn the_locked_packages_come_from_no_address_of_ours() {
        let folder = workspace_root().join(FOLDER);
        let read = |name: &str| -> Value {
            serde_json::from_str(&fs::read_to_string(folder.join(name)).unwrap()).unwrap()
        };
        let (wanted, locked) = (read("package.json"), read("package-lock.json"));
        assert_eq!(locked["packages"][""]["devDependencies"], wanted["devDependencies"]);
        for (name, package) in
            locked["packages"].as_object().unwrap().iter().filter(|(name, _)| !name.is_empty())
        {
            assert!(
                package["integrity"].as_str().is_some_and(|hash| hash.starts_with("sha512-")),
                "{name} has no hash"
            );
            let address = package["resolved"].as_str().unwrap_or("https://registry.npmjs.org/");
            assert!(address.starts_with("https://registry.npmjs.org/"), "{name} comes from {address}");
        }
    }
}
