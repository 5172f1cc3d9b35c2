//! Who becomes staff while the person's account changes.

use access::{Deletion, StaffRole};
use identity_core::{User, keys};
use primitives::{Clock, Ids, SignedDuration};
use staff::{Appointment, StaffError, appoint};
use table::{Cause, Changes, Consistency, Decision};
use test_support::{Database, meanwhile, noon};

fn cause() -> Cause {
    Cause::system("test", "test")
}

#[tokio::test]
async fn nobody_becomes_staff_who_asks_for_the_end_of_the_account_meanwhile() {
    let database = Database::start().await;
    let clock = Clock::fixed(noon());
    let table = database.table(&clock);
    let user = User::expected(Ids::unguessable(), "ada@example.com".parse().unwrap(), noon());
    let user_id = user.user_id;
    table.commit(&cause(), Changes::new().create(&user)).await.unwrap();
    let asked = {
        let table = table.clone();
        async move {
            let user: Option<User> = table.get(&keys::User::key(user_id), Consistency::Strong).await.unwrap();
            let erase_at = noon() + SignedDuration::from_hours(7 * 24);
            let user = user.unwrap().leaving(Some(Deletion { requested_at: noon(), erase_at }));
            table.commit(&cause(), Changes::new().replace(&user)).await.unwrap();
        }
    };
    let beside = database.table_over(&clock, meanwhile("TransactWriteItems", 0, asked));
    let appointed = beside
        .decide(&cause(), |_| async {
            let whom = Appointment::Known(user_id);
            let (member, changes) = appoint(&beside, &whom, StaffRole::Support).await?;
            Ok::<_, StaffError>(Decision::commit(changes.unwrap_or_default(), member))
        })
        .await;
    assert!(matches!(appointed, Err(StaffError::NotFound)), "{appointed:?}");
    assert_eq!(database.count("staff").await, 0);
    assert!(database.events().await.is_empty(), "and nothing says that it happened");
}
