// SPDX-License-Identifier: Apache-2.0
"use strict";

const devices = new Map();
const byId = (id) => document.getElementById(id);
let fresh = null;
let lastId = "";
let isDrawn = true;
let token = sessionStorage.getItem("token") || "";

const element = (name, text, className) => {
  const made = document.createElement(name);
  if (text !== undefined) made.textContent = text;
  if (className) made.className = className;
  return made;
};
const shortId = (id) => (id.length === 36 ? id.slice(0, 8) : id);
const nameOf = (device) => device.name || shortId(device.id);
const addressOf = (device) => (device.addresses || [])[0] ||
  (device.port ? `${device.ip || (device.observed || "").replace(/:\d+$/, "")}:${device.port}` : device.observed || "");
const time = (date) => new Date(date).toLocaleTimeString();

function tell(word, device) {
  const item = element("li");
  item.append(element("time", time(Date.now())), `${nameOf(device)} ${word}`);
  byId("news").prepend(item);
  while (byId("news").children.length > 50) byId("news").lastChild.remove();
}

const handlers = {
  resync() { fresh = new Map(); },
  present(device) { if (fresh) fresh.set(device.id, device); },
  synced() {
    if (!fresh) return;
    devices.clear();
    fresh.forEach((device, id) => devices.set(id, device));
    fresh = null;
  },
  joined(device) { devices.set(device.id, device); tell("joined", device); },
  changed(device) { devices.set(device.id, device); tell("changed", device); },
  left(news) {
    const device = devices.get(news.id);
    devices.delete(news.id);
    if (device) tell({ expired: "fell silent", removed: "was removed" }[news.reason] || "left", device);
  },
  bye() {},
};

function received(block) {
  let name = "message";
  const data = [];
  for (const line of block.split("\n")) {
    const colon = line.indexOf(":");
    const field = colon < 0 ? line : line.slice(0, colon);
    const value = colon < 0 ? "" : line.slice(colon + 1).replace(/^ /, "");
    if (field === "event") name = value;
    if (field === "data") data.push(value);
    if (field === "id") lastId = value;
  }
  if (data.length && Object.hasOwn(handlers, name)) handlers[name](JSON.parse(data.join("\n")));
  draw();
}

/* Many changes at once are one picture. */
function draw() {
  if (!isDrawn) return;
  isDrawn = false;
  requestAnimationFrame(() => { isDrawn = true; drawTable(); drawMesh(); });
}

function shown() {
  const words = byId("search").value.toLowerCase().split(/\s+/).filter(Boolean);
  return [...devices.values()].filter((device) => {
    const text = JSON.stringify(device).toLowerCase();
    return words.every((word) => text.includes(word));
  }).sort((left, right) => nameOf(left).localeCompare(nameOf(right)) || (left.id < right.id ? -1 : 1));
}

const most = 500;

function drawTable() {
  const all = shown();
  byId("devices").replaceChildren(...all.slice(0, most).map((device) => {
    const row = element("tr");
    const name = element("td", device.name || "", "text");
    const id = element("td", shortId(device.id), device.verified ? "id" : "id unproven");
    id.title = device.id;
    const sessions = Object.entries(device.sessions || {}).map(([other, path]) => {
      const peer = devices.get(other);
      return `${peer ? nameOf(peer) : shortId(other)}${path === "relayed" ? " (relayed)" : ""}`;
    });
    row.append(name, id, element("td", addressOf(device), "id"), element("td", sessions.join(", "), "text"),
      element("td", time(device.registered_at)));
    return row;
  }));
  const more = all.length > most ? `, the first ${most} are shown` : "";
  byId("empty").hidden = devices.size > 0;
  byId("state").textContent = `${devices.size} ${devices.size === 1 ? "device" : "devices"}${more}`;
}

function drawMesh() {
  const make = (name, attributes) => {
    const made = document.createElementNS("http://www.w3.org/2000/svg", name);
    for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
    return made;
  };
  const all = shown().slice(0, 120);
  const places = new Map(all.map((device, index) => {
    const angle = (2 * Math.PI * index) / all.length - Math.PI / 2;
    return [device.id, { x: 90 * Math.cos(angle), y: 90 * Math.sin(angle) }];
  }));
  const lines = new Map();
  for (const device of all) {
    for (const [other, path] of Object.entries(device.sessions || {})) {
      if (!places.has(other)) continue;
      const key = [device.id, other].sort().join(" ");
      if (!lines.has(key) || path === "direct") lines.set(key, { from: device.id, to: other, path });
    }
  }
  const parts = [...lines.values()].map(({ from, to, path }) => {
    const [a, b] = [places.get(from), places.get(to)];
    return make("line", { x1: a.x, y1: a.y, x2: b.x, y2: b.y, class: path === "relayed" ? "relayed" : "direct" });
  });
  for (const device of all) {
    const { x, y } = places.get(device.id);
    const title = make("title", {});
    title.textContent = `${nameOf(device)} ${device.id}`;
    const dot = make("circle", { cx: x, cy: y, r: all.length > 40 ? 1.5 : 3 });
    dot.append(title);
    parts.push(dot);
    if (all.length <= 40) {
      const label = make("text", { x, y: y + (y < 0 ? -5 : 9) });
      label.textContent = nameOf(device).slice(0, 16);
      parts.push(label);
    }
  }
  byId("mesh").replaceChildren(...parts);
}

/* Gives up what has said nothing for so long; the server says every 15 s that it is there. */
class Patience {
  #control = new AbortController();
  #timer = 0;
  #time;
  constructor(time) { this.#time = time; this.renew(); }
  get signal() { return this.#control.signal; }
  renew() {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#control.abort(), this.#time);
  }
}

/* Not EventSource: that can't send a token. */
async function follow() {
  const headers = { Accept: "text/event-stream" };
  if (token) headers.Authorization = `Bearer ${token}`;
  if (lastId) headers["Last-Event-ID"] = lastId;
  const patience = new Patience(45000);
  const answer = await fetch("devices/watch", { headers, cache: "no-store", signal: patience.signal });
  byId("login").hidden = answer.status !== 401;
  if (answer.status === 401) {
    byId("state").textContent = token ? "this token is not valid, or no longer" : "a token is needed";
    token = "";
    sessionStorage.removeItem("token");
    return false;
  }
  if (!answer.ok) throw new Error(`status ${answer.status}`);
  const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return true;
    patience.renew();
    const blocks = (rest + value).split("\n\n");
    rest = blocks.pop();
    blocks.forEach(received);
  }
}

async function run() {
  for (let failures = 0; ;) {
    try {
      if (!(await follow())) return;
      failures = 0;
    } catch {
      failures += 1;
    }
    byId("state").textContent = `${devices.size} devices, connection lost: trying again`;
    const longest = Math.min(30000, 500 * 2 ** failures);
    await new Promise((resume) => setTimeout(resume, 250 + Math.random() * longest));
  }
}

byId("search").addEventListener("input", draw);
byId("login").addEventListener("submit", (event) => {
  event.preventDefault();
  token = byId("token").value.trim();
  byId("token").value = "";
  sessionStorage.setItem("token", token);
  run();
});
run();
