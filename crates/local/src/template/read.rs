//! Resources of a template → the model.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::intrinsics::{Resolver, text_of};
use super::{
    BucketSpec, FunctionSpec, GatewayResponse, MailDestinationSpec, Place, RotationSpec, RuleSpec,
    ScheduleSpec, SecretSpec, SecretValue, SubscriptionSpec, TableSpec, Template, TemplateError, sources,
};
use crate::pattern::Pattern;

/// Resource types that change nothing for somebody who calls the API, so that the local cloud
/// passes over them. A type that ends in `::` stands for the whole service.
pub const IGNORED: &[&str] = &[
    "AWS::ApiGateway::",
    "AWS::ApplicationAutoScaling::",
    "AWS::Backup::",
    "AWS::Budgets::",
    "AWS::CertificateManager::",
    // Those that are left hold alarms and what people look at: areas have joined the template
    // (nested.rs).
    "AWS::CloudFormation::Stack",
    "AWS::CloudFront::",
    "AWS::CloudTrail::",
    "AWS::CloudWatch::",
    "AWS::CodeDeploy::",
    "AWS::EC2::",
    "AWS::Events::Archive",
    "AWS::Events::EventBusPolicy",
    "AWS::GuardDuty::",
    "AWS::IAM::",
    "AWS::KMS::",
    "AWS::Lambda::Permission",
    "AWS::Logs::",
    "AWS::Route53::",
    "AWS::S3::BucketPolicy",
    "AWS::SES::ConfigurationSet",
    "AWS::SNS::TopicPolicy",
    "AWS::SQS::QueuePolicy",
    "AWS::SSM::Parameter",
    "AWS::Scheduler::ScheduleGroup",
    "AWS::SecretsManager::ResourcePolicy",
    "AWS::WAFv2::",
    "AWS::XRay::",
];

/// What is being read: the result so far and the means to resolve values.
pub(super) struct Reader<'a> {
    pub(super) resolver: Resolver<'a>,
    pub(super) place: &'a Place,
    pub(super) template: Template,
}

/// Reads a parsed template.
pub(super) fn read(parsed: &Value, place: &Place) -> Result<Template, TemplateError> {
    let resources = parsed["Resources"].as_object().cloned().unwrap_or_default();
    let resolver = Resolver::new(parsed, &resources, place)?;
    let mut active = Map::new();
    for (logical_id, resource) in &resources {
        let condition = resource.get("Condition").and_then(Value::as_str);
        if condition.map_or(Ok(true), |name| resolver.condition(name, logical_id))? {
            active.insert(logical_id.clone(), resource.clone());
        }
    }
    let template = Template { stage: "local".to_owned(), ..Template::default() };
    let mut reader = Reader { resolver, place, template };
    // Functions come last: their events name the queues, tables and the API read before.
    let (functions, others): (Vec<_>, Vec<_>) =
        active.iter().partition(|(_, resource)| resource["Type"] == "AWS::Serverless::Function");
    for (logical_id, resource) in others {
        reader.resource(logical_id, resource)?;
    }
    for (logical_id, resource) in functions {
        reader.function(logical_id, resource, &parsed["Globals"]["Function"])?;
    }
    reader.check()?;
    Ok(reader.template)
}

