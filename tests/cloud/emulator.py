"""The emulated AWS: MiniStack, with its gaps closed as far as this product meets them.

`cargo xtask cloud` and the cloud tests start it. Each section says what AWS does and what MiniStack does
instead; what stays different is listed in docs/emulated-aws.md. Nothing here changes what is deployed.
"""

import contextvars
import json
import os
import re
import socketserver
import string
import sys
import threading
import time
from email.utils import parseaddr
from urllib.parse import parse_qs

from ministack import app
from ministack.core import iam_actions as actions
from ministack.core import iam_evaluator as evaluator
from ministack.core import lambda_runtime
from ministack.core.responses import (
    get_account_id, get_region, get_request_client_ip, set_request_account_id, set_request_region)
from ministack.services import apigateway_v1 as gateway
from ministack.services import dynamodb, lambda_svc, secretsmanager, ses_v2, sns, sqs
from ministack.services.cloudformation import provisioners

HANDLERS = provisioners._RESOURCE_HANDLERS


# ---- CloudFormation: types that MiniStack does not know ------------------------------------------------
# AWS creates them. MiniStack refuses the whole stack. Here they are accepted and listed at
# /_emulator/without-effect, and do nothing. A type that is in neither list still fails the deployment.
WITHOUT_EFFECT = {
    "AWS::Budgets::Budget": (),
    "AWS::CloudTrail::Trail": ("Arn", "SnsTopicArn"),
    "AWS::CloudWatch::CompositeAlarm": ("Arn",),
    "AWS::CodeDeploy::Application": (),
    "AWS::CodeDeploy::DeploymentConfig": (),
    "AWS::CodeDeploy::DeploymentGroup": (),
    "AWS::EC2::EIP": ("AllocationId", "PublicIp"),
    "AWS::EC2::FlowLog": ("Id",),
    "AWS::EC2::NatGateway": ("NatGatewayId",),
    "AWS::Events::Archive": ("Arn", "ArchiveName"),
    "AWS::GuardDuty::Detector": (),
    "AWS::Logs::QueryDefinition": ("QueryDefinitionId",),
    "AWS::SecretsManager::ResourcePolicy": (),
    "AWS::SecretsManager::RotationSchedule": (),
    "AWS::WAFv2::IPSet": ("Arn", "Id"),
    "AWS::WAFv2::LoggingConfiguration": (),
    "AWS::WAFv2::WebACLAssociation": (),
}
recorded: dict[str, str] = {}


def without_effect(resource_type: str, attributes: tuple[str, ...]) -> dict:
    service, kind = (part.lower() for part in resource_type.split("::")[1:])

    def create(logical_id, properties, stack_name):
        name = str(properties.get("Name") or f"{stack_name}-{logical_id}")
        arn = f"arn:aws:{service}:{get_region()}:{get_account_id()}:{kind}/{name}"
        recorded[f"{stack_name}/{logical_id}"] = resource_type
        return name, {attribute: arn if attribute.endswith("Arn") else name for attribute in attributes}

    def update(physical_id, old, new, stack_name, logical_id=None):
        return create(logical_id or physical_id, new, stack_name)

    return {"create": create, "update": update, "delete": lambda physical_id, properties: None}


for resource_type, attributes in WITHOUT_EFFECT.items():
    if resource_type in HANDLERS:
        sys.exit(f"MiniStack knows {resource_type} by now: remove it from WITHOUT_EFFECT in tests/cloud/emulator.py")
    HANDLERS[resource_type] = without_effect(resource_type, attributes)

# An alarm on a calculation (`Metrics` instead of `MetricName`) is such a type too.
alarm, calculated = HANDLERS["AWS::CloudWatch::Alarm"], without_effect("AWS::CloudWatch::Alarm with Metrics", ("Arn",))


def create_alarm(logical_id, properties, stack_name):
    return (calculated if "Metrics" in properties else alarm)["create"](logical_id, properties, stack_name)


def update_alarm(physical_id, old, new, *rest, **named):
    return (calculated if "Metrics" in new else alarm)["update"](physical_id, old, new, *rest, **named)


HANDLERS["AWS::CloudWatch::Alarm"] = {**alarm, "create": create_alarm, "update": update_alarm}

# ---- CloudFormation: properties that MiniStack drops ---------------------------------------------------
# AWS limits a function to its ReservedConcurrentExecutions and expires items by TimeToLiveSpecification.
# MiniStack does both when it is asked through the services' own APIs, but not from a template.
def after(resource_type: str, apply) -> None:
    """Has `apply(physical_id, properties)` run after the resource was created or updated."""
    handler = HANDLERS[resource_type]
    create, update = handler["create"], handler["update"]

    def created(logical_id, properties, *rest):
        result = create(logical_id, properties, *rest)
        apply(result[0], properties)
        return result

    def updated(physical_id, old, new, *rest, **named):
        result = update(physical_id, old, new, *rest, **named)
        apply(result[0], new)
        return result

    HANDLERS[resource_type] = {**handler, "create": created, "update": updated}


