//! Adds a function: its crate, its place in the template and in the workspace, a sample event.

use std::{fs, path::Path};

use anyhow::{Context, Result, bail, ensure};
use clap::Args;

/// What to add.
#[derive(Args, Debug)]
pub struct Options {
    /// `api-…`, `hook-…`, `queue-…` or `cron-…`; the prefix decides what invokes it.
    name: String,
    /// One sentence for the template: what it does.
    #[arg(long)]
    description: Option<String>,
    /// The event that a `queue-…` function takes, such as `trial.ending`.
    #[arg(long)]
    event: Option<String>,
}

/// What invokes a function, and the texts that it is made of.
struct Kind {
    dependencies: &'static str,
    library: &'static str,
    sample: &'static str,
    function: &'static str,
    /// Whether its log is one of those that the saved queries about requests look at.
    answers_http: bool,
    /// The queue with its rule, and the alarms of both.
    queue: Option<(&'static str, &'static str)>,
}

macro_rules! scaffold {
    ($file:literal) => {
        include_str!(concat!("../scaffold/", $file, ".txt"))
    };
}

const HTTP: Kind = Kind {
    dependencies: scaffold!("http/dependencies"),
    library: scaffold!("http/lib.rs"),
    sample: scaffold!("http/sample.json"),
    function: scaffold!("http/function.yaml"),
    answers_http: true,
    queue: None,
};
const QUEUE: Kind = Kind {
    dependencies: scaffold!("queue/dependencies"),
    library: scaffold!("queue/lib.rs"),
    sample: scaffold!("queue/sample.json"),
    function: scaffold!("queue/function.yaml"),
    answers_http: false,
    queue: Some((scaffold!("queue/queue.yaml"), scaffold!("queue/alarm.yaml"))),
};
const CRON: Kind = Kind {
    dependencies: scaffold!("cron/dependencies"),
    library: scaffold!("cron/lib.rs"),
    sample: scaffold!("cron/sample.json"),
    function: scaffold!("cron/function.yaml"),
    answers_http: false,
    queue: None,
};

/// A function that is to be.
pub struct NewFunction {
    name: String,
    noun: String,
    route: String,
    description: String,
    event: String,
    kind: &'static Kind,
}

impl NewFunction {
    /// Reads the name; refuses what is no name of a function.
    pub fn new(name: &str, description: Option<String>, event: Option<String>) -> Result<Self> {
        let plain = name.split('-').all(|part| {
            part.starts_with(|first: char| first.is_ascii_lowercase())
                && part.chars().all(|character| character.is_ascii_lowercase() || character.is_ascii_digit())
        });
        ensure!(plain, "{name:?}: use lower-case words with hyphens, such as api-reports");
        let (prefix, noun) = name.split_once('-').context("begin with api-, hook-, queue- or cron-")?;
        let (kind, root) = match prefix {
            "api" => (&HTTP, "/v1"),
            "hook" => (&HTTP, "/hooks"),
            "queue" => (&QUEUE, ""),
            "cron" => (&CRON, ""),
            "stream" => bail!(
                "the table's stream has one reader, stream-outbox; take its events from the bus with queue-…"
            ),
            "rotate" => bail!(
                "rotate-secret rotates every key of ours; give the new secret an AWS::SecretsManager::RotationSchedule \
                 and add it to that function's policy"
            ),
            _ => bail!("{prefix:?} is no kind of function; begin with api-, hook-, queue- or cron-"),
        };
        ensure!(
            event.is_some() == kind.queue.is_some(),
            "name the --event of a queue-… function, and only of one"
        );
        let words = noun.replace('-', " ");
        Ok(Self {
            name: name.to_owned(),
            noun: words.clone(),
            route: format!("{root}/{noun}"),
            description: description.unwrap_or_else(|| format!("Serves {words}.")),
            event: event.unwrap_or_default(),
            kind,
        })
    }

    fn fill(&self, text: &str) -> String {
        text.replace("@name@", &self.name)
            .replace("@Name@", &camel(&self.name))
            .replace("@noun@", &self.noun)
            .replace("@noun-name@", &self.noun.replace(' ', "-"))
            .replace("@Noun@", &camel(&self.noun))
            .replace("@crate@", &self.name.replace('-', "_"))
            .replace("@operation@", &format!("show{}", camel(&self.noun)))
            .replace("@route@", &self.route)
            .replace("@event@", &self.event)
            .replace("@description@", &self.description)
    }

