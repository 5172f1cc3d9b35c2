//! Statements of a policy, compared with the accesses that were made.

use std::collections::BTreeSet;

use serde_json::Value;

use super::access::{Access, LEADING_KEYS};

/// What is missing in the statements and what is too much in them.
pub(crate) fn problems(function: &str, statements: &[Value], made: &BTreeSet<Access>) -> Vec<String> {
    let denied = |access: &Access| statements.iter().any(|one| denies(one, access));
    let missing =
        made.iter().filter(|access| denied(access) || !statements.iter().any(|one| allows(one, access)));
    let missing: BTreeSet<_> = missing
        .map(|access| {
            let Access { action, resource, .. } = access;
            let resource = short(resource);
            let conditional = statements.iter().any(|one| names(one, access));
            let given = if conditional { format!(" with {:?}", access.context) } else { String::new() };
            format!(
                "{function}: calls {action} on {resource}{given}, which its policy does not allow; add it to the function's Policies in template.yaml"
            )
        })
        .collect();
    let granted = statements.iter().flat_map(grants).filter(|(action, ..)| !is_of_links(action));
    let unused = granted.filter(|(action, resource, statement)| {
        let used = |access: &&Access| {
            access.action == *action
                && (glob(resource, &access.resource) || glob(&endpoints_of(resource), &access.resource))
                && holds(statement, access)
        };
        !made.iter().any(|access| used(&access))
    });
    let unused = unused.map(|(action, resource, _)| {
        let resource = short(resource);
        format!(
            "{function}: is allowed {action} on {resource}, which no test makes it call; remove it from the function's Policies in template.yaml, or add the case that needs it to tests/api/least_privilege/walk.rs"
        )
    });
    let idle = statements.iter().filter(|one| one["Effect"] == "Allow").flat_map(|one| idle_keys(one, made));
    let idle = idle.map(|key| {
        format!(
            "{function}: is allowed the keys {key}, with which no test makes it call; remove them from dynamodb:LeadingKeys in its Policies, or add the case that needs them to tests/api/least_privilege/walk.rs"
        )
    });
    missing.into_iter().chain(unused).chain(idle).collect()
}

/// Who follows a link calls S3 with the right of the function that made it, which calls nothing.
pub(crate) fn is_of_links(action: &str) -> bool {
    action == "s3:GetObject"
}

/// The leading keys of a statement that none of the calls which it allows has.
fn idle_keys<'a>(statement: &'a Value, made: &BTreeSet<Access>) -> Vec<&'a str> {
    let used = |key: &&str| {
        made.iter().filter(|access| names(statement, access)).any(|access| {
            let keys = access.context.get(LEADING_KEYS).into_iter().flatten();
            keys.into_iter().any(|made| glob(key, made))
        })
    };
    leading_keys(statement).into_iter().filter(|key| !used(key)).collect()
}

/// The keys that a statement is bound to.
pub(crate) fn leading_keys(statement: &Value) -> Vec<&str> {
    let operators = statement["Condition"].as_object().into_iter().flatten();
    operators.flat_map(|(_, keys)| texts(&keys[LEADING_KEYS])).collect()
}

/// AWS does not document whether it compares a call about a push endpoint with the endpoint's ARN or with
/// that of its application, so both are granted and one of the two is never asked for. The latter stands for
/// all endpoints of the application.
fn endpoints_of(resource: &str) -> String {
    match resource.split_once(":app/") {
        Some((account, application)) => format!("{account}:endpoint/{application}/*"),
        None => resource.to_owned(),
    }
}

/// Every action on every resource of a statement that allows something.
fn grants(statement: &Value) -> Vec<(&str, &str, &Value)> {
    if statement["Effect"] != "Allow" {
        return Vec::new();
    }
    let resources = texts(&statement["Resource"]);
    let of = |action| resources.iter().map(move |resource| (action, *resource, statement));
    texts(&statement["Action"]).into_iter().flat_map(of).collect()
}

