//! SNS, in its query protocol: platform endpoints, and publishing to topics, endpoints and phone
//! numbers.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use axum::response::Response;
use http::StatusCode;
use serde_json::Value;

use super::{ServiceError, response};
use crate::engine::Engine;
use crate::state::{PlatformEndpoint, Push, TextMessage, capture, random_id};

/// Largest message, bytes.
const MESSAGE_LIMIT: usize = 256 * 1024;

type Form = BTreeMap<String, String>;

/// Members of a result, in order.
type Members = Vec<(&'static str, Member)>;

enum Member {
    Text(String),
    Entries(Vec<(&'static str, String)>),
}

/// Answers one request.
pub(super) fn respond(engine: &Engine, form: &Form) -> Response {
    let action = form.get("Action").map_or("", String::as_str);
    match call(engine, action, form) {
        Ok(members) => response(StatusCode::OK, "text/xml", None, result_xml(action, &members)),
        Err(error) => response(error.status, "text/xml", None, error_xml(&error)),
    }
}

fn call(engine: &Engine, action: &str, form: &Form) -> Result<Members, ServiceError> {
    match action {
        "Publish" => publish(engine, form),
        "CreatePlatformEndpoint" => create_endpoint(engine, form),
        "GetEndpointAttributes" => get_attributes(engine, form),
        "SetEndpointAttributes" => set_attributes(engine, form),
        "DeleteEndpoint" => {
            let arn = required(form, "EndpointArn")?;
            engine.store.change(|state| state.endpoints.remove(arn));
            Ok(Vec::new())
        }
        action => Err(ServiceError::unknown_operation(action)),
    }
}

fn required<'a>(form: &'a Form, name: &str) -> Result<&'a str, ServiceError> {
    form.get(name)
        .map(String::as_str)
        .filter(|value| !value.is_empty())
        .ok_or_else(|| invalid(&format!("{name} Reason: no value for required parameter")))
}

fn invalid(what: &str) -> ServiceError {
    ServiceError::sender("InvalidParameter", format!("Invalid parameter: {what}"))
}

fn not_found(what: &str) -> ServiceError {
    ServiceError::sender("NotFound", format!("{what} does not exist")).with_status(StatusCode::NOT_FOUND)
}

/// `Attributes.entry.N.key` and `.value` → a map.
fn entries(form: &Form, list: &str, key: &str, value: &str) -> BTreeMap<String, String> {
    (1..)
        .map_while(|number| {
            form.get(&format!("{list}.entry.{number}.{key}")).map(|name| (number, name.clone()))
        })
        .map(|(number, name)| {
            (name, form.get(&format!("{list}.entry.{number}.{value}")).cloned().unwrap_or_default())
        })
        .collect()
}

fn same_token(arn: &str) -> ServiceError {
    invalid(&format!(
        "Token Reason: Endpoint {arn} already exists with the same Token, but different attributes."
    ))
}

fn create_endpoint(engine: &Engine, form: &Form) -> Result<Members, ServiceError> {
    let application_arn = required(form, "PlatformApplicationArn")?;
    let token = required(form, "Token")?;
    let Some((base, application)) = application_arn.split_once(":app/") else {
        return Err(invalid("PlatformApplicationArn Reason: An ARN must be of a platform application"));
    };
    // Nothing in a template makes platform applications: those exist that a function is told of.
    let mut told = engine.template.functions.values().flat_map(|function| function.environment.values());
    if !told.any(|value| value == application_arn) {
        return Err(not_found("PlatformApplication"));
    }
    let user_data = form.get("CustomUserData").filter(|data| !data.is_empty()).cloned();
    let enabled =
        entries(form, "Attributes", "key", "value").get("Enabled").is_none_or(|enabled| enabled != "false");
    let arn = engine.store.change(|state| {
        let existing = state
            .endpoints
            .values()
            .find(|endpoint| endpoint.application_arn == application_arn && endpoint.token == token);
        if let Some(existing) = existing {
            // The same attributes give the same endpoint, others are refused: the caller has to set
            // them.
            return if existing.user_data == user_data {
                Ok(existing.arn.clone())
            } else {
                Err(same_token(&existing.arn))
            };
        }
        let arn = format!("{base}:endpoint/{application}/{}", random_id());
        state.endpoints.insert(
            arn.clone(),
            PlatformEndpoint {
                arn: arn.clone(),
                application_arn: application_arn.to_owned(),
                token: token.to_owned(),
                enabled,
                user_data,
            },
        );
        Ok(arn)
    })?;
    Ok(vec![("EndpointArn", Member::Text(arn))])
}

fn get_attributes(engine: &Engine, form: &Form) -> Result<Members, ServiceError> {
    let arn = required(form, "EndpointArn")?;
    let endpoint =
        engine.store.read(|state| state.endpoints.get(arn).cloned()).ok_or_else(|| not_found("Endpoint"))?;
    let mut attributes = vec![("Enabled", endpoint.enabled.to_string()), ("Token", endpoint.token)];
    if let Some(user_data) = endpoint.user_data {
        attributes.push(("CustomUserData", user_data));
    }
    Ok(vec![("Attributes", Member::Entries(attributes))])
}

fn set_attributes(engine: &Engine, form: &Form) -> Result<Members, ServiceError> {
    let arn = required(form, "EndpointArn")?;
    let attributes = entries(form, "Attributes", "key", "value");
    engine.store.change(|state| {
        let own = state.endpoints.get(arn).ok_or_else(|| not_found("Endpoint"))?;
        if let Some(token) = attributes.get("Token") {
            let other = state.endpoints.values().find(|other| {
                other.arn != own.arn && other.application_arn == own.application_arn && other.token == *token
            });
            if let Some(other) = other {
                return Err(same_token(&other.arn));
            }
        }
        if let Some(endpoint) = state.endpoints.get_mut(arn) {
            if let Some(token) = attributes.get("Token") {
                endpoint.token.clone_from(token);
            }
            if let Some(enabled) = attributes.get("Enabled") {
                endpoint.enabled = enabled != "false";
            }
            if let Some(user_data) = attributes.get("CustomUserData") {
                endpoint.user_data = Some(user_data.clone()).filter(|data| !data.is_empty());
            }
        }
        Ok(())
    })?;
    Ok(Vec::new())
}

fn publish(engine: &Engine, form: &Form) -> Result<Members, ServiceError> {
    let message = required(form, "Message")?;
    if message.len() > MESSAGE_LIMIT {
        return Err(invalid("Message too long"));
    }
    let (id, at) = (random_id(), engine.clock.now());
    if let Some(number) = form.get("PhoneNumber") {
        let is_number =
            number.strip_prefix('+').is_some_and(|digits| digits.bytes().all(|byte| byte.is_ascii_digit()));
        if !is_number || !(8..=16).contains(&number.len()) {
            return Err(invalid("PhoneNumber Reason: is not valid to publish to"));
        }
        let attributes = entries(form, "MessageAttributes", "Name", "Value.StringValue");
        let sms =
            TextMessage { id: id.clone(), at, to: number.clone(), text: message.to_owned(), attributes };
        engine.store.change(|state| capture(&mut state.messages, sms));
        return Ok(vec![("MessageId", Member::Text(id))]);
    }
    let target =
        form.get("TargetArn").or_else(|| form.get("TopicArn")).map(String::as_str).unwrap_or_default();
    if target.contains(":endpoint/") {
        publish_to_endpoint(engine, form, target, message, &id)?;
    } else {
        if !engine.template.topics.iter().any(|topic| topic == target) {
            return Err(not_found("Topic"));
        }
        let id = engine.publish(target, form.get("Subject").cloned(), message);
        return Ok(vec![("MessageId", Member::Text(id))]);
    }
    Ok(vec![("MessageId", Member::Text(id))])
}

fn publish_to_endpoint(
    engine: &Engine,
    form: &Form,
    arn: &str,
    message: &str,
    id: &str,
) -> Result<(), ServiceError> {
    // endpoint/<platform>/<application>/<id>
    let platform = arn.split('/').nth(1).unwrap_or_default().to_owned();
    let message = if form.get("MessageStructure").map(String::as_str) == Some("json") {
        let parsed: Value = serde_json::from_str(message)
            .map_err(|_| invalid("Message Structure - JSON message body failed to parse"))?;
        if parsed.get("default").is_none() && parsed.get(&platform).is_none() {
            return Err(invalid("Message Structure - No default entry in JSON message body"));
        }
        parsed
    } else {
        Value::String(message.to_owned())
    };
    let attributes = entries(form, "MessageAttributes", "Name", "Value.StringValue");
    let at = engine.clock.now();
    engine.store.change(|state| {
        let endpoint = state
            .endpoints
            .get(arn)
            .ok_or_else(|| invalid("TargetArn Reason: No endpoint found for the target arn specified"))?;
        if !endpoint.enabled {
            return Err(ServiceError::sender("EndpointDisabled", "Endpoint is disabled"));
        }
        let push = Push {
            id: id.to_owned(),
            at,
            platform,
            token: endpoint.token.clone(),
            endpoint_arn: arn.to_owned(),
            message,
            attributes,
        };
        capture(&mut state.pushes, push);
        Ok(())
    })
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

fn result_xml(action: &str, members: &Members) -> String {
    let mut inner = String::new();
    for (name, member) in members {
        let value = match member {
            Member::Text(text) => escape(text),
            Member::Entries(entries) => entries.iter().fold(String::new(), |mut xml, (key, value)| {
                // Writing to a string cannot fail.
                let _written = write!(xml, "<entry><key>{key}</key><value>{}</value></entry>", escape(value));
                xml
            }),
        };
        let _written = write!(inner, "<{name}>{value}</{name}>");
    }
    format!(
        "<{action}Response xmlns=\"http://sns.amazonaws.com/doc/2010-03-31/\"><{action}Result>{inner}</{action}Result>\
         <ResponseMetadata><RequestId>{}</RequestId></ResponseMetadata></{action}Response>",
        random_id()
    )
}

fn error_xml(error: &ServiceError) -> String {
    format!(
        "<ErrorResponse xmlns=\"http://sns.amazonaws.com/doc/2010-03-31/\"><Error><Type>Sender</Type><Code>{}</Code>\
         <Message>{}</Message></Error><RequestId>{}</RequestId></ErrorResponse>",
        error.code,
        escape(&error.message),
        random_id()
    )
}
