//! CloudFormation's intrinsic functions, evaluated against the local cloud.

use std::cell::RefCell;
use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::queues::{FIFO, is_fifo};
use super::{ACCOUNT, Place, TemplateError};

/// Evaluates references, conditions and string functions of one template.
pub(super) struct Resolver<'a> {
    place: &'a Place,
    parameters: BTreeMap<String, Value>,
    conditions: Map<String, Value>,
    mappings: Value,
    resources: &'a Map<String, Value>,
    /// Names being resolved, so that a circle is an error and not an endless recursion.
    open: RefCell<Vec<String>>,
}

impl<'a> Resolver<'a> {
    pub(super) fn new(
        template: &Value,
        resources: &'a Map<String, Value>,
        place: &'a Place,
    ) -> Result<Self, TemplateError> {
        let mut parameters = BTreeMap::new();
        for (name, declaration) in template["Parameters"].as_object().into_iter().flatten() {
            let value = match (place.parameters.get(name), declaration.get("Default")) {
                (Some(value), _) => Value::String(value.clone()),
                (None, Some(default)) => default.clone(),
                (None, None) => {
                    return Err(TemplateError::invalid(
                        format!("Parameters.{name}"),
                        "has no default, and the local cloud has no value for it",
                    ));
                }
            };
            let is_list =
                declaration["Type"].as_str().is_some_and(|kind| kind.contains("List")) && value.is_string();
            let value = if is_list {
                value.as_str().unwrap_or_default().split(',').map(|part| Value::from(part.trim())).collect()
            } else {
                value
            };
            parameters.insert(name.clone(), value);
        }
        Ok(Self {
            place,
            parameters,
            conditions: template["Conditions"].as_object().cloned().unwrap_or_default(),
            mappings: template["Mappings"].clone(),
            resources,
            open: RefCell::default(),
        })
    }

    /// Resolves every intrinsic function in `value`. `AWS::NoValue` comes back as null and is left
    /// out of objects and lists.
    pub(super) fn resolve(&self, value: &Value, at: &str) -> Result<Value, TemplateError> {
        match value {
            Value::Object(object) => {
                if let Some((name, argument)) = single_function(object) {
                    return self.call(name, argument, at);
                }
                let mut resolved = Map::new();
                for (key, value) in object {
                    let inner = self.resolve(value, &format!("{at}.{key}"))?;
                    if !inner.is_null() {
                        resolved.insert(key.clone(), inner);
                    }
                }
                Ok(Value::Object(resolved))
            }
            Value::Array(items) => {
                let mut resolved = Vec::with_capacity(items.len());
                for (index, item) in items.iter().enumerate() {
                    let inner = self.resolve(item, &format!("{at}[{index}]"))?;
                    if !inner.is_null() {
                        resolved.push(inner);
                    }
                }
                Ok(Value::Array(resolved))
            }
            other => Ok(other.clone()),
        }
    }

    /// Value of a named condition.
    pub(super) fn condition(&self, name: &str, at: &str) -> Result<bool, TemplateError> {
        let expression = self.conditions.get(name).ok_or_else(|| TemplateError::Undeclared {
            at: at.to_owned(),
            name: format!("condition {name}"),
        })?;
        self.guarded(name, at, || self.truth(expression, &format!("Conditions.{name}")))
    }

    fn guarded<T>(
        &self,
        name: &str,
        at: &str,
        work: impl FnOnce() -> Result<T, TemplateError>,
    ) -> Result<T, TemplateError> {
        if self.open.borrow().iter().any(|open| open == name) {
            return Err(TemplateError::invalid(at, format!("{name} refers to itself")));
        }
        self.open.borrow_mut().push(name.to_owned());
        let result = work();
        self.open.borrow_mut().pop();
        result
    }

    fn truth(&self, expression: &Value, at: &str) -> Result<bool, TemplateError> {
        match self.resolve(expression, at)? {
            Value::Bool(value) => Ok(value),
            Value::String(text) if text == "true" => Ok(true),
            Value::String(text) if text == "false" => Ok(false),
            _ => Err(TemplateError::invalid(at, "is not a condition")),
        }
    }

