//! The kinds of items of all domains together: no two can be mistaken for each other, and each says
//! whose it is and how it is erased.

use std::collections::BTreeMap;

use table::{Entry, Erased, Kept, Kind, Owner, Store};

use system_tests::{
    domains,
    template::{Template, one_or_many},
};

use crate::{assert_none, assert_noticed};

type Domains<'a> = &'a [(&'static str, &'a [Kind])];

fn problems(domains: Domains<'_>) -> Vec<String> {
    let all: Vec<(&str, &Kind)> =
        domains.iter().flat_map(|(domain, kinds)| kinds.iter().map(move |kind| (*domain, kind))).collect();
    let mut problems = Vec::new();
    let mut names = BTreeMap::new();
    let mut tokens = BTreeMap::new();
    for (domain, kind) in &all {
        if let Some(other) = names.insert(kind.name, domain) {
            problems.push(format!("{}: {other} and {domain} have a kind of this name.", kind.name));
        }
        let owner = tokens.entry(kind.token()).or_insert(domain);
        if owner != &domain {
            problems.push(format!(
                "{}: {} is the first token of {owner}'s partitions; begin {domain}'s with another.",
                kind.name,
                kind.token()
            ));
        }
        problems.extend(pattern(kind));
        problems.extend(erasure(kind, &all));
    }
    for (_, kind) in &all {
        let shape = |kind: &Kind| blank(kind.pk);
        let others = all.iter().filter(|(_, other)| other.name != kind.name && shape(other) == shape(kind));
        for (_, other) in others.filter(|(_, other)| other.prefix().starts_with(kind.prefix())) {
            problems.push(format!(
                "{}: a query for sort keys that begin with {:?} finds {} too; begin them otherwise.",
                kind.name,
                kind.prefix(),
                other.name
            ));
        }
    }
    problems
}

/// The pattern without the names of its values.
fn blank(pattern: &str) -> String {
    let parts = pattern.split('<').map(|part| part.split_once('>').map_or(part, |(_, fixed)| fixed));
    parts.collect::<Vec<_>>().join("<>")
}

fn values(pattern: &str) -> Vec<&str> {
    pattern.split('<').skip(1).filter_map(|part| Some(part.split_once('>')?.0)).collect()
}

fn pattern(kind: &Kind) -> Vec<String> {
    let mut problems = Vec::new();
    for (pattern, taken) in [(kind.pk, kind.pk_values), (kind.sk, kind.sk_values)] {
        if values(pattern) != taken {
            problems
                .push(format!("{}: {pattern} has other values than its key takes: {taken:?}.", kind.name));
        }
        let tokens = blank(pattern).replace("<>", "#");
        let is_token = |token: &str| token.bytes().all(|byte| byte.is_ascii_uppercase() || byte == b'_');
        if !tokens.split('#').all(is_token) || pattern.is_empty() {
            problems.push(format!("{}: write the tokens of {pattern} with A to Z and _.", kind.name));
        }
    }
    let begins = kind.pk.split('#').next().is_some_and(|token| !token.is_empty() && !token.contains('<'));
    if !begins {
        problems.push(format!("{}: begin {} with a token.", kind.name, kind.pk));
    }
    if kind.most_kb > 400 {
        problems.push(format!("{}: an item has at most 400 KB.", kind.name));
    }
    problems
}

/// How the owner is called in a partition that is the owner's alone.
fn of_owner(owner: Owner) -> &'static str {
    match owner {
        Owner::Org => "org",
        Owner::Person => "user",
        Owner::Address => "email",
        Owner::Nobody => "",
    }
}

fn erasure(kind: &Kind, all: &[(&str, &Kind)]) -> Option<String> {
    let name = kind.name;
    let expires = match kind.kept {
        Kept::ForGood => false,
        Kept::Days(days, _) => kind.owner == Owner::Nobody || days <= 40,
        Kept::Until(_) => true,
    };
    match kind.erased {
        Erased::Partition if values(kind.pk) != [of_owner(kind.owner)] => {
            Some(format!("{name}: {} is not the owner's partition; say how it is found.", kind.pk))
        }
        Erased::NamedIn(other) if !all.iter().any(|(_, kind)| kind.name == other) => {
            Some(format!("{name}: there is no kind {other} that could name it."))
        }
        Erased::Expires if !expires => {
            Some(format!("{name}: what is somebody's and is not erased expires within 40 days."))
        }
        _ => None,
    }
}

/// Every key that a role is bound to begins as some kind does, and some role writes every kind.
fn leading_keys(template: &Template, domains: Domains<'_>) -> Vec<String> {
    let tokens: Vec<&str> = domains.iter().flat_map(|(_, kinds)| kinds.iter().map(Kind::token)).collect();
    let covers = |key: &str, token: &str| match key.split_once('*') {
        Some((start, "")) => format!("{token}#").starts_with(start),
        _ => key == token,
    };
    let indexed = domains::entries().into_iter().flat_map(|(_, entries)| entries);
    let indexed: Vec<&str> = indexed.filter_map(|entry| entry.pk.split('#').next()).collect();
    let mut problems = Vec::new();
    let mut bound = Vec::new();
    for function in template.functions() {
        for statement in function.statements() {
            for (_, condition) in statement["Condition"].as_object().into_iter().flatten() {
                for key in one_or_many(&condition["dynamodb:LeadingKeys"]) {
                    let key = key.as_str().unwrap_or_default().to_owned();
                    if !tokens.iter().chain(&indexed).any(|token| covers(&key, token)) {
                        problems.push(format!(
                            "{}: no kind of item begins with {key}; mend its dynamodb:LeadingKeys.",
                            function.name()
                        ));
                    }
                    bound.push(key);
                }
            }
        }
    }
    for token in tokens.iter().filter(|token| !bound.iter().any(|key| covers(key, token))) {
        problems
            .push(format!("{token}: no role may write it; add it to the dynamodb:LeadingKeys of who does."));
    }
    problems
}

