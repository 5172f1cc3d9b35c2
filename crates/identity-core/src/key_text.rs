//! The text of what programs show: `<prefix><environment>_<ids>_<secret and checksum>`. Its ids say where
//! to look, so that all that decides is read in one call; and it has 32 bytes of the OS's randomness, of
//! which a hash is stored. The checksum tells scanners for secrets, and us without a call, that a text is
//! none.

use primitives::{Secret, random_secret};
use uuid::Uuid;

use crate::bearer::hash;

/// How many digits 16 bytes have in base 62, and a checksum.
const DIGITS: usize = 22;
const CHECK_DIGITS: usize = 6;

/// A new text that names these.
pub fn new<const IDS: usize>(prefix: &str, environment: &str, ids: [Uuid; IDS]) -> Secret<String> {
    let [high, low] = [random_secret::<16>(), random_secret::<16>()].map(u128::from_be_bytes);
    let ids = ids.map(|id| digits(id.as_u128(), DIGITS)).concat();
    let text = format!("{prefix}{environment}_{ids}_{}{}", digits(high, DIGITS), digits(low, DIGITS));
    Secret::new(format!("{text}{}", checksum(&text)))
}

/// What a text names, if it has the form.
pub fn read<const IDS: usize>(prefix: &str, text: &str) -> Option<[Uuid; IDS]> {
    let (environment, rest) = text.strip_prefix(prefix)?.split_once('_')?;
    let (ids, secret) = rest.split_once('_')?;
    let is_plain = |text: &str| text.bytes().all(|byte| byte.is_ascii_alphanumeric());
    let has_form = ids.len() == IDS * DIGITS && secret.len() == 2 * DIGITS + CHECK_DIGITS;
    if !(has_form && is_plain(ids) && is_plain(secret) && is_plain(environment)) {
        return None;
    }
    let (before, check) = text.split_at(text.len() - CHECK_DIGITS);
    if checksum(before) != check {
        return None;
    }
    let mut named = [Uuid::nil(); IDS];
    for (place, id) in named.iter_mut().enumerate() {
        let number = base62::decode(&ids[place * DIGITS..(place + 1) * DIGITS]).ok()?;
        *id = Uuid::from_u128(number);
    }
    Some(named)
}

/// What is stored of a text.
pub fn hashed(text: &str) -> String {
    hash(text.as_bytes())
}

fn digits(number: u128, count: usize) -> String {
    format!("{:0>count$}", base62::encode(number))
}

/// Of a text without its last six characters.
fn checksum(text: &str) -> String {
    digits(u128::from(crc32fast::hash(text.as_bytes())), CHECK_DIGITS)
}
