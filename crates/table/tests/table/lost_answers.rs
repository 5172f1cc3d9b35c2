//! Every operation is carried out once when its answer is lost and the SDK calls again.

use events::{ActorRef, NewEvent};
use primitives::{Clock, Ids, OrgId, SignedDuration};
use table::{Begun, Cause, Changes, Claimed, IdempotencyKey, RateLimit, keys::Consumed};
use test_support::{Database, LostAnswers, events::CounterChanged, noon};

#[tokio::test]
async fn a_claimed_key_is_the_callers_own() {
    let (database, lost) = (Database::start().await, LostAnswers::default());
    let table = database.table_over(&Clock::fixed(noon()), lost.http_client());
    let key = IdempotencyKey::new(&"org_1", "key", b"request");
    let begun = table.begin(&key).await.unwrap();
    assert_eq!(lost.operations(), ["PutItem"]);
    let Begun::New(claim) = begun else { panic!("{begun:?}") };
    assert!(matches!(table.begin(&key).await.unwrap(), Begun::InFlight));
    table.release(&claim).await.unwrap();
    assert_eq!(lost.operations(), ["DeleteItem", "PutItem"]);
    assert!(matches!(table.begin(&key).await.unwrap(), Begun::New(_)));
}

#[tokio::test]
async fn a_use_of_a_limit_counts_once() {
    let (database, lost) = (Database::start().await, LostAnswers::default());
    let table = database.table_over(&Clock::fixed(noon()), lost.http_client());
    let limit = RateLimit::new("test", [(3, SignedDuration::from_mins(1))]);
    let states = [table.take(&limit, "ada").await.unwrap(), table.take(&limit, "ada").await.unwrap()];
    assert_eq!(lost.operations(), ["UpdateItem"]);
    assert_eq!(states.map(|state| (state.allowed, state.windows[0].remaining)), [(true, 2), (true, 1)]);
}

#[tokio::test]
async fn a_claimed_marker_is_the_claimants_own() {
    let (database, clock) = (Database::start().await, Clock::fixed(noon()));
    let (lease, key) = (SignedDuration::from_secs(60), Consumed::key("mail", Ids::unguessable()));
    // each client loses the answer to its first call: of the claim, of the note, of the end
    let table = || (LostAnswers::default(), &database, &clock);
    let over = |(lost, database, clock): (LostAnswers, &Database, &Clock)| {
        (database.table_over(clock, lost.http_client()), lost)
    };
    let (claims, lost) = over(table());
    let Claimed::Mine(mut marker) = claims.claim(&key, lease).await.unwrap() else { panic!("not mine") };
    assert_eq!(lost.operations(), ["UpdateItem"]);
    assert!(over(table()).0.note(&mut marker, ["a".to_owned()]).await.unwrap());
    over(table()).0.finish(marker).await.unwrap();
    assert!(matches!(claims.claim(&key, lease).await.unwrap(), Claimed::Done));
}

#[tokio::test]
async fn a_transaction_publishes_once() {
    let (database, lost) = (Database::start().await, LostAnswers::default());
    let table = database.table_over(&Clock::fixed(noon()), lost.http_client());
    let org_id: OrgId = Ids::unguessable();
    let event = NewEvent::new(Some(org_id), &org_id, 1, &CounterChanged { count: 1 });
    let cause = Cause {
        actor: ActorRef::Anonymous,
        correlation_id: "test".to_owned(),
        ip: None,
        country: None,
        user_agent: None,
    };
    table.commit(&cause, Changes::new().publish(event)).await.unwrap();
    assert_eq!(lost.operations(), ["TransactWriteItems"]);
    assert_eq!((database.count("outbox").await, database.count("audit").await), (1, 1));
}
