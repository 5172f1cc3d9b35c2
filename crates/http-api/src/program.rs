//! Programs, which show a key where a person shows a token.

use std::marker::PhantomData;

use access::{API_KEY, AccessError, Asker, KeyActor, Needed, Open, Permit};
use axum::extract::FromRequestParts;
use events::ActorRef;
use http::request::Parts;
use table::{Cause, Consistency};

use crate::{
    caller::{Caller, Client, Member, anybody, bearer, consistency, extension, opened},
    edge::Edge,
    problem::Problem,
    refusal::Refusal,
};

/// A program with a key of the organization's, whatever the key may do.
#[derive(Clone, Debug)]
pub struct Program {
    /// The key.
    pub key: KeyActor,
}

impl<S: Sync> FromRequestParts<S> for Program {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let client = Client::from_request_parts(parts, state).await?;
        let text = bearer(parts).ok_or(Refusal::MissingToken)?;
        if !text.starts_with(API_KEY) {
            return Err(Problem::from(Refusal::NoApiKey).about_token());
        }
        let key = key_actor(parts, text, &client, consistency(parts)).await?;
        if key.maker.is_suspended {
            return Err(AccessError::OrganizationSuspended.into());
        }
        Ok(Self { key })
    }
}

async fn key_actor(
    parts: &Parts,
    text: &str,
    client: &Client,
    consistency: Consistency,
) -> Result<KeyActor, Problem> {
    let edge: Edge = extension(parts)?;
    edge.authenticate_key(text, client.ip, consistency).await.map_err(Problem::about_token)
}

/// A member as [`Member`] is one, or a program with a key that has the scope of the permission `P`.
#[derive(Clone, Debug)]
pub struct MemberOrKey<P, L> {
    /// In which organization, with the permission. Of a key it is that of whoever made it.
    pub permit: Permit<P>,
    by: By,
    open: PhantomData<L>,
}

/// One of the two.
#[derive(Clone, Debug)]
enum By {
    Person(Box<Caller>),
    Key(Box<KeyActor>, Client),
}

impl<P, L> MemberOrKey<P, L> {
    /// Who asks.
    pub fn asker(&self) -> Asker<'_> {
        match &self.by {
            By::Person(caller) => caller.asker(),
            By::Key(key, _) => Asker::Key(key),
        }
    }

    /// The cause of what the member or the program does.
    pub fn cause(&self) -> Cause {
        match &self.by {
            By::Person(caller) => caller.cause(),
            By::Key(key, client) => client.cause_by(ActorRef::ApiKey(key.key_id)),
        }
    }
}

impl<P: Needed, L: Open, S: Sync> FromRequestParts<S> for MemberOrKey<P, L> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let Some(text) = bearer(parts).filter(|token| token.starts_with(API_KEY)).map(str::to_owned) else {
            let Member { permit, .. } = Member::<P, L>::from_request_parts(parts, state).await?;
            let by = By::Person(Box::new(anybody(parts, state).await?));
            return Ok(Self { permit, by, open: PhantomData });
        };
        let client = Client::from_request_parts(parts, state).await?;
        let consistency = consistency(parts);
        let key = key_actor(parts, &text, &client, consistency).await?;
        let mut permitted = permit_key::<P, L>(&key);
        if permitted.is_err() && consistency == Consistency::Eventual {
            permitted = permit_key::<P, L>(&key_actor(parts, &text, &client, Consistency::Strong).await?);
        }
        Ok(Self { permit: permitted?, by: By::Key(Box::new(key), client), open: PhantomData })
    }
}

fn permit_key<P: Needed, L: Open>(key: &KeyActor) -> Result<Permit<P>, Problem> {
    let permit = key.permit().map_err(|error| Problem::from(error).needed(P::PERMISSION.name(), None))?;
    opened::<P, L>(permit)
}
