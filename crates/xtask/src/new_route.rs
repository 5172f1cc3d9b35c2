//! Adds a route to a function: its handler with what it needs and costs, its place among the
//! routes, a sample event, and its call in the test that holds budgets.

mod parameter;

use std::{fs, path::Path};

use anyhow::{Context, Result, ensure};
use clap::Args;

use crate::{
    files::{read, tidy, write},
    new_function::places::into_list,
};
use parameter::Parameter;

/// What to add.
#[derive(Args, Debug)]
pub struct Options {
    /// The function, such as `api-orgs`. Its paths in the template must take the route.
    function: String,
    /// Its path, such as `/v1/orgs/current/notes` or `/v1/orgs/current/notes/{note_id}`.
    path: String,
    /// `get`, `post`, `put`, `patch` or `delete`.
    #[arg(long, default_value = "get")]
    method: String,
    /// The permission that a member must hold, as `crates/access` names its type. What a GET needs,
    /// if none is given, is `ReadOrganization`.
    #[arg(long)]
    permission: Option<String>,
}

/// What a route of a method is made of.
struct Method {
    name: &'static str,
    verb: &'static str,
    handler: &'static str,
    takes_body: bool,
}

macro_rules! handler {
    ($file:literal) => {
        include_str!(concat!("../scaffold/route/", $file, ".rs.txt"))
    };
}

const METHODS: [Method; 5] = [
    Method { name: "get", verb: "get", handler: handler!("get"), takes_body: false },
    Method { name: "post", verb: "create", handler: handler!("create"), takes_body: true },
    Method { name: "put", verb: "replace", handler: handler!("change"), takes_body: true },
    Method { name: "patch", verb: "update", handler: handler!("change"), takes_body: true },
    Method { name: "delete", verb: "remove", handler: handler!("remove"), takes_body: false },
];

const SAMPLE: &str = include_str!("../scaffold/http/sample.json.txt");
const CALLS: &str = "tests/api/budgets.rs";
/// What a body of the scaffold is, as JSON.
const BODY: &str = r#"{ "name": "Example" }"#;

/// A route that is to be.
struct Route<'a> {
    function: &'a str,
    path: &'a str,
    permission: &'a str,
    method: &'static Method,
    parameter: Option<Parameter>,
    /// What it is about, in words with `_` between them.
    noun: String,
}

impl<'a> Route<'a> {
    /// `ids` is the source in which the types of ids stand.
    fn new(options: &'a Options, ids: &str) -> Result<Self> {
        let Options { function, path, method, permission } = options;
        let method = METHODS.iter().find(|known| known.name == method);
        let method = method
            .with_context(|| format!("--method {:?}: use get, post, put, patch or delete", options.method))?;
        let permission = match permission {
            Some(permission) => permission,
            None if method.name == "get" => "ReadOrganization",
            None => {
                anyhow::bail!("say with --permission who may; crates/access/src/permission.rs has them all")
            }
        };
        ensure!(function.starts_with("api-"), "{function:?}: name a function whose name begins with api-");
        let parts: Vec<&str> = path
            .strip_prefix("/v1/")
            .with_context(|| format!("{path:?}: begin with /v1/"))?
            .split('/')
            .collect();
        let (parameters, words): (Vec<&str>, Vec<&str>) =
            parts.iter().copied().partition(|part| part.starts_with('{'));
        ensure!(
            words.iter().all(|word| is_plain(word)) && !words.is_empty() && !parts[0].starts_with('{'),
            "{path:?}: use lower-case words with hyphens, and parameters as {{noun_id}}"
        );
        ensure!(
            parameters.len() <= 1,
            "{path:?}: PathParameter reads one parameter; write the others by hand"
        );
        let parameter = parameters.first().map(|part| Parameter::read(part, ids)).transpose()?;
        let last = words[words.len() - 1].replace('-', "_");
        let noun = match &parameter {
            Some(parameter) if parts.last().is_some_and(|part| part.starts_with('{')) => {
                parameter.noun().to_owned()
            }
            _ if method.name == "post" => one_of(&last),
            _ => last,
        };
        Ok(Self { function, path, permission, method, parameter, noun })
    }

