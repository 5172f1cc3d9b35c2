//! What is paid for because it is there, used or not: counted from the templates.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::{
    conditions::{self, Parameters},
    template::{Resource, Template},
};

/// Hours of a month, as AWS counts them.
pub(super) const HOURS: f64 = 730.0;
/// Metrics that API Gateway writes for each method when detailed metrics are on: without a cache,
/// five.
const DETAILED_METRICS_OF_A_METHOD: f64 = 5.0;
/// Answers with 5xx (`crates/lambda-host/src/metrics.rs`): of the environment, and of the version
/// of a function that gives them.
const METRICS_OF_ALL_ANSWERS: f64 = 1.0;
const METRICS_OF_ANSWERS: f64 = 1.0;
/// Lambda's pollers of a queue that has nothing, and the seconds that each waits for a message.
const IDLE_POLLERS: f64 = 5.0;
const LONG_POLL_SECONDS: f64 = 20.0;

/// What stands in another region, where there is an edge.
const EDGE: &str = "edge.yaml";

/// How many single things of each price a stack has, by the name of the price.
pub(super) type Counts = BTreeMap<&'static str, f64>;

/// What the model has to know of the templates.
#[derive(Clone, Default)]
pub(super) struct Stacks {
    /// What an environment has by its parameters.
    pub(super) standing: Counts,
    /// What is off, and would be added when turned on: by condition.
    pub(super) options: BTreeMap<String, Counts>,
    /// Memory of each function in GB.
    pub(super) memory: BTreeMap<String, f64>,
    /// Function of each route, as the API is told.
    pub(super) paths: Vec<(String, String)>,
    /// Schedules, each taken to run every hour.
    pub(super) schedules: f64,
    /// The types of resources that are there.
    pub(super) kinds: BTreeSet<String>,
    pub(super) log_retention_days: f64,
}

