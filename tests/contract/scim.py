"""Lets a client of others keep a directory on the running product: scim2-tester, which tries each attribute of
each resource that the service says it has. It needs an organization of its own, since it creates and deletes
users and groups."""

import json
import os
import re
import sys
import time
import urllib.request
from collections import Counter

from httpx2 import Client
from scim2_client.engines.httpx2 import SyncSCIMClient
from scim2_tester import Status, check_server

API = os.environ["GANTRY_API_URL"]
# as many as it makes of what we say we have; fewer means that it passed over something
LEAST = 60


def call(method, path, body=None, token=None):
    headers = {"content-type": "application/json", "accept": "application/json"}
    if token:
        headers["authorization"] = f"Bearer {token}"
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(API + path, data, headers, method=method)
    with urllib.request.urlopen(request, timeout=30) as answer:
        return json.load(answer)


def token():
    """A SCIM token of a new organization, made by its owner, who signs in by mail."""
    email = "directory@scim-tester.example"
    asked = call("POST", "/v1/auth/magic-links", {"email": email})
    for _ in range(400):
        mails = call("GET", f"/_local/api/mails?to={email}")["items"]
        if mails:
            break
        time.sleep(0.05)
    code = re.search(r"^\s*(\d{6})\s*$", mails[0]["text"], re.MULTILINE)[1]
    proof = {"email": email, "code": code, "browser_token": asked["browser_token"]}
    session = call("POST", "/v1/auth/magic-links/verify", proof)["tokens"]["access_token"]
    org = call("POST", "/v1/orgs", {"name": "Directory", "slug": "scim-tester"}, session)
    switched = call("POST", "/v1/auth/switch-org", {"org_id": org["id"]}, session)
    session = switched.get("tokens", switched)["access_token"]
    return call("POST", "/v1/orgs/current/scim/tokens", {"name": "scim2-tester"}, session)["secret"]


def main():
    headers = {"authorization": f"Bearer {token()}"}
    with Client(base_url=f"{API}/scim/v2", headers=headers, timeout=30) as http:
        client = SyncSCIMClient(http)
        client.discover()
        results = check_server(client)
    counted = Counter(result.status.name for result in results)
    print(f"scim2-tester: {dict(counted)}")
    failed = [result for result in results if result.status in (Status.ERROR, Status.CRITICAL)]
    for result in failed:
        print(f"{result.status.name} {result.title}: {result.reason}", file=sys.stderr)
    if failed or counted["SUCCESS"] < LEAST:
        sys.exit(1)


main()
