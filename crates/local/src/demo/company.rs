//! How the demo comes into being. Each step looks first what is there, so that a build which did not come to
//! its end is finished by the next one.

use std::collections::BTreeMap;

use anyhow::{Context as _, bail};
use http::Method;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::session::{Session, link, mailed, newest_mail, taken, text};
use super::{Demo, DemoInvite, DemoKey, DemoOrganization, DemoPerson};
use crate::client::Client;
use crate::issuer;
use crate::scim::Directory;

const DOMAIN: &str = "acme.example";
/// Group of the directory whose members are admins.
const ADMIN_GROUP: &str = "Administrators";
const SSO_NAME: &str = "Local identity provider";
const SCIM_NAME: &str = "Local page";
/// How many people may come by the link. A link of the demo is known by it.
const LINK_USES: u32 = 25;
const LINK_DAYS: i64 = 60;

/// Somebody of the demo: the address and the name.
type Person = (&'static str, &'static str);

const ADA: Person = ("ada@acme.example", "Ada Winter");
const GRACE: Person = ("grace@acme.example", "Grace Okoye");
const BEN: Person = ("ben@acme.example", "Ben Larsson");
const VERA: Person = ("vera@acme.example", "Vera Costa");
/// Whom the identity provider brings.
const SAM: Person = ("sam@acme.example", "Sam Novak");
const HANK: Person = ("hank@globex.example", "Hank Moreau");

const INVITED: [(&str, &str); 2] = [("lena@acme.example", "member"), ("paul@partner.example", "viewer")];
const KEYS: [(&str, &[&str]); 2] = [
    ("Reporting", &["org:read", "members:read"]),
    ("Onboarding", &["members:read", "members:write", "invites:read", "invites:write"]),
];

/// A demo that is being built.
pub(super) struct Company<'a> {
    pub(super) product: &'a Client,
    pub(super) api_url: &'a str,
    pub(super) said: fn(&str),
}

impl<'a> Company<'a> {
    /// The demo, and the secrets of its API keys.
    pub(super) async fn build(&self) -> anyhow::Result<(Demo, BTreeMap<String, String>)> {
        let (ada, acme) = self.organization(ADA, ("Acme", "acme")).await.context("Acme cannot be made")?;
        for (person, role) in [(GRACE, "admin"), (BEN, "member"), (VERA, "viewer")] {
            self.member(&ada, person, role).await.with_context(|| format!("{} cannot join", person.0))?;
        }
        (self.said)("invites, by mail and by link");
        let invite_link = self.invites(&ada).await.context("nobody can be invited")?;
        (self.said)("API keys");
        let secrets = Self::keys(&ada).await.context("API keys cannot be made")?;
        (self.said)("a verified domain, and single sign-on by it");
        let domain_id = self.domain(&ada).await.context("the domain cannot be verified")?;
        self.sso(&ada, &domain_id).await.context("single sign-on does not work")?;
        (self.said)("a directory, kept by SCIM");
        let scim_token = self.directory(&ada).await.context("the directory cannot be made")?;
        (self.said)("a subscription");
        self.subscribe(&ada, &acme).await.context("Acme cannot subscribe")?;
        let (hank, globex) =
            self.organization(HANK, ("Globex", "globex")).await.context("Globex cannot be made")?;
        self.member(&hank, BEN, "admin").await.context("nobody can be in both organizations")?;
        let about =
            "has all: members in every role, invites, keys, single sign-on, a directory, a subscription";
        let organization = |id: String, name: &str, slug: &str, about: &str| DemoOrganization {
            id,
            name: name.to_owned(),
            slug: slug.to_owned(),
            about: about.to_owned(),
        };
        let demo = Demo {
            organizations: vec![
                organization(acme, "Acme", "acme", about),
                organization(globex, "Globex", "globex", "is small, and in its free trial"),
            ],
            people: people(),
            invited: INVITED
                .map(|(email, role)| DemoInvite { email: email.into(), role: role.into() })
                .to_vec(),
            invite_link,
            keys: KEYS
                .map(|(name, scopes)| DemoKey {
                    name: name.to_owned(),
                    scopes: scopes.iter().map(|&scope| scope.to_owned()).collect(),
                })
                .to_vec(),
            domain: DOMAIN.to_owned(),
            admin_group: ADMIN_GROUP.to_owned(),
            scim_token,
        };
        Ok((demo, secrets))
    }