impl Reader<'_> {
    fn resource(&mut self, logical_id: &str, resource: &Value) -> Result<(), TemplateError> {
        let kind = resource["Type"].as_str().unwrap_or_default();
        let ignored =
            |ignored: &&str| *ignored == kind || (ignored.ends_with("::") && kind.starts_with(*ignored));
        if IGNORED.iter().any(ignored) {
            return Ok(());
        }
        let name = self.resolver.physical_name(logical_id)?;
        let properties = self.resolver.resolve(&resource["Properties"], logical_id)?;
        match kind {
            "AWS::Serverless::Api" => {
                if let Some(stage) = properties["StageName"].as_str() {
                    stage.clone_into(&mut self.template.stage);
                }
                let responses = properties["GatewayResponses"].as_object().into_iter().flatten();
                self.template.gateway_responses =
                    responses.map(|(name, response)| (name.clone(), gateway_response(response))).collect();
                Ok(())
            }
            "AWS::SQS::Queue" => self.queue(logical_id, name, &properties),
            "AWS::DynamoDB::Table" | "AWS::DynamoDB::GlobalTable" => {
                self.table(name, &properties);
                Ok(())
            }
            "AWS::Events::EventBus" => {
                self.template.buses.push(name);
                Ok(())
            }
            "AWS::Events::Rule" => self.rule(logical_id, name, &properties),
            "AWS::SNS::Topic" => {
                self.template.topics.push(self.place.arn("sns", &name));
                Ok(())
            }
            "AWS::S3::Bucket" => {
                let rules = properties["LifecycleConfiguration"]["Rules"].as_array().into_iter().flatten();
                let bucket = BucketSpec {
                    days: rules.filter_map(|rule| rule["ExpirationInDays"].as_i64()).min(),
                    is_versioned: properties["VersioningConfiguration"]["Status"] == "Enabled",
                    locked_days: match &properties["ObjectLockConfiguration"]["Rule"]["DefaultRetention"] {
                        Value::Null => None,
                        retention => Some(i64::from(number(retention, "Days", 0))),
                    },
                };
                self.template.buckets.insert(name, bucket);
                Ok(())
            }
            "AWS::SNS::Subscription" => self.subscription(logical_id, &properties),
            "AWS::SES::ConfigurationSetEventDestination" => self.mail_destination(logical_id, &properties),
            "AWS::SecretsManager::Secret" => {
                self.secret(name, &properties);
                Ok(())
            }
            "AWS::SecretsManager::RotationSchedule" => self.rotation(logical_id, &properties),
            "AWS::Scheduler::Schedule" => self.scheduler_schedule(logical_id, name, &properties),
            kind => Err(TemplateError::UnknownResource {
                logical_id: logical_id.to_owned(),
                kind: kind.to_owned(),
            }),
        }
    }

    fn table(&mut self, name: String, properties: &Value) {
        let mut create = json!({ "TableName": name, "BillingMode": "PAY_PER_REQUEST" });
        for key in ["KeySchema", "AttributeDefinitions"] {
            create[key] = properties[key].clone();
        }
        for key in ["GlobalSecondaryIndexes", "LocalSecondaryIndexes"] {
            let Some(indexes) = properties[key].as_array() else { continue };
            // Only what an on-demand index may state at creation.
            create[key] = indexes
                .iter()
                .map(|index| {
                    json!({
                        "IndexName": index["IndexName"], "KeySchema": index["KeySchema"], "Projection": index["Projection"],
                    })
                })
                .collect();
        }
        let stream = properties["StreamSpecification"]["StreamViewType"].as_str();
        if let Some(view) = stream {
            create["StreamSpecification"] = json!({ "StreamEnabled": true, "StreamViewType": view });
        }
        let ttl = &properties["TimeToLiveSpecification"];
        let ttl_attribute = (ttl["Enabled"] != json!(false))
            .then(|| ttl["AttributeName"].as_str().map(str::to_owned))
            .flatten();
        self.template
            .tables
            .insert(name.clone(), TableSpec { name, create, ttl_attribute, stream: stream.is_some() });
    }

    fn rule(&mut self, logical_id: &str, name: String, properties: &Value) -> Result<(), TemplateError> {
        if properties["State"] == "DISABLED" {
            return Ok(());
        }
        let pattern = Pattern::read(&properties["EventPattern"]).map_err(|error| {
            TemplateError::invalid(format!("{logical_id}.EventPattern"), error.to_string())
        })?;
        let mut targets = Vec::new();
        for target in properties["Targets"].as_array().into_iter().flatten() {
            let at = format!("{logical_id}.Targets");
            let arn = required(target, "Arn", &at)?;
            if !arn.contains(":sqs:") {
                return Err(TemplateError::invalid(
                    at,
                    format!("{arn} is no queue; only queues can be targets here"),
                ));
            }
            if target.get("InputTransformer").is_some() || target.get("InputPath").is_some() {
                return Err(TemplateError::invalid(at, "input transformations are not run locally"));
            }
            targets.push(arn);
        }
        let bus = properties["EventBusName"].as_str().unwrap_or("default");
        // The property takes a name or an ARN.
        let bus = bus.rsplit('/').next().unwrap_or(bus).to_owned();
        self.template.rules.push(RuleSpec { name, bus, pattern, targets });
        Ok(())
    }

    /// Those of queues; others are told outside of this machine.
    fn subscription(&mut self, logical_id: &str, properties: &Value) -> Result<(), TemplateError> {
        if properties["Protocol"] == "sqs" {
            self.template.subscriptions.push(SubscriptionSpec {
                topic_arn: required(properties, "TopicArn", logical_id)?,
                queue_arn: required(properties, "Endpoint", logical_id)?,
                raw: properties["RawMessageDelivery"] == json!(true),
            });
        }
        Ok(())
    }

    fn mail_destination(&mut self, logical_id: &str, properties: &Value) -> Result<(), TemplateError> {
        let destination = &properties["EventDestination"];
        let at = format!("{logical_id}.EventDestination.SnsDestination");
        let kinds = destination["MatchingEventTypes"].as_array().into_iter().flatten();
        let spec = MailDestinationSpec {
            configuration_set: required(properties, "ConfigurationSetName", logical_id)?,
            topic_arn: required(&destination["SnsDestination"], "TopicARN", &at)?,
            kinds: kinds.filter_map(|kind| kind.as_str().map(str::to_owned)).collect(),
        };
        if destination["Enabled"] != json!(false) {
            self.template.mail_destinations.push(spec);
        }
        Ok(())
    }

    fn secret(&mut self, name: String, properties: &Value) {
        let generate = &properties["GenerateSecretString"];
        let value = match properties["SecretString"].as_str() {
            Some(text) => SecretValue::Literal(text.to_owned()),
            None => SecretValue::Generated {
                template: generate["SecretStringTemplate"]
                    .as_str()
                    .zip(generate["GenerateStringKey"].as_str())
                    .map(|(template, key)| (template.to_owned(), key.to_owned())),
                length: usize::try_from(number(generate, "PasswordLength", 32)).unwrap_or(32),
                exclude: excluded_characters(generate),
            },
        };
        let arn = self.place.arn("secretsmanager", &format!("secret:{name}"));
        self.template.secrets.insert(arn.clone(), SecretSpec { name, arn, value });
    }

    fn scheduler_schedule(
        &mut self,
        logical_id: &str,
        name: String,
        properties: &Value,
    ) -> Result<(), TemplateError> {
        if properties["State"] == "DISABLED" {
            return Ok(());
        }
        let target = &properties["Target"];
        let arn = required(target, "Arn", &format!("{logical_id}.Target"))?;
        let function = arn.rsplit(':').next().unwrap_or_default().to_owned();
        self.template.schedules.push(ScheduleSpec {
            name,
            expression: required(properties, "ScheduleExpression", logical_id)?,
            time_zone: properties["ScheduleExpressionTimezone"].as_str().unwrap_or("UTC").to_owned(),
            function,
            input: target["Input"].as_str().map(str::to_owned),
            source: "aws.scheduler",
            rotates: None,
        });
        Ok(())
    }

    fn rotation(&mut self, logical_id: &str, properties: &Value) -> Result<(), TemplateError> {
        let secret = required(properties, "SecretId", logical_id)?;
        // arn:aws:lambda:region:account:function:name, and an alias where one is called
        let function = required(properties, "RotationLambdaARN", logical_id)?;
        let function = function.split(':').nth(6).unwrap_or_default().to_owned();
        let rules = &properties["RotationRules"];
        let days = number(rules, "AutomaticallyAfterDays", 0);
        if days == 0 {
            let at = format!("{logical_id}.RotationRules");
            return Err(TemplateError::invalid(
                at,
                "needs AutomaticallyAfterDays; other rules are not run locally",
            ));
        }
        self.template.schedules.push(ScheduleSpec {
            name: logical_id.to_owned(),
            expression: format!("rate({days} days)"),
            time_zone: "UTC".to_owned(),
            function: function.clone(),
            input: None,
            source: "aws.scheduler",
            rotates: Some(secret.clone()),
        });
        self.template.rotations.insert(secret, RotationSpec { function, days });
        Ok(())
    }

    fn function(&mut self, logical_id: &str, resource: &Value, globals: &Value) -> Result<(), TemplateError> {
        let name = self.resolver.physical_name(logical_id)?;
        let own = resource["Properties"].as_object().cloned().unwrap_or_default();
        // Deployment settings may use functions which make no sense here, so only what is looked at
        // is resolved.
        let mut properties = Map::new();
        for key in [
            "Environment",
            "Timeout",
            "ReservedConcurrentExecutions",
            "Events",
            "EventInvokeConfig",
            "DeadLetterQueue",
            "Policies",
        ] {
            let at = format!("{logical_id}.{key}");
            let global = globals.get(key).map(|value| self.resolver.resolve(value, &at)).transpose()?;
            let local = own.get(key).map(|value| self.resolver.resolve(value, &at)).transpose()?;
            if let Some(value) = merged(global, local) {
                properties.insert(key.to_owned(), value);
            }
        }
        let properties = Value::Object(properties);
        let environment: BTreeMap<String, String> = properties["Environment"]["Variables"]
            .as_object()
            .into_iter()
            .flatten()
            .map(|(key, value)| (key.clone(), text_of(value)))
            .collect();
        let invoke = &properties["EventInvokeConfig"];
        let on_failure = invoke["DestinationConfig"]["OnFailure"]["Destination"]
            .as_str()
            .or_else(|| properties["DeadLetterQueue"]["TargetArn"].as_str());
        let spec = FunctionSpec {
            name: name.clone(),
            environment,
            timeout_seconds: number(&properties, "Timeout", 3),
            reserved_concurrency: properties
                .get("ReservedConcurrentExecutions")
                .map(|_| number(&properties, "ReservedConcurrentExecutions", 0)),
            on_failure: on_failure.map(str::to_owned),
            asynchronous_retries: number(invoke, "MaximumRetryAttempts", 2),
            statements: statements(&properties["Policies"]),
        };
        if self.template.functions.insert(name.clone(), spec).is_some() {
            return Err(TemplateError::invalid(
                logical_id,
                format!("a second function has the package {name}"),
            ));
        }
        for (event_id, event) in properties["Events"].as_object().into_iter().flatten() {
            sources::event(self, logical_id, &name, event_id, event)?;
        }
        Ok(())
    }

    /// Whatever refers to something must find it in the template.
    fn check(&self) -> Result<(), TemplateError> {
        self.check_queues()?;
        let template = &self.template;
        for (secret, rotation) in &template.rotations {
            if !template.secrets.contains_key(secret) || !template.functions.contains_key(&rotation.function)
            {
                let problem = format!("is rotated by {}; both must be in the template", rotation.function);
                return Err(TemplateError::invalid(secret, problem));
            }
        }
        for rule in &template.rules {
            if rule.bus != "default" && !template.buses.contains(&rule.bus) {
                return Err(TemplateError::invalid(
                    &rule.name,
                    format!("there is no event bus {}", rule.bus),
                ));
            }
        }
        Ok(())
    }
}

