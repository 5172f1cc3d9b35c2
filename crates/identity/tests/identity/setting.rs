use access::Principal;
use events::ActorRef;
use identity::{
    AuthenticationError, Authority, IdentityError, LinkKey, Policy, Proof, SessionKey, SessionTokens,
    open_proof, publish_signing_key, refresh, request_login, verify_login,
};
use primitives::{Clock, Email, Keys, LoginId};
use table::{Cause, Consistency, Table};
use test_support::{Database, noon};

pub(crate) const ISSUER: &str = "https://api.example.com";

/// A database, a clock, and the keys that an instance of `api-auth` has.
pub(crate) struct Setting {
    pub(crate) database: Database,
    pub(crate) clock: Clock,
    pub(crate) table: Table,
    pub(crate) links: Keys<LinkKey>,
    pub(crate) sessions: Keys<SessionKey>,
    pub(crate) policy: Policy,
    pub(crate) authority: Authority,
}

impl Setting {
    pub(crate) async fn new() -> Self {
        let database = Database::start().await;
        let clock = Clock::fixed(noon());
        let table = database.table(&clock);
        let sessions = Keys::only(SessionKey::from_secret("a session secret", ISSUER));
        publish_signing_key(&table, &sessions.current).await.unwrap();
        let authority = Authority::new(table.clone(), ISSUER);
        let links = Keys::only(LinkKey::from_secret("a link secret"));
        Self { database, clock, table, links, sessions, policy: Policy::default(), authority }
    }

    /// Asks for a link and gives what the mail and the browser would hold: token, code and browser token.
    pub(crate) async fn login(&self, email: &str) -> (String, String, String) {
        let email: Email = email.parse().unwrap();
        let login =
            request_login(&self.table, &self.links.current, &self.policy, &cause(), email).await.unwrap();
        let events = self.database.events().await;
        let asked = events.iter().rev().find(|event| event.kind == "identity.magic_link_requested").unwrap();
        let login_id: LoginId = asked.data["login_id"].as_str().unwrap().parse().unwrap();
        (
            self.links.current.token(login_id),
            self.links.current.code(login_id),
            login.browser_token.expose().clone(),
        )
    }

    pub(crate) async fn verify(&self, proof: &Proof) -> Result<SessionTokens, IdentityError> {
        self.verify_with(&self.sessions.current, proof).await
    }

    /// Verifies as an instance does that signs with another key.
    pub(crate) async fn verify_with(
        &self,
        key: &SessionKey,
        proof: &Proof,
    ) -> Result<SessionTokens, IdentityError> {
        let opened = open_proof(&self.table, &self.links, proof).await.unwrap();
        verify_login(&self.table, key, &self.policy, &cause(), &opened).await
    }

    pub(crate) async fn signed_in(&self, email: &str) -> SessionTokens {
        let (token, _, browser) = self.login(email).await;
        self.verify(&link(&token, Some(&browser))).await.unwrap()
    }

    pub(crate) async fn refresh(&self, token: &str) -> Result<SessionTokens, IdentityError> {
        self.refresh_with(&self.sessions, token).await
    }

    /// Refreshes as an instance does that has other keys.
    pub(crate) async fn refresh_with(
        &self,
        keys: &Keys<SessionKey>,
        token: &str,
    ) -> Result<SessionTokens, IdentityError> {
        refresh(&self.table, keys, &self.policy, &cause(), token).await
    }

    pub(crate) async fn who(&self, tokens: &SessionTokens) -> Result<Principal, AuthenticationError> {
        self.authority.principal(tokens.access_token.expose(), Consistency::Eventual).await
    }
}

pub(crate) fn cause() -> Cause {
    Cause { actor: ActorRef::Anonymous, correlation_id: "test".to_owned(), ip: None, user_agent: None }
}

pub(crate) fn link(token: &str, browser_token: Option<&str>) -> Proof {
    Proof::Link { token: token.to_owned(), browser_token: browser_token.map(str::to_owned), confirmed: false }
}

pub(crate) fn confirmed(token: &str) -> Proof {
    Proof::Link { token: token.to_owned(), browser_token: None, confirmed: true }
}

pub(crate) fn code(email: &str, code: &str) -> Proof {
    Proof::Code { email: email.parse().unwrap(), code: code.to_owned(), browser_token: None }
}
