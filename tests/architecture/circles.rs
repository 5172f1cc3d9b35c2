//! Files of one crate do not go round in circles: of two files, one can be read without the other.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

use system_tests::template::repository;

use crate::{assert_none, assert_noticed, sources::rust_files};

/// Tools, which nobody builds upon.
const TOOLS: &[&str] = &["benchmarks", "bare-functions", "local", "test-support", "xtask"];

/// Those that are left, by the first of their files. Nothing may be added: take it out when it is
/// mended.
const LEFT: &[&str] = &[];

type Module = Vec<String>;

/// The modules of a crate with what each has in it, without its tests and comments.
type Modules = BTreeMap<Module, String>;

fn modules(root: &Path) -> Modules {
    let mut files = Vec::new();
    rust_files(root, &mut files);
    let mut modules = Modules::new();
    for file in files {
        let name = file.strip_prefix(root).unwrap_or(&file).with_extension("");
        let mut module: Module = name.iter().map(|part| part.to_string_lossy().into_owned()).collect();
        if module.last().is_some_and(|last| last == "tests") || module[0] == "main" || module[0] == "bin" {
            continue;
        }
        module.retain(|part| part != "lib" && part != "mod");
        let text = fs::read_to_string(&file).unwrap_or_default();
        modules.insert(module, code(&text));
    }
    modules
}

/// The text without its tests and comments.
fn code(text: &str) -> String {
    let text = text.split("#[cfg(test)]\nmod tests").next().unwrap_or_default();
    text.lines().map(|line| line.split("//").next().unwrap_or_default()).collect::<Vec<_>>().join("\n")
}

/// Every path that a tree of `use` names.
fn paths(tree: &str) -> Vec<Vec<String>> {
    let Some((head, rest)) = tree.split_once('{') else {
        let path = tree.split(" as ").next().unwrap_or_default().split("::");
        return vec![path.map(|part| part.trim().to_owned()).collect()];
    };
    let head: Vec<String> =
        head.split("::").map(str::trim).filter(|part| !part.is_empty()).map(str::to_owned).collect();
    let inner = rest.rsplit_once('}').map_or(rest, |(inner, _)| inner);
    let (mut depth, mut start, mut found) = (0, 0, Vec::new());
    for (at, letter) in inner.char_indices().chain([(inner.len(), ',')]) {
        match letter {
            '{' => depth += 1,
            '}' => depth -= 1,
            ',' if depth == 0 => {
                found.push(&inner[start..at]);
                start = at + 1;
            }
            _ => {}
        }
    }
    let within = found.into_iter().filter(|tree| !tree.trim().is_empty()).flat_map(paths);
    within.map(|path| [head.clone(), path].concat()).collect()
}

/// What the code names of its own crate: in `use`, and at the line.
fn named(code: &str) -> Vec<Vec<String>> {
    let (mut named, mut rest) = (Vec::new(), String::new());
    for statement in code.split_inclusive(';') {
        let at = statement.rfind("use ").filter(|at| {
            !statement[..*at].ends_with(|letter: char| letter.is_alphanumeric() || letter == '_')
        });
        match at {
            Some(at) if statement.ends_with(';') => {
                named.extend(paths(statement[at + 4..].trim_end_matches(';')));
                rest.push_str(&statement[..at]);
            }
            _ => rest.push_str(statement),
        }
    }
    for start in ["crate::", "super::"] {
        for (at, _) in rest.match_indices(start) {
            // a macro's own crate is not the one it is used in
            if rest[..at].ends_with(|letter: char| letter.is_alphanumeric() || "_$:".contains(letter)) {
                continue;
            }
            let end = rest[at..].find(|letter: char| !letter.is_alphanumeric() && !"_:".contains(letter));
            let path = &rest[at..end.map_or(rest.len(), |end| at + end)];
            named.push(path.split("::").filter(|part| !part.is_empty()).map(str::to_owned).collect());
        }
    }
    named
}

/// The module that has what stands behind this path, itself or by what a module above it gives out.
fn home(path: &[String], modules: &Modules, given_out: &BTreeMap<Module, Module>) -> Option<Module> {
    (1..=path.len()).rev().find_map(|length| {
        let start = &path[..length];
        modules.contains_key(start).then(|| start.to_vec()).or_else(|| given_out.get(start).cloned())
    })
}

