//! Adds a domain: a crate with one kind of item of an organization, of which there may be only so
//! many, its tests on the real engine, its permissions, its id, and its place in every list.

use std::path::Path;

use anyhow::{Context, Result, ensure};
use clap::Args;

use crate::{
    files::{read, tidy, write},
    new_function::places::{append, into_list},
};

/// What to add.
#[derive(Args, Debug)]
pub struct Options {
    /// What it is about, in the plural, which is also the name of its crate, such as `projects`.
    name: String,
    /// One of them, such as `project`.
    #[arg(long)]
    item: String,
    /// What its ids begin with, three letters such as `prj`.
    #[arg(long)]
    prefix: String,
}

/// A domain that is to be.
pub struct NewDomain {
    words: String,
    item: String,
    prefix: String,
}

/// A change of a file's text, and the file.
type Place = (&'static str, fn(&NewDomain, &str) -> Result<String>);

/// What names every domain.
const PLACES: &[Place] = &[
    ("Cargo.toml", into_workspace),
    ("crates/primitives/src/id.rs", into_ids),
    ("crates/access/src/permission.rs", into_permissions),
    ("tests/Cargo.toml", into_dependencies),
    ("tests/src/domains.rs", into_domains),
    ("tests/src/documents/problem_codes.rs", into_codes),
    ("tests/architecture/workspace_rules.rs", into_rules),
    ("functions/queue-mail/Cargo.toml", into_dependencies),
    ("functions/queue-mail/src/lib.rs", into_told),
    ("functions/queue-push-fanout/Cargo.toml", into_dependencies),
    ("functions/queue-push-fanout/src/lib.rs", into_told),
];

macro_rules! scaffold {
    ($file:literal) => {
        include_str!(concat!("../scaffold/domain/", $file, ".txt"))
    };
}

impl NewDomain {
    /// Reads the names; refuses what is none.
    pub fn new(name: &str, item: &str, prefix: &str) -> Result<Self> {
        let is_word = |word: &str| !word.is_empty() && word.bytes().all(|letter| letter.is_ascii_lowercase());
        ensure!(
            is_word(name),
            "{name:?}: name a domain by one lower-case word in the plural, such as projects"
        );
        ensure!(is_word(item) && item != name, "--item {item:?}: say what one of {name} is called");
        ensure!(is_word(prefix) && prefix.len() == 3, "--prefix {prefix:?}: use three lower-case letters");
        Ok(Self { words: name.to_owned(), item: item.to_owned(), prefix: prefix.to_owned() })
    }

    fn fill(&self, text: &str) -> String {
        let capital = |word: &str| word[..1].to_ascii_uppercase() + &word[1..];
        text.replace("@name@", &self.words)
            .replace("@crate@", &self.words)
            .replace("@words@", &self.words)
            .replace("@Words@", &capital(&self.words))
            .replace("@item@", &self.item)
            .replace("@Item@", &capital(&self.item))
            .replace("@TOKEN@", &self.words.to_ascii_uppercase())
            .replace("@TOKEN_ITEM@", &self.item.to_ascii_uppercase())
            .replace("@prefix@", &self.prefix)
    }

    /// The new files: path and text.
    pub fn files(&self) -> Vec<(String, String)> {
        let file = |path: &str, text: &str| (self.fill(&format!("crates/@name@/{path}")), self.fill(text));
        vec![
            file("Cargo.toml", scaffold!("Cargo.toml")),
            file("src/lib.rs", scaffold!("lib.rs")),
            file("src/api.rs", scaffold!("api.rs")),
            file("src/error.rs", scaffold!("error.rs")),
            file("src/events.rs", scaffold!("events.rs")),
            file("src/keys.rs", scaffold!("keys.rs")),
            file("src/@item@.rs", scaffold!("item.rs")),
            file("tests/@words@.rs", scaffold!("tests.rs")),
        ]
    }

    /// The files that name it, by their path, with it in them.
    pub fn into_files(&self, read: impl Fn(&str) -> Result<String>) -> Result<Vec<(String, String)>> {
        let change = |(file, change): &Place| {
            let text = change(self, &read(file)?).with_context(|| format!("cannot change {file}"))?;
            Ok(((*file).to_owned(), text))
        };
        PLACES.iter().map(change).collect()
    }
}

fn into_workspace(domain: &NewDomain, manifest: &str) -> Result<String> {
    let line = domain.fill("@name@ = { path = \"crates/@name@\" }");
    into_list(manifest, "# this workspace", |line| line.contains("path = \"crates/"), &line)
}

fn into_ids(domain: &NewDomain, source: &str) -> Result<String> {
    let prefix = format!("\"{}\";", domain.prefix);
    ensure!(!source.contains(&prefix), "ids of something else begin with {}_", domain.prefix);
    let lines = domain.fill("    /// Names a @item@.\n    @Item@Id = @Item@ \"@prefix@\";");
    append(source, "ids! {", |line| line != "}", |_| true, &lines)
}

fn into_permissions(domain: &NewDomain, source: &str) -> Result<String> {
    let lines = domain.fill(
        "    /// Read the @words@.\n    \
         Read@Words@: \"@words@:read\", \"read the @words@\", Owner | Admin | Member | Viewer;\n    \
         /// Create @words@.\n    \
         Write@Words@: \"@words@:write\", \"create @words@\", Owner | Admin | Member;",
    );
    let source = append(source, "permissions! {", |line| line != "}", |_| true, &lines)?;
    let rows = domain.fill(
        "            (Permission::Read@Words@, \"@words@:read\", \"read the @words@\", \"owner admin member viewer\"),\n\
         \x20           (Permission::Write@Words@, \"@words@:write\", \"create @words@\", \"owner admin member\"),",
    );
    append(&source, "let table = [", |line| line != "        ];", |_| true, &rows)
}

fn into_dependencies(domain: &NewDomain, manifest: &str) -> Result<String> {
    let line = domain.fill("@name@ = { workspace = true }");
    into_list(manifest, "[dependencies]", |line| line.contains(" = {"), &line)
}

fn into_domains(domain: &NewDomain, source: &str) -> Result<String> {
    let is_domain = |line: &str| line.starts_with("        (\"");
    let line = domain.fill("        (\"@name@\", @crate@::keys::KINDS),");
    let source = append(source, "vec![", is_domain, |_| true, &line)?;
    let (before, events) = source.split_once("pub fn events()").context("domains.rs has no events()")?;
    let line = domain.fill("        (\"@name@\", @crate@::events::EVENTS),");
    let events = append(events, "vec![", is_domain, |_| true, &line)?;
    into_told(domain, &format!("{before}pub fn events(){events}"))
}

/// Into the list of what people are told, behind billing's.
fn into_told(domain: &NewDomain, source: &str) -> Result<String> {
    const LAST: &str = "billing::events::TOLD";
    ensure!(source.contains(LAST), "there is no list with {LAST}");
    let told = domain.fill("billing::events::TOLD, @crate@::events::TOLD");
    Ok(source.replacen(LAST, &told, 1))
}

fn into_codes(domain: &NewDomain, source: &str) -> Result<String> {
    let line = domain.fill("    (\"@name@\", @crate@::FAULTS),");
    into_list(source, "pub const REGISTRY:", |line| line.starts_with("    (\""), &line)
}

fn into_rules(domain: &NewDomain, source: &str) -> Result<String> {
    const HEAD: &str = "const DOMAINS: &[&str] =";
    let (before, rest) = source.split_once(HEAD).with_context(|| format!("there is no list `{HEAD}`"))?;
    let (names, rest) = rest.split_once("];").context("the list of domains has no end")?;
    Ok(format!("{before}{HEAD}{}, \"{}\"];{rest}", names.trim_end().trim_end_matches(','), domain.words))
}

/// Adds the domain to the workspace at `root`.
pub fn run(root: &Path, options: &Options) -> Result<()> {
    let domain = NewDomain::new(&options.name, &options.item, &options.prefix)?;
    ensure!(!root.join("crates").join(&domain.words).exists(), "crates/{} is already there", domain.words);
    let places = domain.into_files(|file| read(root, file))?;
    write(root, domain.files().into_iter().chain(places))?;
    tidy(root);
    println!(
        "{}",
        domain.fill(
            "crates/@name@ is there, with a @item@ of an organization, of which there may be 1,000, its tests,\n\
             the permissions @words@:read and @words@:write, and ids that begin with @prefix@_.\n\
             Next: run `cargo test -p @name@` and `cargo xtask generate`, and say what a @item@ is. A function of\n\
             its own comes from `cargo xtask new-function api-@words@`."
        )
    );
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::process::workspace_root;

    #[test]
    fn a_domain_is_in_every_list() {
        let domain = NewDomain::new("projects", "project", "prj").unwrap();
        let files = domain.into_files(|file| read(&workspace_root(), file)).unwrap();
        for (file, part) in [
            ("Cargo.toml", "\nprojects = { path = \"crates/projects\" }\npush = "),
            ("crates/primitives/src/id.rs", "    ProjectId = Project \"prj\";\n}"),
            (
                "crates/access/src/permission.rs",
                "    WriteProjects: \"projects:write\", \"create projects\", ",
            ),
            ("crates/access/src/permission.rs", "(Permission::WriteProjects, \"projects:write\", "),
            ("tests/Cargo.toml", "\nprojects = { workspace = true }\n"),
            ("tests/src/domains.rs", "(\"projects\", projects::keys::KINDS),\n    ]"),
            ("tests/src/domains.rs", "(\"projects\", projects::events::EVENTS),\n    ]"),
            ("tests/src/domains.rs", "billing::events::TOLD, projects::events::TOLD"),
            ("functions/queue-mail/Cargo.toml", "\nprojects = { workspace = true }\n"),
            ("functions/queue-mail/src/lib.rs", "billing::events::TOLD, projects::events::TOLD"),
            ("functions/queue-push-fanout/src/lib.rs", "billing::events::TOLD, projects::events::TOLD"),
            ("tests/src/documents/problem_codes.rs", "(\"projects\", projects::FAULTS),\n    (\"push\","),
            ("tests/architecture/workspace_rules.rs", ", \"projects\"];"),
        ] {
            let (_, text) = files.iter().find(|(name, _)| name == file).unwrap();
            assert!(text.contains(part), "{file}: {part}\n{text}");
        }
        assert!(domain.files().iter().all(|(_, text)| !text.contains('@')), "a placeholder is left");
    }

    #[test]
    fn names_are_checked_and_an_id_s_prefix_is_its_alone() {
        for (name, item, prefix) in [
            ("Projects", "project", "prj"),
            ("my-projects", "project", "prj"),
            ("projects", "projects", "prj"),
            ("projects", "../x", "prj"),
            ("projects", "project", "prjx"),
            ("", "project", "prj"),
        ] {
            assert!(NewDomain::new(name, item, prefix).is_err(), "{name} {item} {prefix}");
        }
        let taken = NewDomain::new("users", "user", "usr").unwrap();
        let error = into_ids(&taken, "ids! {\n    UserId = User \"usr\";\n}\n").unwrap_err();
        assert!(error.to_string().contains("usr_"), "{error}");
    }
}