fn gateway_response(response: &Value) -> GatewayResponse {
    let headers = response["ResponseParameters"]["Headers"].as_object().into_iter().flatten();
    GatewayResponse {
        status: u16::try_from(number(response, "StatusCode", 0))
            .ok()
            .and_then(|status| http::StatusCode::from_u16(status).ok()),
        headers: headers.map(|(name, value)| (name.clone(), text_of(value))).collect(),
        // API Gateway looks at this one alone.
        body: response["ResponseTemplates"].get("application/json").map(text_of),
    }
}

/// SAM's merge of `Globals` and a resource: maps are joined, anything else is replaced.
pub(super) fn merged(global: Option<Value>, local: Option<Value>) -> Option<Value> {
    match (global, local) {
        (Some(Value::Object(mut global)), Some(Value::Object(local))) => {
            for (key, value) in local {
                let value = merged(global.remove(&key), Some(value)).unwrap_or_default();
                global.insert(key, value);
            }
            Some(Value::Object(global))
        }
        (global, local) => local.or(global),
    }
}

/// The statements of all policies that are documents; names of managed policies say nothing that
/// could be looked at.
fn statements(policies: &Value) -> Vec<Value> {
    let documents = policies.as_array().into_iter().flatten();
    documents.filter_map(|policy| policy["Statement"].as_array()).flatten().cloned().collect()
}

