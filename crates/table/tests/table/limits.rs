//! Limits on a real engine: exact in every window, whatever comes at once or gets lost.

use futures::future::{join, join_all};
use primitives::{Clock, SignedDuration};
use proptest::{prelude::*, test_runner::TestRunner};
use table::{RateLimit, RateLimitState};
use test_support::{Database, LostAnswers, noon};

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
    database.client.delete_table().table_name(test_support::table_names().traffic).send().await.unwrap();
    assert!(table.take(&five_a_minute(), "ada").await.is_err());
    assert!(table.room(&five_a_minute(), "ada").await.is_err());
}

/// What a slow and exact mind allows: it keeps every use, and looks at all of them each time. Milliseconds.
struct Model {
    limit: RateLimit,
    uses: Vec<i128>,
}

impl Model {
    fn has_room(&self, now: i128) -> bool {
        self.limit.windows.iter().all(|window| {
            let (uses, length) = (usize::try_from(window.uses).unwrap(), window.length.as_millis());
            if window.uses <= 50 {
                return self.uses.iter().filter(|at| **at > now - length).count() < uses;
            }
            // what the uses so far have filled, less what has run out since each; half of them may be at once
            let (at_once, back) = (i128::from(window.uses / 2), i128::from(window.uses - window.uses / 2));
            let share = (length + back - 1) / back;
            let (mut filled, mut last) = (0, 0);
            for at in &self.uses {
                filled = (filled - (at - last)).max(0) + share;
                last = *at;
            }
            (filled - (now - last)).max(0) + share <= at_once * share
        })
    }

    /// Takes as many as there is room for, at most so many.
    fn take(&mut self, now: i128, callers: usize) -> usize {
        let taken = (0..callers).take_while(|_| {
            let has_room = self.has_room(now);
            self.uses.extend(has_room.then_some(now));
            has_room
        });
        taken.count()
    }

    /// What the windows promise, whatever the algorithm: none is ever fuller than full.
    fn keeps_its_word(&self) {
        for window in &self.limit.windows {
            for at in &self.uses {
                let inside =
                    self.uses.iter().filter(|use_| *use_ <= at && **use_ > at - window.length.as_millis());
                assert!(inside.count() <= usize::try_from(window.uses).unwrap(), "{window:?}");
            }
        }
    }
}

/// Of few and of many uses, alone and together.
fn limits() -> [RateLimit; 3] {
    let seconds = |uses, seconds| (uses, SignedDuration::from_secs(seconds));
    [
        RateLimit::new("few", [seconds(3, 10), seconds(8, 60)]),
        RateLimit::new("many", [seconds(100, 60)]),
        RateLimit::new("both", [seconds(20, 10), seconds(61, 60), seconds(90, 600)]),
    ]
}

async fn agrees_with_the_model(limit: RateLimit, steps: Vec<(i64, usize)>) {
    let database = Database::start().await;
    let clock = Clock::fixed(noon());
    let table = database.table(&clock);
    let mut model = Model { limit: limit.clone(), uses: Vec::new() };
    for (pause, callers) in steps {
        clock.advance(SignedDuration::from_millis(pause));
        let now = i128::from(clock.now().as_millisecond());
        let room = table.room(&limit, "ada").await.unwrap();
        assert_eq!(room.allowed, model.has_room(now));
        let states = join_all((0..callers).map(|_| table.take(&limit, "ada"))).await;
        let states: Vec<_> = states.into_iter().map(Result::unwrap).collect();
        let allowed = states.iter().filter(|state| state.allowed).count();
        assert_eq!(allowed, model.take(now, callers), "{limit:?}");
        for state in states.iter().filter(|state| !state.allowed) {
            // whoever waits as long as he is told finds room; whoever comes sooner does not
            let wait = i128::from(state.retry_after());
            assert!(model.has_room(now + wait * 1000), "{state:?}");
            assert!(wait == 0 || !model.has_room(now + (wait - 1) * 1000), "{state:?}");
        }
        let item = database.items().await.remove(0);
        assert!(item["uses"].as_l().unwrap().len() <= 20 + 20 / 8 + 8 + 30, "constant space");
    }
    model.keeps_its_word();
}

#[test]
fn whoever_comes_when_a_limit_allows_what_a_slow_and_exact_model_allows() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let step = (prop_oneof![Just(0), 1..2_000_i64, 1..60_000_i64], 1..30_usize);
    let histories = (prop::sample::select(limits().to_vec()), prop::collection::vec(step, 5..25));
    let config = ProptestConfig { cases: 9, failure_persistence: None, ..ProptestConfig::default() };
    let agrees = TestRunner::new(config).run(&histories, |(limit, steps)| {
        runtime.block_on(agrees_with_the_model(limit, steps));
        Ok(())
    });
    agrees.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn of_five_hundred_at_once_a_large_limit_lets_half_of_it_through_and_the_rest_in_time() {
    let database = Database::start().await;
    let clock = Clock::fixed(noon());
    let table = database.table(&clock);
    let limit = RateLimit::new("test", [(300, SignedDuration::from_mins(5))]);
    let allowed = async |callers: usize| {
        let states = join_all((0..callers).map(|_| table.take(&limit, "ada"))).await;
        states.into_iter().filter(|state| state.as_ref().unwrap().allowed).count()
    };
    assert_eq!(allowed(500).await, 150);
    table.usage().take();
    let refused = table.take(&limit, "ada").await.unwrap();
    assert_eq!((refused.allowed, left(&refused), refused.retry_after()), (false, vec![0], 2));
    assert_eq!(table.usage().take().len(), 1);
    clock.advance(SignedDuration::from_secs(20));
    assert_eq!(allowed(50).await, 10);
    clock.advance(SignedDuration::from_mins(5));
    assert_eq!(left(&table.room(&limit, "ada").await.unwrap()), [150]);
    table.usage().take();
    assert_eq!(allowed(1).await, 1);
    assert!(table.usage().take().len() <= 2, "one, and one that cuts");
}

#[tokio::test]
async fn a_use_of_a_large_limit_counts_once_when_its_answer_is_lost() {
    let database = Database::start().await;
    let limit = RateLimit::new("test", [(300, SignedDuration::from_mins(5))]);
    for expected in [149, 148] {
        let lost = LostAnswers::default();
        let table = database.table_over(&Clock::fixed(noon()), lost.http_client());
        let state = table.take(&limit, "ada").await.unwrap();
        assert_eq!((state.allowed, left(&state)), (true, vec![expected]));
    }
}
