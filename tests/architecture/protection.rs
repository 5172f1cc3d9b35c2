//! What is kept is encrypted and has an end; what comes in comes through the firewall, and with the
//! edge through CloudFront alone.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use system_tests::{
    conditions,
    template::{Resource, Template, mentions, target},
};

use crate::{assert_none, assert_noticed, broken};

/// The rules that the web ACL of the API must have; the first belongs to the edge. Two of the
/// others are the edge's where there is one: they are about the client's address.
const FIREWALL: &[&str] = &[
    "OriginVerified",
    "AdminAddresses",
    "OversizeBody",
    "RequestsPerAddress",
    "HookRequestsPerAddress",
    "AuthRequestsPerAddress",
    "IpReputation",
    "KnownBadInputs",
    "Common",
    "SqlInjection",
];
/// Rules that must leave the signed hook alone: they look into bodies, or count everybody's
/// renewals by Stripe's dozen addresses.
const NOT_FOR_THE_HOOK: &[&str] =
    &["OversizeBody", "RequestsPerAddress", "IpReputation", "KnownBadInputs", "Common", "SqlInjection"];
/// The edge's rules: all pass the hook by.
const AT_THE_EDGE: &[&str] = &["RequestsPerAddress", "IpReputation"];
const NOT_FOR_THE_HOOK_AT_THE_EDGE: &[&str] = &["RequestsPerAddress", "IpReputation", "Bots"];
/// What CloudFront keeps for ten seconds where it is not told otherwise.
const NOT_KEPT: &[u64] = &[404, 500, 501, 502, 503, 504];
/// AWS's cache policy `CachingDisabled`.
const CACHING_DISABLED: &str = "4135ea2d-6df8-44a3-9df3-4b5a84be39ad";

/// Log groups, secrets, topics and buckets.
pub(crate) fn at_rest(template: &Template) -> Vec<String> {
    let mut problems = Vec::new();
    for logs in template.of_type("AWS::Logs::LogGroup") {
        if logs.property("RetentionInDays").is_null() {
            problems.push(format!("{}: give it RetentionInDays, or its lines stay for ever.", logs.id));
        }
    }
    let encrypted = [
        ("AWS::Logs::LogGroup", "KmsKeyId"),
        ("AWS::SecretsManager::Secret", "KmsKeyId"),
        ("AWS::SNS::Topic", "KmsMasterKeyId"),
        ("AWS::Events::Archive", "KmsKeyIdentifier"),
    ];
    for (kind, property) in encrypted {
        for resource in template.of_type(kind) {
            if target(resource.property(property)) != Some("Key") {
                problems.push(format!("{}: say {property}: the stack's Key.", resource.id));
            }
        }
    }
    problems
        .extend(template.of_type("AWS::S3::Bucket").flat_map(|bucket| bucket_problems(template, &bucket)));
    problems
}

fn bucket_problems(template: &Template, bucket: &Resource<'_>) -> Vec<String> {
    let id = bucket.id;
    let mut problems = Vec::new();
    let rules = bucket.property("LifecycleConfiguration")["Rules"].as_array();
    if rules.is_none_or(|rules| rules.iter().all(|rule| rule["Status"] != "Enabled")) {
        problems.push(format!("{id}: give it a lifecycle rule that ends what is old."));
    }
    let block = bucket.property("PublicAccessBlockConfiguration");
    for way in ["BlockPublicAcls", "BlockPublicPolicy", "IgnorePublicAcls", "RestrictPublicBuckets"] {
        if block[way] != true {
            problems.push(format!("{id}: say PublicAccessBlockConfiguration/{way}: true."));
        }
    }
    if bucket.property("BucketEncryption").is_null() {
        problems.push(format!("{id}: say how it is encrypted (BucketEncryption)."));
    }
    let only_tls = template.of_type("AWS::S3::BucketPolicy").any(|policy| {
        let statements = policy.property("PolicyDocument")["Statement"].as_array();
        target(policy.property("Bucket")) == Some(id)
            && statements.into_iter().flatten().any(|statement| {
                statement["Effect"] == "Deny"
                    && statement["Condition"]["Bool"]["aws:SecureTransport"] == false
            })
    });
    if !only_tls {
        problems.push(format!("{id}: give it a bucket policy that denies requests without TLS."));
    }
    problems
}

