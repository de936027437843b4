// SPDX-License-Identifier: Apache-2.0

// What is said with the relay: the session that outlives its connections, the rooms, and the messages that wait to be
// accepted. Sequences and log ids are 64-bit numbers, which JSON carries as strings.

export const lobby = "lobby";

const pageSize = 50;
// What a room shows at the most; what is older can be asked for again.
const itemLimit = 2_000;
const sentLimit = 200;

// A line is { kind, order, … }: kind is "message", "gap" or "notice"; lines stand in the order of `order`.
class Room {
  items = [];
  people = null;
  omitted = 0;
  unread = 0;
  mayHaveEarlier = true;
  isAsking = false;
  // Messages up to this one are history.
  historyUpTo = 0;

  constructor(name) {
    this.name = name;
  }

  // Whether it is with one other account: what they write arrives in our own inbox.
  get isDirect() { return this.name.startsWith("@"); }

  // Puts a line where it belongs, and says where that is.
  insert(item) {
    let index = this.items.length;
    while (index > 0 && this.items[index - 1].order > item.order) index -= 1;
    this.items.splice(index, 0, item);
    return index;
  }

  remove(item) {
    const index = this.items.indexOf(item);
    if (index >= 0) this.items.splice(index, 1);
    return index;
  }

  // The line that shows the message with this place in the relay's log.
  find({ order, room, sequence }) {
    for (let index = this.items.length - 1; index >= 0 && this.items[index].order >= order; index -= 1) {
      const item = this.items[index];
      if (item.kind === "message" && item.room === room && item.sequence === sequence) return item;
    }
    return undefined;
  }

  // The number of the oldest message that is shown.
  get oldest() { return this.items.find((item) => item.kind === "message" && item.room === this.name)?.order ?? Infinity; }

  // Where a line belongs that comes after all that is there and is known.
  get end() { return this.items.findLast((item) => item.order !== Infinity)?.order ?? 0; }
}

export class Conversation {
  rooms = new Map();
  isOnline = false;
  user = "";
  maximumTextBytes = 32_000;
  #password = "";
  #saved;
  #storage;
  #link;
  #view;
  #saving = 0;
  // The inbox is shown in parts, one for each account that wrote.
  #oldestInInbox = Infinity;
  #mayInboxHaveEarlier = true;
  #joining = new Set();

  // `view` is told what changes.
  constructor(storage, link, view) {
    this.#storage = storage;
    this.#link = link;
    this.#view = view;
    this.#saved = this.#load();
    this.user = this.#saved.user;
  }

