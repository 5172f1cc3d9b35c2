//! Adds a route to a function: its handler with what it needs and costs, its place among the routes, a sample
//! event, and its call in the test that holds budgets.

use std::{fs, path::Path};

use anyhow::{Context, Result, ensure};
use clap::Args;

use crate::process::tidy;

/// What to add.
#[derive(Args, Debug)]
pub struct Options {
    /// The function, such as `api-orgs`. Its paths in the template must take the route.
    function: String,
    /// The path of a GET, such as `/v1/orgs/current/notes`.
    path: String,
    /// The permission that a member must hold, as `crates/access` names its type.
    #[arg(long, default_value = "ReadOrganization")]
    permission: String,
}

const HANDLER: &str = include_str!("../scaffold/route/handler.rs.txt");
const SAMPLE: &str = include_str!("../scaffold/http/sample.json.txt");
const CALLS: &str = "tests/api/budgets.rs";

/// A route that is to be.
struct Route<'a> {
    function: &'a str,
    path: &'a str,
    permission: &'a str,
    noun: String,
}

impl<'a> Route<'a> {
    fn new(options: &'a Options) -> Result<Self> {
        let Options { function, path, permission } = options;
        let plain = |part: &str| {
            part.starts_with(|first: char| first.is_ascii_lowercase())
                && part.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'-')
        };
        let parts = path.strip_prefix("/v1/").with_context(|| format!("{path:?}: begin with /v1/"))?;
        ensure!(parts.split('/').all(plain), "{path:?}: use lower-case words with hyphens, and no parameter");
        ensure!(function.starts_with("api-"), "{function:?}: name a function whose name begins with api-");
        let noun = parts.rsplit('/').next().unwrap_or(parts).replace('-', "_");
        Ok(Self { function, path, permission, noun })
    }

    fn fill(&self, text: &str, tag: &str) -> String {
        let capital = |word: &str| word[..1].to_ascii_uppercase() + &word[1..];
        let name: String = self.noun.split('_').map(capital).collect();
        text.replace("@path@", self.path)
            .replace("@route@", self.path)
            .replace("@permission@", self.permission)
            .replace("@Noun@", &name)
            .replace("@tag@", tag)
    }

    /// The function's `src/lib.rs` with the module and the route behind the last one.
    fn with_route(&self, library: &str) -> Result<String> {
        let module = format!("mod {};\n", self.noun);
        ensure!(!library.contains(&module), "{} has a module {} already", self.function, self.noun);
        let at = library.find("\nmod ").context("src/lib.rs has no module")? + 1;
        let with_module = format!("{}{module}{}", &library[..at], &library[at..]);
        let last = with_module.rfind("routes!(").context("src/lib.rs has no route")?;
        let end = last + with_module[last..].find("))").context("the last route does not end")? + 2;
        let route = format!("\n        .routes(routes!({}::show))", self.noun);
        Ok(format!("{}{route}{}", &with_module[..end], &with_module[end..]))
    }

    /// The test of budgets with a call of the route behind the last GET.
    fn with_call(&self, test: &str) -> Result<String> {
        let line = format!("        (\"{}\", \"{}\"),\n", self.path, self.function);
        let at = test.find("    ] {\n").with_context(|| format!("{CALLS} has no list of GETs"))?;
        Ok(format!("{}{line}{}", &test[..at], &test[at..]))
    }
}

/// The tag of the function's other routes.
fn tag(sources: &str) -> Option<&str> {
    sources.split("tag = \"").nth(1)?.split('"').next()
}

/// Adds the route to the workspace at `root`.
pub fn run(root: &Path, options: &Options) -> Result<()> {
    let route = Route::new(options)?;
    let folder = root.join("functions").join(route.function).join("src");
    let read =
        |path: &Path| fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()));
    let (library, calls) = (folder.join("lib.rs"), root.join(CALLS));
    let mut sources = String::new();
    for file in fs::read_dir(&folder).with_context(|| format!("there is no function {}", route.function))? {
        sources += &read(&file?.path())?;
    }
    let tag = tag(&sources).context("the function's other routes have no tag")?;
    // Everything is made before anything is written, so that a refusal leaves nothing behind.
    let sample = format!("events/{}/{}.json", route.function, route.noun.replace('_', "-"));
    let files = [
        (library.clone(), route.with_route(&read(&library)?)?),
        (calls.clone(), route.with_call(&read(&calls)?)?),
        (folder.join(format!("{}.rs", route.noun)), route.fill(HANDLER, tag)),
        (root.join(&sample), route.fill(SAMPLE, tag)),
    ];
    for (path, text) in files {
        fs::write(&path, text).with_context(|| format!("cannot write {}", path.display()))?;
    }
    tidy(root);
    println!(
        "GET {} is in functions/{}/src/{}.rs, with its call in {CALLS} and a sample in {sample}.\n\
         Next: write its work and what it costs, and run `cargo xtask generate` and `cargo xtask check`.",
        route.path, route.function, route.noun,
    );
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::process::workspace_root;

    fn options(function: &str, path: &str) -> Options {
        let permission = "ReadMembers".to_owned();
        Options { function: function.to_owned(), path: path.to_owned(), permission }
    }

    #[test]
    fn a_copy_of_the_repository_gets_a_route_in_each_function() {
        let root = workspace_root();
        let copy = tempfile::tempdir().unwrap();
        let copied = |file: &str| {
            let to = copy.path().join(file);
            fs::create_dir_all(to.parent().unwrap()).unwrap();
            fs::copy(root.join(file), to).unwrap();
        };
        copied(CALLS);
        for (function, group) in
            [("api-orgs", "orgs/current"), ("api-billing", "billing"), ("api-auth", "auth")]
        {
            for file in fs::read_dir(root.join(format!("functions/{function}/src"))).unwrap() {
                copied(&format!("functions/{function}/src/{}", file.unwrap().file_name().to_str().unwrap()));
            }
            fs::create_dir_all(copy.path().join("events").join(function)).unwrap();
            let path = format!("/v1/{group}/shared-notes");
            run(copy.path(), &options(function, &path)).unwrap();
            let text = |file: String| fs::read_to_string(copy.path().join(file)).unwrap();
            let library = text(format!("functions/{function}/src/lib.rs"));
            assert!(library.contains("mod shared_notes;\n"), "{library}");
            assert!(library.contains(".routes(routes!(shared_notes::show))"), "{library}");
            let handler = text(format!("functions/{function}/src/shared_notes.rs"));
            assert!(
                handler.contains(&format!("get, path = \"{path}\"")) && !handler.contains('@'),
                "{handler}"
            );
            assert!(handler.contains("operation_id = \"getSharedNotes\"") && handler.contains("ReadMembers"));
            assert!(text(CALLS.to_owned()).contains(&format!("(\"{path}\", \"{function}\"),")));
            let sample = text(format!("events/{function}/shared-notes.json"));
            assert!(sample.contains(&path) && !sample.contains('@'), "{sample}");
            assert!(run(copy.path(), &options(function, &path)).is_err(), "it is there");
        }
    }

    #[test]
    fn what_is_no_route_is_refused() {
        for (function, path) in [
            ("queue-mail", "/v1/notes"),
            ("api-orgs", "/notes"),
            ("api-orgs", "/v1/Notes"),
            ("api-orgs", "/v1/notes/"),
            ("api-orgs", "/v1/notes/{note_id}"),
        ] {
            assert!(Route::new(&options(function, path)).is_err(), "{function} {path}");
        }
    }
}