/// The API's web ACL: there, complete, in order, logged.
pub(crate) fn firewall(template: &Template) -> Vec<String> {
    let Some(acl) = template.resource("WebAcl") else {
        return vec!["template.yaml has no WebAcl; the API must not be without a firewall.".to_owned()];
    };
    let rules = rules(&acl);
    let mut problems = hook(&rules, NOT_FOR_THE_HOOK);
    for name in FIREWALL {
        if !rules.iter().any(|rule| rule["Name"] == *name) {
            problems.push(format!("WebAcl: the rule {name} is gone; docs/security.md says what it is for."));
        }
    }
    let priorities: BTreeSet<u64> = rules.iter().filter_map(|rule| rule["Priority"].as_u64()).collect();
    if priorities.len() != rules.len() {
        problems.push("WebAcl: two rules have the same Priority.".to_owned());
    }
    let first = rules.iter().min_by_key(|rule| rule["Priority"].as_u64());
    if first.is_none_or(|first| first["Name"] != "OriginVerified") {
        problems.push(
            "WebAcl: OriginVerified must come first; later rules believe an address that CloudFront notes."
                .to_owned(),
        );
    }
    for rule in rules
        .iter()
        .filter(|rule| rule["Action"]["Count"].is_object() || rule["OverrideAction"]["Count"].is_object())
    {
        problems.push(format!("WebAcl: {} only counts; let it block.", rule["Name"]));
    }
    for kind in ["AWS::WAFv2::WebACLAssociation", "AWS::WAFv2::LoggingConfiguration"] {
        if !template.of_type(kind).any(|resource| {
            let properties = [resource.property("WebACLArn"), resource.property("ResourceArn")];
            properties.iter().any(|value| mentions(value, "WebAcl"))
        }) {
            problems.push(format!("WebAcl: it needs an {kind}."));
        }
    }
    problems
}

/// The rules of a web ACL; one that depends on a condition stands in an `Fn::If`.
fn rules(acl: &Resource<'_>) -> Vec<Value> {
    let listed = acl.property("Rules").as_array().map(Vec::as_slice).unwrap_or_default();
    let rule = |rule: &Value| match rule["Fn::If"].as_array() {
        None => rule.clone(),
        Some(branches) => {
            branches.iter().find(|branch| branch["Name"].is_string()).cloned().unwrap_or_default()
        }
    };
    listed.iter().map(rule).collect()
}

/// Each rule is paid for once: with the edge, what is about the client's address stands there
/// alone, and all else at the API alone; without it everything is at the API.
fn once(template: &Template, edge: &Template) -> Vec<String> {
    let names = |template: &Template, with_edge: &str| -> Vec<String> {
        let given = [("Environment", "prod"), ("Edge", with_edge), ("WebFirewall", "on")];
        let given = given.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
        let rules = template.resource("WebAcl").map(|acl| acl.property("Rules").clone()).unwrap_or_default();
        let rules = conditions::value(template, &rules, &given);
        let names = rules.as_array().into_iter().flatten().filter_map(|rule| rule["Name"].as_str());
        names.map(str::to_owned).collect()
    };
    let (at_the_api, at_the_edge) = (names(template, "on"), names(edge, "on"));
    let alone = names(template, "off");
    let mut problems = Vec::new();
    for name in FIREWALL {
        let has = |names: &[String]| names.iter().any(|one| one == name);
        let of_the_edge = AT_THE_EDGE.contains(name);
        if has(&at_the_edge) != of_the_edge || has(&at_the_api) == of_the_edge {
            let place = if of_the_edge { "edge.yaml" } else { "template.yaml" };
            problems.push(format!("With the edge, {name} must be a rule of {place}, and of no other."));
        }
        if *name != "OriginVerified" && !has(&alone) {
            problems.push(format!("Without the edge, {name} must be a rule of template.yaml."));
        }
    }
    problems
}

