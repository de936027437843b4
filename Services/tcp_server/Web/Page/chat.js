// SPDX-License-Identifier: Apache-2.0

// The page: what the conversation says, as elements; and what the person does, as calls.

import { Conversation, lobby } from "./conversation.js";
import { Link } from "./link.js";

const part = (id) => document.getElementById(id);
const lines = part("lines");
const log = part("log");
const text = part("text");

const words = {
  waiting: "waiting for the connection", sending: "sending", relayed: "relayed", stored: "stored", synced: "synced",
  failed: "failed",
};

function make(name, properties = {}, ...children) {
  const element = Object.assign(document.createElement(name), properties);
  element.append(...children);
  return element;
}

// ---- Lines

function messageLine(room, item) {
  const { sender, time, isOwn } = item;
  const moment = new Date(time);
  const isToday = moment.toDateString() === new Date().toDateString();
  const clock = moment.toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" });
  const stamp = make("time", { dateTime: moment.toISOString(), title: moment.toLocaleString() });
  stamp.textContent = isToday ? clock : `${moment.toLocaleDateString()} ${clock}`;
  const name = make("bdi", { className: `sender n${colour(sender)}`, textContent: sender });
  const line = make("li", { className: isOwn ? "message own" : "message" }, name, " ", stamp);
  if (item.state) line.append(" ", ...stateParts(room, item));
  line.append(make("span", { className: "text", textContent: item.text, dir: "auto" }));
  return line;
}

function stateParts(room, item) {
  const reason = item.reason && item.state !== "sending" && !isAccepted(item) ? `: ${item.reason}` : "";
  const state = make("span", { className: "state", textContent: words[item.state] + reason });
  state.dataset.state = item.state;
  if (item.state !== "failed") return [state];
  const again = make("button", { type: "button", textContent: "Edit" });
  again.onclick = () => {
    conversation.discard(room, item);
    text.value = item.text;
    text.focus();
  };
  return [state, again];
}

function isAccepted(item) { return ["relayed", "stored", "synced"].includes(item.state); }

function makeLine(room, item) {
  if (item.kind === "message") return messageLine(room, item);
  return make("li", { className: item.kind, textContent: item.words });
}

function colour(name) {
  let sum = 0;
  for (const letter of name) sum = (sum * 31 + letter.codePointAt(0)) % 1_000_003;
  return sum % 8;
}

function isAtEnd() { return log.scrollHeight - log.scrollTop - log.clientHeight < 48; }

function scrollToEnd() {
  log.scrollTop = log.scrollHeight;
  part("newest").hidden = true;
}

// Changes the lines and stays where the reader is: at the end, or at the same line.
function keepingPlace(change) {
  const wasAtEnd = isAtEnd();
  const anchor = wasAtEnd ? null : [...lines.children].find((line) => line.offsetTop + line.offsetHeight > log.scrollTop);
  const distance = anchor ? anchor.offsetTop - log.scrollTop : 0;
  change();
  if (wasAtEnd) scrollToEnd();
  else if (anchor?.isConnected) log.scrollTop = anchor.offsetTop - distance;
}

// ---- What the conversation tells

const many = { depth: 0, isDirty: false };

