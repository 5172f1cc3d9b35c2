"""What policies are told, and who asked for what."""

import contextvars
import json
import re
from email.utils import parseaddr
from urllib.parse import parse_qs

from ministack import app
from ministack.core import iam_actions as actions
from ministack.core import iam_evaluator as evaluator
from ministack.core.responses import get_account_id
from ministack.services import ses_v2

# ---- IAM: condition keys -------------------------------------------------------------------------------
# AWS tells a policy's conditions what the request holds. MiniStack leaves out the three keys that the
# template's policies use: `dynamodb:LeadingKeys` (a condition on it would always hold), `events:source` and
# `ses:FromAddress` (a condition on them would never hold). AWS checks mails and pushes on their resources, and a
# batch of messages as its single action; MiniStack checks the former on none, and has another name for the latter.
# Who asked for what is kept for /_emulator/calls.
request_body: contextvars.ContextVar[dict] = contextvars.ContextVar("request_body", default={})
calls: dict[str, dict[str, dict[str, int]]] = {}
enforce, enforce_ses, request_tag_context = evaluator.enforce, app._enforce_ses_v2, actions.request_tag_context
pin_request_origin = evaluator.pin_request_origin
SAME_ACTION = re.compile(r"^(sqs:\w+)Batch$")
EQUALS = re.compile(r"([#\w]+)\s*=\s*(:\w+)")


def remember_body(body: bytes) -> None:
    try:
        parsed = json.loads(body or b"{}")
    except ValueError:  # the older services take a form
        parsed = {name: values[0] for name, values in parse_qs(body.decode("utf-8", "replace")).items()}
    request_body.set(parsed if isinstance(parsed, dict) else {})


def leading_keys(action: str, request: dict) -> list[str]:
    """The partition keys that this action of the request is about; a transaction has several actions."""
    verb = action.split(":")[1]
    parts = [item[kind] for item in request.get("TransactItems", []) for kind in item
             if verb == {"ConditionCheck": "ConditionCheckItem"}.get(kind, f"{kind}Item")]
    parts += [request] if "TransactItems" not in request else []
    keys = [part.get("Key") or part.get("Item") for part in parts]
    for wanted in request.get("RequestItems", {}).values():
        entries = wanted["Keys"] if isinstance(wanted, dict) else [next(iter(entry.values())) for entry in wanted]
        keys += [entry.get("Key") or entry.get("Item") or entry for entry in entries]
    values = [key["pk"] for key in keys if key and "pk" in key]
    names, given = request.get("ExpressionAttributeNames", {}), request.get("ExpressionAttributeValues", {})
    for name, value in EQUALS.findall(request.get("KeyConditionExpression", "")):
        values += [given[value]] if names.get(name, name) in ("pk", "due_pk", "list_pk") else []
    return [str(next(iter(value.values()))) for value in values]


def condition_keys(service: str, action: str) -> dict:
    request = request_body.get()
    if service == "dynamodb":
        keys = leading_keys(action, request)
        return {"dynamodb:LeadingKeys": keys} if keys else {}
    if service == "events":
        sources = sorted({entry.get("Source", "") for entry in request.get("Entries", [])})
        return {"events:source": sources[0] if len(sources) == 1 else sources}
    if service == "sesv2":
        return {"ses:FromAddress": parseaddr(request.get("FromEmailAddress", ""))[1]}
    return {}


def resources(service: str, action: str, region: str, resource_arn: str) -> list[str]:
    """What the action is checked on: a mail on its sender's identity and on its configuration set."""
    request = request_body.get()
    if service == "sns":
        named = (request.get(name) for name in ("PlatformApplicationArn", "EndpointArn", "TargetArn"))
        return [next(filter(None, named), resource_arn)]
    if action != "ses:SendEmail" or service != "sesv2":
        return [resource_arn]
    sender = parseaddr(request.get("FromEmailAddress", ""))[1]
    identity = sender if sender in ses_v2._identities else sender.split("@")[-1]
    names = [f"identity/{identity}"]
    names += [f"configuration-set/{request['ConfigurationSetName']}"] if "ConfigurationSetName" in request else []
    return [f"arn:aws:ses:{region}:{get_account_id()}:{name}" for name in names]


def enforce_with_keys(access_key, action, service, region, resource_arn="*", service_context=None):
    action = SAME_ACTION.sub(r"\1", action)
    context = {**condition_keys(service, action), **(service_context or {})}
    who = getattr(evaluator.resolve_credential(access_key or ""), "principal_arn", "nobody")
    denied = None
    for resource in resources(service, action, region, resource_arn):
        denied = denied or enforce(access_key, action, service, region, resource, context)
        counts = calls.setdefault(who, {}).setdefault(f"{action} {resource}", {"allowed": 0, "denied": 0})
        counts["denied" if denied else "allowed"] += 1
    return denied


def request_tag_context_with_body(service, action, body, parameters):
    remember_body(body)
    return request_tag_context(service, action, body, parameters)


def enforce_ses_with_body(method, path, headers, body, parameters, request_id):
    remember_body(body)
    return enforce_ses(method, path, headers, body, parameters, request_id)


# The emulator is reached by plain HTTP, AWS by TLS only: what the policies demand of a connection holds.
def pin_secure_origin(source_ip, secure_transport):
    pin_request_origin(source_ip, True)


evaluator.enforce = enforce_with_keys
app.pin_request_origin = evaluator.pin_request_origin = pin_secure_origin
actions.request_tag_context = request_tag_context_with_body
app._enforce_ses_v2 = enforce_ses_with_body
