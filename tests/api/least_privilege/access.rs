//! A call on the wire → what IAM asks the caller's policy about it.

use std::collections::{BTreeMap, BTreeSet};

use local::template::ACCOUNT;
use serde_json::Value;
use test_support::RecordedCall;

/// An action on a resource.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Access {
    /// Such as `dynamodb:GetItem`.
    pub(crate) action: String,
    /// The resource's ARN.
    pub(crate) resource: String,
    /// Condition keys and their values.
    pub(crate) context: BTreeMap<&'static str, BTreeSet<String>>,
}

/// What a call asks for, as the service authorization reference has it
/// (<https://docs.aws.amazon.com/service-authorization/latest/reference/reference_policies_actions-resources-contextkeys.html>).
///
/// # Panics
/// When it does not know the call: then it has to be taught.
pub(crate) fn asked_for(call: &RecordedCall) -> Vec<Access> {
    let mut scope = call.scope.split('/').skip(1);
    let (region, service) = (scope.next().unwrap_or_default(), scope.next().unwrap_or_default());
    let arn = |resource: String| format!("arn:aws:{service}:{region}:{ACCOUNT}:{resource}");
    let operation = call.target.as_deref().and_then(|target| target.rsplit('.').next());
    let body = || serde_json::from_slice::<Value>(&call.body).unwrap();
    match (service, operation) {
        ("dynamodb", Some(operation)) => dynamodb(operation, &body(), &arn),
        ("sqs", Some(operation)) => {
            // a batch needs the permission of its single action
            let action = operation.strip_suffix("Batch").unwrap_or(operation);
            let queue = text(&body()["QueueUrl"]).rsplit('/').next().unwrap_or_default().to_owned();
            vec![Access::new(format!("sqs:{action}"), arn(queue))]
        }
        ("secretsmanager", Some(operation)) => {
            vec![Access::new(format!("secretsmanager:{operation}"), text(&body()["SecretId"]))]
        }
        ("events", Some("PutEvents")) => put_events(&body(), &arn),
        ("ses", None) if call.path == "/v2/email/outbound-emails" => send_email(&body(), &arn),
        // a file is put; whoever has a link reads it
        ("s3", None) => {
            vec![Access::new("s3:PutObject", format!("arn:aws:s3:::{}", call.path.trim_start_matches('/')))]
        }
        ("sns", None) => notifications(&call.body, region),
        _ => panic!(
            "{}: calls {service} {operation:?} {}; say in tests/api/least_privilege/access.rs which action and resource that is",
            call.caller, call.path
        ),
    }
}

impl Access {
    fn new(action: impl Into<String>, resource: impl Into<String>) -> Self {
        Self { action: action.into(), resource: resource.into(), context: BTreeMap::new() }
    }

    fn with(mut self, key: &'static str, value: impl Into<String>) -> Self {
        self.context.entry(key).or_default().insert(value.into());
        self
    }
}

/// Condition key of `DynamoDB`: the partition keys of a call.
pub(crate) const LEADING_KEYS: &str = "dynamodb:LeadingKeys";