const view = {
  roomsChanged() {
    const rooms = [...conversation.rooms.values()].sort((one, other) => (one.name < other.name ? -1 : 1));
    fill(part("rooms"), rooms.filter((room) => !room.isDirect).map(roomEntry));
    fill(part("directs"), rooms.filter((room) => room.isDirect && room.name !== `@${conversation.user}`).map(roomEntry));
    const room = conversation.active;
    const unread = rooms.reduce((sum, other) => sum + other.unread, 0);
    part("title").textContent = room.name;
    part("text-label").textContent = room.isDirect ? `Message to ${room.name.slice(1)} alone` : `Message to ${room.name}`;
    text.placeholder = part("text-label").textContent;
    part("menu-unread").textContent = unread > 0 ? ` (${unread} new)` : "";
    document.title = unread > 0 ? `(${unread}) ${room.name}` : room.name;
    part("me").textContent = conversation.user;
    showEarlier(room);
  },

  roomShown(room) {
    lines.replaceChildren();
    log.setAttribute("aria-busy", "true");
    lines.append(...room.items.map((item) => makeLine(room, item)));
    log.removeAttribute("aria-busy");
    scrollToEnd();
    this.peopleChanged(room);
  },

  roomReset(room) { if (room === conversation.active) this.roomShown(room); },

  itemAdded(room, item, index) {
    if (room !== conversation.active) return;
    if (many.depth > 0) return void (many.isDirty = true);
    const isBelow = !isAtEnd() && index === lines.children.length;
    keepingPlace(() => {
      lines.insertBefore(makeLine(room, item), lines.children[index] ?? null);
      if (index === 0) showEarlier(room);
    });
    if (item.isOwn && item.state) scrollToEnd(); else if (isBelow) part("newest").hidden = false;
  },

  itemChanged(room, item) {
    if (room !== conversation.active || many.depth > 0) return;
    const line = lines.children[room.items.indexOf(item)];
    keepingPlace(() => line?.replaceWith(makeLine(room, item)));
    if (item.state === "failed") part("text-fault").textContent = `Not sent: ${item.reason}`;
  },

  itemRemoved(room, index) {
    if (room !== conversation.active || many.depth > 0) return;
    keepingPlace(() => lines.children[index]?.remove());
  },

  // Many lines at once: they are no news to read out.
  beginMany() { many.depth += 1; },

  endMany() {
    many.depth -= 1;
    if (many.depth > 0 || !many.isDirty) return;
    many.isDirty = false;
    const room = conversation.active;
    const height = log.scrollHeight;
    const wasAtEnd = isAtEnd();
    log.setAttribute("aria-busy", "true");
    lines.replaceChildren(...room.items.map((item) => makeLine(room, item)));
    log.removeAttribute("aria-busy");
    // They came before what is there.
    if (wasAtEnd) scrollToEnd(); else log.scrollTop += log.scrollHeight - height;
  },

  peopleChanged(room) {
    if (room !== conversation.active) return;
    part("people-part").hidden = room.isDirect;
    const users = [...(room.people ?? [])].sort();
    fill(part("people"), users.map(personEntry));
    if (room.omitted > 0) part("people").append(make("li", { textContent: `and ${room.omitted} more` }));
    part("people-title").textContent = room.people ? `Here: ${users.length + room.omitted}` : "Here";
  },

  isSeen(room) { return room === conversation.active && document.visibilityState === "visible"; },

  fault(explanation) {
    const place = part("side").checkVisibility() ? "side-fault" : "text-fault";
    part(place).textContent = explanation;
  },

  online() {
    setStatus("Connected");
    showChat();
    this.roomsChanged();
  },

  loginNeeded(explanation) {
    part("login-fault").textContent = explanation;
    showDoor();
  },

  ended(explanation) {
    setStatus(explanation);
    part("retry").textContent = "Go on here";
    part("retry").hidden = false;
  },
};

function showEarlier(room) {
  part("earlier").hidden = !conversation.isOnline || !conversation.mayHaveEarlier(room);
  part("earlier").disabled = room.isAsking;
}

// Keeps the elements that stay as they are, and so the focus on them.
function fill(list, entries) {
  const focused = list.contains(document.activeElement) ? document.activeElement.dataset.key : undefined;
  list.replaceChildren(...entries);
  if (focused !== undefined) list.querySelector(`[data-key="${CSS.escape(focused)}"]`)?.focus();
}

function roomEntry(room) {
  const name = room.isDirect ? room.name.slice(1) : room.name;
  const open = make("button", { type: "button" }, make("bdi", { textContent: name }));
  open.dataset.key = `open ${room.name}`;
  if (room === conversation.active) open.setAttribute("aria-current", "true");
  if (room.unread > 0) open.append(make("span", { className: "unread", textContent: `${room.unread} new` }));
  open.onclick = () => {
    conversation.select(room.name);
    closeMenu();
    focusRoom();
  };
  const entry = make("li", {}, open);
  if (room.name === lobby) return entry;
  const leave = make("button", { type: "button", textContent: "×" });
  leave.dataset.key = `leave ${room.name}`;
  leave.setAttribute("aria-label", room.isDirect ? `Close ${name}` : `Leave ${name}`);
  leave.onclick = () => (room.isDirect ? conversation.closeDirect(room.name) : conversation.leave(room.name));
  entry.append(leave);
  return entry;
}

function personEntry(user) {
  if (user === conversation.user) return make("li", {}, make("bdi", { textContent: user }), " (you)");
  const write = make("button", { type: "button" }, make("bdi", { textContent: user }));
  write.dataset.key = `write ${user}`;
  write.setAttribute("aria-label", `Write to ${user}`);
  write.onclick = () => {
    conversation.openDirect(user);
    closeMenu();
    focusRoom();
  };
  return make("li", {}, write);
}