  // Whether a session is there to go on with, without a password.
  get canResume() { return this.#saved.ticket !== ""; }
  get active() { return this.rooms.get(this.#saved.active) ?? this.#room(lobby); }
  get waiting() { return this.#saved.outbox.length; }

  // ---- What the person does

  logIn(user, password) {
    if (this.user !== user) this.#forget();
    this.user = this.#saved.user = user;
    this.#password = password;
    this.#saved.ticket = "";
    this.#restore();
    this.#link.start();
  }

  resume() {
    this.#restore();
    this.#link.start();
  }

  logOut() {
    this.#link.send({ bye: {} });
    this.#link.stop();
    this.#forget();
    this.user = "";
    this.#save();
  }

  select(name) {
    this.#saved.active = name;
    const room = this.#room(name);
    room.unread = 0;
    this.#ask(room);
    this.#view.roomsChanged();
    this.#view.roomShown(room);
    this.#save();
  }

  openDirect(user) {
    const name = `@${user}`;
    if (!this.#saved.directs.includes(name)) this.#saved.directs.push(name);
    this.select(name);
  }

  closeDirect(name) {
    this.#saved.directs = this.#saved.directs.filter((other) => other !== name);
    this.#removeRoom(name);
  }

  join(name) {
    if (this.rooms.has(name)) return this.select(name);
    this.#joining.add(name);
    if (!this.#link.send({ join: { room: name } })) this.#view.fault("There is no connection to the relay.");
  }

  leave(name) {
    if (!this.#link.send({ leave: { room: name } })) this.#view.fault("There is no connection to the relay.");
  }

  publish(text) {
    const room = this.active;
    // Not counted: a tab that was duplicated would count on from the same number.
    const entry = { id: randomName(), room: room.name, text, time: Date.now() };
    this.#saved.outbox.push(entry);
    this.#showOwn(entry);
    this.#sendEntry(entry);
    this.#saveNow();
  }

  // Takes a line that failed out of the room.
  discard(room, item) {
    this.#view.itemRemoved(room, room.remove(item));
  }

  earlier(room) {
    const before = room.isDirect ? this.#oldestInInbox : room.oldest;
    const edge = Number.isFinite(before) ? `${before}` : "0";
    room.isAsking = this.#link.send({ history: { room: this.#source(room), before: edge, limit: pageSize } });
    this.#view.roomsChanged();
  }

  mayHaveEarlier(room) {
    if (room.isDirect) return this.#mayInboxHaveEarlier && this.#oldestInInbox > 1;
    return room.mayHaveEarlier && room.oldest > 1;
  }

  // ---- What the link tells

  opened() {
    const { user, session, ticket, positions } = this.#saved;
    const known = Object.entries(positions).map(([room, place]) => ({ room, ...place }));
    const proof = ticket === "" ? { password: this.#password } : { ticket };
    this.#link.send({ login: { user, ...proof, session, positions: known, presence: true } });
  }

  lost() {
    this.isOnline = false;
    for (const room of this.rooms.values()) room.isAsking = false;
    this.#eachWaiting((item) => { item.state = "waiting"; });
  }

  received(event) {
    const [kind] = Object.keys(event);
    this[`on_${kind}`]?.(event[kind]);
  }

  on_welcome(welcome) {
    const saved = this.#saved;
    this.isOnline = true;
    this.user = saved.user = welcome.user;
    this.maximumTextBytes = welcome.maximumTextBytes || this.maximumTextBytes;
    if (welcome.ticket) {
      saved.ticket = welcome.ticket;
      this.#password = "";
    }
    this.#link.settled();
    for (const head of welcome.heads ?? []) this.#entered(head);
    this.#rejoin(welcome.heads ?? []);
    for (const entry of saved.outbox) this.#sendEntry(entry);
    this.#ask(this.active);
    this.#view.online();
    this.#saveNow();
  }

  on_refused({ reason, explanation, retryAfterMilliseconds }) {
    if (reason === "BUSY" && this.#saved.ticket !== "") {
      this.#link.comeBackAfter(retryAfterMilliseconds ?? 1_000);
      this.#link.renew();
      return;
    }
    this.#link.stop();
    this.#saved.ticket = "";
    this.#password = "";
    this.#saveNow();
    this.#view.loginNeeded(reason === "INVALID_TICKET" ? "Please log in again." : explanation);
  }

  on_message(message) {
    this.#place(message.room, message.sequence);
    this.#noteOldest(message);
    const room = this.#roomOf(message);
    const item = this.#itemOf(message);
    if (!this.#show(room, item)) return;
    const isNew = Number(message.sequence) > this.#room(message.room).historyUpTo;
    if (isNew && !item.isOwn) this.#noteUnread(room);
  }

  on_accepted({ clientMessageId, sequence, level }) {
    const entry = this.#takeFromOutbox(clientMessageId);
    if (!entry) return;
    const [room, item] = this.#own(entry);
    if (!item) return;
    item.state = (level ?? "RELAYED").toLowerCase();
    item.sequence = sequence;
    if (room.isDirect) {
      this.#keepSent(room, item);
      return this.#view.itemChanged(room, item);
    }
    this.#keepAhead(room, item);
    const index = room.remove(item);
    item.order = Number(sequence);
    const twin = room.find(item);
    if (twin) {
      // It came back as history before it was known to be accepted.
      twin.state = item.state;
      this.#view.itemRemoved(room, index);
      return this.#view.itemChanged(room, twin);
    }
    const place = room.insert(item);
    if (place === index) return this.#view.itemChanged(room, item);
    this.#view.itemRemoved(room, index);
    this.#view.itemAdded(room, item, place);
  }

  on_error({ reason, explanation, clientMessageId, room: name, retryAfterMilliseconds }) {
    const entry = this.#saved.outbox.find((other) => other.id === clientMessageId);
    if (!entry) {
      this.#joining.delete(name);
      for (const room of this.rooms.values()) if (this.#source(room) === name) room.isAsking = false;
      this.#view.roomsChanged();
      if (name && name !== lobby && this.rooms.has(name) && this.rooms.get(name).log === undefined) this.#removeRoom(name);
      return this.#view.fault(explanation ?? reason);
    }
    const [room, item] = this.#own(entry);
    const isPassing = reason === "RATE_LIMITED" || reason === "NOT_STORED";
    if (item) {
      item.state = isPassing ? "waiting" : "failed";
      item.reason = explanation ?? reason;
      this.#view.itemChanged(room, item);
    }
    if (!isPassing) return void this.#takeFromOutbox(clientMessageId);
    setTimeout(() => {
      if (this.isOnline && this.#saved.outbox.includes(entry)) this.#sendEntry(entry);
    }, Math.max(retryAfterMilliseconds ?? 0, 1_000));
  }

  on_gap({ room: name, first, last }) {
    this.#place(name, last);
    const words = first === last
      ? `Message ${first} is no longer kept.` : `Messages ${first} to ${last} are no longer kept.`;
    this.#addLine(name, { kind: "gap", order: Number(first), words }, words);
  }

  on_joined({ head }) {
    this.#entered(head);
    if (this.#joining.delete(head.room)) this.select(head.room); else this.#view.roomsChanged();
  }

  on_left({ room }) {
    delete this.#saved.positions[room];
    this.#removeRoom(room);
  }

  on_people({ room: name, users, omitted }) {
    const room = this.rooms.get(name || lobby);
    if (!room) return;
    room.people = new Set(users ?? []);
    room.omitted = omitted ?? 0;
    this.#view.peopleChanged(room);
  }

  on_presence({ room: name, joined = [], left = [] }) {
    const room = this.rooms.get(name);
    if (!room) return;
    for (const user of left) room.people?.delete(user);
    for (const user of joined) room.people?.add(user);
    this.#view.peopleChanged(room);
    const others = joined.filter((user) => user !== this.user);
    const words = [presenceWords(others, "joined"), presenceWords(left, "left")].filter((part) => part !== "").join(", ");
    if (words !== "") this.#addNotice(room, `${words}.`);
  }

  on_page({ room: name, messages = [], more = false }) {
    const isInbox = name === this.#inbox;
    if (isInbox) this.#mayInboxHaveEarlier = more; else this.#room(name).mayHaveEarlier = more;
    const asking = [...this.rooms.values()].filter((room) => room.isAsking && room.isDirect === isInbox);
    const shown = new Set();
    this.#view.beginMany();
    for (const message of messages) {
      this.#noteOldest(message);
      const room = this.#roomOf(message);
      if (this.#show(room, this.#itemOf(message))) shown.add(room);
    }
    this.#view.endMany();
    for (const room of asking) {
      room.isAsking = false;
      // The page had nothing but what others wrote to us.
      if (isInbox && more && messages.length > 0 && !shown.has(room)) this.earlier(room);
    }
    this.#view.roomsChanged();
  }

  on_bye({ reason, explanation, retryAfterMilliseconds }) {
    if (reason === "REPLACED") {
      this.#link.stop();
      this.lost();
      this.#view.ended("This session goes on in another tab or window.");
    } else if (reason === "KICKED") {
      this.#link.stop();
      this.lost();
      this.#saved.ticket = "";
      this.#saveNow();
      this.#view.loginNeeded(explanation || "The operator ended the session.");
    } else {
      this.#link.comeBackAfter(retryAfterMilliseconds ?? 0);
    }
  }

  // ---- Rooms

  get #inbox() { return `@${this.user}`; }

  // The room of the relay whose history a room shows.
  #source(room) { return room.isDirect ? this.#inbox : room.name; }

  #room(name) {
    let room = this.rooms.get(name);
    if (!room) {
      room = new Room(name);
      this.rooms.set(name, room);
    }
    return room;
  }

  // Where a message is shown: one from the inbox with who wrote it.
  #roomOf(message) {
    if (message.room !== this.#inbox) return this.#room(message.room);
    const name = `@${message.sender}`;
    if (!this.#saved.directs.includes(name)) {
      this.#saved.directs.push(name);
      this.#room(name);
      this.#view.roomsChanged();
    }
    return this.#room(name);
  }

  #noteOldest({ room, sequence }) {
    if (room === this.#inbox) this.#oldestInInbox = Math.min(this.#oldestInInbox, Number(sequence));
  }

  #entered(head) {
    const room = this.#room(head.room);
    room.log = head.log;
    let place = this.#saved.positions[head.room];
    if (place && place.log !== head.log) {
      this.#logLost(room);
      place = undefined;
    }
    const newest = head.sequence ?? "0";
    if (place) this.#refill(room, place);
    else room.historyUpTo = Number(newest);
    if (newest !== "0") return;
    this.#saved.positions[head.room] = { log: head.log, sequence: "0" };
    if (head.room === this.#inbox) this.#mayInboxHaveEarlier = false; else room.mayHaveEarlier = false;
  }

  // The relay has another log now: what was shown stays, but its numbers mean nothing any more.
  #logLost(lost) {
    delete this.#saved.positions[lost.name];
    this.#saved.ahead = this.#saved.ahead.filter((entry) => entry.room !== lost.name);
    const isInbox = lost.name === this.#inbox;
    if (isInbox) this.#oldestInInbox = Infinity;
    for (const room of isInbox ? [...this.rooms.values()].filter((other) => other.isDirect) : [lost]) {
      for (const item of room.items) {
        if (item.order === Infinity) continue;
        item.room = null;
        if (!isInbox) item.order = 0;
      }
    }
    lost.mayHaveEarlier = true;
    this.#addLine(lost.name, { kind: "gap", order: 0, words: lostWords }, lostWords);
  }

  // The page was loaded anew: what it showed is history now, and not sent by itself.
  #refill(room, place) {
    const oldest = room.name === this.#inbox ? this.#oldestInInbox : room.oldest;
    if (oldest <= Number(place.sequence) || place.sequence === "0") return;
    const before = `${BigInt(place.sequence) + 1n}`;
    room.isAsking = this.#link.send({ history: { room: room.name, before, limit: pageSize } });
  }

  // Rooms where nothing had come yet have no position, and so were not in the login.
  #rejoin(heads) {
    const inside = new Set(heads.map((head) => head.room));
    for (const room of this.rooms.values()) {
      if (!room.isDirect && !inside.has(room.name)) this.#link.send({ join: { room: room.name } });
    }
  }

  #removeRoom(name) {
    this.rooms.delete(name);
    if (this.#saved.active === name) this.select(lobby); else this.#view.roomsChanged();
    this.#save();
  }

  #ask(room) {
    if (!room.isDirect) this.#link.send({ who: { room: room.name } });
  }

  #noteUnread(room) {
    if (this.#view.isSeen(room)) return;
    room.unread += 1;
    this.#view.roomsChanged();
  }

  // ---- Lines

  #itemOf({ room, sequence, sender, time, text, data }) {
    const moment = time ? Date.parse(time) : Date.now();
    const order = room === this.#inbox ? moment : Number(sequence);
    const words = text ?? (data === undefined ? "" : `(${Math.floor(data.length * 3 / 4)} bytes of data)`);
    return { kind: "message", order, room, sequence, sender, time: moment, text: words, isOwn: sender === this.user };
  }

  // Shows a message, unless it is there; false then.
  #show(room, item) {
    if (room.find(item)) return false;
    this.#view.itemAdded(room, item, room.insert(item));
    this.#trim(room);
    return true;
  }

  #trim(room) {
    if (room.items.length <= itemLimit || room.isAsking) return;
    room.items.shift();
    room.mayHaveEarlier = true;
    this.#view.itemRemoved(room, 0);
  }

  #addLine(name, item, words) {
    if (name === this.#inbox) return this.#addNotice(this.active, `Direct messages: ${words}`);
    const room = this.#room(name);
    this.#view.itemAdded(room, item, room.insert(item));
  }

  #addNotice(room, words) {
    const item = { kind: "notice", order: room.end, words };
    this.#view.itemAdded(room, item, room.insert(item));
  }

  // Everything up to this message was shown, and the own messages that follow it at once.
  #place(room, sequence) {
    const log = this.#room(room).log;
    if (log === undefined) return;
    let last = BigInt(sequence);
    const ahead = this.#saved.ahead.filter((entry) => entry.room === room).map((entry) => BigInt(entry.sequence));
    while (ahead.includes(last + 1n)) last += 1n;
    this.#saved.ahead = this.#saved.ahead.filter((entry) => entry.room !== room || BigInt(entry.sequence) > last);
    this.#saved.positions[room] = { log, sequence: `${last}` };
    this.#save();
  }

  // An own message has its place, and what others said before it may still be on its way.
  #keepAhead(room, { id, sequence, time, text, state }) {
    this.#saved.ahead.push({ room: room.name, id, sequence, time, text, state });
    this.#saved.ahead = this.#saved.ahead.slice(-sentLimit);
    const place = this.#saved.positions[room.name];
    if (place) this.#place(room.name, place.sequence);
  }

  // ---- Own messages

  #showOwn(entry) {
    const room = this.#room(entry.room);
    const order = room.isDirect ? Math.max(entry.time, room.end) : Infinity;
    const item = {
      kind: "message", order, id: entry.id, room: null, sender: this.user, time: entry.time, text: entry.text,
      isOwn: true, state: "waiting",
    };
    this.#view.itemAdded(room, item, room.insert(item));
  }

  #own(entry) {
    const room = this.#room(entry.room);
    const item = room.items.findLast((other) => other.id === entry.id);
    if (item && !room.isDirect) item.room = room.name;
    return [room, item];
  }

