"""Pushes, what SES tells of mails, and dead letters."""

import json
import time

from ministack.services import lambda_svc, ses_v2, sns, sqs

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


# ---- SES: what becomes of mails ------------------------------------------------------------------------
# AWS tells the destinations of a configuration set of them. MiniStack keeps the destinations and tells nobody. Here
# mails to the mailbox simulator come back to the topics among them.
handle_mail = ses_v2.handle_request


def fate(address):
    mailbox, _, domain = address.lower().partition("@")
    if domain != "simulator.amazonses.com":
        return None
    recipient = {"emailAddress": address}
    if mailbox.split("+")[0] == "bounce":
        failed = {**recipient, "action": "failed", "status": "5.1.1", "diagnosticCode": "smtp; 550 5.1.1 user unknown"}
        return "Bounce", {"bounceType": "Permanent", "bounceSubType": "General", "bouncedRecipients": [failed]}
    if mailbox.split("+")[0] == "complaint":
        return "Complaint", {"complainedRecipients": [recipient], "complaintFeedbackType": "abuse"}
    return None


async def handle_mail_and_tell(method, path, headers, body, query_params):
    answer = await handle_mail(method, path, headers, body, query_params)
    if method != "POST" or not path.rstrip("/").endswith("/outbound-emails") or answer[0] != 200:
        return answer
    request, mail_id = json.loads(body), json.loads(answer[2])["MessageId"]
    to, now = request["Destination"].get("ToAddresses", []), time.strftime("%Y-%m-%dT%H:%M:%S.000Z", time.gmtime())
    known = ses_v2._config_sets.get(request.get("ConfigurationSetName")) or {}
    for kind, detail in filter(None, map(fate, to)):
        mail = {"timestamp": now, "messageId": mail_id, "source": request["FromEmailAddress"], "destination": to}
        told = json.dumps({"eventType": kind, "mail": mail, kind.lower(): {**detail, "timestamp": now}})
        for destination in (known.get("EventDestinations") or {}).values():
            topic = (destination.get("SnsDestination") or {}).get("TopicArn")
            if topic and kind.upper() in destination["MatchingEventTypes"]:
                sns.publish_internal(topic, told, "Amazon SES Email Event Notification")
    return answer


ses_v2.handle_request = handle_mail_and_tell


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
