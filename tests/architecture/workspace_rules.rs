//! Who may know what: the arrows of `docs/architecture.md`, read from `cargo metadata`.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
};

use cargo_metadata::{DependencyKind, Metadata, MetadataCommand, PackageId};

use system_tests::template::repository;

use crate::{assert_none, assert_noticed, sources::rust_files};

const DOMAINS: &[&str] = &[
    "identity",
    "orgs",
    "org-keys",
    "billing",
    "push",
    "audit",
    "directory",
    "sso",
    "scim",
    "staff",
    "jobs",
    "erasures",
    "usage",
];
const CLIENTS: &[&str] =
    &["stripe-client", "email-client", "push-client", "oidc-client", "dns-client", "object-client"];
/// What is not shipped, and so may use everything.
const TOOLS: &[&str] = &[
    "local",
    "test-support",
    "xtask",
    "system-tests",
    "benchmarks",
    "bare-functions",
    "workspace-features",
    "stripe-setup",
];

/// What our own packages may depend on, for one of them. `None`: there is no rule for it yet.
fn allowed(package: &str) -> Option<Vec<&'static str>> {
    let ground = ["primitives"];
    let language = ["events", "access"];
    Some(match package {
        "fault-derive" | "sends" => Vec::new(),
        // Whoever calls what somebody else has named calls it through this one.
        // The program of the last runs beside the product, on a file.
        "guarded-http" | "access" | "audit-chain" | "usage-ledger" => ground.to_vec(),
        "oidc-client" => [ground.as_slice(), &["guarded-http"]].concat(),
        "primitives" => vec!["fault-derive"],
        "events" => [ground.as_slice(), &["access"]].concat(),
        "table" => [ground.as_slice(), &language, &["sends", "audit-chain"]].concat(),
        client if CLIENTS.contains(&client) => [ground.as_slice(), &language, &["sends"]].concat(),
        // What is stored of people and sessions and what a request is allowed by, which other
        // domains write parts of and workers read: without what makes tokens.
        "identity-core" => [ground.as_slice(), &language, &["table"]].concat(),
        "identity" => [ground.as_slice(), &language, &["table", "identity-core"]].concat(),
        domain if DOMAINS.contains(&domain) => {
            [CLIENTS, &ground, &language, &["table", "sends", "identity-core", "audit-chain", "usage-ledger"]]
                .concat()
        }
        "http-api" => [ground.as_slice(), &language, &["table"]].concat(),
        "lambda-host" => [CLIENTS, &ground, &language, &["table", "sends"]].concat(),
        // The one domain it knows: every edge asks identity who a token stands for.
        "http-host" => {
            [ground.as_slice(), &["access", "identity", "table", "http-api", "lambda-host"]].concat()
        }
        function if is_function(function) => {
            let around = [
                "table",
                "http-api",
                "http-host",
                "lambda-host",
                "identity-core",
                "sends",
                "guarded-http",
                "audit-chain",
                "usage-ledger",
            ];
            [DOMAINS, CLIENTS, &ground, &language, &around].concat()
        }
        _ => return None,
    })
}

fn is_function(package: &str) -> bool {
    is_worker(package) || ["api-", "hook-"].iter().any(|prefix| package.starts_with(prefix))
}

/// A function that answers no HTTP.
fn is_worker(package: &str) -> bool {
    let prefixes = ["stream-", "queue-", "cron-", "rotate-"];
    package == "operator" || prefixes.iter().any(|prefix| package.starts_with(prefix))
}

/// What no worker links, directly or through others: the HTTP edge and the tokens of sessions.
const NOT_FOR_WORKERS: &[&str] = &["axum", "http-api", "http-host", "lambda_http", "jsonwebtoken"];

/// Crates of others that only some of ours may use, and why.
const CONFINED: &[(&[&str], &[&str], &str)] = &[
    (
        &["lambda_runtime", "lambda_http", "aws_lambda_events"],
        &["lambda-host", "http-host", "function"],
        "only functions, lambda-host and http-host know Lambda",
    ),
    (
        &["axum", "tower-http", "utoipa-axum"],
        &["http-api", "http-host", "function"],
        "only http-api, http-host and functions know HTTP",
    ),
    (&["aws-sdk-dynamodb", "serde_dynamo"], &["table", "lambda-host"], "only table knows key attributes"),
    (&["aws-config"], &["lambda-host"], "clients are built in one place, from one configuration"),
    (&["anyhow"], &[], "errors of shipped code are types; anyhow is for tools and tests"),
    (
        &["openssl", "native-tls", "chrono", "ring"],
        &[],
        "one TLS stack and one calendar: rustls with aws-lc-rs, and jiff",
    ),
];