  #sendEntry(entry) {
    if (!this.isOnline) return;
    const isSent = this.#link.send({ publish: { clientMessageId: entry.id, room: entry.room, text: entry.text } });
    const [room, item] = this.#own(entry);
    if (!item || !isSent) return;
    item.state = "sending";
    this.#view.itemChanged(room, item);
  }

  #takeFromOutbox(id) {
    const entry = this.#saved.outbox.find((other) => other.id === id);
    if (!entry) return null;
    this.#saved.outbox = this.#saved.outbox.filter((other) => other !== entry);
    this.#saveNow();
    return entry;
  }

  #eachWaiting(body) {
    for (const entry of this.#saved.outbox) {
      const [room, item] = this.#own(entry);
      if (!item) continue;
      body(item);
      this.#view.itemChanged(room, item);
    }
  }

  // What we wrote to others is in their inboxes, where we can't read it again.
  #keepSent(room, { id, time, text, state }) {
    this.#saved.sent.push({ id, room: room.name, time, text, state });
    this.#saved.sent = this.#saved.sent.slice(-sentLimit);
    this.#save();
  }

  // ---- What outlives the page: all but the password

  #restore() {
    this.#room(lobby);
    for (const name of this.#saved.directs) this.#room(name);
    for (const name of Object.keys(this.#saved.positions)) if (!name.startsWith("@")) this.#room(name);
    for (const entry of this.#saved.sent) {
      const room = this.#room(entry.room);
      if (room.items.some((item) => item.id === entry.id)) continue;
      const { id, time, text, state } = entry;
      const item = { kind: "message", order: time, id, room: null, sender: this.user, time, text, isOwn: true, state };
      this.#view.itemAdded(room, item, room.insert(item));
    }
    for (const entry of this.#saved.ahead) this.#show(this.#room(entry.room), ownItem(entry, this.user));
    for (const entry of this.#saved.outbox) if (!this.#own(entry)[1]) this.#showOwn(entry);
    this.#view.roomsChanged();
    this.#view.roomReset(this.active);
  }

  #forget() {
    this.rooms.clear();
    this.#oldestInInbox = Infinity;
    this.#mayInboxHaveEarlier = true;
    this.#password = "";
    this.#saved = fresh();
  }

  #load() {
    try {
      return { ...fresh(), ...JSON.parse(this.#storage.getItem(key) ?? "{}") };
    } catch {
      return fresh();
    }
  }

  #save() {
    this.#saving ||= setTimeout(() => this.#saveNow(), 250);
  }

  #saveNow() {
    clearTimeout(this.#saving);
    this.#saving = 0;
    try {
      this.#storage.setItem(key, JSON.stringify(this.#saved));
    } catch {
      // The storage is full or shut off: the session lasts as long as the page.
    }
  }

  // The page may be gone in a moment.
  hidden() { this.#saveNow(); }
}

const key = "mesh.session";
const lostWords = "The relay lost what this room held before: it begins anew.";

function fresh() {
  return {
    user: "", session: randomName(), ticket: "", positions: {}, directs: [], active: lobby, outbox: [], ahead: [],
    sent: [],
  };
}

// The line of an own message that has its place in a room's log.
function ownItem({ room, id, sequence, time, text, state }, sender) {
  return { kind: "message", order: Number(sequence), id, room, sequence, sender, time, text, isOwn: true, state };
}

// Nobody else's session or message has this name. `crypto.randomUUID` is only there over TLS and on this machine.
function randomName() {
  return [...crypto.getRandomValues(new Uint8Array(12))].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}

function presenceWords(users, verb) {
  if (users.length === 0) return "";
  const named = users.slice(0, 3);
  const others = users.length - named.length;
  const list = others > 0 ? [...named, `${others} more`] : named;
  return `${list.length > 1 ? `${list.slice(0, -1).join(", ")} and ${list.at(-1)}` : list[0]} ${verb}`;
}
