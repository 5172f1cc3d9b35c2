//! The places where a test lets a process die are all that there are.

use primitives::Clock;
use table::Changes;
use test_support::{
    Crashes, Database,
    Moment::{After, Before},
    noon,
};

use crate::decide::{cause, read, thing};

#[tokio::test]
async fn a_run_dies_before_its_first_call_and_behind_each_write() {
    let (database, crashes) = (Database::start().await, Crashes::default());
    let table = database.table_over(&Clock::fixed(noon()), crashes.http_client());
    let [one, other] = [thing(), thing()];
    let work = async {
        read(&table, &one).await;
        table.commit(&cause(), Changes::new().create(&one)).await.unwrap();
        read(&table, &one).await;
        table.commit(&cause(), Changes::new().create(&other)).await.unwrap();
    };
    assert_eq!(crashes.count(Box::pin(work)).await.1, 4);
    assert_eq!(crashes.deaths(), [(0, Before), (1, After), (3, After)]);
}

#[tokio::test]
async fn calls_at_the_same_time_are_each_the_first_and_the_last() {
    let (database, crashes) = (Database::start().await, Crashes::default());
    let table = database.table_over(&Clock::fixed(noon()), crashes.http_client());
    let [one, other] = [thing(), thing()];
    let work = async {
        tokio::join!(read(&table, &one), read(&table, &other));
        table.commit(&cause(), Changes::new().create(&one)).await.unwrap();
    };
    assert_eq!(crashes.count(Box::pin(work)).await.1, 3);
    assert_eq!(crashes.deaths(), [(0, Before), (0, After), (1, Before), (1, After), (2, After)]);
}