/// A dependency of one of our packages: from, to, and whether the shipped code has it.
struct Edge {
    from: String,
    to: String,
    ours: bool,
    shipped: bool,
}

fn workspace() -> Metadata {
    MetadataCommand::new()
        .manifest_path(repository().join("Cargo.toml"))
        .no_deps()
        .other_options(["--offline".to_owned()])
        .exec()
        .expect("cargo metadata reads the workspace")
}

fn edges() -> Vec<Edge> {
    let metadata = workspace();
    let ours: BTreeSet<String> = metadata.packages.iter().map(|package| package.name.to_string()).collect();
    let mut edges = Vec::new();
    for package in &metadata.packages {
        for dependency in &package.dependencies {
            edges.push(Edge {
                from: package.name.to_string(),
                to: dependency.name.clone(),
                ours: ours.contains(&dependency.name),
                shipped: dependency.kind != DependencyKind::Development,
            });
        }
    }
    edges
}

fn dependency_rule(edges: &[Edge]) -> Vec<String> {
    let mut problems = BTreeSet::new();
    for Edge { from, to, ours, .. } in edges.iter().filter(|edge| edge.shipped) {
        if TOOLS.contains(&from.as_str()) {
            continue;
        }
        let Some(allowed) = allowed(from) else {
            problems.insert(format!(
                "{from}: say in tests/architecture/workspace_rules.rs what this new package may know."
            ));
            continue;
        };
        if *ours && !allowed.contains(&to.as_str()) {
            let both = DOMAINS.contains(&from.as_str()) && DOMAINS.contains(&to.as_str());
            let way_out =
                if both { "pass a fact, or react to an event" } else { "arrows point right or down only" };
            problems.insert(format!(
                "{from} depends on {to}: {way_out} (docs/architecture.md, who may know what)."
            ));
        }
        for (names, homes, reason) in CONFINED {
            let home = homes.contains(&from.as_str()) || (homes.contains(&"function") && is_function(from));
            if names.contains(&to.as_str()) && !home {
                problems.insert(format!("{from} depends on {to}: {reason}."));
            }
        }
    }
    problems.into_iter().collect()
}

fn edge(from: &str, to: &str, ours: bool, shipped: bool) -> Edge {
    Edge { from: from.to_owned(), to: to.to_owned(), ours, shipped }
}

#[test]
fn packages_know_only_what_they_may() {
    let edges = edges();
    assert!(
        edges.iter().any(|edge| edge.from == "orgs" && edge.to == "table"),
        "cargo metadata was not read"
    );
    assert_none(&dependency_rule(&edges));
}

#[test]
fn a_domain_that_knows_another_is_noticed() {
    assert_noticed(
        &dependency_rule(&[edge("billing", "orgs", true, true)]),
        "billing depends on orgs: pass a fact",
    );
}

#[test]
fn an_arrow_upwards_is_noticed() {
    assert_noticed(
        &dependency_rule(&[edge("table", "http-api", true, true)]),
        "table depends on http-api: arrows point",
    );
    assert_noticed(&dependency_rule(&[edge("api-orgs", "local", true, true)]), "api-orgs depends on local");
}

#[test]
fn a_confined_crate_is_noticed() {
    assert_noticed(
        &dependency_rule(&[edge("orgs", "axum", false, true)]),
        "orgs depends on axum: only http-api",
    );
    assert_noticed(
        &dependency_rule(&[edge("http-api", "lambda_http", false, true)]),
        "only functions, lambda-host and http-host",
    );
}

#[test]
fn a_package_without_a_rule_is_noticed() {
    assert_noticed(&dependency_rule(&[edge("flags", "primitives", true, true)]), "flags: say in");
}

#[test]
fn tests_may_know_more() {
    assert_none(&dependency_rule(&[edge("orgs", "test-support", true, false)]));
}

/// The packages that each package links, by name: without what only tests or build scripts take.
type Links = BTreeMap<String, BTreeSet<String>>;

fn links() -> Links {
    let metadata = MetadataCommand::new()
        .manifest_path(repository().join("Cargo.toml"))
        .other_options(["--offline".to_owned()])
        .exec()
        .expect("cargo metadata resolves the workspace");
    let name = |id: &PackageId| metadata[id].name.to_string();
    let resolve = metadata.resolve.as_ref().expect("cargo metadata gives the graph");
    let mut links = Links::new();
    for node in &resolve.nodes {
        let linked = node
            .deps
            .iter()
            .filter(|dependency| dependency.dep_kinds.iter().any(|kind| kind.kind == DependencyKind::Normal));
        links.entry(name(&node.id)).or_default().extend(linked.map(|dependency| name(&dependency.pkg)));
    }
    links
}