def reserve_concurrency(name: str, properties: dict) -> None:
    reserved = properties.get("ReservedConcurrentExecutions")
    lambda_svc._functions[name]["concurrency"] = None if reserved is None else int(reserved)


def set_time_to_live(name: str, properties: dict) -> None:
    setting = properties.get("TimeToLiveSpecification")
    if setting:
        enabled = str(setting["Enabled"]).lower() == "true"
        wanted = {"AttributeName": setting["AttributeName"], "Enabled": enabled}
        dynamodb._update_ttl({"TableName": name, "TimeToLiveSpecification": wanted})


after("AWS::Lambda::Function", reserve_concurrency)
after("AWS::DynamoDB::Table", set_time_to_live)
after("AWS::DynamoDB::GlobalTable", set_time_to_live)


# ---- CloudFormation: secrets ---------------------------------------------------------------------------
# On AWS `!Ref` of a secret is its ARN, and ExcludePunctuation leaves punctuation out. In MiniStack it is the
# secret's name, which no policy allows, and the property is not read.
secret_handler, secret_text = HANDLERS["AWS::SecretsManager::Secret"], provisioners._sm_secret_string


def create_secret(logical_id, properties, stack_name):
    _, attributes = secret_handler["create"](logical_id, properties, stack_name)
    return attributes["Arn"], attributes


def update_secret(arn, old, new, stack_name, logical_id=None):
    name, _ = secretsmanager._resolve(arn)
    _, attributes = secret_handler["update"](name, old, new, stack_name, logical_id)
    return attributes["Arn"], attributes


def delete_secret(arn, properties):
    name, _ = secretsmanager._resolve(arn)
    secret_handler["delete"](name, properties)


def secret_text_without_punctuation(properties):
    wanted = dict(properties.get("GenerateSecretString") or {})
    if str(wanted.get("ExcludePunctuation", "")).lower() == "true":
        wanted["ExcludeCharacters"] = wanted.get("ExcludeCharacters", "") + string.punctuation
        properties = {**properties, "GenerateSecretString": wanted}
    return secret_text(properties)


provisioners._sm_secret_string = secret_text_without_punctuation
HANDLERS["AWS::SecretsManager::Secret"] = {
    **secret_handler, "create": create_secret, "update": update_secret, "delete": delete_secret}


# ---- API Gateway: what SAM writes into the OpenAPI document --------------------------------------------
# AWS reads `x-amazon-apigateway-any-method` and `x-amazon-apigateway-gateway-responses`. MiniStack reads
# neither, so that every route would be 403 and its own answers would not have the product's form.
ANY_METHOD = "x-amazon-apigateway-any-method"
import_path_item, import_rest_api = gateway._import_path_item, gateway._import_rest_api


def import_path_item_with_any(api_id, path, item, *rest):
    import_path_item(api_id, path, {"any" if key == ANY_METHOD else key: item[key] for key in item}, *rest)


def import_rest_api_with_responses(document, base=None):
    api_id = import_rest_api(document, base)
    for kind, response in (document.get("x-amazon-apigateway-gateway-responses") or {}).items():
        gateway._put_gateway_response(api_id, kind, response)
    return api_id


gateway._OPENAPI_HTTP_METHODS = {*gateway._OPENAPI_HTTP_METHODS, "any"}
gateway._import_path_item = import_path_item_with_any
gateway._import_rest_api = import_rest_api_with_responses


# ---- API Gateway: who calls ----------------------------------------------------------------------------
# AWS tells a function the address of the connection, and writes it behind those in X-Forwarded-For. MiniStack
# believes the first address of that header, which anybody can write there.
build_event = gateway._build_lambda_event_v1


def build_event_with_peer(*positional, **named):
    event, peer = build_event(*positional, **named), get_request_client_ip()
    chain = ", ".join(filter(None, [event["headers"].get("x-forwarded-for"), peer]))
    event["headers"]["x-forwarded-for"] = chain
    event["multiValueHeaders"]["x-forwarded-for"] = [chain]
    event["requestContext"]["identity"]["sourceIp"] = peer
    return event


gateway._build_lambda_event_v1 = build_event_with_peer


# ---- IAM: condition keys -------------------------------------------------------------------------------
# AWS tells a policy's conditions what the request holds. MiniStack leaves out the three keys that the
# template's policies use: `dynamodb:LeadingKeys` (a condition on it would always hold), `events:source` and
# `ses:FromAddress` (a condition on them would never hold), and it checks
# mails and pushes on no resource at all. A batch of messages is checked as its single action, which MiniStack has another
# name for. Who asked for what is kept for /_emulator/calls.
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
        values += [given[value]] if names.get(name, name) in ("pk", "gsi1pk") else []
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


