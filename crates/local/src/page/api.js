// Every request of the page goes through here, with paths as the routers write them: `get("/mails/{id}", { id })`.

const LOCAL = "/_local/api";

/** What went wrong, in words that can be shown. */
export class Failure extends Error {}

function fill(path, parameters) {
  const rest = { ...parameters };
  const filled = path.replace(/\{(\w+)\}/g, (_, name) => {
    const value = rest[name];
    delete rest[name];
    return encodeURIComponent(value);
  });
  const query = new URLSearchParams(Object.entries(rest).filter(([, value]) => value !== undefined && value !== ""));
  return query.size > 0 ? `${filled}?${query}` : filled;
}

async function request(method, path, parameters, body) {
  const headers = body === undefined ? {} : { "content-type": "application/json" };
  const options = { method, headers, body: body === undefined ? undefined : JSON.stringify(body) };
  let response;
  try {
    response = await fetch(LOCAL + fill(path, parameters), options);
  } catch {
    throw new Failure("The local cloud does not answer. Is cargo dev still running?");
  }
  const answer = await response.json().catch(() => ({}));
  if (!response.ok) throw new Failure(answer.error ?? `${method} ${path} answered ${response.status}`);
  return answer;
}

/** Reads something; parameters that are not in the path go into the query. */
export const get = (path, parameters) => request("GET", path, parameters);
/** Does something. */
export const post = (path, parameters, body = {}) => request("POST", path, parameters, body);
/** Puts something in its place. */
export const put = (path, parameters, body) => request("PUT", path, parameters, body);
/** Removes something. */
export const remove = (path, parameters) => request("DELETE", path, parameters);

/** Calls the product itself and returns request and answer as a reader wants to see them; problems are answers too. */
export async function product(method, path, { body, token, headers = {} } = {}) {
  const sent = { ...headers };
  if (body !== undefined) sent["content-type"] = "application/json";
  if (token !== undefined) sent.authorization = `Bearer ${token}`;
  const exchange = { method, path, headers: sent, body };
  try {
    const response = await fetch(path, { method, headers: sent, body: body === undefined ? undefined : JSON.stringify(body) });
    const text = await response.text();
    exchange.status = response.status;
    exchange.ok = response.ok;
    exchange.correlationId = response.headers.get("x-correlation-id");
    exchange.answer = parsed(text) ?? text;
  } catch {
    exchange.status = 0;
    exchange.ok = false;
    exchange.answer = "The local cloud does not answer. Is cargo dev still running?";
  }
  return exchange;
}

/** Reads JSON; what is none is `undefined`. */
export function parsed(text) {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