/// A signed hook holds whatever its sender wrote, and its sender is one for all customers: a 403
/// for it is a payment that nobody notices.
fn hook(rules: &[Value], exempt: &[&str]) -> Vec<String> {
    let spares = |rule: &Value| {
        let text = rule.to_string();
        text.contains("NotStatement") && (text.contains("/hooks/stripe") || text.contains("|hooks|"))
    };
    let touching =
        rules.iter().filter(|rule| exempt.iter().any(|name| rule["Name"] == *name) && !spares(rule));
    touching
        .map(|rule| format!("WebAcl: {} must leave /hooks/stripe alone (ScopeDownStatement).", rule["Name"]))
        .collect()
}

/// Each route of the API is behind the distribution, uncached, over TLS, with the secret that opens
/// the API.
pub(crate) fn edge(template: &Template) -> Vec<String> {
    let Some(distribution) = template.resource("Distribution") else {
        return vec!["template.yaml has no Distribution.".to_owned()];
    };
    let config = distribution.property("DistributionConfig");
    let mut problems = Vec::new();
    let errors = config["CustomErrorResponses"].as_array().map(Vec::as_slice).unwrap_or_default();
    for code in NOT_KEPT {
        if !errors.iter().any(|error| error["ErrorCode"] == *code && error["ErrorCachingMinTTL"] == 0) {
            problems.push(format!(
                "Distribution: say CustomErrorResponses {{ErrorCode: {code}, ErrorCachingMinTTL: 0}}, or one caller's failure is everybody's for ten seconds."
            ));
        }
    }
    let origins = config["Origins"].as_array().map(Vec::as_slice).unwrap_or_default();
    let api = origins.iter().find(|origin| origin["Id"] == "api").unwrap_or(&Value::Null);
    if api["CustomOriginConfig"]["OriginProtocolPolicy"] != "https-only"
        || api["CustomOriginConfig"]["OriginSSLProtocols"] != json!(["TLSv1.2"])
    {
        problems.push("Distribution: the origin api must be https-only with TLSv1.2.".to_owned());
    }
    let secret = api["OriginCustomHeaders"].as_array().into_iter().flatten();
    if !secret.into_iter().any(|header| header["HeaderName"] == "X-Origin-Secret") {
        problems.push(
            "Distribution: send X-Origin-Secret to the origin api, or the API's firewall refuses everything."
                .to_owned(),
        );
    }
    let behaviours = config["CacheBehaviors"].as_array().map(Vec::as_slice).unwrap_or_default();
    let roots: BTreeSet<String> = crate::routes::routes(template)
        .into_iter()
        .filter_map(|(path, _)| Some(format!("/{}/*", path.split('/').nth(1)?)))
        .collect();
    for root in roots {
        let Some(behaviour) = behaviours.iter().find(|behaviour| behaviour["PathPattern"] == *root) else {
            problems.push(format!(
                "Distribution: add a behaviour for {root} with the origin api; without it the path is answered by the frontend."
            ));
            continue;
        };
        let policy = &behaviour["CachePolicyId"];
        let keeps_nothing =
            policy == CACHING_DISABLED || target(policy).is_some_and(|id| tells_apart(template, id));
        if !keeps_nothing || behaviour["TargetOriginId"] != "api" {
            problems.push(format!("Distribution: {root} must go to the origin api and not be cached."));
        }
        if !mentions(&behaviour["FunctionAssociations"], "ClientAddress") {
            problems.push(format!(
                "Distribution: {root} needs the function ClientAddress, or limits count CloudFront's addresses."
            ));
        }
    }
    problems
}

/// Whether a cache policy of ours keeps what nobody asked it to keep for a second at most, and
/// never gives it to somebody with another token.
fn tells_apart(template: &Template, id: &str) -> bool {
    let Some(policy) = template.resource(id) else { return false };
    let config = policy.property("CachePolicyConfig");
    let key = &config["ParametersInCacheKeyAndForwardedToOrigin"];
    let headers = key["HeadersConfig"]["Headers"].as_array();
    config["MinTTL"] == 0
        && config["DefaultTTL"] == 0
        && config["MaxTTL"].as_u64().is_some_and(|seconds| seconds <= 1)
        && key["CookiesConfig"]["CookieBehavior"] == "all"
        && key["QueryStringsConfig"]["QueryStringBehavior"] == "all"
        && headers.is_some_and(|headers| headers.iter().any(|header| header == "Authorization"))
}

