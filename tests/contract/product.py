"""What schemathesis has to know of the product: how somebody signs in, what a name is, and which problems belong to a route.

Before the first request a person signs in and founds an organization. Sessions that will be ended are made then as well: signing
in is limited.
"""

import json
import os
import re
import time
import urllib.request

import jwt
import schemathesis
from hypothesis import strategies
from schemathesis import GenerationMode
from schemathesis.core.failures import Failure

# What may be wrong with a request although each part of it has the right form.
BY_STATE = {"enrollment_expired", "idempotency_key_reused", "invalid_cursor", "invite_closed", "link_expired"}
# What ends the session that asks: whatever came after it would be refused for that alone.
ENDING = {"/v1/auth/sign-out", "/v1/me/sessions/end"}
# What ends an organization, and takes that back: of one that nothing else is asked of.
ENDING_ORGANIZATION = {("delete", "/v1/orgs/current"), ("post", "/v1/orgs/current/restore")}


def call(base, method, path, body=None, token=None):
    request = urllib.request.Request(base + path, method=method, data=None if body is None else json.dumps(body).encode())
    request.add_header("content-type", "application/json")
    if token:
        request.add_header("authorization", f"Bearer {token}")
    with urllib.request.urlopen(request, timeout=20) as answer:
        return json.loads(answer.read() or "null")


def sign_in(base, name):
    email = f"{name}@contract.example"
    asked = call(base, "POST", "/v1/auth/magic-links", {"email": email})
    for _ in range(400):
        mails = call(base, "GET", f"/_local/api/mails?to={email}")["items"]
        if mails:
            break
        time.sleep(0.05)
    code = re.search(r"^\s*(\d{6})\s*$", mails[0]["text"], re.MULTILINE)[1]
    proof = {"email": email, "code": code, "browser_token": asked["browser_token"]}
    return call(base, "POST", "/v1/auth/magic-links/verify", proof)["tokens"]["access_token"]


def read_by_a_service(base, token):
    """Checks a token as PyJWT does for a service that knows the issuer's address; a changed one is refused."""
    issuer = call(base, "GET", "/.well-known/oauth-authorization-server")
    keys, algorithms = jwt.PyJWKClient(issuer["jwks_uri"]), issuer["access_token_signing_alg_values_supported"]

    def claims(token):
        key = keys.get_signing_key_from_jwt(token)
        return jwt.decode_complete(token, key, algorithms=algorithms, audience=issuer["issuer"], issuer=issuer["issuer"])

    good = claims(token)
    assert good["header"]["typ"] == "at+jwt" and good["payload"]["iss"] == base, good
    assert good["payload"]["sub"] == call(base, "GET", "/v1/me", token=token)["id"], good
    head, _, signature = token.split(".")
    body = jwt.utils.base64url_encode(json.dumps({**good["payload"], "acr": "aal3"}).encode()).decode()
    try:
        claims(f"{head}.{body}.{signature}")
    except jwt.InvalidSignatureError:
        return
    raise AssertionError("a forged token was taken")


def founder(base, name, slug):
    token = sign_in(base, name)
    org = call(base, "POST", "/v1/orgs", {"name": "Contract", "slug": slug}, token)
    return call(base, "POST", "/v1/auth/switch-org", {"org_id": org["id"]}, token)["tokens"]["access_token"]


class Sessions:
    """The owner's session, that of the owner of an organization that ends, and some that may be ended."""

    def __init__(self, base):
        self.owner = founder(base, "owner", "contract")
        self.ending = founder(base, "ender", "contract-that-ends")
        read_by_a_service(base, self.owner)
        self.to_be_ended = [sign_in(base, f"leaver-{number}") for number in range(12)]

    def token(self, method, path):
        if (method.lower(), path) in ENDING_ORGANIZATION:
            return self.ending
        if path not in ENDING:
            return self.owner
        return self.to_be_ended.pop() if len(self.to_be_ended) > 1 else self.to_be_ended[0]


SESSIONS = Sessions(os.environ["GANTRY_API_URL"])


@schemathesis.auth(refresh_interval=None, retry_on=[])
class BearerToken:
    def get(self, case, context):
        return SESSIONS.token(case.operation.method, case.operation.path)

    def set(self, case, token, context):
        case.headers = case.headers or {}
        case.headers["Authorization"] = f"Bearer {token}"


class UnnamedProblem(Failure):
    """An answer that the contract does not name."""