impl Stacks {
    /// An environment, with the parameters of `samconfig.toml` and these instead of some of them.
    pub(super) fn of_environment(name: &str, instead: &[(&str, &str)]) -> Self {
        let mut overrides = conditions::overrides(name);
        overrides.extend(instead.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
        let mut templates = Template::all();
        if overrides.get("Edge").is_none_or(|edge| edge != "on") {
            templates.remove(EDGE);
        }
        Self::of(&templates, &overrides)
    }

    pub(super) fn of(templates: &BTreeMap<String, Template>, overrides: &Parameters) -> Self {
        let mut stacks = Self { log_retention_days: retention(templates, overrides), ..Self::default() };
        let mut filtered = BTreeSet::new();
        for (file, template) in templates {
            let uses = uses(file, templates, overrides);
            for resource in template.resources() {
                let having =
                    uses.stacks.iter().filter(|own| conditions::has(template, &resource, own)).count();
                let here = having > 0;
                let mut counts = count(template, &resource, &uses.stacks[0]);
                // Filters of several logs may count into one metric.
                let metric = resource.property("MetricTransformations")[0]["MetricName"].as_str();
                if here && metric.is_some_and(|name| !filtered.insert(name.to_owned())) {
                    counts.clear();
                }
                let times = if here { having } else { uses.stacks.len() };
                let times = f64::from(u32::try_from(times).unwrap_or(1));
                for (price, quantity) in &mut counts {
                    // Filters of all copies of a nested stack write into one metric.
                    *quantity *= if *price == "metric" { 1.0 } else { times };
                }
                let off = if here { uses.off.as_deref() } else { resource.attribute("Condition").as_str() };
                match off {
                    None => {
                        stacks.kinds.insert(resource.kind().to_owned());
                        add(&mut stacks.standing, counts);
                    }
                    Some(condition) if !counts.is_empty() => {
                        add(stacks.options.entry(condition.to_owned()).or_default(), counts);
                    }
                    Some(_) => {}
                }
            }
            stacks.note_functions(template, overrides);
        }
        if stacks.paths.is_empty() {
            stacks
        } else {
            stacks.with(Counts::from([("metric", METRICS_OF_ALL_ANSWERS)]))
        }
    }

    fn with(mut self, counts: Counts) -> Self {
        add(&mut self.standing, counts);
        self
    }

    /// Whether there is any resource of a type.
    pub(super) fn has(&self, kind: &str) -> bool {
        self.kinds.contains(kind)
    }

    fn note_functions(&mut self, template: &Template, overrides: &Parameters) {
        for function in template.functions() {
            let megabytes = function.property("MemorySize").as_f64().unwrap_or(128.0);
            self.memory.insert(function.name().to_owned(), megabytes / 1024.0);
            let answers = function.events().any(|(_, kind, _)| kind == "Api");
            let metrics = if answers { METRICS_OF_ANSWERS } else { 0.0 };
            add(&mut self.standing, Counts::from([("metric", metrics)]));
            for (_, kind, properties) in function.events() {
                match kind {
                    "Api" => {
                        let path = properties["Path"].as_str().unwrap_or_default();
                        self.paths.push((path.to_owned(), function.name().to_owned()));
                        if detailed_metrics(template, overrides) {
                            add(&mut self.standing, Counts::from([("metric", DETAILED_METRICS_OF_A_METHOD)]));
                        }
                    }
                    "SQS" => {
                        let polls = IDLE_POLLERS * HOURS * 3600.0 / LONG_POLL_SECONDS;
                        add(&mut self.standing, Counts::from([("queue_request", polls)]));
                    }
                    "ScheduleV2" => self.schedules += 1.0,
                    _ => {}
                }
            }
        }
    }

    /// The function that answers a route such as `GET /v1/me`: the exact path, else the longest
    /// group.
    pub(super) fn function_of(&self, route: &str) -> &str {
        let path = route.split_once(' ').map_or(route, |(_, path)| path);
        let fits = |template: &str| {
            template == path || template.strip_suffix("{proxy+}").is_some_and(|root| path.starts_with(root))
        };
        let all = self.paths.iter().filter(|(template, _)| fits(template));
        let best = all.max_by_key(|(template, _)| (template == path, template.len()));
        best.map_or_else(|| panic!("no function of the templates answers {route}"), |(_, function)| function)
    }
}

/// How many stacks are made of a template.
struct Uses {
    stacks: Vec<Parameters>,
    /// The condition that would have to be true for there to be any.
    off: Option<String>,
}

/// A template is a stack itself, unless others nest it: then it is as many as they have, each with
/// the values that it is given.
fn uses(file: &str, templates: &BTreeMap<String, Template>, overrides: &Parameters) -> Uses {
    let mut uses = Uses { stacks: Vec::new(), off: None };
    for template in templates.values() {
        let stacks = template.of_type("AWS::CloudFormation::Stack");
        for stack in stacks.filter(|stack| stack.property("TemplateURL") == file) {
            if conditions::has(template, &stack, overrides) {
                let given = conditions::value(template, stack.property("Parameters"), overrides);
                let given = given.as_object().into_iter().flatten();
                let plain =
                    given.filter_map(|(name, value)| Some((name.clone(), value.as_str()?.to_owned())));
                uses.stacks.push(overrides.clone().into_iter().chain(plain).collect());
            } else {
                uses.off = stack.attribute("Condition").as_str().map(str::to_owned);
            }
        }
    }
    if uses.stacks.is_empty() {
        uses.stacks.push(overrides.clone());
    } else {
        uses.off = None;
    }
    uses
}

fn add(to: &mut Counts, counts: Counts) {
    for (name, quantity) in counts {
        *to.entry(name).or_default() += quantity;
    }
}

fn detailed_metrics(template: &Template, overrides: &Parameters) -> bool {
    template.of_type("AWS::Serverless::Api").any(|api| {
        let settings = conditions::value(template, api.property("MethodSettings"), overrides);
        settings.as_array().into_iter().flatten().any(|setting| setting["MetricsEnabled"] == true)
    })
}

fn retention(templates: &BTreeMap<String, Template>, overrides: &Parameters) -> f64 {
    let default =
        |template: &Template| template.section("Parameters")["LogRetentionDays"]["Default"].as_f64();
    let overridden = overrides.get("LogRetentionDays").and_then(|days| days.parse().ok());
    overridden.or_else(|| templates.values().find_map(default)).unwrap_or(30.0)
}

fn count(template: &Template, resource: &Resource<'_>, overrides: &Parameters) -> Counts {
    let items =
        |value: &Value| value.as_array().map_or(0.0, |all| f64::from(u32::try_from(all.len()).unwrap_or(0)));
    match resource.kind() {
        "AWS::WAFv2::WebACL" => {
            let rules = &conditions::value(template, resource.property("Rules"), overrides);
            let bots = rules.to_string().matches("AWSManagedRulesBotControlRuleSet").count();
            let bots = if bots > 0 { 1.0 } else { 0.0 };
            Counts::from([("waf_acl", 1.0), ("waf_rule", items(rules)), ("waf_bot_control", bots)])
        }
        "AWS::CloudWatch::Alarm" => {
            let metrics = resource.property("Metrics").to_string().matches("\"MetricStat\"").count();
            Counts::from([("alarm", f64::from(u32::try_from(metrics.max(1)).unwrap_or(1)))])
        }
        "AWS::CloudWatch::CompositeAlarm" => Counts::from([("composite_alarm", 1.0)]),
        "AWS::CloudWatch::Dashboard" => Counts::from([("dashboard", 1.0)]),
        "AWS::Logs::MetricFilter" => {
            Counts::from([("metric", items(resource.property("MetricTransformations")))])
        }
        "AWS::KMS::Key" | "AWS::KMS::ReplicaKey" => Counts::from([("key", 1.0)]),
        "AWS::SecretsManager::Secret" => {
            Counts::from([("secret", 1.0 + items(resource.property("ReplicaRegions")))])
        }
        "AWS::EC2::NatGateway" => Counts::from([("nat_gateway", HOURS)]),
        "AWS::EC2::EIP" => Counts::from([("public_address", HOURS)]),
        "AWS::Route53::HostedZone" => Counts::from([("hosted_zone", 1.0)]),
        _ => Counts::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEMPLATE: &str = "
Parameters:
  Nat: {Type: String, Default: 'off'}
  Metrics: {Type: String, Default: 'on'}
  LogRetentionDays: {Type: Number, Default: 30}
Conditions:
  HasNat: !Equals [!Ref Nat, 'on']
  HasMetrics: !Not [!Equals [!Ref Metrics, 'off']]
Resources:
  Api:
    Type: AWS::Serverless::Api
    Properties: {MethodSettings: [{MetricsEnabled: !If [HasMetrics, true, false]}]}
  Function:
    Type: AWS::Serverless::Function
    Properties:
      CodeUri: target/lambda/api-things/
      MemorySize: 512
      Events:
        All: {Type: Api, Properties: {Path: '/v1/{proxy+}'}}
        One: {Type: Api, Properties: {Path: /v1/things}}
        Queue: {Type: SQS, Properties: {}}
  Acl:
    Type: AWS::WAFv2::WebACL
    Properties: {Rules: [{Name: A}, {Name: B}, !If [HasNat, {Name: C}, !Ref AWS::NoValue]]}
  Simple: {Type: AWS::CloudWatch::Alarm, Properties: {MetricName: Errors}}
  Ratio: {Type: AWS::CloudWatch::Alarm, Properties: {Metrics: [{MetricStat: {}}, {MetricStat: {}}, {Expression: a/b}]}}
  Gateway: {Type: AWS::EC2::NatGateway, Condition: HasNat}
  Address: {Type: AWS::EC2::EIP, Condition: HasNat}
";

    #[test]
    fn what_stands_is_counted_and_what_is_off_is_an_option() {
        let templates = BTreeMap::from([("template.yaml".to_owned(), Template::parse(TEMPLATE))]);
        let stacks = Stacks::of(&templates, &Parameters::new());
        let expected = Counts::from([
            ("alarm", 3.0),
            ("metric", METRICS_OF_ALL_ANSWERS + METRICS_OF_ANSWERS + 2.0 * DETAILED_METRICS_OF_A_METHOD),
            ("queue_request", 657_000.0),
            ("waf_acl", 1.0),
            ("waf_bot_control", 0.0),
            ("waf_rule", 2.0),
        ]);
        assert_eq!(stacks.standing, expected);
        let nat = Counts::from([("nat_gateway", HOURS), ("public_address", HOURS)]);
        assert_eq!(stacks.options, BTreeMap::from([("HasNat".to_owned(), nat)]));
        assert_eq!(stacks.function_of("GET /v1/things"), "api-things");
        let on = Parameters::from([("Nat".to_owned(), "on".to_owned())]);
        let with_nat = Stacks::of(&templates, &on);
        assert!(with_nat.options.is_empty());
        assert!((with_nat.standing["waf_rule"] - 3.0).abs() < f64::EPSILON);
        let plain = Parameters::from([("Metrics".to_owned(), "off".to_owned())]);
        let metrics = Stacks::of(&templates, &plain).standing["metric"];
        assert!((metrics - METRICS_OF_ALL_ANSWERS - METRICS_OF_ANSWERS).abs() < f64::EPSILON);
    }

    #[test]
    fn a_nested_stack_counts_as_often_as_it_is_nested() {
        let nested = "
Resources:
  Slow: {Type: AWS::CloudWatch::Alarm, Properties: {MetricName: Duration}}
  Filter: {Type: AWS::Logs::MetricFilter, Properties: {MetricTransformations: [{}]}}
  Answers: {Type: AWS::CloudWatch::Alarm, Condition: IsHttp, Properties: {MetricName: ServerErrors}}
Parameters: {AnswersHttp: {Type: String, Default: 'false'}}
Conditions: {IsHttp: !Equals [!Ref AnswersHttp, 'true']}
";
        let outer = "
Resources:
  One: {Type: AWS::CloudFormation::Stack, Properties: {TemplateURL: alarms.yaml}}
  Other: {Type: AWS::CloudFormation::Stack, Properties: {TemplateURL: alarms.yaml, Parameters: {AnswersHttp: 'true'}}}
  Egress: {Type: AWS::CloudFormation::Stack, Condition: HasEgress, Properties: {TemplateURL: egress.yaml}}
Conditions: {HasEgress: !Equals ['on', 'off']}
";
        let egress = "Resources: {Gateway: {Type: AWS::EC2::NatGateway}}";
        let files = [("alarms.yaml", nested), ("egress.yaml", egress), ("template.yaml", outer)];
        let templates = files.map(|(file, text)| (file.to_owned(), Template::parse(text))).into();
        let stacks = Stacks::of(&templates, &Parameters::new());
        assert_eq!(stacks.standing, Counts::from([("alarm", 3.0), ("metric", 1.0)]));
        assert_eq!(stacks.options["HasEgress"], Counts::from([("nat_gateway", HOURS)]));
    }

    #[test]
    fn functions_write_the_metrics_that_are_counted() {
        let source = include_str!("../../../../crates/lambda-host/src/metrics.rs");
        let names: BTreeSet<_> =
            source.split("metric(\"").skip(1).filter_map(|rest| rest.split('"').next()).collect();
        assert_eq!(names, BTreeSet::from(["ServerErrors"]));
        assert!(source.contains(r#""Dimensions": [["environment"], ["function", "version"]]"#));
    }

    /// What a stack costs that nobody uses, and at most where each failure that has a metric happens every
    /// hour.
    fn idle_and_most(name: &str) -> [f64; 2] {
        let prices = super::super::data::Data::of_repository().prices;
        let standing = Stacks::of_environment(name, &[]).standing;
        let of = |(price, quantity): (&&str, &f64)| prices.get(price).of(*quantity);
        let failures = standing.iter().filter(|(price, _)| **price == "metric").map(of).sum::<f64>();
        let most = standing.iter().map(of).sum::<f64>();
        [most - failures, most]
    }

    #[test]
    fn a_stack_that_nobody_uses_is_cheap() {
        let [production, development] = ["prod", "dev"].map(idle_and_most);
        // what a function costs more when it fails in every hour: some 60 cents for its metrics
        let advice = "if what you added is worth it, say so here by a higher bound";
        for (name, cost, bounds) in
            [("production", production, [40.0, 47.0]), ("a development stack", development, [10.0, 14.0])]
        {
            let fits = cost.iter().zip(bounds).all(|(cost, bound)| *cost < bound);
            assert!(fits, "{name} costs {cost:.2?} dollars a month, idle and failing; {advice}");
        }
        assert!(idle_and_most("staging")[1] <= production[1], "staging is as production, and no more");
    }
}