/// What gateway and firewall answer by themselves: problem documents with the headers of all other
/// answers, which a page may read.
pub(crate) fn own_answers(template: &Template) -> Vec<String> {
    let mut problems = Vec::new();
    let api =
        template.resource("Api").map(|api| api.property("GatewayResponses").clone()).unwrap_or_default();
    for name in ["DEFAULT_4XX", "DEFAULT_5XX"] {
        if api[name].is_null() {
            problems
                .push(format!("Api: give it the gateway response {name}; it stands for all that have none."));
        }
    }
    for (name, response) in api.as_object().into_iter().flatten() {
        let headers = &response["ResponseParameters"]["Headers"];
        let expected = http_api::SECURITY_HEADERS
            .iter()
            .map(|(name, value)| (name.as_str(), format!("'{value}'")))
            .filter(|(name, _)| *name != "content-security-policy")
            .chain([
                ("content-security-policy", "'sandbox'".to_owned()),
                ("content-type", "'application/problem+json'".to_owned()),
                ("access-control-allow-origin", "method.request.header.Origin".to_owned()),
                ("access-control-expose-headers", "'retry-after, x-correlation-id'".to_owned()),
                ("vary", "'Origin'".to_owned()),
                ("x-correlation-id", "context.requestId".to_owned()),
            ]);
        problems.extend(header_problems(&format!("Api/{name}"), expected, |wanted| member(headers, wanted)));
        if member(headers, "access-control-allow-credentials").is_some() {
            problems.push(format!("Api/{name}: any origin may read it, so never with credentials."));
        }
        problems.extend(document_problems(
            &format!("Api/{name}"),
            &response["ResponseTemplates"]["application/json"],
        ));
    }
    let acl = template.resource("WebAcl").map(|acl| acl.property("Rules").clone()).unwrap_or_default();
    for rule in acl.as_array().into_iter().flatten() {
        let rule = if rule["Fn::If"].is_null() { rule } else { &rule["Fn::If"][1] };
        let answer = &rule["Action"]["Block"]["CustomResponse"];
        if answer.is_object() {
            let headers = answer["ResponseHeaders"].as_array().cloned().unwrap_or_default();
            let expected = http_api::SECURITY_HEADERS
                .iter()
                .map(|(name, value)| (name.as_str(), (*value).to_owned()))
                .chain([("access-control-allow-origin", "*".to_owned())]);
            let given = |wanted: &str| {
                let header = headers.iter().find(|header| {
                    header["Name"].as_str().is_some_and(|name| name.eq_ignore_ascii_case(wanted))
                });
                header.and_then(|header| header["Value"].as_str()).map(str::to_owned)
            };
            problems.extend(header_problems(&format!("WebAcl/{}", rule["Name"]), expected, given));
        }
    }
    let acl = template
        .resource("WebAcl")
        .map(|acl| acl.property("CustomResponseBodies").clone())
        .unwrap_or_default();
    for (name, body) in acl.as_object().into_iter().flatten() {
        problems.extend(document_problems(&format!("WebAcl/{name}"), &body["Content"]));
    }
    problems
}

fn member(headers: &Value, wanted: &str) -> Option<String> {
    let header = headers.as_object()?.iter().find(|(name, _)| name.eq_ignore_ascii_case(wanted));
    header.and_then(|(_, value)| value.as_str()).map(str::to_owned)
}

fn header_problems<'a>(
    place: &str,
    expected: impl Iterator<Item = (&'a str, String)>,
    given: impl Fn(&str) -> Option<String>,
) -> Vec<String> {
    expected
        .filter(|(name, value)| given(name).as_ref() != Some(value))
        .map(|(name, value)| format!("{place}: say the header {name}: {value}, as all other answers do."))
        .collect()
}