// Where typing goes on; on a screen keyboard only when it is asked for.
function focusRoom() { (matchMedia("(pointer: coarse)").matches ? log : text).focus(); }

function setStatus(status) { if (part("status").textContent !== status) part("status").textContent = status; }

function showChat() {
  part("retry").hidden = true;
  if (!part("chat").hidden) return;
  part("door").hidden = true;
  part("chat").hidden = false;
  part("login").reset();
  part("login-fault").textContent = "";
  scrollToEnd();
  text.focus();
}

function showDoor() {
  part("chat").hidden = true;
  part("door").hidden = false;
  part("enter").disabled = false;
  document.title = "Chat";
  part("user").value ||= conversation.user;
  part(part("user").value === "" ? "user" : "password").focus();
}

// ---- What the person does

function openMenu() {
  part("side").classList.add("open");
  part("menu").setAttribute("aria-expanded", "true");
  part("side").querySelector("button").focus();
}

function closeMenu() {
  part("side").classList.remove("open");
  part("menu").setAttribute("aria-expanded", "false");
}

function send() {
  const words = text.value.trim();
  const bytes = new TextEncoder().encode(words).length;
  part("text-fault").textContent = "";
  if (words === "") return;
  if (bytes > conversation.maximumTextBytes) {
    part("text-fault").textContent = `A message may have ${conversation.maximumTextBytes} bytes; this has ${bytes}.`;
    return;
  }
  text.value = "";
  conversation.publish(words);
}

function onSubmit(id, action) {
  part(id).addEventListener("submit", (event) => {
    event.preventDefault();
    action();
  });
}

onSubmit("login", () => {
  part("login-fault").textContent = "";
  part("enter").disabled = true;
  conversation.logIn(part("user").value, part("password").value);
});
onSubmit("join", () => {
  part("side-fault").textContent = "";
  conversation.join(part("join-name").value);
  part("join").reset();
});
onSubmit("direct", () => {
  part("side-fault").textContent = "";
  conversation.openDirect(part("direct-name").value.replace(/^@/, ""));
  part("direct").reset();
  closeMenu();
  focusRoom();
});
onSubmit("composer", send);
text.addEventListener("keydown", (event) => {
  // While a word is being composed, Enter ends the word.
  if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
  event.preventDefault();
  send();
});
part("menu").onclick = () => (part("side").classList.contains("open") ? closeMenu() : openMenu());
part("side").addEventListener("keydown", (event) => {
  if (event.key !== "Escape" || !part("side").classList.contains("open")) return;
  closeMenu();
  part("menu").focus();
});
part("earlier").onclick = () => conversation.earlier(conversation.active);
part("newest").onclick = () => {
  scrollToEnd();
  text.focus();
};
log.addEventListener("scroll", () => { if (isAtEnd()) part("newest").hidden = true; }, { passive: true });
part("retry").onclick = () => {
  part("retry").hidden = true;
  setStatus("Connecting");
  link.start();
};
part("leave-all").onclick = () => {
  conversation.logOut();
  lines.replaceChildren();
  part("user").value = "";
  showDoor();
};
document.addEventListener("visibilitychange", () => {
  if (document.visibilityState === "hidden") return conversation.hidden();
  link.hurry();
  if (!part("chat").hidden) {
    conversation.active.unread = 0;
    view.roomsChanged();
  }
});
addEventListener("online", () => link.hurry());
addEventListener("pagehide", () => conversation.hidden());
addEventListener("beforeunload", (event) => { if (conversation.waiting > 0) event.preventDefault(); });

// ---- The beginning

const address = new URL("ws", location.href);
address.protocol = address.protocol.replace("http", "ws");
const link = new Link(address.href, {
  opened: () => conversation.opened(),
  received: (event) => conversation.received(event),
  waiting(milliseconds) {
    conversation.lost();
    const isIn = !part("chat").hidden;
    const again = `Trying again in ${Math.max(1, Math.round(milliseconds / 1_000))} s.`;
    if (!isIn && !conversation.canResume) {
      link.stop();
      return view.loginNeeded("The relay can't be reached. Try again.");
    }
    setStatus(`No connection. ${again}`);
    showChat();
    part("retry").textContent = "Try now";
    part("retry").hidden = false;
    view.roomsChanged();
  },
});
const conversation = new Conversation(sessionStorage, link, view);
if (conversation.canResume) {
  setStatus("Connecting");
  showChat();
  conversation.resume();
} else {
  showDoor();
}
