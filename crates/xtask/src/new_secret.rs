//! Adds a key of ours: the secret, its rotation, and what documents and tests say of it.

use std::path::Path;

use anyhow::{Context, Result, ensure};
use clap::Args;

use crate::files::{read, write};

/// What to add.
#[derive(Args, Debug)]
pub struct Options {
    /// What it is the key of, in lower-case words with hyphens, such as `export-link`.
    name: String,
    /// What is done with it, to go on after "Key that", such as "links to exports are signed with".
    #[arg(long)]
    purpose: String,
}

/// A change of a file's text, and the file.
type Place = (&'static str, fn(&NewSecret, &str) -> Result<String>);

/// What names every key, beside the functions that read it.
const PLACES: &[Place] = &[
    ("template.yaml", into_template),
    ("stacks/upkeep.yaml", into_upkeep),
    ("crates/test-support/src/services.rs", into_services),
    ("docs/security.md", into_security),
    ("docs/runbook.md", into_runbook),
];

/// A key that is to be.
pub struct NewSecret {
    /// Its logical id, such as `ExportLinkSecret`.
    id: String,
    variable: String,
    words: String,
    purpose: String,
}

impl NewSecret {
    /// Reads the name; refuses what is none.
    pub fn new(name: &str, purpose: &str) -> Result<Self> {
        let is_word = |word: &str| !word.is_empty() && word.bytes().all(|letter| letter.is_ascii_lowercase());
        let words: Vec<&str> = name.split('-').collect();
        ensure!(
            words.iter().all(|word| is_word(word)) && words.last() != Some(&"secret"),
            "{name:?}: say what it is the key of in lower-case words with hyphens, such as export-link"
        );
        let is_sentence = !purpose.is_empty() && !purpose.contains(['\'', '"', '\n', '|']);
        ensure!(is_sentence, "--purpose goes on after \"Key that\", in one line and without quotes");
        let camel: String = words.iter().map(|word| word[..1].to_ascii_uppercase() + &word[1..]).collect();
        Ok(Self {
            id: format!("{camel}Secret"),
            variable: format!("{}_SECRET_ARN", words.join("_").to_ascii_uppercase()),
            words: words.join("-"),
            purpose: purpose.to_owned(),
        })
    }

    /// The files that name it, by their path, with it in them.
    pub fn into_files(&self, read: impl Fn(&str) -> Result<String>) -> Result<Vec<(&'static str, String)>> {
        let change = |(file, change): &Place| {
            let text = change(self, &read(file)?).with_context(|| format!("cannot change {file}"))?;
            Ok((*file, text))
        };
        PLACES.iter().map(change).collect()
    }

    fn fill(&self, text: &str) -> String {
        text.replace("@Id@", &self.id)
            .replace("@VARIABLE@", &self.variable)
            .replace("@name@", &self.words)
            .replace("@purpose@", &self.purpose)
    }
}

/// Inserts before the one place that says `mark`.
fn before(text: &str, mark: &str, insert: &str) -> Result<String> {
    ensure!(text.matches(mark).count() == 1, "{mark:?} is not there once");
    Ok(text.replacen(mark, &format!("{insert}{mark}"), 1))
}

fn into_template(secret: &NewSecret, template: &str) -> Result<String> {
    let resource = secret.fill(include_str!("../scaffold/secret.yaml.txt"));
    let template = before(template, "\n  StripeSecret:\n", &resource)?;
    let given = secret.fill("        @Id@Arn: !Ref @Id@\n");
    // the last one of those that the upkeep is given: another area has it among others
    before(&template, "        StripeSecretArn: !Ref StripeSecret\n\n", &given)
}

fn into_upkeep(secret: &NewSecret, template: &str) -> Result<String> {
    let parameter = secret.fill("  @Id@Arn: {Type: String}\n");
    let template = before(template, "  StripeSecretArn: {Type: String}\n", &parameter)?;
    let statement = secret.fill("\n                - !Ref @Id@Arn");
    let template = before(&template, "\n\n  RotateSecretLogs:\n", &statement)?;
    let schedule = secret.fill(include_str!("../scaffold/rotation.yaml.txt"));
    before(&template, "  # Nothing of the stack invokes it", &schedule)
}

fn into_services(secret: &NewSecret, source: &str) -> Result<String> {
    const ARN: &str = "arn:aws:secretsmanager:eu-central-1:000000000000:secret:";
    let line = secret.fill(&format!("            (\"@VARIABLE@\", \"{ARN}@name@\"),\n"));
    before(source, "            (\"MAIL_FROM\", ", &line)
}

fn into_security(secret: &NewSecret, page: &str) -> Result<String> {
    let row =
        secret.fill("| `@Id@` | nobody yet: name its functions | the same | every 90 days, by itself |\n");
    before(page, "| `StripeSecret` |", &row)
}

fn into_runbook(secret: &NewSecret, page: &str) -> Result<String> {
    let heading = page.lines().find(|line| line.starts_with("### ") && line.contains("`SessionSecret`"));
    let heading = heading.context("the runbook has no heading with `SessionSecret`")?;
    Ok(page.replacen(heading, &secret.fill(&format!("{heading}, `@Id@`")), 1))
}

/// Adds the key to the workspace at `root`.
pub fn run(root: &Path, options: &Options) -> Result<()> {
    let secret = NewSecret::new(&options.name, &options.purpose)?;
    ensure!(
        !read(root, "template.yaml")?.contains(&format!("\n  {}:\n", secret.id)),
        "{} is already there",
        secret.id
    );
    write(root, secret.into_files(|file| read(root, file))?)?;
    println!("{}", secret.fill(NEXT));
    Ok(())
}

/// What is left to do by hand.
const NEXT: &str = "@Id@ is there, rotates every 90 days, and is read by nobody.\n\
    Next: give the function that uses it `@VARIABLE@: !Ref @Id@` and a statement for\n\
    secretsmanager:GetSecretValue on it (one in stacks/ gets its ARN as a parameter of its stack);\n\
    read it there with `host.secret_keys(\"@VARIABLE@\", …)`, and name the function in docs/security.md.";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::process::workspace_root;

    #[test]
    fn a_key_gets_all_its_places_once() {
        let secret = NewSecret::new("export-link", "links to exports are signed with").unwrap();
        let files = secret.into_files(|file| read(&workspace_root(), file)).unwrap();
        for (file, count) in [
            ("template.yaml", 3),
            ("stacks/upkeep.yaml", 4),
            ("crates/test-support/src/services.rs", 0),
            ("docs/security.md", 1),
            ("docs/runbook.md", 1),
        ] {
            let (_, text) = files.iter().find(|(name, _)| *name == file).unwrap();
            assert_eq!(text.matches("ExportLinkSecret").count(), count, "{file}");
            assert!(!text.contains("@Id@") && !text.contains("@purpose@"), "{file}");
        }
        let services = &files[2].1;
        assert!(services.contains("(\"EXPORT_LINK_SECRET_ARN\", \"arn:aws:secretsmanager:"), "{services}");
    }

    #[test]
    fn names_and_purposes_are_checked() {
        for name in ["", "Export", "export_link", "export-", "export2", "export-secret", "../x"] {
            assert!(NewSecret::new(name, "links are signed with").is_err(), "{name}");
        }
        for purpose in ["", "it's", "two\nlines", "a | b"] {
            assert!(NewSecret::new("export", purpose).is_err(), "{purpose}");
        }
    }
}
