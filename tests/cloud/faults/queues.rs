//! A worker that fails on one message of ten.

use access::{Role, Tenant};
use aws_sdk_dynamodb::types::AttributeValue;
use aws_sdk_sqs::types::{QueueAttributeName, SendMessageBatchRequestEntry};
use events::{ActorRef, Envelope, Event, NewEvent};
use orgs::events::OrganizationCreated;
use primitives::{Clock, Ids, MemberId, OrgId, Timestamp};
use serde_json::json;

use super::{
    events::{attribute, count, look_into},
    turn,
};
use crate::product::Product;

fn organization_created(org_id: OrgId, number: usize) -> Envelope {
    let clock = Clock::system();
    let mut data: OrganizationCreated = events::example().unwrap();
    data.organization.id = org_id;
    data.organization.name = format!("Ten {number}");
    let event = NewEvent::new(Some(org_id), &org_id, 1, &data);
    Envelope {
        id: Ids::random(clock.clone()).next(),
        kind: OrganizationCreated::NAME.to_owned(),
        version: OrganizationCreated::VERSION,
        time: clock.now(),
        org_id: Some(org_id),
        aggregate: event.aggregate,
        sequence: 1,
        correlation_id: "ten".to_owned(),
        actor: ActorRef::System("test".to_owned()),
        data: event.data,
    }
}

/// Writes the organization and its owner, as a request to create it would.
async fn write(product: &Product, org_id: OrgId, number: usize) {
    let (tenant, member): (_, MemberId) = (Tenant::trusted(org_id), Ids::unguessable());
    let shown = orgs::api::Member {
        id: member,
        user_id: Ids::unguessable(),
        email: format!("owner{number}@ten.example").parse().unwrap(),
        name: None,
        role: Role::Owner,
        status: orgs::api::MemberStatus::Active,
        managed_by: None,
        joined_at: Timestamp::UNIX_EPOCH.into(),
        version: 1,
    };
    let index = orgs::keys::member_by_role(tenant, &shown);
    let (org, owner) = (orgs::keys::Org::key(tenant), orgs::keys::Member::key(tenant, member));
    let rows = [
        vec![("pk", org.pk()), ("sk", org.sk()), ("name", format!("Ten {number}"))],
        vec![
            ("pk", owner.pk()),
            ("sk", owner.sk()),
            ("list_pk", index.pk),
            ("list_sk", index.sk),
            ("summary", index.summary.unwrap()),
            ("email", shown.email.to_string()),
            ("role", Role::Owner.to_string()),
        ],
    ];
    let client = aws_sdk_dynamodb::Client::new(&product.sdk);
    for row in rows {
        let put = client.put_item().table_name(product.stack.resource("Table"));
        let put = row.into_iter().fold(put, |put, (name, text)| put.item(name, AttributeValue::S(text)));
        put.send().await.unwrap();
    }
}

/// The event about an organization that is not there is refused, and soon a dead letter; it is a
/// mail when the organization is there and the letter is sent back.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_message_of_ten_goes_to_the_dead_letters_and_is_redriven() {
    let turn = turn().await;
    let product = &turn.product;
    let organizations: Vec<OrgId> = (0..10).map(|_| Ids::unguessable()).collect();
    for (number, org_id) in organizations.iter().enumerate().filter(|(number, _)| *number != 7) {
        write(product, *org_id, number).await;
    }
    let queues = aws_sdk_sqs::Client::new(&product.sdk);
    let entries = organizations.iter().enumerate().map(|(number, org_id)| {
        let body = json!({ "detail": organization_created(*org_id, number) }).to_string();
        SendMessageBatchRequestEntry::builder().id(number.to_string()).message_body(body).build().unwrap()
    });
    let url = product.stack.resource("MailQueue");
    let sent = queues.send_message_batch().queue_url(url).set_entries(Some(entries.collect()));
    assert!(sent.send().await.unwrap().failed().is_empty());
    let mails = async |number: usize| product.mails(&format!("owner{number}@ten.example")).await.len();
    let dead =
        product.eventually("the dead letter", async || look_into(product, "MailDeadLetters").await).await;
    assert!(dead.body().unwrap().contains(&organizations[7].to_string()), "{dead:?}");
    for number in (0..10).filter(|number| *number != 7) {
        product.eventually("a mail", async || (mails(number).await == 1).then_some(())).await;
    }
    assert_eq!(mails(7).await, 0);
    write(product, organizations[7], 7).await;
    let source = attribute(product, "MailDeadLetters", QueueAttributeName::QueueArn).await;
    queues.start_message_move_task().source_arn(source).send().await.unwrap();
    product.eventually("the tenth mail", async || (mails(7).await == 1).then_some(())).await;
    assert_eq!(count(product, "MailDeadLetters").await, 0, "nothing is left behind");
}