fn dynamodb(operation: &str, body: &Value, arn: &dyn Fn(String) -> String) -> Vec<Access> {
    let on = |action: &str, request: &Value| {
        let table = format!("table/{}", text(&request["TableName"]));
        let resource = match request["IndexName"].as_str() {
            Some(index) => format!("{table}/index/{index}"),
            None => table,
        };
        Access::new(format!("dynamodb:{action}"), arn(resource)).with(LEADING_KEYS, leading_key(request))
    };
    match operation {
        "GetItem" | "PutItem" | "UpdateItem" | "DeleteItem" | "Query" => vec![on(operation, body)],
        "BatchGetItem" => {
            let tables = body["RequestItems"].as_object().into_iter().flatten();
            let access = |(table, request): (&String, &Value)| {
                let access = Access::new("dynamodb:BatchGetItem", arn(format!("table/{table}")));
                let keys = request["Keys"].as_array().into_iter().flatten();
                keys.fold(access, |access, key| access.with(LEADING_KEYS, text(&key["pk"]["S"])))
            };
            tables.map(access).collect()
        }
        "BatchWriteItem" => {
            let tables = body["RequestItems"].as_object().into_iter().flatten();
            let access = |(table, requests): (&String, &Value)| {
                let access = Access::new("dynamodb:BatchWriteItem", arn(format!("table/{table}")));
                let puts = requests.as_array().into_iter().flatten();
                puts.fold(access, |access, put| {
                    access.with(LEADING_KEYS, text(&put["PutRequest"]["Item"]["pk"]["S"]))
                })
            };
            tables.map(access).collect()
        }
        // A transaction has no action of its own: each operation in it needs the permission of its kind
        // (https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/transaction-apis-iam.html).
        "TransactWriteItems" | "TransactGetItems" => {
            let items = body["TransactItems"].as_array().into_iter().flatten();
            let kinds = [
                ("Put", "PutItem"),
                ("Update", "UpdateItem"),
                ("Delete", "DeleteItem"),
                ("ConditionCheck", "ConditionCheckItem"),
                ("Get", "GetItem"),
            ];
            let access = |item: &Value| {
                let (kind, action) = kinds.iter().find(|(kind, _)| item[kind].is_object())?;
                Some(on(action, &item[kind]))
            };
            items.map(|item| access(item).unwrap_or_else(|| panic!("{item} is of no known kind"))).collect()
        }
        _ => panic!("calls dynamodb {operation}; teach it to tests/api/least_privilege/access.rs"),
    }
}

/// The partition key of a request for one item, or of a query: the value that its condition compares for
/// equality.
fn leading_key(request: &Value) -> &str {
    if let Some(condition) = request["KeyConditionExpression"].as_str() {
        let value = condition.split_whitespace().skip_while(|word| *word != "=").nth(1).unwrap_or_default();
        return text(&request["ExpressionAttributeValues"][value]["S"]);
    }
    text(request["Key"]["pk"].get("S").unwrap_or(&request["Item"]["pk"]["S"]))
}

fn put_events(body: &Value, arn: &dyn Fn(String) -> String) -> Vec<Access> {
    let entries = body["Entries"].as_array().into_iter().flatten();
    let access = |entry: &Value| {
        let bus = arn(format!("event-bus/{}", text(&entry["EventBusName"])));
        Access::new("events:PutEvents", bus).with("events:source", text(&entry["Source"]))
    };
    entries.map(access).collect()
}

/// The identity is taken to be the sender's domain, as the local cloud's parameters have it.
fn send_email(body: &Value, arn: &dyn Fn(String) -> String) -> Vec<Access> {
    // the name before the address has a condition key of its own
    let from = text(&body["FromEmailAddress"]);
    let from = from.rsplit_once('<').map_or(from, |(_, address)| address.trim_end_matches('>'));
    let domain = from.rsplit('@').next().unwrap_or_default();
    let set = body["ConfigurationSetName"].as_str().map(|set| format!("configuration-set/{set}"));
    let resources = [Some(format!("identity/{domain}")), set].into_iter().flatten();
    resources
        .map(|resource| Access::new("ses:SendEmail", arn(resource)).with("ses:FromAddress", from))
        .collect()
}

fn notifications(body: &[u8], region: &str) -> Vec<Access> {
    let form: BTreeMap<_, _> = form_urlencoded::parse(body).into_owned().collect();
    // of a message to a phone the number is what a policy is asked about
    let named = ["PlatformApplicationArn", "EndpointArn", "TargetArn", "TopicArn", "PhoneNumber"];
    let resource = named.iter().find_map(|name| form.get(*name)).unwrap_or_else(|| panic!("{form:?}"));
    vec![Access::new(format!("sns:{}", form["Action"]), resource).with("aws:RequestedRegion", region)]
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}