    async fn sign_in(&self, (email, name): Person) -> anyhow::Result<Session<'a>> {
        let session = Session::begin(self.product, email).await?;
        session.named(name).await?;
        Ok(session)
    }

    /// An organization and its owner, who is in it.
    async fn organization(
        &self,
        owner: Person,
        (name, slug): (&str, &str),
    ) -> anyhow::Result<(Session<'a>, String)> {
        (self.said)(&format!("{name}, with its owner {}", owner.0));
        let session = self.sign_in(owner).await?;
        let me = session.get("/v1/me").await?;
        let mut own = me["organizations"].as_array().into_iter().flatten();
        let id = if let Some(known) = own.find(|one| one["slug"] == slug) {
            text(&known["org_id"])?.to_owned()
        } else {
            let made = session.try_post("/v1/orgs", &json!({ "name": name, "slug": slug })).await?;
            if made.code() == "slug_taken" {
                bail!(
                    "there is an organization {slug} already, and it is not the demo's; \
                     start with --reset, or in a folder of its own with --state"
                );
            }
            if let Some(refusal) = made.refusal() {
                bail!(refusal);
            }
            text(&made.body["id"])?.to_owned()
        };
        Ok((session.switched(&id).await?, id))
    }

    /// Invites somebody, who accepts.
    async fn member(&self, by: &Session<'a>, person: Person, role: &str) -> anyhow::Result<()> {
        let (email, _) = person;
        let members = by.list("/v1/orgs/current/members").await?;
        if members.iter().any(|member| member["email"] == email) {
            return Ok(());
        }
        (self.said)(&format!("{email}, as {role}"));
        let known = newest_mail(self.product, email).await?;
        let invites = "/v1/orgs/current/invites";
        match pending(by, email).await? {
            Some(id) => by.post(&format!("{invites}/{id}/resend"), &Value::Null).await?,
            None => by.post(invites, &json!({ "email": email, "role": role })).await?,
        };
        let token = mailed(self.product, email, known.as_deref(), link).await?;
        let session = self.sign_in(person).await?;
        session.post("/v1/invites/accept", &json!({ "token": token })).await?;
        Ok(())
    }

    /// Invites who will not come, and makes the link by which others may: its address.
    async fn invites(&self, by: &Session<'a>) -> anyhow::Result<String> {
        for (email, role) in INVITED {
            if pending(by, email).await?.is_none() {
                by.post("/v1/orgs/current/invites", &json!({ "email": email, "role": role })).await?;
            }
        }
        let links = "/v1/orgs/current/invite-links";
        let is_ours = |link: &Value| link["status"] == "active" && link["max_uses"] == LINK_USES;
        take_back(by, links, by.list(links).await?, is_ours).await?;
        let expires_at = self.now().await? + SignedDuration::from_hours(24 * LINK_DAYS);
        let link = json!({ "role": "member", "max_uses": LINK_USES, "expires_at": expires_at });
        Ok(text(&by.post(links, &link).await?["url"])?.to_owned())
    }

    /// The secrets of the API keys by their names.
    async fn keys(by: &Session<'a>) -> anyhow::Result<BTreeMap<String, String>> {
        let path = "/v1/orgs/current/api-keys";
        let is_ours =
            |key: &Value| key["status"] == "active" && KEYS.iter().any(|(name, _)| key["name"] == *name);
        take_back(by, path, by.list(path).await?, is_ours).await?;
        let mut secrets = BTreeMap::new();
        for (name, scopes) in KEYS {
            let made = by.post(path, &json!({ "name": name, "scopes": scopes })).await?;
            secrets.insert(name.to_owned(), text(&made["secret"])?.to_owned());
        }
        Ok(secrets)
    }

    /// The id of the domain, whose record is in this machine's DNS.
    async fn domain(&self, by: &Session<'a>) -> anyhow::Result<String> {
        let path = "/v1/orgs/current/domains";
        let known = by.list(path).await?.into_iter().find(|domain| domain["name"] == DOMAIN);
        let domain = match known {
            Some(domain) => domain,
            None => by.post(path, &json!({ "name": DOMAIN })).await?,
        };
        let id = text(&domain["id"])?;
        if domain["status"] != "verified" {
            let record = &domain["txt_record"];
            let dns = format!("/_local/api/dns/{}", text(&record["name"])?);
            self.product.must(Method::PUT, &dns, None, &json!({ "texts": [record["value"]] })).await?;
            by.post(&format!("{path}/{id}/verify"), &Value::Null).await?;
        }
        Ok(id.to_owned())
    }

    /// Connects the identity provider of this machine, which then brings somebody.
    async fn sso(&self, by: &Session<'a>, domain_id: &str) -> anyhow::Result<()> {
        let path = "/v1/orgs/current/sso/connections";
        if by.list(path).await?.iter().all(|connection| connection["name"] != SSO_NAME) {
            let connection = json!({
                "name": SSO_NAME, "issuer": issuer::address(self.api_url), "client_id": issuer::SSO_CLIENT_ID,
                "client_secret": issuer::SSO_SECRET, "domain_ids": [domain_id], "default_role": "member",
            });
            by.post(path, &connection).await?;
        }
        let (email, name) = SAM;
        Session::begin_by_sso(self.product, email).await?.named(name).await
    }

    /// The token of the directory, in which a group gives a role.
    async fn directory(&self, by: &Session<'a>) -> anyhow::Result<String> {
        let tokens = "/v1/orgs/current/scim/tokens";
        let mut known = by.get("/v1/orgs/current/scim").await?;
        take_back(by, tokens, taken(&mut known, "tokens"), |token| token["name"] == SCIM_NAME).await?;
        let made = by.post(tokens, &json!({ "name": SCIM_NAME })).await?;
        let token = text(&made["secret"])?.to_owned();
        let group = Directory::new(self.product, token.clone()).group(ADMIN_GROUP).await?;
        let path = format!("/v1/orgs/current/scim/groups/{group}");
        by.must(Method::PATCH, &path, &json!({ "role": "admin" })).await?;
        Ok(token)
    }

    async fn subscribe(&self, by: &Session<'a>, org_id: &str) -> anyhow::Result<()> {
        if by.get("/v1/billing/subscription").await?["status"] != "active" {
            let stripe = "/_local/api/stripe/subscribe";
            self.product.must(Method::POST, stripe, None, &json!({ "org_id": org_id })).await?;
        }
        Ok(())
    }

    /// The time of the product, whose clock may have been moved.
    async fn now(&self) -> anyhow::Result<Timestamp> {
        let clock = self.product.must(Method::GET, "/_local/api/clock", None, &Value::Null).await?;
        text(&clock["now"])?.parse().context("the clock shows no time")
    }
}

