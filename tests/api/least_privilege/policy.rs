//! Statements of a policy, compared with the accesses that were made.

use std::collections::BTreeSet;

use serde_json::Value;

use super::access::Access;

/// What is missing in the statements and what is too much in them.
pub(crate) fn problems(function: &str, statements: &[Value], made: &BTreeSet<Access>) -> Vec<String> {
    let missing = made.iter().filter(|access| !statements.iter().any(|one| allows(one, access)));
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
    let unused = statements.iter().flat_map(grants).filter(|(action, resource, statement)| {
        let used = |access: &&Access| {
            access.action == *action && glob(resource, &access.resource) && holds(statement, access)
        };
        !made.iter().any(|access| used(&access))
    });
    let unused = unused.map(|(action, resource, _)| {
        let resource = short(resource);
        format!(
            "{function}: is allowed {action} on {resource}, which no test makes it call; remove it from the function's Policies in template.yaml, or add the case that needs it to tests/api/least_privilege/walk.rs"
        )
    });
    missing.into_iter().chain(unused).collect()
}

/// Every action on every resource of a statement.
fn grants(statement: &Value) -> Vec<(&str, &str, &Value)> {
    let resources = texts(&statement["Resource"]);
    let of = |action| resources.iter().map(move |resource| (action, *resource, statement));
    texts(&statement["Action"]).into_iter().flat_map(of).collect()
}

fn allows(statement: &Value, access: &Access) -> bool {
    names(statement, access) && holds(statement, access)
}

fn names(statement: &Value, access: &Access) -> bool {
    statement["Effect"] == "Allow"
        && texts(&statement["Action"]).contains(&access.action.as_str())
        && texts(&statement["Resource"]).into_iter().any(|pattern| glob(pattern, &access.resource))
}

/// Whether the statement's conditions hold.
fn holds(statement: &Value, access: &Access) -> bool {
    let operators = statement["Condition"].as_object().into_iter().flatten();
    operators.into_iter().all(|(operator, keys)| {
        let wild = match operator.as_str() {
            "StringEquals" | "ForAllValues:StringEquals" => false,
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
            // A key that the call does not have fulfils no condition here, although `ForAllValues` would let it pass on AWS.
            access.context.get(key.as_str()).is_some_and(|values| values.iter().all(is_allowed))
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
            access("dynamodb:Query", "table/Table/index/gsi1", None),
        ];
        let found =
            problems("api-orgs", &[statement(&["dynamodb:GetItem", "dynamodb:UpdateItem"])], &made.into());
        assert_eq!(
            found,
            [
                "api-orgs: calls dynamodb:Query on table/Table/index/gsi1, which its policy does not allow; add it to the function's Policies in template.yaml",
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
    fn stars_stand_for_anything() {
        for (pattern, text, fits) in
            [("a*", "abc", true), ("*/x/*", "a/x/b", true), ("a*c", "ab", false), ("a", "ab", false)]
        {
            assert_eq!(glob(pattern, text), fits, "{pattern} {text}");
        }
    }
}