    fn call(&self, name: &str, argument: &Value, at: &str) -> Result<Value, TemplateError> {
        let wrong = |problem: &str| TemplateError::invalid(format!("{at}.{name}"), problem);
        match name {
            "Ref" => self.reference(argument.as_str().ok_or_else(|| wrong("needs a name"))?, at),
            "Condition" => {
                self.condition(argument.as_str().ok_or_else(|| wrong("needs a name"))?, at).map(Value::Bool)
            }
            "Fn::GetAtt" => {
                let parts = self.attribute_path(argument, at)?;
                self.attribute(&parts.0, &parts.1, at)
            }
            "Fn::Sub" => self.substitute(argument, at),
            "Fn::If" => {
                let [condition, yes, no] = items(argument).ok_or_else(|| wrong("needs three items"))?;
                let condition = condition.as_str().ok_or_else(|| wrong("needs the name of a condition"))?;
                self.resolve(if self.condition(condition, at)? { yes } else { no }, at)
            }
            "Fn::Equals" => {
                let [left, right] = items(argument).ok_or_else(|| wrong("needs two items"))?;
                Ok(Value::Bool(text_of(&self.resolve(left, at)?) == text_of(&self.resolve(right, at)?)))
            }
            "Fn::Not" => {
                let [inner] = items(argument).ok_or_else(|| wrong("needs one item"))?;
                Ok(Value::Bool(!self.truth(inner, at)?))
            }
            "Fn::And" | "Fn::Or" => {
                let wanted = name == "Fn::Or";
                for inner in argument.as_array().ok_or_else(|| wrong("needs a list"))? {
                    if self.truth(inner, at)? == wanted {
                        return Ok(Value::Bool(wanted));
                    }
                }
                Ok(Value::Bool(!wanted))
            }
            "Fn::Join" => {
                let [separator, parts] = items(argument).ok_or_else(|| wrong("needs two items"))?;
                let parts = self.resolve(parts, at)?;
                let parts = parts.as_array().ok_or_else(|| wrong("needs a list to join"))?;
                let texts: Vec<String> = parts.iter().map(text_of).collect();
                Ok(Value::String(texts.join(separator.as_str().unwrap_or_default())))
            }
            "Fn::Split" => {
                let [separator, text] = items(argument).ok_or_else(|| wrong("needs two items"))?;
                let text = text_of(&self.resolve(text, at)?);
                Ok(text.split(separator.as_str().unwrap_or(",")).map(Value::from).collect())
            }
            "Fn::Select" => {
                let [index, list] = items(argument).ok_or_else(|| wrong("needs two items"))?;
                let index: usize =
                    text_of(&self.resolve(index, at)?).parse().map_err(|_| wrong("needs a number"))?;
                let list = self.resolve(list, at)?;
                list.get(index).cloned().ok_or_else(|| wrong("selects an item that is not there"))
            }
            "Fn::FindInMap" => {
                let [map, first, second] = items(argument).ok_or_else(|| wrong("needs three items"))?;
                let path = [map, first, second].map(|part| self.resolve(part, at));
                let mut found = &self.mappings;
                for part in path {
                    found = &found[text_of(&part?)];
                }
                if found.is_null() { Err(wrong("finds nothing in Mappings")) } else { Ok(found.clone()) }
            }
            "Fn::ToJsonString" => Ok(Value::String(self.resolve(argument, at)?.to_string())),
            _ => Err(wrong("is not known to the local cloud")),
        }
    }

    fn attribute_path(&self, argument: &Value, at: &str) -> Result<(String, String), TemplateError> {
        if let Some(text) = argument.as_str()
            && let Some((resource, attribute)) = text.split_once('.')
        {
            return Ok((resource.to_owned(), attribute.to_owned()));
        }
        let [resource, attribute] = items(argument)
            .ok_or_else(|| TemplateError::invalid(at, "Fn::GetAtt needs a resource and an attribute"))?;
        Ok((text_of(resource), text_of(&self.resolve(attribute, at)?)))
    }