# ---- Lambda: reading a table's stream ------------------------------------------------------------------
# AWS honours ReportBatchItemFailures, MaximumRetryAttempts, MaximumRecordAgeInSeconds, bisecting and the
# failure destination. MiniStack drops the records that a function reports as failed, retries the others for
# ever, and keeps every queue waiting meanwhile. So the streams get a reader of their own here.
LONGEST_PAUSE = 2.0


class StreamReader(threading.Thread):
    """Reads one table's stream for one mapping, batch by batch, as a shard's reader does."""

    def __init__(self, account: str, region: str, mapping: dict):
        super().__init__(daemon=True, name=f"stream-{mapping['UUID']}")
        self.account, self.region, self.mapping = account, region, mapping

    def run(self):
        set_request_account_id(self.account)
        set_request_region(self.region)
        table = self.mapping["EventSourceArn"].split(":table/")[1].split("/")[0]
        position = 0
        if self.mapping.get("StartingPosition") == "LATEST":
            position = dynamodb.stream_end_position(table)
        while lambda_svc._esms.get(self.mapping["UUID"]) is self.mapping:
            position = max(position, dynamodb.stream_start_position(table))
            records = dynamodb.stream_records_since(table, position, self.mapping.get("BatchSize", 100))
            if not records or not self.mapping.get("Enabled", True):
                time.sleep(0.02)
                continue
            wanted = lambda_svc._apply_filter_criteria(records, self.mapping)
            if wanted:
                self.deliver(wanted)
            position += len(records)

    def deliver(self, records: list[dict]) -> None:
        """Delivers a batch until nothing of it is left: done, or handed to the failure destination."""
        batches = [(records, 0)]
        while batches:
            batch, failures = batches.pop(0)
            result = self.invoke(batch)
            failed_from = self.first_failure(batch, result)
            if failed_from is None:
                continue
            rest, failures = batch[failed_from:], failures + 1
            exhausted = self.exhausted(rest, failures)
            if exhausted:
                lambda_svc._send_ddb_stream_failure_record(
                    self.mapping, self.function(), rest, self.mapping["EventSourceArn"], result, exhausted)
                continue
            time.sleep(min(0.1 * 2**failures, LONGEST_PAUSE))
            # A batch is split where the function failed as a whole; what it reported is where it goes on.
            if failed_from == 0 and len(rest) > 1 and self.mapping.get("BisectBatchOnFunctionError"):
                middle = len(rest) // 2
                batches[:0] = [(rest[:middle], failures), (rest[middle:], failures)]
            else:
                batches.insert(0, (rest, failures))

    def function(self) -> dict:
        record, _ = lambda_svc._get_func_record_for_qualifier(
            self.mapping["FunctionName"], self.mapping.get("Qualifier"))
        return record

    def invoke(self, batch: list[dict]) -> dict:
        try:
            result = lambda_svc._execute_function(self.function(), {"Records": batch})
        except Exception as error:  # a reader that dies would look like a stream that is silent
            result = {"error": True, "body": {"errorMessage": str(error)}}
        self.mapping["LastProcessingResult"] = "FAILED" if result.get("error") else f"OK - {len(batch)} records"
        return result

    def first_failure(self, batch: list[dict], result: dict) -> int | None:
        """The position of the first record that was not processed; None when all were."""
        if result.get("error"):
            return 0
        answer = result.get("body")
        if "ReportBatchItemFailures" not in self.mapping.get("FunctionResponseTypes", []) or not isinstance(answer, dict):
            return None
        reported = {failure.get("itemIdentifier") for failure in answer.get("batchItemFailures") or []}
        numbers = [record["dynamodb"]["SequenceNumber"] for record in batch]
        return min((at for at, number in enumerate(numbers) if number in reported), default=0 if reported else None)

    def exhausted(self, rest: list[dict], failures: int) -> str | None:
        attempts = int(self.mapping.get("MaximumRetryAttempts", -1))
        longest = int(self.mapping.get("MaximumRecordAgeInSeconds", -1))
        if 0 <= attempts < failures:
            return "RetryAttemptsExhausted"
        if 0 <= longest < time.time() - float(rest[0]["dynamodb"]["ApproximateCreationDateTime"]):
            return "MaxRecordAgeExceeded"
        return None


def watch_for_streams() -> None:
    """Starts a reader for every stream mapping that has none."""
    reading: dict[str, StreamReader] = {}
    while True:
        for account, region, mapping in lambda_svc._iter_all_esms():
            if ":dynamodb:" in mapping.get("EventSourceArn", "") and mapping["UUID"] not in reading:
                reading[mapping["UUID"]] = StreamReader(account, region, mapping)
                reading[mapping["UUID"]].start()
        time.sleep(0.1)


