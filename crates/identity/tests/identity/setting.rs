use std::sync::Arc;

use access::{MfaMode, MfaPolicy, Principal, Role, Tenant};
use events::ActorRef;
use identity::{
    AuthenticationError, Authority, Entrance, IdentityError, Issuer, LinkKey, Membership, Policy, Proof,
    SessionKey, SessionTokens, SignedIn, login_history, open_proof, publish_signing_key, refresh,
    request_login, verify_login,
};
use primitives::{Clock, Email, Ids, Keys, LoginId, OrgId, UserId};
use serde::{Deserialize, Serialize};
use table::{Cause, Changes, Consistency, Item, Key, Table};
use test_support::{Database, noon};

pub(crate) const ISSUER: &str = "https://api.example.com";
/// Where everybody is.
pub(crate) const NETWORK: &str = "192.0.2.1";

/// A database, a clock, and the keys that an instance of `api-auth` has.
pub(crate) struct Setting {
    pub(crate) database: Database,
    pub(crate) clock: Clock,
    pub(crate) table: Table,
    pub(crate) links: Keys<LinkKey>,
    pub(crate) issuer: Issuer,
    pub(crate) policy: Policy,
    pub(crate) authority: Authority,
}

impl Setting {
    pub(crate) async fn new() -> Self {
        let database = Database::start().await;
        let clock = Clock::fixed(noon());
        let table = database.table(&clock);
        let issuer = issuer(&table, Keys::only(SessionKey::from_secret("a session secret", ISSUER))).await;
        let authority = Authority::new(table.clone(), ISSUER);
        let links = Keys::only(LinkKey::from_secret("a link secret"));
        Self { database, clock, table, links, issuer, policy: Policy::default(), authority }
    }

    /// Asks for a link and gives what the mail and the browser would hold: token, code and browser token.
    pub(crate) async fn login(&self, email: &str) -> (String, String, String) {
        let email: Email = email.parse().unwrap();
        let history = login_history(&self.table, email, NETWORK).await.unwrap();
        let login =
            request_login(&self.table, &self.links.current, &self.policy, &cause(), history).await.unwrap();
        let events = self.database.events().await;
        let asked = events.iter().rev().find(|event| event.kind == "magic_link.requested").unwrap();
        let login_id: LoginId = asked.data["login_id"].as_str().unwrap().parse().unwrap();
        (
            self.links.current.token(login_id),
            self.links.current.code(login_id),
            login.browser_token.expose().clone(),
        )
    }

    pub(crate) async fn verify(&self, proof: &Proof) -> Result<SessionTokens, IdentityError> {
        self.verify_with(&self.issuer, proof).await
    }

    /// Verifies as an instance does that has other keys.
    pub(crate) async fn verify_with(
        &self,
        issuer: &Issuer,
        proof: &Proof,
    ) -> Result<SessionTokens, IdentityError> {
        self.verify_over(&self.table, issuer, proof).await
    }

    /// Verifies as an instance does that reaches the table in another way.
    pub(crate) async fn verify_over(
        &self,
        table: &Table,
        issuer: &Issuer,
        proof: &Proof,
    ) -> Result<SessionTokens, IdentityError> {
        let opened = open_proof(table, &self.links, proof).await?;
        let (policy, cause, network) = (&self.policy, &cause(), NETWORK);
        let entrance = Entrance { table, issuer, policy, cause, network };
        verify_login(&entrance, &opened, None).await.map(whole)
    }

    pub(crate) async fn signed_in(&self, email: &str) -> SessionTokens {
        let (token, _, browser) = self.login(email).await;
        self.verify(&link(&token, Some(&browser))).await.unwrap()
    }

    /// Signs in with this program in this country.
    pub(crate) async fn signed_in_on(
        &self,
        email: &str,
        agent: &str,
        country: Option<&str>,
    ) -> SessionTokens {
        let (token, _, _) = self.login(email).await;
        let opened = open_proof(&self.table, &self.links, &confirmed(&token)).await.unwrap();
        let (user_agent, country) = (Some(agent.to_owned()), country.map(str::to_owned));
        let cause = Cause { user_agent, country, ..cause() };
        let (table, issuer, policy) = (&self.table, &self.issuer, &self.policy);
        let entrance = Entrance { table, issuer, policy, cause: &cause, network: NETWORK };
        whole(verify_login(&entrance, &opened, None).await.unwrap())
    }

    pub(crate) async fn refresh(&self, token: &str) -> Result<SessionTokens, IdentityError> {
        self.refresh_with(&self.issuer, token).await
    }