fn allows(statement: &Value, access: &Access) -> bool {
    statement["Effect"] == "Allow" && names(statement, access) && holds(statement, access)
}

fn denies(statement: &Value, access: &Access) -> bool {
    statement["Effect"] == "Deny" && names(statement, access) && holds(statement, access)
}

fn names(statement: &Value, access: &Access) -> bool {
    texts(&statement["Action"]).contains(&access.action.as_str())
        && texts(&statement["Resource"]).into_iter().any(|pattern| glob(pattern, &access.resource))
}

/// Whether the statement's conditions hold.
fn holds(statement: &Value, access: &Access) -> bool {
    let operators = statement["Condition"].as_object().into_iter().flatten();
    operators.into_iter().all(|(operator, keys)| {
        let wild = match operator.as_str() {
            "StringEquals" | "ForAllValues:StringEquals" | "ForAnyValue:StringEquals" => false,
            "StringLike" | "ForAllValues:StringLike" => true,
            _ => {
                panic!("tests/api/least_privilege/policy.rs does not know the condition {operator}; teach it")
            }
        };
        keys.as_object().into_iter().flatten().all(|(key, allowed)| {
            let allowed = texts(allowed);
            let is_allowed = |value: &String| {
                allowed.iter().any(|pattern| if wild { glob(pattern, value) } else { pattern == value })
            };
            // A key that the call does not have fulfils no condition here, although `ForAllValues` would let
            // it pass on AWS.
            let any = operator.starts_with("ForAnyValue");
            let fits = |values: &BTreeSet<String>| {
                if any { values.iter().any(is_allowed) } else { values.iter().all(is_allowed) }
            };
            access.context.get(key.as_str()).is_some_and(fits)
        })
    })
}

/// One text or a list of them, as policies allow both.
pub(crate) fn texts(value: &Value) -> Vec<&str> {
    match value {
        Value::Array(values) => values.iter().filter_map(Value::as_str).collect(),
        one => one.as_str().into_iter().collect(),
    }
}

/// The end of an ARN, which tells a reader enough.
fn short(arn: &str) -> &str {
    arn.splitn(6, ':').last().unwrap_or(arn)
}