    /// The new files: path and text.
    pub fn files(&self) -> Vec<(String, String)> {
        let folder = format!("functions/{}", self.name);
        let manifest = format!("{}{}", scaffold!("Cargo.toml"), self.kind.dependencies);
        [
            (format!("{folder}/Cargo.toml"), manifest.as_str()),
            (format!("{folder}/src/lib.rs"), self.kind.library),
            (format!("{folder}/src/main.rs"), scaffold!("main.rs")),
            (format!("events/{}/example.json", self.name), self.kind.sample),
        ]
        .map(|(path, text)| (path, self.fill(text)))
        .to_vec()
    }

    /// The template with the function in it.
    pub fn into_template(&self, template: &str) -> Result<String> {
        let function = self.fill(&format!("{}{}", self.kind.function, scaffold!("logs.yaml")));
        let mut template = insert_before(template, "events and queues", &function)?;
        if let Some((queue, alarm)) = self.kind.queue {
            template = insert_before(&template, "mail", &self.fill(queue))?;
            template = insert_before(&template, "operations", &self.fill(alarm))?;
        }
        let logs = self.fill("@Name@Logs");
        template = append_to_join(&template, "FunctionLogs", &logs)?;
        if self.kind.answers_http {
            template = append_to_join(&template, "HttpLogs", &logs)?;
        }
        Ok(template)
    }

    /// The workspace's manifest with the function among its packages, in alphabetical order.
    pub fn into_workspace(&self, manifest: &str) -> Result<String> {
        let line = format!("{name} = {{ path = \"functions/{name}\" }}", name = self.name);
        let mut lines: Vec<&str> = manifest.lines().collect();
        let is_function = |line: &&str| line.contains("path = \"functions/");
        let first = lines.iter().position(is_function).context("Cargo.toml lists no functions")?;
        let functions = lines[first..].iter().take_while(|line| is_function(line));
        let after = functions.filter(|other| **other < line.as_str()).count();
        lines.insert(first + after, &line);
        Ok(lines.join("\n") + "\n")
    }
}

/// Inserts before the comment line that opens a section of the template.
fn insert_before(template: &str, section: &str, text: &str) -> Result<String> {
    let mut at = 0;
    for line in template.split_inclusive('\n') {
        let is_heading = line.starts_with("  # ----") && line.trim_end().ends_with(&format!("- {section}"));
        if is_heading {
            return Ok(format!("{}{text}{}", &template[..at], &template[at..]));
        }
        at += line.len();
    }
    bail!("template.yaml has no section {section:?} (a line `  # ---- {section}`)")
}

/// Adds a reference to the end of a list that the template joins, such as the log groups of the saved
/// queries.
fn append_to_join(template: &str, parameter: &str, resource: &str) -> Result<String> {
    let lines: Vec<&str> = template.lines().collect();
    let is_reference = |line: &&str| line.trim_start_matches([' ', '-']).starts_with("!Ref ");
    let heading = lines.iter().position(|line| line.trim() == format!("{parameter}: !Join"));
    // The heading, the separator, then the list.
    let first =
        heading.map(|heading| heading + 2).filter(|first| lines.get(*first).is_some_and(is_reference));
    let first = first.with_context(|| {
        format!("template.yaml joins no list {parameter} (`{parameter}: !Join`, a separator, references)")
    })?;
    let end = first + lines[first..].iter().take_while(|line| is_reference(line)).count();
    let line = format!("            - !Ref {resource}");
    Ok([&lines[..end], &[line.as_str()], &lines[end..]].concat().join("\n") + "\n")
}

fn camel(words: &str) -> String {
    let capital = |word: &str| word[..1].to_ascii_uppercase() + &word[1..];
    words.split(['-', ' ']).filter(|word| !word.is_empty()).map(capital).collect()
}

