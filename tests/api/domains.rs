//! Domains of an organization: how they are added, verified, looked up again, and lost.

mod checks;
mod races;

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use system_tests::answer::Answer;

use crate::{invites::refused, product::Product};

pub(crate) const DOMAINS: &str = "/v1/orgs/current/domains";

/// Where a domain is.
pub(crate) fn at(domain: &Answer) -> String {
    format!("{DOMAINS}/{}", domain.text("/id"))
}

impl Product {
    /// Adds a domain.
    pub(crate) async fn domain(&self, by: &str, name: &str) -> Answer {
        let added = self.post_as(DOMAINS, by, &json!({ "name": name })).await;
        assert_eq!(added.status, StatusCode::CREATED, "{added:?}");
        added
    }

    /// Has DNS say this about a name.
    pub(crate) async fn dns(&self, name: &str, said: &Value) {
        let put = self.request(Method::PUT, &format!("/_local/api/dns/{name}")).json(said);
        let put = self.send(put).await;
        assert_eq!(put.status, StatusCode::OK, "{put:?}");
    }

    /// Sets the record of a domain.
    pub(crate) async fn set_record(&self, domain: &Answer) {
        let record = domain.text("/txt_record/value");
        self.dns(&domain.text("/txt_record/name"), &json!({ "texts": ["v=spf1 -all", record] })).await;
    }

    pub(crate) async fn verify(&self, by: &str, domain: &Answer) -> Answer {
        self.post_nothing(&format!("{}/verify", at(domain)), by).await
    }

    /// Adds a domain and verifies it.
    pub(crate) async fn verified(&self, by: &str, name: &str) -> Answer {
        let domain = self.domain(by, name).await;
        self.set_record(&domain).await;
        let verified = self.verify(by, &domain).await;
        assert_eq!((verified.status, &verified.body["status"]), (StatusCode::OK, &json!("verified")));
        verified
    }

    /// Says who may join by a domain.
    pub(crate) async fn capture(&self, by: &str, domain: &Answer, body: &Value) -> Answer {
        self.send(self.request(Method::PATCH, &at(domain)).bearer_auth(by).json(body)).await
    }