fn worker_rule(links: &Links) -> Vec<String> {
    let mut problems = Vec::new();
    for worker in links.keys().filter(|package| is_worker(package)) {
        let mut reached_by = BTreeMap::from([(worker, None)]);
        let mut next = vec![worker];
        while let Some(from) = next.pop() {
            for to in links.get(from).into_iter().flatten() {
                reached_by.entry(to).or_insert_with(|| {
                    next.push(to);
                    Some(from)
                });
            }
        }
        for found in reached_by.keys().filter(|package| NOT_FOR_WORKERS.contains(&package.as_str())) {
            let way = std::iter::successors(Some(*found), |at| reached_by[*at]);
            let way: Vec<&str> = way.map(String::as_str).collect();
            problems.push(format!(
                "{worker} links {found} ({}): a worker answers no HTTP and reads no token. Take lambda-host and \
                 identity-core, or move what it needs into one of them.",
                way.join(" < ")
            ));
        }
    }
    problems
}

#[test]
fn workers_link_neither_http_nor_tokens() {
    let links = links();
    assert!(links["api-orgs"].contains("http-host") && links["queue-mail"].contains("lambda-host"));
    assert_none(&worker_rule(&links));
}

#[test]
fn a_worker_that_links_http_is_noticed() {
    let mut links = links();
    links.get_mut("lambda-host").unwrap().insert("http-api".to_owned());
    let problems = worker_rule(&links);
    assert_noticed(&problems, "queue-mail links axum (axum < http-api < lambda-host < queue-mail)");
    assert_noticed(&problems, "operator links http-api");
    assert!(!problems.iter().any(|problem| problem.starts_with("api-")), "{problems:?}");
}

/// What a manifest says of the tests in a library or a program, and whether there are any.
struct OwnTests {
    target: String,
    said: bool,
    there: bool,
}

/// Whether a source has a test: an attribute that ends in `test`, or a property.
fn has_test(source: &str) -> bool {
    source.lines().map(str::trim_start).any(|line| {
        line.starts_with("#[test]") || line.starts_with("#[tokio::test") || line.starts_with("proptest! {")
    })
}

fn own_tests() -> Vec<OwnTests> {
    let mut found = Vec::new();
    for package in workspace().packages {
        let folder = package.manifest_path.parent().expect("a manifest is in a folder").join("src");
        let bins: Vec<_> = package.targets.iter().filter(|target| target.is_bin()).collect();
        let of_bins = |file: &Path| bins.iter().any(|bin| bin.src_path.as_std_path() == file);
        let mut files = Vec::new();
        rust_files(folder.as_std_path(), &mut files);
        let tested: Vec<_> = files
            .into_iter()
            .filter(|file| has_test(&fs::read_to_string(file).expect("a source is readable")))
            .collect();
        let library = package.targets.iter().find(|target| target.is_lib());
        let of_library = tested.iter().any(|file| !of_bins(file));
        found.extend(library.map(|target| OwnTests {
            target: format!("the library of {}", package.name),
            said: target.test,
            there: of_library,
        }));
        for bin in &bins {
            // the modules are the library's, where there is one
            let own = tested.iter().any(|file| bin.src_path.as_std_path() == file);
            let there = own || (library.is_none() && of_library);
            found.push(OwnTests { target: format!("the program {}", bin.name), said: bin.test, there });
        }
    }
    found
}

fn own_tests_rule(targets: &[OwnTests]) -> Vec<String> {
    let wrong = targets.iter().filter(|target| target.said != target.there);
    let words = wrong.map(|OwnTests { target, there, .. }| {
        if *there {
            format!("{target} has tests that nobody runs: take `test = false` out of its Cargo.toml.")
        } else {
            format!(
                "{target} has no tests, which takes seconds to link: say `test = false` in its Cargo.toml."
            )
        }
    });
    words.collect()
}

#[test]
fn what_has_tests_is_tested_and_nothing_else_is_linked_for_it() {
    let targets = own_tests();
    assert!(targets.iter().any(|target| target.there) && targets.iter().any(|target| !target.there));
    assert_none(&own_tests_rule(&targets));
}

#[test]
fn tests_that_nobody_runs_are_noticed() {
    let own = |said, there| OwnTests { target: "the library of orgs".to_owned(), said, there };
    assert_noticed(&own_tests_rule(&[own(false, true)]), "the library of orgs has tests that nobody runs");
    assert_noticed(&own_tests_rule(&[own(true, false)]), "the library of orgs has no tests");
    assert!(has_test("    #[tokio::test(flavor = \"multi_thread\")]\n") && !has_test("// #[test]"));
}