fn excluded_characters(generate: &Value) -> String {
    let mut exclude = generate["ExcludeCharacters"].as_str().unwrap_or_default().to_owned();
    for (flag, characters) in [
        ("ExcludePunctuation", crate::aws::PUNCTUATION),
        ("ExcludeNumbers", "0123456789"),
        ("ExcludeLowercase", "abcdefghijklmnopqrstuvwxyz"),
        ("ExcludeUppercase", "ABCDEFGHIJKLMNOPQRSTUVWXYZ"),
    ] {
        if generate[flag] == json!(true) {
            exclude.push_str(characters);
        }
    }
    exclude
}

/// A text property that must be there.
pub(super) fn required(properties: &Value, key: &str, at: &str) -> Result<String, TemplateError> {
    properties[key]
        .as_str()
        .map(str::to_owned)
        .ok_or_else(|| TemplateError::invalid(format!("{at}.{key}"), "must be given as text"))
}

/// A number, which templates may also write as text.
pub(super) fn number(properties: &Value, key: &str, default: u32) -> u32 {
    match &properties[key] {
        Value::Number(number) => number.as_u64().and_then(|number| u32::try_from(number).ok()),
        Value::String(text) => text.parse().ok(),
        _ => None,
    }
    .unwrap_or(default)
}
