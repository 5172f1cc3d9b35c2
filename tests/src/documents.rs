//! The documents that are written from the code, and what keeps them true: a test compares them.

pub mod contract;
pub mod cost;
mod event_catalogue;
mod items;
mod lifecycle;
pub mod permissions;
pub mod problem_codes;
mod routes;

use std::{
    collections::BTreeSet,
    fs, io,
    path::{Path, PathBuf},
};

/// The folder that holds generated files only: what is in it and not generated is stale.
const SCHEMAS: &str = "events/schemas";

/// A generated file.
pub struct Document {
    /// Its path in the repository.
    pub path: PathBuf,
    pub text: String,
}

/// All generated documents.
pub fn all() -> Vec<Document> {
    let mut documents = event_catalogue::schemas(Path::new(SCHEMAS));
    documents.push(Document { path: "docs/openapi.json".into(), text: contract::text() });
    documents.push(Document { path: "docs/cost.md".into(), text: cost::page() });
    documents.push(Document { path: "docs/errors.md".into(), text: problem_codes::page() });
    documents.push(Document { path: "docs/permissions.md".into(), text: permissions::page() });
    documents.push(Document { path: "docs/items.md".into(), text: items::page() });
    documents.push(Document { path: "docs/lifecycle.md".into(), text: lifecycle::page() });
    documents.push(Document { path: "docs/routes.md".into(), text: routes::page() });
    documents.push(Document { path: "docs/events.md".into(), text: event_catalogue::page() });
    documents
}

/// The generated documents that are not what the code says, each with what to do.
pub fn stale(root: &Path) -> Vec<String> {
    let documents = all();
    let mut problems: Vec<String> = documents
        .iter()
        .filter(|document| {
            !fs::read_to_string(root.join(&document.path)).is_ok_and(|text| text == document.text)
        })
        .map(|document| {
            format!("{} is not what the code says; run `cargo xtask generate`.", document.path.display())
        })
        .collect();
    for left_over in left_over(root, &documents) {
        problems.push(format!(
            "{} belongs to nothing any more; run `cargo xtask generate`.",
            left_over.display()
        ));
    }
    problems
}

/// Writes all documents, removes what is left over, and tells how many there are.
pub fn write(root: &Path) -> io::Result<usize> {
    let documents = all();
    for document in &documents {
        let path = root.join(&document.path);
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder)?;
        }
        fs::write(path, &document.text)?;
    }
    for left_over in left_over(root, &documents) {
        fs::remove_file(root.join(left_over))?;
    }
    Ok(documents.len())
}

fn left_over(root: &Path, documents: &[Document]) -> Vec<PathBuf> {
    let generated: BTreeSet<&Path> = documents.iter().map(|document| document.path.as_path()).collect();
    let entries = fs::read_dir(root.join(SCHEMAS)).into_iter().flatten().flatten();
    let files = entries.map(|entry| Path::new(SCHEMAS).join(entry.file_name()));
    files.filter(|file| !generated.contains(file.as_path())).collect()
}
