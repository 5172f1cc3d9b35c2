//! Domains that several want at the same moment.

use futures::future::join_all;
use reqwest::StatusCode;
use serde_json::json;

use super::{DOMAINS, at};
use crate::{
    invites::{counted, refused},
    product::Product,
    stored,
};

impl Product {
    /// How many items of this kind there are.
    async fn stored(&self, kind: &str) -> usize {
        self.settle().await;
        stored::items(self).await.iter().filter(|item| item["kind"] == kind).count()
    }
}

/// Each of them controls the domain's records for a moment; one has it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_twenty_organizations_one_has_a_domain() {
    let product = Product::crowded().await;
    let mut all = Vec::new();
    for number in 0..20 {
        let (token, _) = product.owner(&format!("p{number}@example.com"), &format!("org-{number}")).await;
        let domain = product.domain(&token, "example.com").await;
        all.push((token, domain));
    }
    let texts: Vec<_> = all.iter().map(|(_, domain)| domain.text("/txt_record/value")).collect();
    product.dns("_gantry-challenge.example.com", &json!({ "texts": texts })).await;
    let answers = join_all(all.iter().map(|(token, domain)| product.verify(token, domain))).await;
    let counts = counted(&answers);
    assert_eq!((counts[&(200, "")], counts[&(409, "domain_claimed")]), (1, 19), "{counts:?}");
    assert_eq!(product.stored("domain_owner").await, 1);

    // when that one lets it go, the others are as before
    let winner = answers.iter().position(|answer| answer.status == StatusCode::OK).unwrap();
    let (token, domain) = &all[winner];
    assert_eq!(product.delete(&at(domain), token).await.status, StatusCode::NO_CONTENT);
    let others = all.iter().enumerate().filter(|(place, _)| *place != winner).map(|(_, one)| one);
    let answers = join_all(others.map(|(token, domain)| product.verify(token, domain))).await;
    let counts = counted(&answers);
    assert_eq!((counts[&(200, "")], counts[&(409, "domain_claimed")]), (1, 18), "{counts:?}");
    assert_eq!((product.stored("domain_owner").await, product.stored("domain").await), (1, 19));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_organization_has_twenty_domains_and_each_once() {
    let product = Product::crowded().await;
    let (ada, _) = product.owner("ada@example.com", "acme").await;
    let add = |name: String| {
        let (product, ada) = (&product, &ada);
        async move { product.post_as(DOMAINS, ada, &json!({ "name": name })).await }
    };
    let same = join_all((0..10).map(|_| add("example.com".to_owned()))).await;
    let counts = counted(&same);
    assert_eq!((counts[&(201, "")], counts[&(409, "domain_exists")]), (1, 9), "{counts:?}");
    for number in 0..12 {
        assert_eq!(add(format!("d{number}.example")).await.status, StatusCode::CREATED);
    }
    // who has no time asks to come back
    let wanted = async |name: String| {
        loop {
            let answer = add(name.clone()).await;
            if !answer.status.is_server_error() {
                return answer;
            }
        }
    };
    let rest = join_all((0..50).map(|number| wanted(format!("e{number}.example")))).await;
    let counts = counted(&rest);
    assert_eq!((counts[&(201, "")], counts[&(409, "too_many_domains")]), (7, 43), "{counts:?}");
    assert_eq!(product.stored("domain").await, 20);
    let first = same.into_iter().find(|answer| answer.status == StatusCode::CREATED).unwrap();
    let first = at(&first);
    let removed = join_all((0..5).map(|_| product.delete(&first, &ada))).await;
    let counts = counted(&removed);
    assert_eq!((counts[&(204, "")], counts[&(404, "not_found")]), (1, 4), "{counts:?}");
    assert_eq!(add("example.com".to_owned()).await.status, StatusCode::CREATED);
    assert_eq!(refused(&add("f.example".to_owned()).await), (409, "too_many_domains"));
}

/// Whatever comes first: in the end nobody owns a domain that is not there.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_domain_is_verified_changed_and_removed_at_once() {
    let product = Product::crowded().await;
    let (ada, _) = product.owner("ada@example.com", "acme").await;
    for _ in 0..3 {
        let domain = product.domain(&ada, "example.com").await;
        product.set_record(&domain).await;
        let capture = json!({ "capture": "automatic" });
        let verify = join_all((0..3).map(|_| product.verify(&ada, &domain)));
        let change = join_all((0..3).map(|_| product.capture(&ada, &domain, &capture)));
        let remove = async { product.delete(&at(&domain), &ada).await };
        let (verified, changed, removed) = futures::join!(verify, change, remove);
        assert_eq!(removed.status, StatusCode::NO_CONTENT, "{removed:?}");
        for answer in verified.iter().chain(&changed) {
            let known = [(200, ""), (404, "not_found"), (409, "domain_unverified")];
            assert!(known.contains(&refused(answer)), "{answer:?}");
        }
        assert_eq!((product.stored("domain_owner").await, product.stored("domain").await), (0, 0));
        product.advance(jiff::SignedDuration::from_mins(2)).await;
    }
}
