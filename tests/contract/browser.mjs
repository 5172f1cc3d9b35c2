// What a browser does, and what an app sends: for the programs that sign people in at the running product.

export const product = process.env.GANTRY_API_URL;

// A browser: it keeps cookies, follows what leads on, and fills in forms, until it is back at the app.
export async function visit(start, login, redirect) {
  const cookies = new Map();
  let [url, options] = [start, {}];
  for (let step = 0; step < 20; step++) {
    if (url.startsWith(redirect)) return new URL(url).searchParams;
    const cookie = [...cookies].map(([name, value]) => `${name}=${value}`).join("; ");
    const answer = await fetch(url, { ...options, redirect: "manual", headers: { ...options.headers, cookie } });
    for (const set of answer.headers.getSetCookie()) {
      const [name, value] = set.split(";")[0].split("=");
      if (value) cookies.set(name, value); else cookies.delete(name);
    }
    const page = await answer.text();
    const next = answer.headers.get("location");
    if (next) {
      [url, options] = [new URL(next, url).href, {}];
      continue;
    }
    const action = /<form[^>]*action="([^"]+)"/.exec(page)?.[1];
    const prompt = /name="prompt" value="([^"]+)"/.exec(page)?.[1];
    if (!action || !prompt) throw new Error(`${url}: ${answer.status} ${page.slice(0, 300)}`);
    const form = new URLSearchParams(prompt === "login" ? { prompt, login, password: "any" } : { prompt });
    const headers = { "content-type": "application/x-www-form-urlencoded" };
    [url, options] = [new URL(action, url).href, { method: "POST", body: form.toString(), headers }];
  }
  throw new Error("the provider leads nowhere");
}

export async function post(path, body, token, method = "POST") {
  const headers = { ...(body && { "content-type": "application/json" }), ...(token && { authorization: `Bearer ${token}` }) };
  const answer = await fetch(`${product}${path}`, { method, headers, body: body && JSON.stringify(body) });
  return { status: answer.status, body: await answer.json() };
}

export function must(answer, status, what) {
  if (answer.status !== status) throw new Error(`${what}: wanted ${status}, not ${answer.status} ${JSON.stringify(answer.body)}`);
  return answer.body;
}