    /// The module of the handler: of what is read it has the name.
    fn module(&self) -> String {
        let Method { name, verb, .. } = self.method;
        if *name == "get" { self.noun.clone() } else { format!("{verb}_{}", self.noun) }
    }

    fn handler(&self) -> &'static str {
        if self.method.name == "get" { "show" } else { self.method.verb }
    }

    fn fill(&self, text: &str, tag: &str) -> String {
        let of = |part: fn(&Parameter) -> String| self.parameter.as_ref().map(part).unwrap_or_default();
        text.replace("@path@", self.path)
            .replace("@permission@", self.permission)
            .replace("@method@", self.method.name)
            .replace("@verb@", self.method.verb)
            .replace("@Verb@", &capital(self.method.verb))
            .replace("@Noun@", &camel(&self.noun))
            .replace("@tag@", tag)
            .replace("@extractor@", &of(|_| "PathParameter, ".to_owned()))
            .replace("@id@", &of(|one| format!(", {}", one.kind)))
            .replace("@import@", &of(|one| format!("use primitives::{};\n", one.kind)))
            .replace("@parameter@", &of(Parameter::described))
            .replace(
                "@argument@",
                &of(|one| format!("    PathParameter(id): PathParameter<{}>,\n", one.kind)),
            )
            .replace("@unused@", &of(|one| format!("    _id: PathParameter<{}>,\n", one.kind)))
            .replace("@field@", &of(|one| format!("    /// Its id.\n    id: {},\n", one.kind)))
            .replace("@value@", &of(|_| ", id".to_owned()))
    }

    /// The path of a call, with an id that nobody has.
    fn called(&self) -> String {
        self.parameter.as_ref().map_or_else(|| self.path.to_owned(), |one| one.in_path(self.path))
    }

    fn sample(&self) -> String {
        let text = SAMPLE.replace("\"resource\": \"@route@\"", &format!("\"resource\": \"{}\"", self.path));
        let method = format!("\"httpMethod\": \"{}\"", self.method.name.to_ascii_uppercase());
        let text = text.replace("\"httpMethod\": \"GET\"", &method).replace("@route@", &self.called());
        if !self.method.takes_body {
            return text;
        }
        text.replace("\"body\": null", &format!("\"body\": {}", serde_json::Value::from(BODY)))
            .replace("{\"Accept\": \"", "{\"Content-Type\": \"application/json\", \"Accept\": \"")
            .replace("{\"Accept\": [", "{\"Content-Type\": [\"application/json\"], \"Accept\": [")
    }

    /// The function's manifest with what its handler is written with.
    fn with_dependencies(manifest: &str) -> Result<String> {
        let needed = ["access", "http-api", "primitives", "serde", "table", "utoipa"];
        needed.into_iter().try_fold(manifest.to_owned(), |manifest, name| {
            let line = format!("{name} = {{ workspace = true }}");
            let list =
                manifest.split("[dependencies]\n").nth(1).context("the manifest has no dependencies")?;
            let list = list.split("\n\n").next().unwrap_or_default();
            let is_there = list.lines().any(|other| other.starts_with(&format!("{name} = ")));
            if is_there {
                return Ok(manifest);
            }
            into_list(&manifest, "[dependencies]", |line| line.contains(" = {"), &line)
        })
    }

    /// The function's `src/lib.rs` with the module and the route behind the last one.
    fn with_route(&self, library: &str) -> Result<String> {
        let (name, handler) = (self.module(), self.handler());
        let module = format!("mod {name};\n");
        ensure!(!library.contains(&module), "{} has a module {name} already", self.function);
        // what `new-function` has made has none yet
        let before = library.find("\nmod ").or_else(|| library.find("\nuse "));
        let at = before.context("src/lib.rs has neither a module nor a use")? + 1;
        let with_module = format!("{}{module}{}", &library[..at], &library[at..]);
        let last = with_module.rfind("routes!(").context("src/lib.rs has no route")?;
        let end = last + with_module[last..].find("))").context("the last route does not end")? + 2;
        let route = format!("\n        .routes(routes!({name}::{handler}))");
        Ok(format!("{}{route}{}", &with_module[..end], &with_module[end..]))
    }

    /// The test of budgets with a call of the route: of what is read as it is behind the last of
    /// its kind.
    fn with_call(&self, test: &str) -> Result<String> {
        let (function, path, called) = (self.function, self.path, self.called());
        let route = format!("{} {path}", self.method.name.to_ascii_uppercase());
        let (mark, call) = match (self.method, &self.parameter) {
            (Method { name: "get", .. }, None) => {
                ("    ] {\n", format!("        (\"{path}\", \"{function}\"),\n"))
            }
            (Method { name: "get", .. }, Some(_)) => (
                GETS,
                format!("    measured.get(\"{called}\", \"{route}\", \"{function}\", &token).await;\n"),
            ),
            (method, _) => {
                let body = if method.takes_body { BODY } else { "null" };
                let call = format!("\"{called}\", \"{route}\", \"{function}\", &token, &json!({body})");
                (GETS, format!("    measured.change({call}).await;\n"))
            }
        };
        let at = test.find(mark).with_context(|| format!("{CALLS} has no list of GETs"))?;
        Ok(format!("{}{call}{}", &test[..at], &test[at..]))
    }
}

