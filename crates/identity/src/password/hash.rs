//! How passwords are hashed: argon2id with OWASP's parameters
//! (<https://cheatsheetseries.owasp.org/cheatsheets/Password_Storage_Cheat_Sheet.html>).

use argon2::{
    Algorithm, Argon2, Params, Version,
    password_hash::{PasswordHasher, PasswordVerifier, phc::PasswordHash},
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

fn argon2() -> Result<Argon2<'static>, IdentityError> {
    let params = Params::new(MEMORY, ITERATIONS, LANES, None).map_err(|_| IdentityError::Hashing)?;
    Ok(Argon2::new(Algorithm::Argon2id, Version::V0x13, params))
}

/// The hash of a password, with a salt of its own.
pub(crate) async fn hash(password: &Password) -> Result<String, IdentityError> {
    let password = password.clone();
    in_turn(move || {
        let hash: PasswordHash = argon2()?
            .hash_password_with_salt(password.expose().as_bytes(), &random_secret::<16>())
            .map_err(|_| IdentityError::Hashing)?;
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
        let hash = PasswordHash::new(&phc).map_err(|_| IdentityError::Hashing)?;
        let is_right = argon2()?.verify_password(password.expose().as_bytes(), &hash).is_ok();
        Ok(is_right && is_there)
    })
    .await
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
    async fn a_weaker_hash_is_right_and_outdated() {
        let weaker = Argon2::new(Algorithm::Argon2id, Version::V0x13, Params::new(8192, 1, 1, None).unwrap());
        let phc: PasswordHash = weaker.hash_password_with_salt(b"correct horse", &[7; 16]).unwrap();
        let phc = phc.to_string();
        assert!(is_outdated(&phc) && verify(&password("correct horse"), Some(phc)).await.unwrap());
    }
}
