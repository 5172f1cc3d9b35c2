//! `docs/items.md`: every kind of item, from what the domains declare.

use table::{Erased, Indexed, Kept, Kind, Owner, Store};

use crate::domains;

const HEAD: &str = "\
<!-- Written by `cargo xtask generate` from the `keys.rs` of each domain's crate; do not edit. -->

# Items

Every kind of item that is stored. A domain declares its kinds in `src/keys.rs` of its crate; what the table keeps
for itself is in `crates/table/src/keys.rs`. How they are asked for, and what that costs, is in
[access patterns](access-patterns.md).

`<x>` stands for an id or value. An id has its prefix: `USER#usr_01kar8h5g0e0vsx4q1v3f6m2ah`. `#` parts a key and is in
no value. The first token of a partition key belongs to one domain alone, so that the keys that a role may write
(`dynamodb:LeadingKeys`) say whose items it can reach.
";

/// The page.
pub(super) fn page() -> String {
    let mut parts = vec![HEAD.to_owned()];
    for (domain, kinds) in domains::kinds() {
        parts.push(format!("\n## {domain}\n"));
        parts.extend(kinds.iter().map(section));
    }
    let head =
        "\n## The indexes\n\n| Entry | Index | Partition key | Sort key | On |\n|---|---|---|---|---|\n";
    parts.push(head.to_owned());
    let entries = domains::entries().into_iter().flat_map(|(_, entries)| entries);
    parts.extend(entries.map(|entry| {
        let index = match entry.indexed {
            Indexed::Due { shards } => format!("`due`, {shards} shards"),
            Indexed::List => "`list`".to_owned(),
        };
        let (name, pk, sk, on) = (entry.name, entry.pk, entry.sk, entry.on);
        format!("| {name} | {index} | `{pk}` | `{sk}` | `{on}` |\n")
    }));
    parts.concat()
}

fn section(kind: &Kind) -> String {
    let store = match kind.store {
        Store::Main => "main",
        Store::Traffic => "traffic",
    };
    let kept = match kind.kept {
        Kept::ForGood => "for good",
        Kept::Days(_, text) | Kept::Until(text) => text,
    };
    let owner = match kind.owner {
        Owner::Org => "an organization's",
        Owner::Person => "a person's",
        Owner::Address => "an address's",
        Owner::Nobody => "nobody's",
    };
    let erased = match kind.erased {
        Erased::Partition => "with its partition".to_owned(),
        Erased::NamedIn(other) => format!("before `{other}`, which names it"),
        Erased::Expires => "by its expiry".to_owned(),
        Erased::Stays(why) => format!("not: {why}"),
    };
    let (name, about, pk, sk, most_kb) = (kind.name, kind.about.trim(), kind.pk, kind.sk, kind.most_kb);
    format!(
        "\n### `{name}`\n\n{about}\n\n| `pk` | `sk` | Table | At most | Kept | Whose | Erased |\n|---|---|---|---|---|---|---|\n\
         | `{pk}` | `{sk}` | {store} | {most_kb} KB | {kept} | {owner} | {erased} |\n"
    )
}