/// Where the list of GETs begins in the test of budgets.
const GETS: &str = "    for (path, function) in [\n";

fn is_plain(part: &str) -> bool {
    part.starts_with(|first: char| first.is_ascii_lowercase())
        && part.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'-')
}

/// What one of several is called, as far as it follows a rule.
fn one_of(several: &str) -> String {
    match several.strip_suffix("ies") {
        Some(stem) => format!("{stem}y"),
        None if several.ends_with("ss") => several.to_owned(),
        None => several.strip_suffix('s').unwrap_or(several).to_owned(),
    }
}

fn capital(word: &str) -> String {
    word[..1].to_ascii_uppercase() + &word[1..]
}

fn camel(words: &str) -> String {
    words.split('_').filter(|word| !word.is_empty()).map(capital).collect()
}

/// The tag of the function's other routes.
fn tag(sources: &str) -> Option<&str> {
    sources.split("tag = \"").nth(1)?.split('"').next()
}

/// Adds the route to the workspace at `root`.
pub fn run(root: &Path, options: &Options) -> Result<()> {
    let route = Route::new(options, &read(root, parameter::IDS)?)?;
    let folder = format!("functions/{}/src", route.function);
    let mut sources = String::new();
    for file in fs::read_dir(root.join(&folder)).with_context(|| format!("there is no {folder}"))? {
        sources += &fs::read_to_string(file?.path()).with_context(|| format!("cannot read {folder}"))?;
    }
    let tag = tag(&sources).context("the function's other routes have no tag")?;
    let (module, library) = (route.module(), format!("{folder}/lib.rs"));
    let sample = format!("events/{}/{}.json", route.function, module.replace('_', "-"));
    let handler = format!("{folder}/{module}.rs");
    let manifest = format!("functions/{}/Cargo.toml", route.function);
    let files = [
        (library.clone(), route.with_route(&read(root, &library)?)?),
        (manifest.clone(), Route::with_dependencies(&read(root, &manifest)?)?),
        (CALLS.to_owned(), route.with_call(&read(root, CALLS)?)?),
        (handler.clone(), route.fill(route.method.handler, tag)),
        (sample.clone(), route.sample()),
    ];
    write(root, files)?;
    tidy(root);
    println!(
        "{} {} is in {handler}, with its call in {CALLS} and a sample in {sample}.\n\
         Next: write its work and what it costs, and run `cargo xtask generate` and `cargo xtask check`; where it\n\
         asks of AWS what its function did not ask before, the tests say what its policy lacks.",
        route.method.name.to_ascii_uppercase(),
        route.path,
    );
    Ok(())
}

#[cfg(test)]
mod tests;
