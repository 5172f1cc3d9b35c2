//! One hash of a password with argon2id, with the parameters of the PHC string that it is given, and nothing
//! else. It says how long that took, milliseconds: what a sign-in with a password cannot be faster than.

use std::time::Instant;

use argon2::{
    Argon2,
    password_hash::{PasswordVerifier, phc::PasswordHash},
};
use lambda_runtime::{Error, LambdaEvent, run, service_fn};
use serde_json::{Value, json};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    run(service_fn(async |event: LambdaEvent<Value>| answer(&event.payload))).await
}

fn answer(asked: &Value) -> Result<Value, Error> {
    let text = |name: &str| asked[name].as_str().ok_or_else(|| format!("no {name}"));
    let (phc, password) = (PasswordHash::new(text("phc")?)?, text("password")?.as_bytes());
    let began = Instant::now();
    let is_right = Argon2::default().verify_password(password, &phc).is_ok();
    Ok(json!({ "is_right": is_right, "took": began.elapsed().as_secs_f64() * 1e3 }))
}
