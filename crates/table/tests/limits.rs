//! Limits on a real engine: exact in every window, whatever comes at once or gets lost.

use futures::future::{join, join_all};
use primitives::{Clock, SignedDuration};
use table::{RateLimit, RateLimitState};
use test_support::{Database, noon};

fn five_a_minute() -> RateLimit {
    RateLimit::new("test", [(5, SignedDuration::from_mins(1))])
}

/// Three in a minute, five in ten, and eight in an hour.
fn three_windows() -> RateLimit {
    let minutes = |uses, minutes| (uses, SignedDuration::from_mins(minutes));
    RateLimit::new("test", [minutes(3, 1), minutes(5, 10), minutes(8, 60)])
}

fn left(state: &RateLimitState) -> Vec<u32> {
    state.windows.iter().map(|window| window.remaining).collect()
}

#[tokio::test]
async fn a_limit_of_five_lets_exactly_five_of_a_hundred_parallel_callers_through() {
    let database = Database::start().await;
    let clock = Clock::fixed(noon());
    let table = database.table(&clock);
    let limit = five_a_minute();
    let states = join_all((0..100).map(|_| table.take(&limit, "ada@example.com"))).await;
    assert_eq!(states.into_iter().filter(|state| state.as_ref().unwrap().allowed).count(), 5);
    assert!(table.take(&limit, "bob@example.com").await.unwrap().allowed);
}

#[tokio::test]
async fn every_window_is_exact_for_fifty_at_its_edge() {
    let database = Database::start().await;
    let clock = Clock::fixed(noon());
    let table = database.table(&clock);
    let limit = three_windows();
    let mut allowed = Vec::new();
    for pause in [2, 2, 2, 12, 12, 31] {
        let states = join_all((0..50).map(|_| table.take(&limit, "ada"))).await;
        allowed.push(states.iter().filter(|state| state.as_ref().unwrap().allowed).count());
        clock.advance(SignedDuration::from_mins(pause));
    }
    // the minute is full; the ten minutes; still; still; the hour; still
    assert_eq!(allowed, [3, 2, 0, 0, 3, 0]);
    let later = table.take(&limit, "ada").await.unwrap();
    assert_eq!((later.allowed, left(&later)), (true, vec![2, 4, 2]), "the first three have left the hour");
    let item = database.items().await.remove(0);
    assert_eq!(database.items().await.len(), 1, "one item");
    assert!(item["uses"].as_l().unwrap().len() <= 10);
}

#[tokio::test]
async fn no_window_of_the_limits_length_holds_more_than_the_limit() {
    let database = Database::start().await;
    let clock = Clock::fixed(noon());
    let table = database.table(&clock);
    let mut allowed = Vec::new();
    for second in 0..200_i64 {
        if table.take(&five_a_minute(), "ada").await.unwrap().allowed {
            allowed.push(second);
        }
        clock.advance(SignedDuration::from_secs(1));
    }
    assert_eq!(
        allowed,
        [0, 1, 2, 3, 4, 60, 61, 62, 63, 64, 120, 121, 122, 123, 124, 180, 181, 182, 183, 184]
    );
    let refused = table.take(&five_a_minute(), "ada").await.unwrap();
    assert_eq!((refused.allowed, left(&refused), refused.retry_after()), (false, vec![0], 40));
}

#[tokio::test]
async fn asking_for_room_uses_nothing_and_stands_in_one_order_with_uses() {
    let database = Database::start().await;
    let table = database.table(&Clock::fixed(noon()));
    let limit = five_a_minute();
    for expected in (0..5).rev() {
        let room = table.room(&limit, "ada").await.unwrap();
        assert_eq!((room.allowed, left(&room)), (true, vec![expected + 1]));
        let state = table.take(&limit, "ada").await.unwrap();
        assert_eq!((state.allowed, left(&state)), (true, vec![expected]));
    }
    let full = table.room(&limit, "ada").await.unwrap();
    assert_eq!((full.allowed, left(&full), full.retry_after()), (false, vec![0], 60));
    // whoever finds room among many at once has at most four before him
    for round in 0..20 {
        let (table, subject) = (&table, round.to_string());
        let uses = join_all((0..50).map(|_| table.take(&limit, &subject)));
        let (room, uses) = join(table.room(&limit, &subject), uses).await;
        let room = room.unwrap();
        assert_eq!(uses.into_iter().filter(|state| state.as_ref().unwrap().allowed).count(), 5);
        assert_eq!(room.allowed, left(&room) != [0], "{room:?}");
    }
}

#[tokio::test]
async fn a_use_is_one_call_and_an_item_does_not_grow() {
    let database = Database::start().await;
    let clock = Clock::fixed(noon());
    let table = database.table(&clock);
    let limit = five_a_minute();
    let mut calls = 0;
    for _ in 0..200 {
        assert!(table.take(&limit, "ada").await.unwrap().allowed);
        let made = table.usage().take().len();
        assert!(made <= 2, "one, and now and then one that cuts off what is old");
        calls += made;
        clock.advance(SignedDuration::from_secs(15));
    }
    assert!(calls <= 225, "{calls}");
    let item = database.items().await.remove(0);
    assert!(item["uses"].as_l().unwrap().len() <= 15, "{item:?}");
}

#[tokio::test]
async fn a_limit_of_nothing_allows_nothing() {
    let database = Database::start().await;
    let table = database.table(&Clock::fixed(noon()));
    let limit =
        RateLimit::new("test", [(0, SignedDuration::from_mins(1)), (5, SignedDuration::from_hours(1))]);
    assert!(!table.take(&limit, "ada").await.unwrap().allowed);
}

#[tokio::test]
async fn a_limit_without_its_store_is_an_error_and_no_yes() {
    let database = Database::start().await;
    let table = database.table(&Clock::system());
    table.take(&five_a_minute(), "ada").await.unwrap();
    database.client.delete_table().table_name(test_support::TABLE_NAME).send().await.unwrap();
    assert!(table.take(&five_a_minute(), "ada").await.is_err());
    assert!(table.room(&five_a_minute(), "ada").await.is_err());
}