    /// What the events of domains are about, oldest first: type, and the domain's status.
    async fn about_domains(&self) -> Vec<(String, String)> {
        self.settle().await;
        let events = self.local("/events").await;
        let items = events["items"].as_array().unwrap().iter().rev();
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        let told =
            items.map(|event| (text(&event["detail_type"]), event["detail"]["data"]["domain"].clone()));
        let told = told.filter(|(kind, _)| kind.starts_with("domain."));
        told.map(|(kind, domain)| (kind, text(&domain["status"]))).collect()
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_domain_is_added_shown_by_its_record_and_removed() {
    let product = Product::start().await;
    let (ada, _) = product.owner("ada@example.com", "acme").await;
    let add = async || {
        let request =
            product.request(Method::POST, DOMAINS).bearer_auth(&ada).header("idempotency-key", "once");
        product.send(request.json(&json!({ "name": " BÜCHER.Example " }))).await
    };
    let domain = add().await;
    assert_eq!(domain.status, StatusCode::CREATED, "{domain:?}");
    let value = domain.text("/txt_record/value");
    let expected = json!({
        "id": domain.text("/id"), "name": "xn--bcher-kva.example", "status": "pending",
        "txt_record": { "name": "_gantry-challenge.xn--bcher-kva.example", "value": value },
        "capture": "off", "default_role": "member", "sso_connection_id": null, "created_at": domain.body["created_at"], "verified_at": null,
        "checked_at": null, "version": 1,
    });
    assert_eq!(domain.body, expected);
    let token = value.strip_prefix("gantry-domain-verification=").unwrap();
    assert!(token.len() == 32 && token.bytes().all(|byte| byte.is_ascii_hexdigit()), "{value}");
    assert_eq!(domain.headers["location"], at(&domain).as_str());
    assert_eq!(add().await.body, domain.body, "once");
    let again = product.post_as(DOMAINS, &ada, &json!({ "name": "bücher.example" })).await;
    assert_eq!(refused(&again), (409, "domain_exists"));

    assert_eq!(refused(&product.verify(&ada, &domain).await), (409, "record_not_found"));
    let change = json!({ "capture": "request" });
    assert_eq!(refused(&product.capture(&ada, &domain, &change).await), (409, "domain_unverified"));
    product.set_record(&domain).await;
    let verified = product.verify(&ada, &domain).await;
    assert_eq!((verified.status, &verified.body["version"]), (StatusCode::OK, &json!(2)), "{verified:?}");
    assert_eq!(verified.body["verified_at"], verified.body["checked_at"]);
    assert_eq!(product.verify(&ada, &domain).await.body, verified.body, "it is so already");
    let changed =
        product.capture(&ada, &domain, &json!({ "capture": "automatic", "default_role": "viewer" })).await;
    assert_eq!(
        (&changed.body["capture"], &changed.body["default_role"]),
        (&json!("automatic"), &json!("viewer"))
    );
    assert_eq!(product.capture(&ada, &domain, &json!({})).await.body, changed.body, "nothing is to change");

    product.settle().await;
    let shown = product.get(&at(&domain), &ada).await;
    assert_eq!((&shown.body, shown.headers["etag"].to_str().unwrap()), (&changed.body, "\"3\""));
    let listed = product.get(DOMAINS, &ada).await;
    assert_eq!(listed.body, json!({ "items": [changed.body], "next_cursor": null }));

    let late = product.request(Method::DELETE, &at(&domain)).bearer_auth(&ada).header("if-match", "\"2\"");
    let late = product.send(late).await;
    assert_eq!(
        (refused(&late), late.headers["etag"].to_str().unwrap()),
        ((412, "version_mismatch"), "\"3\"")
    );
    let gone = product.delete(&at(&domain), &ada).await;
    assert_eq!(gone.status, StatusCode::NO_CONTENT, "{gone:?}");
    for answer in [product.delete(&at(&domain), &ada).await, product.verify(&ada, &domain).await] {
        assert_eq!(refused(&answer), (404, "not_found"));
    }
    let told = product.about_domains().await;
    let told: Vec<_> = told.iter().map(|(kind, status)| format!("{kind} {status}")).collect();
    let expected = [
        "domain.added pending",
        "domain.verified verified",
        "domain.updated verified",
        "domain.removed verified",
    ];
    assert_eq!(told, expected);
    // the same name is another domain with another record
    assert_ne!(product.domain(&ada, "bücher.example").await.text("/txt_record/value"), value);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_no_domain_of_an_organization_is_refused() {
    let product = Product::start().await;
    let (ada, _) = product.owner("ada@example.com", "acme").await;
    let long = [&"a".repeat(63), &"b".repeat(63), &"c".repeat(63), &*"d".repeat(40)].join(".") + ".com";
    for (name, code) in [
        ("gmail.com", "public_domain"),
        ("co.uk", "public_domain"),
        ("github.io", "public_domain"),
        ("hotmail.co.uk", "public_domain"),
        ("公司.cn", "public_domain"),
        (&long, "too_long"),
        ("example", "invalid_format"),
        ("a@example.com", "invalid_format"),
        ("*.example.com", "invalid_format"),
        ("exam_ple.com", "invalid_format"),
        ("example.com.", "invalid_format"),
        ("127.0.0.1", "invalid_format"),
        ("a\n.example", "invalid_format"),
        ("", "invalid_format"),
    ] {
        let refusal = product.post_as(DOMAINS, &ada, &json!({ "name": name })).await;
        assert_eq!(refused(&refusal), (422, "invalid_request"), "{name}");
        let error = &refusal.body["errors"][0];
        assert_eq!((&error["pointer"], &error["code"]), (&json!("/name"), &json!(code)), "{name}");
    }
    let domain = product.domain(&ada, "example.com").await;
    for body in
        [json!({ "capture": "sometimes" }), json!({ "default_role": "admin" }), json!({ "name": "b.com" })]
    {
        assert_eq!(refused(&product.capture(&ada, &domain, &body).await).0, 422, "{body}");
    }
    // domains below one are others
    product.domain(&ada, "mail.example.com").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_domain_is_its_organizations_business_alone() {
    let product = Product::start().await;
    let (ada, _) = product.owner("ada@example.com", "acme").await;
    let domain = product.verified(&ada, "example.com").await;
    let (bob, _) = product.owner("bob@example.com", "beta").await;
    let (eve, _) = product.joined(&ada, "eve@example.com", "member").await;
    assert_eq!(refused(&product.get(DOMAINS, &eve).await), (403, "forbidden"));
    let nowhere = format!("{DOMAINS}/dom_01kar8h5g0e0vsx4q1v3f6m2ah");
    let bodies = async |path: &str| {
        let shown = product.get(path, &bob).await;
        assert_eq!(refused(&shown), (404, "not_found"), "{path}");
        shown.body["detail"].clone()
    };
    assert_eq!(bodies(&at(&domain)).await, bodies(&nowhere).await);
    for answer in [
        product.verify(&bob, &domain).await,
        product.capture(&bob, &domain, &json!({ "capture": "automatic" })).await,
        product.delete(&at(&domain), &bob).await,
    ] {
        assert_eq!(refused(&answer), (404, "not_found"));
    }
    let admin = product.joined(&ada, "max@example.com", "admin").await.0;
    assert_eq!(product.get(&at(&domain), &admin).await.status, StatusCode::OK);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn records_are_found_however_they_are_written() {
    let product = Product::start().await;
    let (ada, _) = product.owner("ada@example.com", "acme").await;
    let record = |domain: &Answer| (domain.text("/txt_record/name"), domain.text("/txt_record/value"));
    let (parted, aliased, many) = (
        product.domain(&ada, "parted.example").await,
        product.domain(&ada, "aliased.example").await,
        product.domain(&ada, "many.example").await,
    );
    let (name, value) = record(&parted);
    product.dns(&name, &json!({ "texts": [value], "string_bytes": 20 })).await;
    let (name, value) = record(&aliased);
    product.dns(&name, &json!({ "alias": "acme.dns.example" })).await;
    product.dns("acme.dns.example", &json!({ "texts": [value] })).await;
    // more than there is room for in an answer over UDP
    let (name, value) = record(&many);
    let texts: Vec<_> = (0..40).map(|_| "x".repeat(200)).chain([value]).collect();
    product.dns(&name, &json!({ "texts": texts })).await;
    for domain in [&parted, &aliased, &many] {
        let verified = product.verify(&ada, domain).await;
        assert_eq!(verified.body["status"], "verified", "{verified:?}");
    }
    let other = product.domain(&ada, "other.example").await;
    let (name, value) = record(&other);
    let (_, of_another) = record(&many);
    for said in [
        json!({ "texts": [] }),
        json!({ "texts": [of_another] }),
        json!({ "texts": [value[..50]] }),
        json!({ "texts": [value.to_uppercase()] }),
        json!({ "alias": "nowhere.example" }),
    ] {
        product.dns(&name, &said).await;
        assert_eq!(refused(&product.verify(&ada, &other).await), (409, "record_not_found"), "{said}");
    }
    // beside the domain instead of below it
    product.dns("other.example", &json!({ "texts": [value] })).await;
    assert_eq!(refused(&product.verify(&ada, &other).await), (409, "record_not_found"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_dns_does_not_answer_is_asked_for_later_and_not_too_often() {
    let product = Product::start().await;
    let (ada, _) = product.owner("ada@example.com", "acme").await;
    let domain = product.domain(&ada, "example.com").await;
    for failure in ["servfail", "silent"] {
        product.dns(&domain.text("/txt_record/name"), &json!({ "failure": failure })).await;
        let answer = product.verify(&ada, &domain).await;
        assert_eq!(refused(&answer), (503, "unavailable"), "{failure}");
    }
    product.set_record(&domain).await;
    assert_eq!(product.verify(&ada, &domain).await.status, StatusCode::OK);
    for _ in 0..7 {
        product.verify(&ada, &domain).await;
    }
    let limited = product.verify(&ada, &domain).await;
    assert_eq!(refused(&limited), (429, "rate_limited"), "{limited:?}");
    let (bob, _) = product.owner("bob@example.com", "beta").await;
    let other = product.domain(&bob, "other.example").await;
    assert_eq!(
        refused(&product.verify(&bob, &other).await),
        (409, "record_not_found"),
        "each has its own limit"
    );
}
