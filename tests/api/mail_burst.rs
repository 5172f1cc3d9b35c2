//! More mails at once than SES takes: none is lost, none is given up, and who waits for one to sign in does
//! not wait for the others.

use std::collections::BTreeMap;

use billing::events::SubscriptionActivated;
use identity::events::MagicLinkRequested;
use jiff::{SignedDuration, Timestamp};
use primitives::{Ids, LoginId, OrgId};

use crate::{known, product::Product};

/// What SES takes in a second.
const RATE: u32 = 14;
const SIGN_INS: usize = 40;
const ORGANIZATIONS: usize = 23;
const OWNERS: usize = 20;
const MAILS: usize = SIGN_INS + ORGANIZATIONS * OWNERS;

/// The workers are told that SES takes as many as they like, as when somebody else uses up the account's
/// rate: so it is the throttles that this is about. That workers which know the rate keep to it is in
/// functions/queue-mail/src/lanes.rs.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_five_hundred_mails_at_once_none_is_lost_and_nobody_waits_to_sign_in() {
    let product = Product::with(
        |_| None,
        |mut options| {
            options.mails_per_second = Some(RATE);
            options.parameters.insert("MailSendRate".to_owned(), "1000".to_owned());
            options
        },
    )
    .await;
    let table = known::table(&product).await;
    let logins: Vec<LoginId> = (0..SIGN_INS).map(|_| Ids::unguessable()).collect();
    let orgs: Vec<OrgId> = (0..ORGANIZATIONS).map(|_| Ids::unguessable()).collect();
    let sign_in_address = |n: usize| format!("person{n}@sign-in.example");
    let rows = logins.iter().enumerate().map(|(n, login)| known::login(*login, &sign_in_address(n)));
    known::write(&table, rows).await;
    let owners = |n: usize| (0..OWNERS).map(move |owner| format!("owner{owner}@company{n}.example"));
    known::write(&table, orgs.iter().enumerate().map(|(n, org)| known::organization(*org, owners(n)))).await;
    product.owner("first@example.com", "first").await;
    product.settle().await;

    let now = product.cloud.clock().now();
    let link = |n: usize| MagicLinkRequested {
        login_id: logins[n],
        email: sign_in_address(n).parse().unwrap(),
        expires_at: now + SignedDuration::from_mins(15),
    };
    let others = orgs.iter().map(|org| {
        let mut active: SubscriptionActivated = events::example().unwrap();
        active.subscription.org_id = *org;
        known::event(Some(*org), &active, now)
    });
    let sign_ins = (0..SIGN_INS).map(|n| known::event(None, &link(n), now));
    // the sign-ins come when most of the others are there already
    let mut all: Vec<_> = others.collect();
    all.splice(ORGANIZATIONS / 2..ORGANIZATIONS / 2, sign_ins);
    known::publish(&product, &all).await;
    for _ in 0..60 {
        // a busy machine may need longer than a drain waits: another round then
        product.cloud.drain().await;
        product.cloud.advance(SignedDuration::from_secs(30)).await;
        if sent(&product).len() == MAILS {
            break;
        }
    }

    let mails = sent(&product);
    assert_eq!(mails.len(), MAILS, "everybody is written to");
    assert!(mails.values().all(|times| times.len() == 1), "once");
    // Ten seconds of SES's time, which a busy machine does not stretch: it takes so many mails in them, and
    // in the first instant as many as in a second. That no worker lets SES wait is in
    // functions/queue-mail/src/lanes.rs.
    let last = (0..SIGN_INS).map(|n| mails[&sign_in_address(n)][0]).max().unwrap();
    let before = mails.values().flatten().filter(|at| **at <= last).count();
    assert!(before <= 10 * RATE as usize, "the last one to sign in waited for {before} mails");
    for queue in ["MailDeadLetters", "SignInMailDeadLetters", "MailQueue", "SignInMailQueue"] {
        let left = product
            .cloud
            .inspect(|state| state.queues.get(queue).map_or(0, |queue| queue.messages().count()));
        assert_eq!(left, 0, "{queue}");
    }
    // what SES took: never more than it has, which is one second's worth at once and as many in the second
    // after
    let mut at: Vec<Timestamp> = mails.into_values().flatten().collect();
    at.sort();
    let most = at.iter().map(|begin| {
        at.iter().filter(|at| (*begin..*begin + SignedDuration::from_secs(1)).contains(at)).count()
    });
    assert!(most.max().unwrap() <= 2 * RATE as usize);
}

/// When each address of the burst was sent a mail.
fn sent(product: &Product) -> BTreeMap<String, Vec<Timestamp>> {
    let mut sent = BTreeMap::<_, Vec<_>>::new();
    product.cloud.inspect(|state| {
        for mail in state.mails.iter().filter(|mail| !mail.to[0].ends_with("@example.com")) {
            sent.entry(mail.to[0].clone()).or_default().push(mail.at);
        }
    });
    sent
}