fn circles(modules: &Modules) -> Vec<Vec<String>> {
    let mut given_out = BTreeMap::new();
    for (module, code) in modules {
        for statement in code.split(';').filter_map(|statement| Some(statement.split_once("pub use ")?.1)) {
            for path in paths(statement) {
                let Some((name, of)) = path.split_last() else { continue };
                let inner = [module.as_slice(), of].concat();
                if let Some(found) = home(&inner, modules, &BTreeMap::new()) {
                    given_out.insert([module.as_slice(), std::slice::from_ref(name)].concat(), found);
                }
            }
        }
    }
    let mut needs: BTreeMap<&Module, BTreeSet<Module>> = BTreeMap::new();
    for (module, code) in modules.iter().filter(|(module, _)| !module.is_empty()) {
        for path in named(code) {
            let up = path.iter().take_while(|part| *part == "super").count();
            let path = match path.first().map(String::as_str) {
                Some("crate") => path[1..].to_vec(),
                Some("super") => [&module[..module.len().saturating_sub(up)], &path[up..]].concat(),
                _ => continue,
            };
            let found = home(&path, modules, &given_out);
            // a file and those in its folder are one
            let other = found.filter(|found| !found.starts_with(module) && !module.starts_with(found));
            needs.entry(module).or_default().extend(other);
        }
    }
    let reached = |from: &Module| -> BTreeSet<Module> {
        let (mut reached, mut next) = (BTreeSet::new(), vec![from.clone()]);
        while let Some(module) = next.pop() {
            let new = needs.get(&module).into_iter().flatten().filter(|to| reached.insert((*to).clone()));
            next.extend(new.cloned().collect::<Vec<_>>());
        }
        reached
    };
    let all: BTreeMap<Module, BTreeSet<Module>> =
        modules.keys().map(|module| (module.clone(), reached(module))).collect();
    let circle_of = |module: &Module| -> Vec<String> {
        let others = all[module].iter().filter(|other| all[*other].contains(module));
        others.map(|module| module.join("/")).collect()
    };
    let found: BTreeSet<Vec<String>> = all.keys().map(circle_of).filter(|circle| circle.len() > 1).collect();
    found.into_iter().collect()
}

fn roots() -> Vec<PathBuf> {
    let folders = ["crates", "functions"].into_iter().flat_map(|folder| {
        fs::read_dir(repository().join(folder)).into_iter().flatten().flatten().map(|entry| entry.path())
    });
    let is_shipped =
        |folder: &PathBuf| !TOOLS.iter().any(|tool| folder.file_name().is_some_and(|name| name == *tool));
    let mut roots: Vec<_> = folders.filter(is_shipped).map(|folder| folder.join("src")).collect();
    roots.sort();
    roots
}

#[test]
fn no_files_go_round_in_a_circle() {
    let mut problems = Vec::new();
    let mut left = BTreeSet::new();
    for root in roots() {
        let name = root.strip_prefix(repository()).unwrap_or(&root).display().to_string();
        for circle in circles(&modules(&root)) {
            let circle = format!("{name}: {}", circle.join(", "));
            if LEFT.contains(&circle.as_str()) {
                left.insert(circle);
            } else {
                problems.push(format!(
                    "{circle} need each other; move what the first needs of the others into a file of its own."
                ));
            }
        }
    }
    let mended = LEFT.iter().filter(|circle| !left.contains(**circle));
    problems.extend(mended.map(|circle| format!("{circle}: is no circle any more; take it out of LEFT.")));
    assert_none(&problems);
}

#[test]
fn a_circle_is_noticed_also_by_what_the_crate_gives_out() {
    let module = |name: &str, code: &str| {
        let path = name.split('/').filter(|part| !part.is_empty()).map(str::to_owned).collect();
        (path, self::code(code))
    };
    let round = Modules::from([
        module("", "mod a;\nmod b;\npub use a::{One, Two};\npub use b::Three;"),
        module("a", "use std::fmt;\n\nuse crate::{\n    b::{self, Four},\n    c,\n};"),
        module("b", "fn f(two: &crate::Two) {}"),
        module("c", "use crate::Three;"),
        module("c/d", "use super::x; fn f() { $crate::One }"),
    ]);
    let noticed: Vec<String> = circles(&round).into_iter().map(|circle| circle.join(", ")).collect();
    assert_noticed(&noticed, "a, b, c");
    let straight = Modules::from([
        module("", "mod a;\nmod b;"),
        module("a", "use crate::b::Four;"),
        module("b", "struct Four; // crate::a"),
        module("b/c", "use super::Four;"),
    ]);
    assert!(circles(&straight).is_empty());
}
