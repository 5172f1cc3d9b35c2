//! `docs/lifecycle.md`: what the rules of billing decide, found out by asking them.

use access::{AccessLevel, Full, Open, Reading};
use billing::{
    Rules,
    lifecycle::{Ladder, Meaning, Turns, ladders, meanings, turns},
};

const HEAD: &str = "\
<!-- Written by `cargo xtask generate` from crates/billing; do not edit. -->

# The life of a subscription

What an organization may use follows from what Stripe told and from the clock, by pure functions: what a subscription
is (`crates/billing/src/subscription.rs`), what the organization rests on and which level that gives
(`access.rs`), and what others are told (`transition.rs`). This page is what these functions answer. Why they do is in
[0019](decisions/0019-what-a-subscription-gives.md); how all orders, repetitions and losses of Stripe's words are tried
is in [testing](testing.md#model-checking).
";

const WORDS: &str = "
## What Stripe's words mean

Of one subscription that has worked before. Of several the best phase counts, in the order working, failing, paused,
over; of those that do not work the one that stood well the longest. An invoice that failed makes nothing worse by
itself: it says since when.

| Stripe says | Phase | In our trial | After it |
|---|---|---|---|
";

const LEVELS: &str = "
## What a standing gives

By the rules as they are without `BILLING_RULES`; days are spans of 24 hours, to the second. Without money a standing
gets no better: no other word of Stripe's begins a grace anew.

| The organization rests on | Since | Levels |
|---|---|---|
";

const OPEN: &str = "
What a level leaves open:

| Level | Paying, leaving, what is one's own | Reading | Everything else |
|---|---|---|---|
";

const NEWS: &str = "
## What others are told

When the best phase of an organization's subscriptions goes from one to another, or stays while something else about
the subscription that counts changes. A word that was heard before changes nothing, and tells nothing.
";

/// The page.
pub(super) fn page() -> String {
    let words = meanings().expect("the ids are possible ones");
    let words = words.iter().map(|Meaning { word, phase, in_trial, after_it }| {
        format!("| {word} | {phase} | {in_trial} | {after_it} |\n")
    });
    let ladders = ladders(&Rules::default());
    let levels = ladders.iter().map(|ladder| {
        let Ladder { standing, since, .. } = ladder;
        format!("| {standing} | {since} | {} |\n", steps(ladder))
    });
    let open = AccessLevel::ALL.map(|level| {
        let mark = |is_open| if is_open { "yes" } else { "" };
        format!("| `{level}` | yes | {} | {} |\n", mark(Reading::at(level)), mark(Full::at(level)))
    });
    [HEAD, WORDS]
        .into_iter()
        .map(str::to_owned)
        .chain(words)
        .chain([LEVELS.to_owned()])
        .chain(levels)
        .chain([OPEN.to_owned()])
        .chain(open)
        .chain([NEWS.to_owned(), news(&turns())])
        .collect()
}

fn steps(ladder: &Ladder) -> String {
    let steps = ladder.levels.iter().map(|(level, until)| match until {
        Some(day) => format!("`{level}` until day {day}"),
        None => format!("`{level}`"),
    });
    steps.collect::<Vec<_>>().join(", then ")
}

fn news(turns: &Turns) -> String {
    let mut rows = vec![format!("\n| From \\ to | {} |\n", turns.to.join(" | "))];
    rows.push(format!("|---{}|\n", "|---".repeat(turns.to.len())));
    for (from, told) in &turns.from {
        let told = told
            .iter()
            .map(|event| event.map_or_else(|| "–".to_owned(), |event| format!("`{}`", event.name)));
        rows.push(format!("| {from} | {} |\n", told.collect::<Vec<_>>().join(" | ")));
    }
    rows.concat()
}