    fn substitute(&self, argument: &Value, at: &str) -> Result<Value, TemplateError> {
        let (text, values) = match argument {
            Value::String(text) => (text.as_str(), None),
            Value::Array(parts) => (
                parts.first().and_then(Value::as_str).unwrap_or_default(),
                parts.get(1).and_then(Value::as_object),
            ),
            _ => return Err(TemplateError::invalid(at, "Fn::Sub needs a text")),
        };
        let mut result = String::with_capacity(text.len());
        let mut rest = text;
        while let Some(start) = rest.find("${") {
            let end = rest[start..]
                .find('}')
                .ok_or_else(|| TemplateError::invalid(at, "Fn::Sub has ${ without }"))?
                + start;
            result.push_str(&rest[..start]);
            let name = rest[start + 2..end].trim();
            if let Some(literal) = name.strip_prefix('!') {
                result.push_str("${");
                result.push_str(literal);
                result.push('}');
            } else if let Some(value) = values.and_then(|values| values.get(name)) {
                result.push_str(&text_of(&self.resolve(value, at)?));
            } else if let Some((resource, attribute)) = name.split_once('.') {
                result.push_str(&text_of(&self.attribute(resource, attribute, at)?));
            } else {
                result.push_str(&text_of(&self.reference(name, at)?));
            }
            rest = &rest[end + 1..];
        }
        result.push_str(rest);
        Ok(Value::String(result))
    }

    fn reference(&self, name: &str, at: &str) -> Result<Value, TemplateError> {
        let pseudo = match name {
            "AWS::NoValue" => return Ok(Value::Null),
            "AWS::Region" => Some(self.place.region.as_str()),
            "AWS::AccountId" => Some(ACCOUNT),
            "AWS::Partition" => Some("aws"),
            "AWS::StackName" => Some("local"),
            "AWS::StackId" => Some("arn:aws:cloudformation:local:000000000000:stack/local/local"),
            "AWS::URLSuffix" => Some("amazonaws.com"),
            _ => None,
        };
        if let Some(text) = pseudo {
            return Ok(Value::from(text));
        }
        if let Some(value) = self.parameters.get(name) {
            return Ok(value.clone());
        }
        // the alias that SAM publishes a function under
        if let Some(function) = name.strip_suffix(".Alias")
            && self.kind(function) == Some("AWS::Serverless::Function")
        {
            let function = self.physical_name(function)?;
            return Ok(Value::String(self.place.arn("lambda", &format!("function:{function}:live"))));
        }
        let Some(kind) = self.kind(name) else { return self.generated(name, at) };
        let own_name = || self.physical_name(name);
        Ok(Value::String(match kind {
            "AWS::SQS::Queue" => self.place.queue_url(&own_name()?),
            "AWS::SNS::Topic" => self.place.arn("sns", &own_name()?),
            "AWS::SecretsManager::Secret" => {
                self.place.arn("secretsmanager", &format!("secret:{}", own_name()?))
            }
            _ => own_name()?,
        }))
    }

    fn attribute(&self, resource: &str, attribute: &str, at: &str) -> Result<Value, TemplateError> {
        let Some(kind) = self.kind(resource) else {
            return self.generated(&format!("{resource}.{attribute}"), at);
        };
        let name = self.physical_name(resource)?;
        Ok(Value::String(match (kind, attribute) {
            ("AWS::SQS::Queue", "Arn") => self.place.arn("sqs", &name),
            ("AWS::SQS::Queue", "QueueUrl") => self.place.queue_url(&name),
            ("AWS::DynamoDB::Table" | "AWS::DynamoDB::GlobalTable", "Arn") => {
                self.place.arn("dynamodb", &format!("table/{name}"))
            }
            ("AWS::DynamoDB::Table" | "AWS::DynamoDB::GlobalTable", "StreamArn") => {
                self.place.arn("dynamodb", &format!("table/{name}/stream/local"))
            }
            ("AWS::Events::EventBus", "Arn") => self.place.arn("events", &format!("event-bus/{name}")),
            ("AWS::Serverless::Function", "Arn") => self.place.arn("lambda", &format!("function:{name}")),
            // a bucket's name is everybody's, so its ARN says neither region nor account
            ("AWS::S3::Bucket", "Arn") => format!("arn:aws:s3:::{name}"),
            ("AWS::SNS::Topic", "TopicArn") => self.place.arn("sns", &name),
            ("AWS::SecretsManager::Secret", "Id" | "Arn") => {
                self.place.arn("secretsmanager", &format!("secret:{name}"))
            }
            (_, "Name" | "QueueName" | "TopicName") => name,
            // Attributes of resources that are not run here (roles, log groups …) only have to be
            // distinct.
            (_, attribute) => format!("arn:aws:local:{}:{ACCOUNT}:{resource}/{attribute}", self.place.region),
        }))
    }

