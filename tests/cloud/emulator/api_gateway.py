"""How requests reach the functions."""

from ministack.core.responses import get_request_client_ip
from ministack.services import apigateway_v1 as gateway

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
