//! How passwords are hashed: argon2id with OWASP's parameters
//! (<https://cheatsheetseries.owasp.org/cheatsheets/Password_Storage_Cheat_Sheet.html>).

use std::sync::{Mutex, PoisonError};

use argon2::{
    Algorithm, Argon2, Block, Params, Version,
    password_hash::{
        Error,
        phc::{Output, ParamsString, PasswordHash, Salt},
    },
};
use primitives::random_secret;
use tokio::{sync::Semaphore, task::spawn_blocking};

use super::Password;
use crate::IdentityError;

/// Memory for one hash, KiB.
const MEMORY: u32 = 19 * 1024;
const ITERATIONS: u32 = 2;
const LANES: u32 = 1;

/// How many are hashed at once: the memory of four is there in every function, that of twenty would not be.
static TURNS: Semaphore = Semaphore::const_new(4);

/// The memory of hashes that are made, for those to come. The system hands out new memory page by page, at
/// every hash again.
static FREE: Mutex<Vec<Vec<Block>>> = Mutex::new(Vec::new());

/// The hash of a password, with a salt of its own.
pub(crate) async fn hash(password: &Password) -> Result<String, IdentityError> {
    let password = password.clone();
    in_turn(move || {
        let hash = hashed(&password, &random_secret::<16>()).map_err(|_| IdentityError::Hashing)?;
        Ok(hash.to_string())
    })
    .await
}

/// Whether this is the password. Without a hash it takes as long, and is wrong.
pub(crate) async fn verify(password: &Password, phc: Option<String>) -> Result<bool, IdentityError> {
    let password = password.clone();
    in_turn(move || {
        let is_there = phc.is_some();
        let phc = phc.unwrap_or_else(nobodys);
        let is_right = fits(&password, &phc).map_err(|_| IdentityError::Hashing)?;
        Ok(is_right && is_there)
    })
    .await
}

/// Today's hash of a password.
fn hashed(password: &Password, salt: &[u8]) -> Result<PasswordHash, Error> {
    let (algorithm, version) = (Algorithm::Argon2id, Version::V0x13);
    let argon2 = Argon2::new(algorithm, version, Params::new(MEMORY, ITERATIONS, LANES, None)?);
    let hash = digest(&argon2, password, salt)?;
    Ok(PasswordHash {
        algorithm: algorithm.ident(),
        version: Some(version.into()),
        params: ParamsString::try_from(argon2.params())?,
        salt: Some(Salt::new(salt)?),
        hash: Some(hash),
    })
}

/// Whether a password has this hash, of today's parameters or of those that it was made with.
fn fits(password: &Password, phc: &str) -> Result<bool, Error> {
    let hash = PasswordHash::new(phc)?;
    let (Some(salt), Some(expected)) = (&hash.salt, &hash.hash) else { return Err(Error::Internal) };
    let version = hash.version.map_or(Ok(Version::V0x13), Version::try_from)?;
    let argon2 =
        Argon2::new(Algorithm::try_from(hash.algorithm.as_str())?, version, Params::try_from(&hash)?);
    // outputs are compared in constant time
    Ok(digest(&argon2, password, salt)? == *expected)
}

fn digest(argon2: &Argon2<'_>, password: &Password, salt: &[u8]) -> Result<Output, Error> {
    let mut memory = FREE.lock().unwrap_or_else(PoisonError::into_inner).pop().unwrap_or_default();
    memory.resize(argon2.params().block_count(), Block::new());
    let mut digest = [0; Params::DEFAULT_OUTPUT_LEN];
    let password = password.expose().as_bytes();
    let made = argon2.hash_password_into_with_memory(password, salt, &mut digest, &mut memory[..]);
    FREE.lock().unwrap_or_else(PoisonError::into_inner).push(memory);
    made?;
    Ok(Output::new(&digest)?)
}

/// Whether it was made with less than what is used today.
pub(crate) fn is_outdated(phc: &str) -> bool {
    let today = |hash: &PasswordHash| {
        let decimal = |name: &str| hash.params.get_decimal(name);
        hash.algorithm.as_str() == "argon2id"
            && hash.version == Some(Version::V0x13.into())
            && decimal("m") >= Some(MEMORY)
            && decimal("t") >= Some(ITERATIONS)
    };
    !PasswordHash::new(phc).is_ok_and(|hash| today(&hash))
}

/// A hash of today's that no password has.
fn nobodys() -> String {
    let (salt, hash) = ("A".repeat(22), "A".repeat(43));
    format!("$argon2id$v=19$m={MEMORY},t={ITERATIONS},p={LANES}${salt}${hash}")
}

pub(crate) async fn in_turn<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, IdentityError> + Send + 'static,
) -> Result<T, IdentityError> {
    let _turn = TURNS.acquire().await.map_err(|_| IdentityError::Hashing)?;
    spawn_blocking(work).await.map_err(|_| IdentityError::Hashing)?
}

#[cfg(test)]
mod tests {
    use argon2::password_hash::PasswordHasher;

    use super::*;

    fn password(text: &str) -> Password {
        text.parse().unwrap()
    }

    #[tokio::test]
    async fn a_hash_knows_its_password_alone() {
        let (right, wrong) = (password("correct horse"), password("correct house"));
        let phc = hash(&right).await.unwrap();
        assert!(phc.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{phc}");
        assert_ne!(hash(&right).await.unwrap(), phc, "each has a salt of its own");
        assert!(verify(&right, Some(phc.clone())).await.unwrap());
        assert!(!verify(&wrong, Some(phc.clone())).await.unwrap());
        assert!(!verify(&right, None).await.unwrap());
        assert!(!is_outdated(&phc) && !is_outdated(&nobodys()));
        assert!(verify(&right, Some("nonsense".to_owned())).await.is_err());
    }

    #[tokio::test]
    async fn what_was_in_the_memory_before_does_not_matter() {
        let (one, other) = (password("correct horse"), password("correct house"));
        let salt = b"somesaltsomesalt";
        let first = hashed(&one, salt).unwrap();
        hashed(&other, b"othersaltothersa").unwrap();
        assert_eq!(hashed(&one, salt).unwrap(), first);
        let by_library: PasswordHash = Argon2::new(
            Algorithm::Argon2id,
            Version::V0x13,
            Params::new(MEMORY, ITERATIONS, LANES, None).unwrap(),
        )
        .hash_password_with_salt(b"correct horse", salt)
        .unwrap();
        assert_eq!(first.to_string(), by_library.to_string());
        let all: Vec<_> = (0..20).map(|_| verify(&one, Some(first.to_string()))).collect();
        assert!(futures::future::join_all(all).await.into_iter().all(Result::unwrap));
        assert!(FREE.lock().unwrap().len() <= 4, "no more than are made at once");
    }

    #[tokio::test]
    async fn a_weaker_hash_is_right_and_outdated() {
        let weaker = Argon2::new(Algorithm::Argon2id, Version::V0x13, Params::new(8192, 1, 1, None).unwrap());
        let phc: PasswordHash = weaker.hash_password_with_salt(b"correct horse", &[7; 16]).unwrap();
        let phc = phc.to_string();
        assert!(is_outdated(&phc) && verify(&password("correct horse"), Some(phc)).await.unwrap());
    }
}