fn entries(entries: &[(&'static str, &'static [Entry])], domains: Domains<'_>) -> Vec<String> {
    let mut problems = Vec::new();
    let mut tokens = BTreeMap::new();
    for entry in entries.iter().flat_map(|(_, entries)| *entries) {
        if let Some(other) = tokens.insert(entry.pk.split('<').next(), entry.name) {
            problems.push(format!("{}: {other} has its partition in the index.", entry.name));
        }
        if !domains.iter().any(|(_, kinds)| kinds.iter().any(|kind| kind.name == entry.on)) {
            problems.push(format!("{}: there is no kind {}.", entry.name, entry.on));
        }
    }
    problems
}

const fn kind(name: &'static str, pk: &'static str, sk: &'static str) -> Kind {
    Kind {
        name,
        about: "",
        pk,
        sk,
        pk_values: &["org"],
        sk_values: &[],
        store: Store::Main,
        most_kb: 1,
        kept: Kept::ForGood,
        owner: Owner::Org,
        erased: Erased::Partition,
    }
}

#[test]
fn no_two_kinds_are_mistaken_for_each_other_and_each_can_be_erased() {
    assert_none(&problems(&domains::kinds()));
}

#[test]
fn entries_of_the_index_are_told_apart() {
    assert_none(&entries(&domains::entries(), &domains::kinds()));
}

#[test]
fn roles_are_bound_to_kinds_that_there_are() {
    assert_none(&leading_keys(&Template::of_repository(), &domains::kinds()));
    let unknown = [kind("team", "TEAM#<org>", "TEAM")];
    let found = leading_keys(&Template::of_repository(), &[("orgs", &unknown)]);
    assert_noticed(&found, "TEAM: no role may write it");
    assert_noticed(&found, "queue-mail: no kind of item begins with CONSUMED#*");
}

#[test]
fn a_second_kind_of_a_name_is_noticed() {
    let (one, two) = ([kind("team", "TEAM#<org>", "TEAM")], [kind("team", "CREW#<org>", "CREW")]);
    assert_noticed(&problems(&[("orgs", &one), ("push", &two)]), "team: orgs and push have a kind");
}

#[test]
fn a_token_of_two_domains_is_noticed() {
    let (one, two) = ([kind("team", "TEAM#<org>", "TEAM")], [kind("crew", "TEAM#<org>", "CREW")]);
    assert_noticed(&problems(&[("orgs", &one), ("push", &two)]), "crew: TEAM is the first token of orgs's");
}

#[test]
fn a_query_that_mixes_two_kinds_is_noticed() {
    let of = [kind("team", "TEAM#<org>", "TEAM"), kind("mate", "TEAM#<org>", "TEAMMATE#<user>")];
    assert_noticed(
        &problems(&[("orgs", &of)]),
        "team: a query for sort keys that begin with \"TEAM\" finds mate",
    );
    let of = [kind("row", "TEAM#<org>", "<user>"), kind("team", "TEAM#<org>", "TEAM")];
    assert_noticed(&problems(&[("orgs", &of)]), "row: a query for sort keys that begin with \"\" finds team");
}

#[test]
fn a_pattern_that_is_none_is_noticed() {
    let of = [
        kind("team", "Team#<org>", "TEAM"),
        kind("crew", "CREW#<user>", "CREW"),
        Kind { most_kb: 500, ..kind("ship", "<org>", "SHIP") },
    ];
    let found = problems(&[("orgs", &of)]);
    assert_noticed(&found, "team: write the tokens of Team#<org> with A to Z");
    assert_noticed(&found, "crew: CREW#<user> has other values than its key takes: [\"org\"]");
    assert_noticed(&found, "ship: begin <org> with a token");
    assert_noticed(&found, "ship: an item has at most 400 KB");
}

#[test]
fn a_kind_that_nobody_could_erase_is_noticed() {
    let of = [
        Kind { owner: Owner::Person, ..kind("team", "TEAM#<org>", "TEAM") },
        Kind { erased: Erased::NamedIn("ship"), ..kind("crew", "CREW#<org>", "CREW") },
        Kind { erased: Erased::Expires, ..kind("mate", "MATE#<org>", "MATE") },
        Kind {
            erased: Erased::Expires,
            kept: Kept::Days(41, "41 days"),
            ..kind("mast", "MAST#<org>", "MAST")
        },
    ];
    let found = problems(&[("orgs", &of)]);
    assert_noticed(&found, "team: TEAM#<org> is not the owner's partition");
    assert_noticed(&found, "crew: there is no kind ship");
    assert_noticed(&found, "mate: what is somebody's and is not erased expires");
    assert_noticed(&found, "mast: what is somebody's and is not erased expires");
}
