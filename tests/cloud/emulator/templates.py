"""What CloudFormation makes of the template."""

import contextvars
import string
import sys

from ministack.core.responses import get_account_id, get_region
from ministack.services import dynamodb, lambda_svc, secretsmanager
from ministack.services.cloudformation import engine, provisioners

HANDLERS = provisioners._RESOURCE_HANDLERS

# ---- CloudFormation: types that MiniStack does not know ------------------------------------------------
# AWS creates them. MiniStack refuses the whole stack. Here they are accepted and listed at
# /_emulator/without-effect, and do nothing. Any other type still fails the deployment.
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
        sys.exit(f"MiniStack knows {resource_type} by now: remove it from WITHOUT_EFFECT in tests/cloud/emulator/templates.py")
    HANDLERS[resource_type] = without_effect(resource_type, attributes)

# An alarm on a calculation (`Metrics` instead of `MetricName`) is such a type too.
alarm, calculated = HANDLERS["AWS::CloudWatch::Alarm"], without_effect("AWS::CloudWatch::Alarm with Metrics", ("Arn",))


def create_alarm(logical_id, properties, stack_name):
    return (calculated if "Metrics" in properties else alarm)["create"](logical_id, properties, stack_name)


def update_alarm(physical_id, old, new, *rest, **named):
    return (calculated if "Metrics" in new else alarm)["update"](physical_id, old, new, *rest, **named)


HANDLERS["AWS::CloudWatch::Alarm"] = {**alarm, "create": create_alarm, "update": update_alarm}


# ---- CloudFormation: nested stacks ---------------------------------------------------------------------
# AWS applies the transforms of a nested template as it does those of the outer one. MiniStack takes a nested
# template as it is written, and knows no AWS::Serverless::Function in it.
nested_stack, parse_template = HANDLERS["AWS::CloudFormation::Stack"], engine._parse_template
nesting = contextvars.ContextVar("nesting", default=False)


def parse_nested_template(body):
    template = parse_template(body)
    if not nesting.get():
        return template
    template = engine._apply_transforms(template)
    if isinstance(template, engine._TransformFailed):
        raise ValueError(f"a nested template cannot be transformed: {template}")
    return template


def while_nesting(handle):
    def handled(*arguments, **named):
        token = nesting.set(True)
        try:
            return handle(*arguments, **named)
        finally:
            nesting.reset(token)

    return handled


engine._parse_template = parse_nested_template
HANDLERS["AWS::CloudFormation::Stack"] = {
    **nested_stack, "create": while_nesting(nested_stack["create"]), "update": while_nesting(nested_stack["update"])}


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
