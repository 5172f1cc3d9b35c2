"""What is done in an AWS account around a deployment, done in the emulated one: the calls are those of the runbook.

    account.py prepare      before the first deployment: the sender's mail domain, the push services' credentials
    account.py complete     after it: the Stripe key and webhook secret
    account.py describe     prints the stack's outputs and the names of its resources as JSON
"""

import json
import sys
import tomllib

import boto3

PUSH_SERVICES = ("APNS", "APNS_SANDBOX", "GCM")
# The emulated Stripe account's; nothing leaves the machine.
STRIPE = {"api_key": "sk_test_emulated", "webhook_secrets": ["whsec_emulated"]}


def prepare(parameters: dict, stack: str) -> None:
    boto3.client("sesv2").create_email_identity(EmailIdentity=parameters["MailIdentity"])
    for service in PUSH_SERVICES:
        name = parameters.get("FcmApplication" if service == "GCM" else "ApnsApplication", "gantry")
        credential = {"PlatformCredential": "emulated", "PlatformPrincipal": "emulated"}
        boto3.client("sns").create_platform_application(Name=name, Platform=service, Attributes=credential)


def complete(parameters: dict, stack: str) -> None:
    secret = describe_stack(stack)["outputs"]["StripeSecretArn"]
    boto3.client("secretsmanager").put_secret_value(SecretId=secret, SecretString=json.dumps(STRIPE))


def describe(parameters: dict, stack: str) -> None:
    print(json.dumps(describe_stack(stack)))


def describe_stack(stack: str) -> dict:
    """Outputs and resources by logical name, those of nested stacks too."""
    cloudformation = boto3.client("cloudformation")
    outputs = cloudformation.describe_stacks(StackName=stack)["Stacks"][0].get("Outputs", [])
    found = {output["OutputKey"]: output["OutputValue"] for output in outputs}
    resources = {}
    for resource in cloudformation.describe_stack_resources(StackName=stack)["StackResources"]:
        resources[resource["LogicalResourceId"]] = resource["PhysicalResourceId"]
        if resource["ResourceType"] == "AWS::CloudFormation::Stack":
            resources |= describe_stack(resource["PhysicalResourceId"])["resources"]
    return {"outputs": found, "resources": resources}


if __name__ == "__main__":
    command, settings, environment = sys.argv[1:]
    with open(settings, "rb") as file:
        configuration = tomllib.load(file)[environment]
    overrides = configuration["deploy"]["parameters"]["parameter_overrides"]
    parameters = dict(override.split("=", 1) for override in overrides)
    {"prepare": prepare, "complete": complete, "describe": describe}[command](
        parameters, configuration["global"]["parameters"]["stack_name"])
