// Elements described as values, and a document that is changed only where the description differs. So a view can be
// described anew every second while scroll positions, selections, focus and open rows stay as they are.

const SVG = "http://www.w3.org/2000/svg";
const described = Symbol("described");

/**
 * Describes an element. `onclick` and the like are functions, other properties are attributes. `key` tells the items of
 * a list apart; children are left alone while `memo` stays the same.
 */
export function h(tag, properties, ...children) {
  const wanted = children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false);
  return { tag, properties: properties ?? {}, children: wanted };
}

/** Makes the children of `parent` what is described. */
export function render(parent, ...children) {
  reconcile(parent, h("", null, children).children);
}

const keyOf = (description) => description?.properties?.key;

function reconcile(parent, wanted) {
  const keyed = new Map();
  for (const node of parent.childNodes) {
    const key = keyOf(node[described]);
    if (key !== undefined) keyed.set(key, node);
  }
  const kept = new Set(wanted.map(keyOf));
  for (const [key, node] of keyed) if (!kept.has(key)) node.remove();
  let cursor = parent.firstChild;
  for (const child of wanted) {
    const node = existing(child, cursor, keyed) ?? create(child, parent);
    if (node === cursor) cursor = cursor.nextSibling;
    else parent.insertBefore(node, cursor);
    update(node, child);
  }
  while (cursor) {
    const next = cursor.nextSibling;
    cursor.remove();
    cursor = next;
  }
}

function existing(child, cursor, keyed) {
  const key = keyOf(child);
  if (key !== undefined) return keyed.get(key)?.[described].tag === child.tag ? keyed.get(key) : null;
  if (!cursor) return null;
  if (typeof child !== "object") return cursor.nodeType === Node.TEXT_NODE ? cursor : null;
  const own = cursor[described];
  return own?.tag === child.tag && keyOf(own) === undefined ? cursor : null;
}

function create(child, parent) {
  if (typeof child !== "object") return document.createTextNode("");
  const isSvg = child.tag === "svg" || parent.namespaceURI === SVG;
  return isSvg ? document.createElementNS(SVG, child.tag) : document.createElement(child.tag);
}

function update(node, child) {
  if (typeof child !== "object") {
    const text = String(child);
    if (node.data !== text) node.data = text;
    return;
  }
  const before = node[described]?.properties ?? {};
  const after = child.properties;
  for (const name of Object.keys(before)) if (!(name in after)) assign(node, name, undefined);
  for (const [name, value] of Object.entries(after)) if (before[name] !== value) assign(node, name, value);
  node[described] = child;
  if (after.memo === undefined || after.memo !== before.memo) reconcile(node, child.children);
}

function assign(node, name, value) {
  if (name === "key" || name === "memo") return;
  if (name.startsWith("on")) node[name] = value ?? null;
  else if (name === "value" || name === "checked") node[name] = value ?? "";
  else if (value === undefined || value === null || value === false) node.removeAttribute(name);
  else node.setAttribute(name, value === true ? "" : value);
}
