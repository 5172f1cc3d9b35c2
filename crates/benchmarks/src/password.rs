//! Signing in with a password beside the one hash that it cannot do without: how much longer it takes, and
//! whether the time tells an address that somebody has from one that nobody has.

use anyhow::{Context, Result};
use serde_json::json;

use crate::{
    sandbox::{Expected, Program, Sandbox},
    share::Share,
    statistics::Sample,
    world::{EMAIL, PASSWORD, World, sign_in},
};

/// Whoever signs in with the password should wait at most that many times as long as for the hash.
pub(crate) const MOST: f64 = 1.25;
/// The means of a wrong password and of an unknown address should differ by less than this share of the hash.
pub(crate) const MOST_APART: f64 = 0.02;

/// OWASP's parameters, as the product hashes: `api-auth` has made the hash of [`PASSWORD`] with the same.
const PHC: &str =
    "$argon2id$v=19$m=19456,t=2,p=1$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

/// What took how long, milliseconds: each list in the order of the rounds.
#[derive(Debug, Default)]
pub(crate) struct Passwords {
    /// The hash alone.
    pub(crate) hash: Vec<f64>,
    /// The right password.
    pub(crate) right: Vec<f64>,
    /// A wrong one of the same person's.
    pub(crate) wrong: Vec<f64>,
    /// One for an address that nobody has.
    pub(crate) unknown: Vec<f64>,
}

/// Measures it, with the whole processor or with a share for each of both. Each round has one of each, in
/// every order as often as in any other. The emulated AWS comes to rest before each of them: on AWS, what an
/// event starts runs on other machines.
pub(crate) async fn measure(
    world: &World,
    ours: &Program,
    bare: &Program,
    share: Option<u64>,
    rounds: usize,
) -> Result<Passwords> {
    let mut hash =
        Sandbox::start(bare, Some((json!({ "phc": PHC, "password": PASSWORD }), Expected::Anything))).await?;
    let first = sign_in(EMAIL, PASSWORD, 0);
    let mut ours = Sandbox::start(ours, Some((first, Expected::Status(200)))).await?;
    let share = share.map(Share::of_memory).transpose()?;
    if let Some(share) = &share {
        // they never work at the same time
        hash.hold_to(share)?;
        ours.hold_to(share)?;
    }
    let mut measured = Passwords::default();
    for round in 0..rounds {
        for at in order(round) {
            let attempt = u32::try_from(round * 4 + at + 1)?;
            world.settle().await?;
            if at == 0 {
                let (_, answer) =
                    hash.invoke(json!({ "phc": PHC, "password": PASSWORD }), Expected::Anything).await?;
                measured.hash.push(answer["took"].as_f64().context("the bare function tells no time")?);
                continue;
            }
            let (email, password, expected, took) = match at {
                1 => (EMAIL.to_owned(), PASSWORD, 200, &mut measured.right),
                2 => (EMAIL.to_owned(), "a wrong one of hers", 401, &mut measured.wrong),
                _ => (
                    format!("nobody{attempt:06}@example.com"),
                    "a wrong one of hers",
                    401,
                    &mut measured.unknown,
                ),
            };
            let event = sign_in(&email, password, attempt);
            let (duration, _) = ours.invoke(event, Expected::Status(expected)).await?;
            took.push(duration.as_secs_f64() * 1e3);
        }
    }
    // its group goes when both are gone
    drop((hash, ours));
    drop(share);
    Ok(measured)
}

/// The order of the four in a round: one of the 24 that there are.
fn order(round: usize) -> Vec<usize> {
    let (mut left, mut rest) = (vec![0, 1, 2, 3], round % 24);
    let mut order = Vec::new();
    while !left.is_empty() {
        order.push(left.remove(rest % left.len()));
        rest /= left.len() + 1;
    }
    order
}

impl Passwords {
    /// How many times as long a sign-in with the right password takes as the hash: of their medians.
    pub(crate) fn ratio(&self) -> f64 {
        median(&self.right) / median(&self.hash)
    }

    /// By how much the means of a wrong password and of an unknown address differ, and how well that is known
    /// (one standard error, of the differences within each round): shares of the hash.
    pub(crate) fn apart(&self) -> (f64, f64) {
        let apart: Vec<_> =
            self.wrong.iter().zip(&self.unknown).map(|(wrong, unknown)| wrong - unknown).collect();
        let (mean_apart, hash) = (mean(&apart), mean(&self.hash));
        let squares: Vec<_> = apart.iter().map(|one| (one - mean_apart).powi(2)).collect();
        let error = (mean(&squares) / count(&apart)).sqrt();
        (mean_apart.abs() / hash, error / hash)
    }
}

pub(crate) fn median(values: &[f64]) -> f64 {
    Sample::new(values.iter().copied()).median()
}

pub(crate) fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / count(values)
}

fn count(values: &[f64]) -> f64 {
    f64::from(u32::try_from(values.len()).unwrap_or(u32::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_order_comes_once_in_24_rounds() {
        let orders: std::collections::BTreeSet<_> = (0..24).map(order).collect();
        assert_eq!(orders.len(), 24);
        assert!(orders.iter().all(|order| (0..4).all(|one| order.contains(&one))));
    }

    #[test]
    fn means_are_apart_by_a_share_of_the_hash() {
        let measured = Passwords {
            hash: vec![10.0; 4],
            right: vec![12.0, 11.0, 13.0, 12.0],
            wrong: vec![12.0, 14.0, 12.0, 14.0],
            unknown: vec![12.0; 4],
        };
        assert!((measured.ratio() - 1.2).abs() < 1e-9);
        let (apart, error) = measured.apart();
        assert!((apart - 0.1).abs() < 1e-9 && (error - 0.05).abs() < 1e-9, "{apart} {error}");
    }
}
