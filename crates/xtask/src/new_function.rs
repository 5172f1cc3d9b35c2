//! Adds a function: its crate, its place in the template and in the workspace, a sample event.

pub(crate) mod places;

use std::path::Path;

use anyhow::{Context, Result, bail, ensure};
use clap::Args;

use crate::files::{read, tidy, write};

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
    /// The area of a `queue-…` or `cron-…` function: its template is stacks/<area>.yaml, which is
    /// made where there is none. The function's name without its prefix, if none is given.
    #[arg(long)]
    area: Option<String>,
}

/// What invokes a function, and the texts that it is made of.
struct Kind {
    dependencies: &'static str,
    library: &'static str,
    sample: &'static str,
    function: &'static str,
    /// Whether it answers requests, and so stands in template.yaml; workers stand in that of their
    /// area.
    answers_http: bool,
    /// Whether a rule of the bus gives it events.
    takes_events: bool,
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
    takes_events: false,
};
const QUEUE: Kind = Kind {
    dependencies: scaffold!("queue/dependencies"),
    library: scaffold!("queue/lib.rs"),
    sample: scaffold!("queue/sample.json"),
    function: scaffold!("queue/function.yaml"),
    answers_http: false,
    takes_events: true,
};
const CRON: Kind = Kind {
    dependencies: scaffold!("cron/dependencies"),
    library: scaffold!("cron/lib.rs"),
    sample: scaffold!("cron/sample.json"),
    function: scaffold!("cron/function.yaml"),
    answers_http: false,
    takes_events: false,
};

/// A function that is to be.
pub struct NewFunction {
    name: String,
    noun: String,
    route: String,
    description: String,
    event: String,
    area: String,
    kind: &'static Kind,
}