/// Whether a text fits a pattern in which `*` stands for anything.
fn glob(pattern: &str, text: &str) -> bool {
    match pattern.split_once('*') {
        None => pattern == text,
        Some((start, rest)) => text.strip_prefix(start).is_some_and(|text| {
            let mut ends = (0..=text.len()).filter(|at| text.is_char_boundary(*at));
            ends.any(|at| glob(rest, &text[at..]))
        }),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn access(action: &str, resource: &str, key: Option<&str>) -> Access {
        let context = key.map(|key| ("dynamodb:LeadingKeys", BTreeSet::from([key.to_owned()])));
        let resource = format!("arn:aws:dynamodb:us-east-1:000000000000:{resource}");
        Access { action: action.to_owned(), resource, context: context.into_iter().collect() }
    }

    fn statement(actions: &[&str]) -> Value {
        json!({
            "Effect": "Allow", "Action": actions,
            "Resource": ["arn:aws:dynamodb:us-east-1:000000000000:table/Table"],
        })
    }

    #[test]
    fn what_is_missing_and_what_is_too_much_is_named() {
        let made = [
            access("dynamodb:GetItem", "table/Table", None),
            access("dynamodb:Query", "table/Table/index/due", None),
        ];
        let found =
            problems("api-orgs", &[statement(&["dynamodb:GetItem", "dynamodb:UpdateItem"])], &made.into());
        assert_eq!(
            found,
            [
                "api-orgs: calls dynamodb:Query on table/Table/index/due, which its policy does not allow; add it to the function's Policies in template.yaml",
                "api-orgs: is allowed dynamodb:UpdateItem on table/Table, which no test makes it call; remove it from the function's Policies in template.yaml, or add the case that needs it to tests/api/least_privilege/walk.rs",
            ]
        );
    }

    #[test]
    fn a_condition_that_does_not_hold_is_named() {
        let mut conditional = statement(&["dynamodb:UpdateItem"]);
        conditional["Condition"] =
            json!({ "ForAllValues:StringLike": { "dynamodb:LeadingKeys": ["OUTBOX#*"] } });
        let statements = [conditional];
        let inside = access("dynamodb:UpdateItem", "table/Table", Some("OUTBOX#evt_1"));
        assert_eq!(problems("stream-outbox", &statements, &[inside.clone()].into()), [""; 0]);
        let outside = access("dynamodb:UpdateItem", "table/Table", Some("ORG#org_1"));
        let found = problems("stream-outbox", &statements, &[inside, outside].into());
        assert_eq!(
            found,
            [
                r#"stream-outbox: calls dynamodb:UpdateItem on table/Table with {"dynamodb:LeadingKeys": {"ORG#org_1"}}, which its policy does not allow; add it to the function's Policies in template.yaml"#
            ]
        );
    }

    #[test]
    fn a_key_that_nothing_is_written_with_is_named() {
        let mut bound = statement(&["dynamodb:PutItem"]);
        bound["Condition"] =
            json!({ "ForAllValues:StringLike": { "dynamodb:LeadingKeys": ["ORG#*", "USER#*"] } });
        let made = [access("dynamodb:PutItem", "table/Table", Some("ORG#org_1"))].into();
        let found = problems("api-orgs", &[bound], &made);
        assert!(found.len() == 1 && found[0].contains("is allowed the keys USER#*"), "{found:?}");
    }

    #[test]
    fn what_is_denied_is_not_allowed() {
        let mut deny = statement(&["dynamodb:PutItem"]);
        deny["Effect"] = json!("Deny");
        deny["Condition"] =
            json!({ "ForAnyValue:StringEquals": { "dynamodb:LeadingKeys": ["SIGNING_KEYS"] } });
        let statements = [statement(&["dynamodb:PutItem"]), deny];
        let of = |key| access("dynamodb:PutItem", "table/Table", Some(key));
        assert_eq!(problems("api-orgs", &statements, &[of("ORG#org_1")].into()), [""; 0]);
        let found = problems("api-orgs", &statements, &[of("ORG#org_1"), of("SIGNING_KEYS")].into());
        assert!(found.len() == 1 && found[0].contains("SIGNING_KEYS"), "{found:?}");
    }

    #[test]
    fn an_endpoint_may_be_granted_by_its_application() {
        let sns = |resource: &str| format!("arn:aws:sns:us-east-1:000000000000:{resource}");
        let made = Access {
            action: "sns:Publish".to_owned(),
            resource: sns("endpoint/GCM/gantry/1"),
            context: std::collections::BTreeMap::new(),
        };
        let granted = |resources: &[&str]| {
            let resources: Vec<_> = resources.iter().map(|resource| sns(resource)).collect();
            let statement = json!({ "Effect": "Allow", "Action": "sns:Publish", "Resource": resources });
            problems("queue", &[statement], &[made.clone()].into())
        };
        assert_eq!(granted(&["endpoint/GCM/gantry/*", "app/GCM/gantry"]), [""; 0]);
        assert_eq!(granted(&["endpoint/GCM/gantry/*", "app/APNS/gantry"]).len(), 1, "too much");
        assert_eq!(granted(&["app/GCM/gantry"]).len(), 1, "too little, as long as AWS says nothing");
    }

    #[test]
    fn stars_stand_for_anything() {
        for (pattern, text, fits) in
            [("a*", "abc", true), ("*/x/*", "a/x/b", true), ("a*c", "ab", false), ("a", "ab", false)]
        {
            assert_eq!(glob(pattern, text), fits, "{pattern} {text}");
        }
    }
}