/// Adds the function to the workspace at `root`.
pub fn run(root: &Path, options: &Options) -> Result<()> {
    let function = NewFunction::new(&options.name, options.description.clone(), options.event.clone())?;
    let folder = root.join("functions").join(&function.name);
    ensure!(!folder.exists(), "functions/{} is already there", function.name);
    let edit = |file: &str, change: &dyn Fn(&str) -> Result<String>| {
        let path = root.join(file);
        let text = fs::read_to_string(&path).with_context(|| format!("cannot read {file}"))?;
        Ok::<_, anyhow::Error>((path, change(&text)?))
    };
    // Everything is made before anything is written, so that a refusal leaves nothing behind.
    let template = edit("template.yaml", &|text| function.into_template(text))?;
    let manifest = edit("Cargo.toml", &|text| function.into_workspace(text))?;
    let files = function.files().into_iter().map(|(path, text)| (root.join(path), text));
    for (path, text) in files.chain([template, manifest]) {
        let parent = path.parent().context("a file has a folder")?;
        fs::create_dir_all(parent).with_context(|| format!("cannot create {}", parent.display()))?;
        fs::write(&path, text).with_context(|| format!("cannot write {}", path.display()))?;
    }
    println!(
        "functions/{name} is there, with its place in template.yaml and a sample in events/{name}.\n\
         Next: register it in crates/local (the architecture tests say what else is missing), then `cargo xtask check`.",
        name = function.name
    );
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEMPLATE: &str = "Resources:\n  # ---- events and queues\n  EventBus: {}\n  # ---- mail\n  Mail: {}\n  # ---- operations\n  Operations:\n        FunctionLogs: !Join\n          - ','\n          - - !Ref ApiAuthLogs\n\nOutputs: {}\n";
    const MANIFEST: &str = "[workspace.dependencies]\napi-auth = { path = \"functions/api-auth\" }\nqueue-mail = { path = \"functions/queue-mail\" }\nserde = \"1\"\n";

    fn options(name: &str, event: Option<&str>) -> Options {
        Options { name: name.to_owned(), description: None, event: event.map(str::to_owned) }
    }

    #[test]
    fn a_function_gets_all_its_places() {
        let root = tempfile::tempdir().unwrap();
        fs::write(root.path().join("template.yaml"), TEMPLATE).unwrap();
        fs::write(root.path().join("Cargo.toml"), MANIFEST).unwrap();
        run(root.path(), &options("queue-trial-notes", Some("trial.ending"))).unwrap();
        let read = |file: &str| fs::read_to_string(root.path().join(file)).unwrap();
        assert!(read("functions/queue-trial-notes/src/main.rs").contains("queue_trial_notes::function"));
        assert!(read("functions/queue-trial-notes/Cargo.toml").contains("name = \"queue-trial-notes\""));
        let sample: serde_json::Value =
            serde_json::from_str(&read("events/queue-trial-notes/example.json")).unwrap();
        assert_eq!(sample["Records"][0]["eventSource"], "aws:sqs");
        let template = read("template.yaml");
        for id in [
            "QueueTrialNotesFunction:",
            "QueueTrialNotesAlarms:",
            "TrialNotesQueue:",
            "TrialNotesDeadLettersAlarm:",
            "- trial.ending",
            "- - !Ref ApiAuthLogs\n            - !Ref QueueTrialNotesLogs\n",
        ] {
            assert!(template.contains(id), "{id} is missing in {template}");
        }
        assert!(!template.contains('@'), "a placeholder is left in {template}");
        let manifest = read("Cargo.toml");
        let places: Vec<_> = ["api-auth =", "queue-mail =", "queue-trial-notes =", "serde ="]
            .map(|line| manifest.find(line).unwrap())
            .to_vec();
        assert!(places.is_sorted(), "{manifest}");
        assert!(run(root.path(), &options("queue-trial-notes", Some("trial.ending"))).is_err(), "not twice");
    }

    #[test]
    fn a_refusal_leaves_nothing_behind() {
        let root = tempfile::tempdir().unwrap();
        fs::write(root.path().join("template.yaml"), "Resources: {}\n").unwrap();
        fs::write(root.path().join("Cargo.toml"), MANIFEST).unwrap();
        let error = run(root.path(), &options("api-reports", None)).unwrap_err();
        assert!(error.to_string().contains("events and queues"), "{error}");
        assert!(!root.path().join("functions").exists());
    }

    #[test]
    fn names_and_options_are_checked() {
        for name in [
            "reports",
            "api-Reports",
            "api--x",
            "api-",
            "lib-reports",
            "../api-x",
            "stream-copy",
            "rotate-key",
        ] {
            assert!(NewFunction::new(name, None, None).is_err(), "{name}");
        }
        assert!(NewFunction::new("queue-notes", None, None).is_err(), "a queue without an event");
        assert!(NewFunction::new("api-notes", None, Some("trial.ending".to_owned())).is_err());
    }
}
