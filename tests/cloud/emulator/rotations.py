"""Secrets, and their rotation."""

import threading
import time
import uuid

from ministack.core.responses import get_account_id, get_region, set_request_account_id, set_request_region
from ministack.services import lambda_svc
from ministack.services import secretsmanager

import templates

STEPS = ("createSecret", "setSecret", "testSecret", "finishSecret")

# ---- Secrets Manager: rotation -------------------------------------------------------------------------
# AWS gives a secret a new version and has the rotation's function fill, test and label it, in four steps that stop
# at the first failure. MiniStack copies the old value. RotationSchedule is unknown to it; here it names the function,
# and RotateSecret runs the steps. Nothing rotates by itself: time does not move far enough.
rotate = secretsmanager._rotate_secret


def rotate_by_function(request):
    _, secret = secretsmanager._resolve(request.get("SecretId"))
    function = request.get("RotationLambdaARN") or (secret or {}).get("RotationLambdaARN")
    if not function:
        return rotate(request)
    version = request.get("ClientRequestToken") or str(uuid.uuid4())
    secret["Versions"][version] = {
        "SecretString": None, "SecretBinary": None, "CreatedDate": int(time.time()), "Stages": ["AWSPENDING"]}
    account, region = get_account_id(), get_region()
    threading.Thread(target=run_steps, args=(account, region, function, secret["ARN"], version), daemon=True).start()
    answer = {"ARN": secret["ARN"], "Name": secret["Name"], "VersionId": version}
    return secretsmanager.json_response(answer)


def run_steps(account: str, region: str, function: str, secret: str, version: str) -> None:
    set_request_account_id(account)
    set_request_region(region)
    name, qualifier = lambda_svc._resolve_name_and_qualifier(function)
    record, _ = lambda_svc._get_func_record_for_qualifier(name, qualifier)
    for step in STEPS:
        event = {"Step": step, "SecretId": secret, "ClientRequestToken": version}
        if lambda_svc._execute_function(record, event).get("error"):
            return


def schedule(logical_id, properties, stack_name):
    _, secret = secretsmanager._resolve(properties["SecretId"])
    secret |= {
        "RotationEnabled": True,
        "RotationLambdaARN": properties["RotationLambdaARN"],
        "RotationRules": properties.get("RotationRules"),
    }
    return secret["ARN"], {}


templates.HANDLERS["AWS::SecretsManager::RotationSchedule"] = {
    "create": schedule,
    "update": lambda physical_id, old, new, *rest, **named: schedule(physical_id, new, ""),
    "delete": lambda physical_id, properties: None,
}
secretsmanager._rotate_secret = rotate_by_function