    /// SAM makes resources of its own (`<Function>Role`, `<Api>Stage`, `ServerlessRestApi`); they
    /// only need a value.
    fn generated(&self, name: &str, at: &str) -> Result<Value, TemplateError> {
        let known = name.starts_with("ServerlessRestApi")
            || self.resources.keys().any(|logical_id| name.starts_with(logical_id.as_str()));
        if known {
            Ok(Value::String(format!("local-{name}")))
        } else {
            Err(TemplateError::Undeclared { at: at.to_owned(), name: name.to_owned() })
        }
    }

    fn kind(&self, logical_id: &str) -> Option<&str> {
        self.resources.get(logical_id)?.get("Type")?.as_str()
    }

    /// Name of a resource in the local cloud: the one the template gives, otherwise the logical id,
    /// with the ending of a FIFO queue if it is one.
    pub(super) fn physical_name(&self, logical_id: &str) -> Result<String, TemplateError> {
        let resource = &self.resources[logical_id];
        let properties = &resource["Properties"];
        let property = match resource["Type"].as_str().unwrap_or_default() {
            "AWS::SQS::Queue" => "QueueName",
            "AWS::DynamoDB::Table" | "AWS::DynamoDB::GlobalTable" => "TableName",
            "AWS::SNS::Topic" => "TopicName",
            "AWS::S3::Bucket" => "BucketName",
            "AWS::Serverless::Function" => return function_name(logical_id, properties),
            _ => "Name",
        };
        let said = |property: &str| {
            let at = format!("{logical_id}.{property}");
            self.guarded(&at, &at, || self.resolve(&properties[property], &at))
        };
        if let Value::String(name) = said(property)? {
            return Ok(name);
        }
        if property == "BucketName" {
            return Ok(logical_id.to_lowercase());
        }
        let ending = if property == "QueueName" && is_fifo(&said("FifoQueue")?) { FIFO } else { "" };
        Ok(format!("{logical_id}{ending}"))
    }
}

/// The package of a function: the last part of its `CodeUri`.
fn function_name(logical_id: &str, properties: &Value) -> Result<String, TemplateError> {
    properties["CodeUri"]
        .as_str()
        .and_then(|path| path.trim_end_matches('/').rsplit('/').next())
        .filter(|name| !name.is_empty())
        .map(str::to_owned)
        .ok_or_else(|| {
            TemplateError::invalid(
                format!("{logical_id}.CodeUri"),
                "must be target/lambda/<name of the package>/",
            )
        })
}

fn single_function(object: &Map<String, Value>) -> Option<(&str, &Value)> {
    let (name, argument) = object.iter().next()?;
    let is_function = object.len() == 1
        && (name == "Ref" || name.starts_with("Fn::") || (name == "Condition" && argument.is_string()));
    is_function.then_some((name.as_str(), argument))
}

fn items<const N: usize>(value: &Value) -> Option<&[Value; N]> {
    value.as_array()?.as_slice().try_into().ok()
}

/// A scalar as CloudFormation turns it into text.
pub(super) fn text_of(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Null => String::new(),
        Value::Array(items) => items.iter().map(text_of).collect::<Vec<_>>().join(","),
        other => other.to_string(),
    }
}