lambda_svc._poll_dynamodb_streams = lambda: False


# ---- SNS: pushes ---------------------------------------------------------------------------------------
# AWS names an endpoint `endpoint/APNS/…`, delivers a push to the phone, and refuses one to a disabled endpoint.
# MiniStack names it `app/APNS/…`, which no policy allows, and answers every push as if it had been delivered.
# Here pushes are kept, to be read at /_emulator/pushes.
create_endpoint, publish = sns._create_platform_endpoint, sns._publish
pushes: list[dict] = []


def create_named_endpoint(parameters):
    status, headers, body = create_endpoint(parameters)
    for arn in [arn for arn in sns._platform_endpoints if ":app/" in arn]:
        named = arn.replace(":app/", ":endpoint/")
        sns._platform_endpoints[named] = {**sns._platform_endpoints.pop(arn), "arn": named}
        body = body.replace(arn.encode(), named.encode())
    return status, headers, body


def publish_or_push(parameters):
    endpoint_arn = sns._p(parameters, "TargetArn")
    endpoint = sns._platform_endpoints.get(endpoint_arn) if endpoint_arn else None
    if endpoint is None:
        return publish(parameters)
    if str(endpoint["attributes"].get("Enabled", "true")).lower() == "false":
        return sns._error("EndpointDisabled", "Endpoint is disabled", 400)
    message = json.loads(sns._p(parameters, "Message"))
    pushes.append({"endpoint": endpoint_arn, "token": endpoint["attributes"]["Token"], "message": message})
    return publish(parameters)


sns._create_platform_endpoint, sns._publish = create_named_endpoint, publish_or_push


# ---- SQS: redrive --------------------------------------------------------------------------------------
# AWS moves dead letters back to the queue they came from. MiniStack does not know StartMessageMoveTask.
def start_move(request, url):
    arn, now = request["SourceArn"], time.time()
    dead_letters = sqs._queue_by_arn(arn)
    with sqs._queues_lock:
        sources = [queue for queue in sqs._queues.values()
                   if f'"{arn}"' in str(queue["attributes"].get("RedrivePolicy", ""))]
        if dead_letters is None or len(sources) != 1:
            raise sqs._Err("AWS.SimpleQueueService.UnsupportedOperation", f"{arn} is not the dead letters of one queue")
        fresh = {"receipt_handle": None, "receive_count": 0, "first_receive_at": None, "visible_at": now}
        sources[0]["messages"] += [{**message, **fresh} for message in dead_letters["messages"]]
        dead_letters["messages"].clear()
    lambda_svc.esm_wake.set()
    return {"TaskHandle": arn}


sqs._HANDLERS["StartMessageMoveTask"] = start_move


# ---- Lambda: what functions write ----------------------------------------------------------------------
# On AWS it is in CloudWatch Logs. So it is here, and also in functions.log, where it can be read at once.
write_logs = lambda_svc._emit_lambda_logs


def write_logs_to_file(function, request_id, text, *rest, **named):
    write_logs(function, request_id, text, *rest, **named)
    if text:
        with open("functions.log", "a", encoding="utf-8") as file:
            file.write(f"{function['config']['FunctionName']} {request_id}\n{text}\n")


lambda_svc._emit_lambda_logs = write_logs_to_file


# ---- Speed ---------------------------------------------------------------------------------------------
# MiniStack waits 40 ms on the Runtime API's sockets (Nagle) and 50 ms for a log line of every invocation.
socketserver.StreamRequestHandler.disable_nagle_algorithm = True
lambda_runtime.Worker._drain_stderr_bounded.__defaults__ = (0.005, 0.002, 0.250)


# ---- Looking inside, and ending ------------------------------------------------------------------------
PAGES = {"/_emulator/pushes": pushes, "/_emulator/calls": calls, "/_emulator/without-effect": recorded}
ministack = app.app


async def with_pages(scope, receive, send):
    page = PAGES.get(scope.get("path")) if scope["type"] == "http" else None
    if page is None:
        return await ministack(scope, receive, send)
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"application/json")]})
    await send({"type": "http.response.body", "body": json.dumps(page).encode()})


def end_with_parent() -> None:
    """Whoever started us holds the other end of our standard input: when that is gone, so are we and our functions."""
    sys.stdin.buffer.read()
    os.killpg(os.getpgrp(), 9)


if __name__ == "__main__":
    os.setpgrp()
    app.app = with_pages
    for work in (end_with_parent, watch_for_streams):
        threading.Thread(target=work, daemon=True).start()
    app.main()