    /// Refreshes as an instance does that has other keys.
    pub(crate) async fn refresh_with(
        &self,
        issuer: &Issuer,
        token: &str,
    ) -> Result<SessionTokens, IdentityError> {
        refresh(&self.table, issuer, &self.policy, &cause(), token).await
    }

    /// How often this happened.
    pub(crate) async fn events(&self, kind: &str) -> usize {
        self.database.events().await.iter().filter(|event| event.kind == kind).count()
    }

    /// Whom the tokens stand for now. Whoever only reads may for a moment be who they were, but is never
    /// refused by a read that is late.
    pub(crate) async fn who(&self, tokens: &SessionTokens) -> Result<Principal, AuthenticationError> {
        let now = self.principal(tokens, Consistency::Strong).await;
        if now.is_ok() && self.principal(tokens, Consistency::Eventual).await.is_err() {
            let ended = self.principal(tokens, Consistency::Strong).await;
            assert!(ended.is_err(), "a late read refused what has not ended meanwhile");
        }
        now
    }

    pub(crate) async fn principal(
        &self,
        tokens: &SessionTokens,
        consistency: Consistency,
    ) -> Result<Principal, AuthenticationError> {
        self.authority.principal(tokens.access_token.expose(), consistency).await
    }
}

/// The tokens of a session that lacks nothing.
pub(crate) fn whole(signed_in: SignedIn) -> SessionTokens {
    match signed_in {
        SignedIn::Session(tokens) => tokens,
        SignedIn::Half(challenge) => panic!("{challenge:?}"),
    }
}

/// What an instance with these keys issues with: it publishes the current one first.
pub(crate) async fn issuer(table: &Table, keys: Keys<SessionKey>) -> Issuer {
    let published = publish_signing_key(table, &keys.current).await.unwrap();
    Issuer { keys: Arc::new(keys), published }
}

pub(crate) fn cause() -> Cause {
    Cause {
        actor: ActorRef::Anonymous,
        correlation_id: "test".to_owned(),
        ip: None,
        country: None,
        user_agent: None,
    }
}

pub(crate) fn link(token: &str, browser_token: Option<&str>) -> Proof {
    Proof::Link { token: token.to_owned(), browser_token: browser_token.map(str::to_owned), confirmed: false }
}

pub(crate) fn confirmed(token: &str) -> Proof {
    Proof::Link { token: token.to_owned(), browser_token: None, confirmed: true }
}

pub(crate) fn code(email: &str, code: &str) -> Proof {
    Proof::Code { email: email.parse().unwrap(), code: code.parse().unwrap(), browser_token: None }
}

pub(crate) fn code_from(email: &str, code: &str, browser_token: &str) -> Proof {
    let browser_token = Some(browser_token.to_owned());
    Proof::Code { email: email.parse().unwrap(), code: code.parse().unwrap(), browser_token }
}

/// Another code than this one.
pub(crate) fn other_than(code: &str) -> &'static str {
    if code == "000000" { "000001" } else { "000000" }
}

/// An organization with a member, as far as this domain looks at it.
impl Setting {
    pub(crate) async fn joins(&self, user_id: UserId) -> OrgId {
        self.joins_with(user_id, MfaPolicy::default()).await
    }

    /// One that asks for a second factor.
    pub(crate) async fn joins_strict(&self, user_id: UserId) -> OrgId {
        self.joins_with(user_id, MfaPolicy { mode: MfaMode::Required, grace_ends_at: None }).await
    }

    async fn joins_with(&self, user_id: UserId, mfa: MfaPolicy) -> OrgId {
        let org_id: OrgId = Ids::unguessable();
        let membership = Membership {
            user_id,
            org_id,
            member_id: Ids::unguessable(),
            role: Role::Member,
            sessions_valid_after: None,
            org_name: "Acme".to_owned(),
            org_slug: "acme".to_owned(),
            sso_required: false,
            version: 0,
        };
        let changes = Changes::new().create(&membership).create(&Gate { org_id, mfa });
        self.table.commit(&cause(), changes).await.unwrap();
        org_id
    }
}

#[derive(Serialize, Deserialize)]
struct Gate {
    org_id: OrgId,
    mfa: MfaPolicy,
}

impl Item for Gate {
    fn key(&self) -> Key {
        identity::keys::Gate::key(Tenant::trusted(self.org_id))
    }

    fn version(&self) -> u64 {
        0
    }
}