fn document_problems(place: &str, text: &Value) -> Option<String> {
    let document: Value = serde_json::from_str(text.as_str().unwrap_or_default()).unwrap_or_default();
    let whole = ["type", "title", "detail", "code"].iter().all(|member| document[*member].is_string());
    let named = document["type"].as_str().and_then(|kind| kind.strip_prefix("urn:gantry:problem:"));
    (!whole || named != document["code"].as_str())
        .then(|| format!("{place}: answer with a problem document, whose type ends with its code."))
}

#[test]
fn gateway_and_firewall_answer_as_the_product_does() {
    assert_none(&own_answers(&Template::of_repository()));
}

#[test]
fn an_answer_that_a_page_cannot_read_is_noticed() {
    let template = broken(|document| {
        let resources = &mut document["Resources"];
        let responses = &mut resources["Api"]["Properties"]["GatewayResponses"];
        responses["THROTTLED"]["ResponseParameters"]["Headers"] = json!({
            "Content-Type": "'application/problem+json'", "Access-Control-Allow-Credentials": "'true'",
        });
        responses["THROTTLED"]["ResponseTemplates"]["application/json"] = "{}".into();
        responses["DEFAULT_5XX"] = Value::Null;
        let rules = resources["WebAcl"]["Properties"]["Rules"].as_array_mut().unwrap();
        let oversize = rules.iter_mut().find(|rule| rule["Name"] == "OversizeBody").unwrap();
        oversize["Action"]["Block"]["CustomResponse"]["ResponseHeaders"] = json!([]);
    });
    let problems = own_answers(&template);
    assert_noticed(&problems, "give it the gateway response DEFAULT_5XX");
    assert_noticed(&problems, "Api/THROTTLED: say the header access-control-allow-origin");
    assert_noticed(&problems, "Api/THROTTLED: say the header strict-transport-security");
    assert_noticed(&problems, "Api/THROTTLED: any origin may read it");
    assert_noticed(&problems, "Api/THROTTLED: answer with a problem document");
    assert_noticed(&problems, "WebAcl/\"OversizeBody\": say the header access-control-allow-origin: *");
}

#[test]
fn what_is_kept_is_protected_and_ends() {
    assert_none(&at_rest(&Template::of_repository()));
    for name in ["edge.yaml", "stacks/audit.yaml", "stacks/egress.yaml"] {
        assert_none(&at_rest(&Template::of_file(name)));
    }
}

#[test]
fn the_firewall_is_complete() {
    assert_none(&firewall(&Template::of_repository()));
    let edge = Template::of_file("edge.yaml");
    assert_none(&hook(&rules(&edge.resource("WebAcl").unwrap()), NOT_FOR_THE_HOOK_AT_THE_EDGE));
    assert_none(&once(&Template::of_repository(), &edge));
}

#[test]
fn every_route_is_behind_the_edge() {
    assert_none(&edge(&Template::of_repository()));
}

#[test]
fn what_is_kept_for_ever_or_in_the_open_is_noticed() {
    let template = broken(|document| {
        let resources = document["Resources"].as_object_mut().unwrap();
        resources["ApiOrgsLogs"]["Properties"] = json!({"LogGroupName": "logs"});
        resources["LinkSecret"]["Properties"]["KmsKeyId"] = Value::Null;
        resources["FrontendBucket"]["Properties"] = json!({});
        resources.remove("FrontendBucketPolicy");
    });
    let problems = at_rest(&template);
    assert_noticed(&problems, "ApiOrgsLogs: give it RetentionInDays");
    assert_noticed(&problems, "ApiOrgsLogs: say KmsKeyId: the stack's Key");
    assert_noticed(&problems, "LinkSecret: say KmsKeyId: the stack's Key");
    assert_noticed(&problems, "FrontendBucket: give it a lifecycle rule");
    assert_noticed(&problems, "FrontendBucket: say PublicAccessBlockConfiguration/BlockPublicAcls: true");
    assert_noticed(&problems, "FrontendBucket: say how it is encrypted");
    assert_noticed(&problems, "FrontendBucket: give it a bucket policy that denies requests without TLS");
}