# Parts that are refused for who asks, and for the time that it is.
CONNECTIONS = ("/v1/orgs/current/sso/connections", "/v1/orgs/current/sso/connections/{connection_id}")
SUBSCRIBING = (
    "/v1/billing/checkouts",
    "/v1/billing/subscription",
    "/v1/billing/subscription-intents",
    "/v1/billing/subscription/preview",
)
PARTS_BY_STATE = {
    ("/v1/auth/sso/authorizations", "/email", "unknown_value"),
    ("/v1/auth/sso/authorizations", "/org_slug", "unknown_value"),
    ("/v1/orgs/current/policies", "/break_glass_member_ids", "unknown_value"),
    *((path, "/issuer", code) for path in CONNECTIONS for code in ("invalid_format", "url_refused", "discovery_failed")),
    *((path, "/domain_ids", "unknown_value") for path in CONNECTIONS),
    (CONNECTIONS[1], "/client_secret", "required"),
    ("/v1/orgs/current/api-keys", "/expires_at", "out_of_range"),
    ("/v1/orgs/current/api-keys/{key_id}", "/expires_at", "out_of_range"),
    ("/v1/orgs/current/invite-links", "/expires_at", "out_of_range"),
    ("/v1/orgs/current/scim/tokens", "/expires_at", "out_of_range"),
    ("/v1/audit/events", "?to", "out_of_range"),
    ("/v1/audit/exports", "/to", "out_of_range"),
    ("/v1/orgs/current/transfer-ownership", "/member_id", "unknown_value"),
    # where a stack leads to, what it sells and what it counts are its own settings; a check digit is arithmetic
    *(("/v1/billing/checkouts", part, "invalid_format") for part in ("/return_to", "/cancel_to")),
    ("/v1/billing/portal-sessions", "/return_to", "invalid_format"),
    *((path, part, "unknown_value") for path in SUBSCRIBING for part in ("/plan", "/promotion_code")),
    ("/v1/billing/tax-ids", "/value", "invalid_tax_id"),
    ("/v1/usage", "?meter", "unknown_meter"),
    ("/v1/usage", "?from", "out_of_range"),
    ("/v1/usage/reservations", "/meter", "unknown_meter"),
}


def is_by_state(case, error):
    """Whether a part is refused for what an organization admits, for who asks, or for the time that it is."""
    part = (case.operation.path, error["pointer"], error["code"])
    return part in PARTS_BY_STATE or error["code"] == "domain_not_allowed"


@schemathesis.check
def named_problem(context, response, case):
    """A refusal is a problem document whose code the route names, and nothing right is refused for its form."""
    if response.status_code < 400:
        return
    code = response.json().get("code")
    named = [*case.operation.definition.raw["x-gantry-codes"], "method_not_allowed"]
    if code not in named or (code == "method_not_allowed") != (response.status_code == 405):
        raise UnnamedProblem(operation=case.operation.label, title="Unnamed problem", message=f"{response.status_code} {code} is none of {named}")
    generation = case.meta.generation if case.meta else None
    right = generation is not None and generation.mode == GenerationMode.POSITIVE
    errors = response.json().get("errors") or []
    # What a browser makes of a passkey has the form of Web Authentication, which our description does not repeat.
    is_about_passkey = bool(errors) and all(error["pointer"].startswith("/credential") for error in errors)
    is_of_state = bool(errors) and all(is_by_state(case, error) for error in errors)
    if right and response.status_code in (410, 422) and code not in BY_STATE and not (is_about_passkey or is_of_state):
        message = f"{response.status_code} {code} to what the contract allows: {response.text}"
        raise UnnamedProblem(operation=case.operation.label, title="Right, and refused", message=message)


NAMES = strategies.text(strategies.characters(categories=("Lu", "Ll", "Nd"), max_codepoint=0x24F), min_size=1, max_size=100)
schemathesis.openapi.format("gantry-name", NAMES)
LOCALES = strategies.sampled_from(["de", "de-AT", "zh-Hant-TW", "es-419", "sl-rozaj", "en-u-ca-buddhist"])
schemathesis.openapi.format("gantry-locale", LOCALES)
# Of any text nobody can say whether it is easy to guess.
PASSWORDS = strategies.sampled_from(["four words nobody guesses", "vR7#kq2!mZp9", "träge Möwe 9 Kilo Zimt"])
schemathesis.openapi.format("password", PASSWORDS)
DOMAINS = strategies.sampled_from(["example.com", "bücher.example", "xn--bcher-kva.example"])
schemathesis.openapi.format("gantry-email-domain", DOMAINS)
NETWORKS = strategies.sampled_from(["192.0.2.0/24", "192.0.2.7", "2001:db8::/32", "10.0.0.0/8"])
schemathesis.openapi.format("gantry-network", NETWORKS)
ZONES = strategies.sampled_from(["Europe/Vienna", "UTC", "America/Argentina/Buenos_Aires"])
schemathesis.openapi.format("gantry-time-zone", ZONES)
# Which texts are numbers of mobile phones, and of which countries, is too much for a schema.
PHONES = strategies.sampled_from(["+43 664 1234567", "+491511 2345678", "+33 6 12 34 56 78", "+44 7400 123456"])
schemathesis.openapi.format("gantry-phone-number", PHONES)