/// Who is what.
fn people() -> Vec<DemoPerson> {
    let all: [(Person, &[(&str, &str)]); 6] = [
        (ADA, &[("acme", "owner")]),
        (GRACE, &[("acme", "admin")]),
        (BEN, &[("acme", "member"), ("globex", "admin")]),
        (VERA, &[("acme", "viewer")]),
        (SAM, &[("acme", "member")]),
        (HANK, &[("globex", "owner")]),
    ];
    let described = all.map(|((email, name), roles)| DemoPerson {
        name: name.to_owned(),
        email: email.to_owned(),
        roles: roles.iter().map(|&(slug, role)| (slug.to_owned(), role.to_owned())).collect(),
        came_by_sso: email == SAM.0,
    });
    described.to_vec()
}

/// The id of the invite that somebody has not answered yet.
async fn pending(by: &Session<'_>, email: &str) -> anyhow::Result<Option<String>> {
    let invites = by.list("/v1/orgs/current/invites").await?;
    let mut open = invites.iter().filter(|invite| invite["status"] == "pending");
    let own = open.find(|invite| invite["email"] == email);
    own.map(|invite| Ok(text(&invite["id"])?.to_owned())).transpose()
}

/// Takes back what an earlier build made and is shown once: nobody has it any more.
async fn take_back(
    by: &Session<'_>,
    path: &str,
    known: Vec<Value>,
    is_ours: impl Fn(&Value) -> bool,
) -> anyhow::Result<()> {
    for one in known.iter().filter(|one| is_ours(one)) {
        let path = format!("{path}/{}", text(&one["id"])?);
        by.must(Method::DELETE, &path, &Value::Null).await?;
    }
    Ok(())
}