#[test]
fn a_weaker_firewall_is_noticed() {
    let template = broken(|document| {
        let resources = document["Resources"].as_object_mut().unwrap();
        let rules = resources["WebAcl"]["Properties"]["Rules"].as_array_mut().unwrap();
        rules.retain(|rule| rule["Name"] != "OversizeBody");
        rules[0]["Fn::If"][1]["Priority"] = 90.into();
        let counting =
            rules.iter_mut().find(|rule| rule["Fn::If"][2]["Name"] == "RequestsPerAddress").unwrap();
        counting["Fn::If"][2]["Statement"]["RateBasedStatement"]["ScopeDownStatement"] = Value::Null;
        rules.last_mut().unwrap()["OverrideAction"] = json!({"Count": {}});
        resources.remove("WebAclAssociation");
    });
    let problems = firewall(&template);
    assert_noticed(&problems, "\"RequestsPerAddress\" must leave /hooks/stripe alone");
    assert_noticed(&problems, "the rule OversizeBody is gone");
    assert_noticed(&problems, "OriginVerified must come first");
    assert_noticed(&problems, "\"SqlInjection\" only counts");
    assert_noticed(&problems, "it needs an AWS::WAFv2::WebACLAssociation");
}

#[test]
fn a_rule_that_is_nowhere_or_twice_is_noticed() {
    let template = broken(|document| {
        let rules = document["Resources"]["WebAcl"]["Properties"]["Rules"].as_array_mut().unwrap();
        rules.retain(|rule| rule["Name"] != "Common");
        let address =
            rules.iter_mut().find(|rule| rule["Fn::If"][2]["Name"] == "RequestsPerAddress").unwrap();
        *address = address["Fn::If"][2].clone();
    });
    let edge = Template::of_file("edge.yaml").edited(|document| {
        document["Resources"]["WebAcl"]["Properties"]["Rules"]
            .as_array_mut()
            .unwrap()
            .retain(|rule| rule["Name"] != "IpReputation");
    });
    let problems = once(&template, &edge);
    assert_noticed(&problems, "With the edge, Common must be a rule of template.yaml");
    assert_noticed(&problems, "Without the edge, Common must be a rule");
    assert_noticed(
        &problems,
        "With the edge, RequestsPerAddress must be a rule of edge.yaml, and of no other",
    );
    assert_noticed(&problems, "With the edge, IpReputation must be a rule of edge.yaml");
}

#[test]
fn a_route_beside_the_edge_is_noticed() {
    let template = broken(|document| {
        let config = &mut document["Resources"]["Distribution"]["Properties"]["DistributionConfig"];
        config["CustomErrorResponses"][5]["ErrorCachingMinTTL"] = 10.into();
        config["CacheBehaviors"][0]["CachePolicyId"] = "658327ea-f89d-4fab-a63d-7e88639e58f6".into();
        config["CacheBehaviors"][1]["PathPattern"] = "/elsewhere/*".into();
        config["Origins"][1]["OriginCustomHeaders"] = Value::Null;
        config["Origins"][1]["CustomOriginConfig"]["OriginProtocolPolicy"] = "match-viewer".into();
    });
    let problems = edge(&template);
    assert_noticed(&problems, "say CustomErrorResponses {ErrorCode: 500, ErrorCachingMinTTL: 0}");
    assert_noticed(&problems, "/v1/* must go to the origin api and not be cached");
    assert_noticed(&problems, "add a behaviour for /hooks/*");
    assert_noticed(&problems, "send X-Origin-Secret");
    assert_noticed(&problems, "must be https-only");
    for (part, value) in [("MaxTTL", json!(60)), ("DefaultTTL", json!(1))] {
        let template = broken(|document| {
            document["Resources"]["ApiCachePolicy"]["Properties"]["CachePolicyConfig"][part] = value.clone();
        });
        assert_noticed(&edge(&template), "/v1/* must go to the origin api and not be cached");
    }
    let template = broken(|document| {
        let config = &mut document["Resources"]["ApiCachePolicy"]["Properties"]["CachePolicyConfig"];
        config["ParametersInCacheKeyAndForwardedToOrigin"]["HeadersConfig"]["Headers"] =
            json!(["CloudFront-Viewer-Country"]);
    });
    assert_noticed(&edge(&template), "/v1/* must go to the origin api and not be cached");
}
