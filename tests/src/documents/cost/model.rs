//! From what people do to what AWS counts.

use std::collections::BTreeMap;

use super::{
    data::{Data, Rate},
    standing::{HOURS, Stacks},
};

/// A message is sent, received and deleted.
const QUEUE_REQUESTS_OF_A_MESSAGE: f64 = 3.0;

const DISTRIBUTION: &str = "AWS::CloudFront::Distribution";
/// Of the API; the distribution has its web ACL itself.
const FIREWALL: &str = "AWS::WAFv2::WebACLAssociation";

/// A month: how many single things of each price.
#[derive(Clone, Default)]
pub(super) struct Month {
    /// By the name of the price: what depends on how much is done.
    pub(super) used: BTreeMap<&'static str, f64>,
    /// What is there anyway.
    pub(super) standing: BTreeMap<&'static str, f64>,
}

impl Month {
    /// Of a stack with this many active people.
    pub(super) fn of(data: &Data, stacks: &Stacks, people: f64) -> Self {
        let mut month = Self { standing: stacks.standing.clone(), ..Self::default() };
        let crowd = Crowd::of(data, people);
        let requests = month.take_requests(data, stacks, &crowd);
        let messages = month.take_messages(data, stacks, &crowd);
        month.take_observation(data, stacks, requests, messages);
        month.take_edges(data, stacks, &crowd, requests);
        month.take_storage(data, stacks, &crowd);
        month
    }

    /// What all costs, by service.
    pub(super) fn by_service(&self, data: &Data) -> BTreeMap<String, f64> {
        let mut sums = BTreeMap::new();
        for (name, cost) in self.by_price(data) {
            *sums.entry(data.prices.get(name).service.clone()).or_default() += cost;
        }
        sums
    }

    /// What all costs, by price.
    pub(super) fn by_price(&self, data: &Data) -> BTreeMap<&'static str, f64> {
        let mut all = self.used.clone();
        for (name, quantity) in &self.standing {
            *all.entry(name).or_default() += quantity;
        }
        all.into_iter().map(|(name, quantity)| (name, data.prices.get(name).of(quantity))).collect()
    }

    /// What all costs.
    pub(super) fn total(&self, data: &Data) -> f64 {
        self.by_price(data).values().sum()
    }

    fn add(&mut self, price: &'static str, quantity: f64) {
        *self.used.entry(price).or_default() += quantity;
    }

    /// Adds what requests use up, and gives their number.
    fn take_requests(&mut self, data: &Data, stacks: &Stacks, crowd: &Crowd) -> f64 {
        let mut requests = 0.0;
        for (name, route) in &data.usage.routes {
            let Some(budget) = data.routes.get(name) else { continue };
            let times = crowd.times(&route.rate);
            let memory = stacks.memory.get(stacks.function_of(name)).copied().unwrap_or_default();
            self.take_table(times, budget.read_units, budget.write_units);
            self.take_invocations(data, times, call_milliseconds(data, budget.calls), memory);
            // A preflight reaches the same function, which answers it alone.
            self.take_invocations(
                data,
                times * data.usage.preflights,
                data.usage.lambda.milliseconds_besides,
                memory,
            );
            // What goes to CloudFront is paid where it leaves CloudFront.
            let transfer = if stacks.has(DISTRIBUTION) { "edge_transfer" } else { "transfer" };
            self.add(transfer, times * (route.answer_bytes + data.usage.bytes.answer_headers));
            requests += times * (1.0 + data.usage.preflights);
        }
        self.add("api_request", requests);
        requests
    }

    /// Adds what workers use up, and gives the number of their invocations.
    fn take_messages(&mut self, data: &Data, stacks: &Stacks, crowd: &Crowd) -> f64 {
        let mut invocations = stacks.schedules * HOURS;
        self.take_table(invocations, 0.5, 0.0);
        for (name, worker) in &data.usage.workers {
            let Some(budget) = data.workers.get(name) else { continue };
            let messages = crowd.times(&worker.rate);
            let memory = stacks.memory.get(name).copied().unwrap_or_default();
            self.take_table(messages, budget.read_units, budget.write_units);
            let each = call_milliseconds(data, budget.calls) + worker.besides_milliseconds;
            let here = messages / worker.per_invocation;
            self.take_invocations(data, here, each * worker.per_invocation, memory);
            if name.starts_with("queue-") {
                self.add("queue_request", messages * QUEUE_REQUESTS_OF_A_MESSAGE);
            }
            invocations += here;
        }
        self.add("stream_read", crowd.events);
        self.add("event", crowd.events);
        self.add("mail", crowd.times(&data.usage.mails));
        self.add("push", crowd.times(&data.usage.pushes));
        invocations
    }

    fn take_table(&mut self, times: f64, read_units: f64, write_units: f64) {
        self.add("table_read", times * read_units);
        self.add("table_write", times * write_units);
    }

    fn take_invocations(&mut self, data: &Data, times: f64, milliseconds: f64, memory: f64) {
        let lambda = &data.usage.lambda;
        let each = milliseconds + lambda.cold_share * lambda.cold_milliseconds;
        self.add("lambda_request", times);
        self.add("lambda_duration", times * each / 1000.0 * memory);
        self.add("log_ingestion", times * data.usage.bytes.log_of_invocation);
        self.add("secret_request", times * data.usage.secret_reads_per_invocation);
        self.add("key_request", times * data.usage.secret_reads_per_invocation);
    }

    fn take_observation(&mut self, data: &Data, stacks: &Stacks, requests: f64, messages: f64) {
        self.add("log_ingestion", requests * data.usage.bytes.access_log_of_request);
        let taken_in = self.used.get("log_ingestion").copied().unwrap_or_default();
        let months_kept = (stacks.log_retention_days * 24.0 / HOURS).min(data.usage.months);
        self.add("log_storage", taken_in * months_kept * data.usage.bytes.log_compression);
        let traceable = requests + messages;
        let sure = traceable.min(data.usage.traces_a_second * HOURS * 3600.0);
        self.add("trace", sure + (traceable - sure) * data.usage.traced_share);
        if stacks.has("AWS::GuardDuty::Detector") {
            self.add("guardduty_event", data.usage.management_events);
        }
    }

    fn take_edges(&mut self, data: &Data, stacks: &Stacks, crowd: &Crowd, requests: f64) {
        if stacks.has(FIREWALL) {
            self.add("waf_request", requests);
        }
        if stacks.has(DISTRIBUTION) {
            // The API is behind the same distribution: its requests pass there and meet both web
            // ACLs.
            let all = requests + crowd.people * data.usage.edge.requests_of_person;
            self.add("edge_request", all);
            self.add("edge_function", all);
            self.add("waf_request", all);
            // The bot rules look at the frontend's files alone.
            if stacks.standing.get("waf_bot_control").is_some_and(|subscriptions| *subscriptions > 0.0) {
                self.add("waf_bot_request", crowd.people * data.usage.edge.requests_of_person);
            }
            self.add("edge_transfer", crowd.people * data.usage.edge.megabytes_of_person * 1e6);
        }
    }

    fn take_storage(&mut self, data: &Data, stacks: &Stacks, crowd: &Crowd) {
        let (bytes, months) = (&data.usage.bytes, data.usage.months);
        let of_people = crowd.people * (bytes.row_of_person + bytes.brief_rows_of_person);
        let of_organizations = crowd.organizations * bytes.row_of_organization;
        let stored = of_people + of_organizations + crowd.events * months * bytes.row_of_event;
        self.add("table_storage", stored);
        self.add("table_recovery", stored);
        if stacks.has("AWS::Events::Archive") {
            self.add("event_archive", crowd.events * bytes.event);
            self.add("event_archive_storage", crowd.events * bytes.event * months);
        }
    }
}