impl NewFunction {
    /// Reads the name; refuses what is no name of a function.
    pub fn new(
        name: &str,
        description: Option<String>,
        event: Option<String>,
        area: Option<String>,
    ) -> Result<Self> {
        ensure!(is_plain(name), "{name:?}: use lower-case words with hyphens, such as api-reports");
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
            event.is_some() == kind.takes_events,
            "name the --event of a queue-… function, and only of one"
        );
        ensure!(
            area.is_none() || !kind.answers_http,
            "a function of the API stands in template.yaml, in no --area"
        );
        let area = area.unwrap_or_else(|| noun.to_owned());
        ensure!(is_plain(&area), "{area:?}: name the --area by lower-case words with hyphens, such as mail");
        let words = noun.replace('-', " ");
        Ok(Self {
            name: name.to_owned(),
            noun: words.clone(),
            route: format!("{root}/{noun}"),
            description: description.unwrap_or_else(|| format!("Serves {words}.")),
            event: event.unwrap_or_default(),
            area,
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
            .replace("@area@", &self.area)
            .replace("@Area@", &camel(&self.area))
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

    /// The nested template that it belongs to; none for one of the API.
    pub fn area(&self) -> Option<String> {
        (!self.kind.answers_http).then(|| format!("stacks/{}.yaml", self.area))
    }

    /// The template with the function in it, and that of its area, if it has one: `area` is what is
    /// there.
    pub fn into_templates(&self, root: &str, area: Option<&str>) -> Result<(String, Option<String>)> {
        let function = self.fill(self.kind.function);
        let logs = self.fill("@Name@Logs");
        if self.kind.answers_http {
            let root = insert_before(root, "events and queues", &function)?;
            let root = append_to_join(&root, "FunctionLogs", &format!("!Ref {logs}"))?;
            return Ok((append_to_join(&root, "HttpLogs", &format!("!Ref {logs}"))?, None));
        }
        let (mut root, mut text) = if let Some(area) = area {
            (root.to_owned(), area.to_owned())
        } else {
            let root = insert_before(root, "secrets", &self.fill(scaffold!("stack.yaml")))?;
            let logs = self.fill("!GetAtt @Area@.Outputs.Logs");
            (append_to_join(&root, "FunctionLogs", &logs)?, self.fill(scaffold!("area.yaml")))
        };
        let needed = [("EventBusName", "!Ref EventBus"), ("TrafficTableArn", "!GetAtt TrafficTable.Arn")];
        for (parameter, value) in needed.into_iter().filter(|_| self.kind.takes_events) {
            if text.contains(&format!("\n  {parameter}: ")) {
                continue;
            }
            text = insert_at(&text, "\nConditions:\n", &format!("  {parameter}: {{Type: String}}\n"))?;
            let given = self.fill("      TemplateURL: stacks/@area@.yaml\n      Parameters:\n");
            root = insert_after(&root, &given, &format!("        {parameter}: {value}\n"))?;
        }
        // What an area did not need as long as it had no alarm.
        if !text.contains("\n  HasMonitoring: ") {
            text = insert_after(
                &text,
                "\nConditions:\n",
                "  HasMonitoring: !Not [!Equals [!Ref Monitoring, none]]\n",
            )?;
        }
        text = insert_at(&text, "Outputs:\n", &function)?;
        let (before, after) = text.split_once("Value: !Join [',', [").context("the area puts out no Logs")?;
        let comma = if after.starts_with(']') { "" } else { ", " };
        Ok((root, Some(format!("{before}Value: !Join [',', [!Ref {logs}{comma}{after}"))))
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

fn is_plain(name: &str) -> bool {
    name.split('-').all(|part| {
        part.starts_with(|first: char| first.is_ascii_lowercase())
            && part.chars().all(|character| character.is_ascii_lowercase() || character.is_ascii_digit())
    })
}

/// Inserts before the first place where the template says `mark`.
fn insert_at(template: &str, mark: &str, text: &str) -> Result<String> {
    let at = template.find(mark).with_context(|| format!("the template does not say {mark:?}"))?;
    Ok(format!("{}{text}{}", &template[..at], &template[at..]))
}

/// Inserts behind the first place where the template says `mark`.
fn insert_after(template: &str, mark: &str, text: &str) -> Result<String> {
    let at = template.find(mark).with_context(|| format!("the template does not say {mark:?}"))? + mark.len();
    Ok(format!("{}{text}{}", &template[..at], &template[at..]))
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

/// Adds a reference to the end of a list that the template joins, such as the log groups of the
/// saved queries.
fn append_to_join(template: &str, parameter: &str, reference: &str) -> Result<String> {
    let lines: Vec<&str> = template.lines().collect();
    let is_reference = |line: &&str| {
        let line = line.trim_start_matches([' ', '-']);
        line.starts_with("!Ref ") || line.starts_with("!GetAtt ")
    };
    let heading = lines.iter().position(|line| line.trim() == format!("{parameter}: !Join"));
    // The heading, the separator, then the list.
    let first =
        heading.map(|heading| heading + 2).filter(|first| lines.get(*first).is_some_and(is_reference));
    let first = first.with_context(|| {
        format!("template.yaml joins no list {parameter} (`{parameter}: !Join`, a separator, references)")
    })?;
    let end = first + lines[first..].iter().take_while(|line| is_reference(line)).count();
    let line = format!("            - {reference}");
    Ok([&lines[..end], &[line.as_str()], &lines[end..]].concat().join("\n") + "\n")
}

fn camel(words: &str) -> String {
    let capital = |word: &str| word[..1].to_ascii_uppercase() + &word[1..];
    words.split(['-', ' ']).filter(|word| !word.is_empty()).map(capital).collect()
}

/// Adds the function to the workspace at `root`.
pub fn run(root: &Path, options: &Options) -> Result<()> {
    let Options { name, description, event, area } = options;
    let function = NewFunction::new(name, description.clone(), event.clone(), area.clone())?;
    let folder = root.join("functions").join(&function.name);
    ensure!(!folder.exists(), "functions/{} is already there", function.name);
    let area = function.area();
    let there = area.as_deref().filter(|file| root.join(file).exists());
    let there = there.map(|file| read(root, file)).transpose()?;
    let (template, text) = function.into_templates(&read(root, "template.yaml")?, there.as_deref())?;
    let places = function
        .places()
        .map(|(file, change)| Ok(((*file).to_owned(), change(&function, &read(root, file)?)?)));
    let mut files = places.collect::<Result<Vec<_>>>()?;
    files.push(("template.yaml".to_owned(), template));
    files.extend(area.zip(text));
    files.extend(function.files());
    write(root, files)?;
    tidy(root);
    println!(
        "functions/{name} is there, with its place in {place} and a sample in events/{name}.\n\
         Next: say in docs/decisions/0011-reserved-concurrency.md why it has the executions that it has, write its work,\n\
         and run `cargo xtask generate` and `cargo xtask check`: the tests say what else its routes or events need.",
        name = function.name,
        place = function.area().unwrap_or_else(|| "template.yaml".to_owned()),
    );
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::process::workspace_root;

    const TEMPLATE: &str = "Resources:\n  # ---- events and queues\n  EventBus: {}\n  # ---- secrets\n  Secret: {}\n  # ---- operations\n  Operations:\n        FunctionLogs: !Join\n          - ','\n          - - !Ref ApiAuthLogs\n\nOutputs: {}\n";
    const MANIFEST: &str = "[workspace.dependencies]\napi-auth = { path = \"functions/api-auth\" }\nqueue-mail = { path = \"functions/queue-mail\" }\nserde = \"1\"\n";

    fn options(name: &str, event: Option<&str>) -> Options {
        Options { name: name.to_owned(), description: None, event: event.map(str::to_owned), area: None }
    }

    #[test]
    fn a_function_gets_all_its_places() {
        let root = tempfile::tempdir().unwrap();
        fs::write(root.path().join("template.yaml"), TEMPLATE).unwrap();
        let function = NewFunction::new("queue-trial-notes", None, Some("trial.ending".to_owned()), None);
        for (file, _) in function.unwrap().places() {
            let place = root.path().join(file);
            fs::create_dir_all(place.parent().unwrap()).unwrap();
            fs::copy(workspace_root().join(file), place).unwrap();
        }
        fs::write(root.path().join("Cargo.toml"), MANIFEST).unwrap();
        run(root.path(), &options("queue-trial-notes", Some("trial.ending"))).unwrap();
        let read = |file: &str| fs::read_to_string(root.path().join(file)).unwrap();
        assert!(read("functions/queue-trial-notes/src/main.rs").contains("queue_trial_notes::function"));
        assert!(read("functions/queue-trial-notes/Cargo.toml").contains("name = \"queue-trial-notes\""));
        let sample: serde_json::Value =
            serde_json::from_str(&read("events/queue-trial-notes/example.json")).unwrap();
        assert_eq!(sample["Records"][0]["eventSource"], "aws:sqs");
        let template = read("template.yaml");
        for part in [
            "  TrialNotes:\n",
            "TemplateURL: stacks/trial-notes.yaml\n      Parameters:\n        TrafficTableArn: !GetAtt TrafficTable.Arn\n        EventBusName: !Ref EventBus\n",
            "- - !Ref ApiAuthLogs\n            - !GetAtt TrialNotes.Outputs.Logs\n",
        ] {
            assert!(template.contains(part), "{part} is missing in {template}");
        }
        let area = read("stacks/trial-notes.yaml");
        for part in [
            "QueueTrialNotesFunction:",
            "QueueTrialNotesAlarms:",
            "TrialNotesQueue:",
            "TrialNotesDeadLettersAlarm:",
            "- trial.ending",
            "Value: !Join [',', [!Ref QueueTrialNotesLogs]]",
        ] {
            assert!(area.contains(part), "{part} is missing in {area}");
        }
        assert!(!template.contains('@') && !area.contains('@'), "a placeholder is left in {template}{area}");
        let second = Options { area: Some("trial-notes".to_owned()), ..options("cron-cleaning", None) };
        run(root.path(), &second).unwrap();
        assert_eq!(read("template.yaml"), template, "its area is there already");
        let area = read("stacks/trial-notes.yaml");
        assert!(area.contains("[!Ref CronCleaningLogs, !Ref QueueTrialNotesLogs]"), "{area}");
        let manifest = read("Cargo.toml");
        let places: Vec<_> =
            ["api-auth =", "cron-cleaning =", "queue-mail =", "queue-trial-notes =", "serde ="]
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
            assert!(NewFunction::new(name, None, None, None).is_err(), "{name}");
        }
        assert!(NewFunction::new("queue-notes", None, None, None).is_err(), "a queue without an event");
        assert!(NewFunction::new("api-notes", None, Some("trial.ending".to_owned()), None).is_err());
        assert!(NewFunction::new("api-notes", None, None, Some("mail".to_owned())).is_err());
        assert!(NewFunction::new("cron-notes", None, None, Some("../mail".to_owned())).is_err());
    }
}