fn call_milliseconds(data: &Data, calls: usize) -> f64 {
    let lambda = &data.usage.lambda;
    let calls = f64::from(u32::try_from(calls).unwrap_or(u32::MAX));
    lambda.milliseconds_besides + calls * lambda.milliseconds_per_call
}

/// Who is there, and how many events come of it.
struct Crowd {
    people: f64,
    organizations: f64,
    new_people: f64,
    new_organizations: f64,
    events: f64,
}

impl Crowd {
    fn of(data: &Data, people: f64) -> Self {
        let usage = &data.usage;
        let organizations = people / usage.people_per_organization;
        let (new_people, new_organizations) = (people * usage.new_share, organizations * usage.new_share);
        let mut crowd = Self { people, organizations, new_people, new_organizations, events: 0.0 };
        let of_routes = usage.routes.values().map(|route| crowd.times(&route.rate) * route.events);
        let of_workers = usage.workers.values().map(|worker| crowd.times(&worker.rate) * worker.events);
        crowd.events = of_routes.chain(of_workers).sum();
        crowd
    }

    fn times(&self, rate: &Rate) -> f64 {
        rate.person * self.people
            + rate.new_person * self.new_people
            + rate.organization * self.organizations
            + rate.new_organization * self.new_organizations
            + rate.event * self.events
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::{
        budgets::Budget,
        documents::cost::{data::Edge, standing::Counts},
    };

    /// One route with one event, one worker, everything else nothing.
    const USAGE: &str = "
people_per_organization: 10
new_share: 0.1
months: 2
sizes: [1000]
routes: {POST /v1/things: {person: 3, organization: 5, events: 1, answer_bytes: 400}}
preflights: 0
workers: {queue-things: {event: 1, per_invocation: 2, besides_milliseconds: 10}}
mails: {new_person: 1}
pushes: {new_organization: 2}
lambda: {milliseconds_per_call: 5, milliseconds_besides: 2, cold_share: 0, cold_milliseconds: 0}
bytes:
  {log_of_invocation: 1000, access_log_of_request: 500, answer_headers: 600, log_compression: 0.1, row_of_person: 100,
   row_of_organization: 200, row_of_event: 10, brief_rows_of_person: 50, event: 900}
edge: {requests_of_person: 0, megabytes_of_person: 0}
secret_reads_per_invocation: 0
traces_a_second: 1
traced_share: 0.05
management_events: 0
";

    fn small() -> (Data, Stacks) {
        let mut data = Data::of_repository();
        data.usage = serde_yaml_ng::from_str(USAGE).unwrap();
        let budget = |calls, read_units, write_units| Budget { calls, read_units, write_units };
        data.routes = BTreeMap::from([("POST /v1/things".to_owned(), budget(4, 2.0, 6.0))]);
        data.workers = BTreeMap::from([("queue-things".to_owned(), budget(1, 1.0, 1.0))]);
        let memory = [("api-things".to_owned(), 0.5), ("queue-things".to_owned(), 0.25)];
        let stacks = Stacks {
            standing: Counts::from([("waf_acl", 1.0), ("queue_request", 1_000.0)]),
            memory: BTreeMap::from(memory),
            paths: vec![("/v1/things".to_owned(), "api-things".to_owned())],
            kinds: BTreeSet::from([FIREWALL.to_owned()]),
            log_retention_days: 30.0,
            ..Stacks::default()
        };
        (data, stacks)
    }

    #[test]
    fn a_small_month_is_what_it_is_by_hand() {
        let (data, stacks) = small();
        let month = Month::of(&data, &stacks, 1_000.0);
        // 1,000 people and 100 organizations: 3,000 + 500 requests, and as many events in half as
        // many invocations
        let used = |name: &str| month.used.get(name).copied().unwrap_or_default();
        let close = |name: &str, quantity: f64| {
            assert!(
                (used(name) - quantity).abs() < 1e-6 * quantity.max(1.0),
                "{name}: {} is not {quantity}",
                used(name)
            );
        };
        close("api_request", 3_500.0);
        close("waf_request", 3_500.0);
        close("event", 3_500.0);
        close("queue_request", 10_500.0);
        close("table_write", 3_500.0 * 6.0 + 3_500.0);
        close("table_read", 3_500.0 * 2.0 + 3_500.0);
        close("lambda_request", 3_500.0 + 1_750.0);
        // 22 ms of 0.5 GB, and two messages of 17 ms of 0.25 GB
        close("lambda_duration", 3_500.0 * 0.022 * 0.5 + 1_750.0 * 0.034 * 0.25);
        close("log_ingestion", 5_250.0 * 1_000.0 + 3_500.0 * 500.0);
        close("log_storage", 7_000_000.0 * 30.0 * 24.0 / 730.0 * 0.1);
        close("transfer", 3_500.0 * 1_000.0);
        close("mail", 100.0);
        close("push", 20.0);
        close("trace", 5_250.0);
        close("table_storage", 1_000.0 * 150.0 + 100.0 * 200.0 + 3_500.0 * 2.0 * 10.0);
    }

    #[test]
    fn what_stands_is_added_to_what_is_used_before_tiers_are_looked_up() {
        let (data, stacks) = small();
        let month = Month::of(&data, &stacks, 1_000.0);
        let costs = month.by_price(&data);
        assert!((costs["waf_acl"] - 5.0).abs() < 1e-9);
        assert!((costs["queue_request"] - 11_500.0 / 1e6 * 0.40).abs() < 1e-9);
        let sum: f64 = month.by_service(&data).values().sum();
        assert!((sum - month.total(&data)).abs() < 1e-9);
        let nobody = Month::of(&data, &stacks, 0.0);
        assert!((nobody.total(&data) - 5.0 - 1_000.0 / 1e6 * 0.40).abs() < 1e-9);
    }

    #[test]
    fn behind_cloudfront_a_request_is_paid_there_too_and_its_answer_there_alone() {
        let (mut data, mut stacks) = small();
        data.usage.edge = Edge { requests_of_person: 10.0, megabytes_of_person: 2.0 };
        stacks.kinds.insert(DISTRIBUTION.to_owned());
        let used = Month::of(&data, &stacks, 1_000.0).used;
        let close = |name: &str, quantity: f64| assert!((used[name] - quantity).abs() < 1e-3, "{name}");
        close("edge_request", 13_500.0);
        close("edge_function", 13_500.0);
        close("waf_request", 3_500.0 + 13_500.0);
        close("edge_transfer", 3_500.0 * 1_000.0 + 2e9);
        assert!(!used.contains_key("transfer") && !used.contains_key("waf_bot_request"));
        stacks.standing.insert("waf_bot_control", 1.0);
        let used = Month::of(&data, &stacks, 1_000.0).used;
        assert!((used["waf_bot_request"] - 10_000.0).abs() < 1e-3, "the frontend's files alone");
    }

    #[test]
    fn traces_beyond_one_a_second_are_sampled() {
        let (mut data, stacks) = small();
        data.usage.workers.clear();
        let month = Month::of(&data, &stacks, 10_000_000.0);
        let requests = 35_000_000.0;
        let surely = 730.0 * 3_600.0;
        let expected = surely + (requests - surely) * 0.05;
        assert!((month.used["trace"] - expected).abs() < 1e-3);
    }
}
