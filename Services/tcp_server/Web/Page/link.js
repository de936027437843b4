// SPDX-License-Identifier: Apache-2.0

// A WebSocket to the relay that comes back when it is lost, later each time.

const shortest = 500;
const longest = 15_000;
// After this much silence the relay is asked whether it is there, and after that much more it is taken for dead.
const pingAfter = 10_000;
const patience = 8_000;
const tick = 2_000;

export class Link {
  #url;
  #on;
  #socket = null;
  #attempts = 0;
  #timer = 0;
  #watch = 0;
  #lastHeard = 0;
  #isAsked = false;
  // What the relay asked for when it sent us away.
  #notBefore = 0;

  // `on.opened()`, `on.received(event)` and `on.waiting(milliseconds)` are called.
  constructor(url, on) {
    this.#url = url;
    this.#on = on;
  }

  start() {
    clearTimeout(this.#timer);
    this.#drop();
    const socket = new WebSocket(this.#url);
    this.#socket = socket;
    this.#lastHeard = performance.now();
    this.#isAsked = false;
    socket.onopen = () => { if (socket === this.#socket) this.#on.opened(); };
    socket.onclose = () => { if (socket === this.#socket) this.#lost(); };
    socket.onmessage = (message) => { if (socket === this.#socket) this.#heard(message.data); };
    this.#watch = setInterval(() => this.#look(), tick);
  }

  stop() {
    clearTimeout(this.#timer);
    this.#timer = 0;
    this.#notBefore = 0;
    this.#drop();
  }

  // Whether it was handed to a connection: that is not to say that it arrived.
  send(request) {
    if (this.#socket?.readyState !== WebSocket.OPEN) return false;
    this.#socket.send(JSON.stringify(request));
    return true;
  }

  // The relay let us in: the next loss is a new one.
  settled() {
    this.#attempts = 0;
    this.#notBefore = 0;
  }

  // Come back, but not before so many milliseconds.
  comeBackAfter(milliseconds) {
    this.#notBefore = performance.now() + milliseconds;
  }

  // Closes the connection; it is made anew like one that was lost.
  renew() {
    this.#lost();
  }

  // The network, or the page, is back: don't wait.
  hurry() {
    if (this.#timer) this.start(); else if (this.#socket) this.#ask();
  }

  #heard(text) {
    this.#lastHeard = performance.now();
    this.#isAsked = false;
    const socket = this.#socket;
    for (const line of text.split("\n")) {
      if (socket !== this.#socket) return;
      if (line !== "") this.#on.received(JSON.parse(line));
    }
  }

  #look() {
    const silence = performance.now() - this.#lastHeard;
    if (this.#isAsked && silence > pingAfter + patience) this.#lost();
    else if (!this.#isAsked && silence > pingAfter) this.#ask();
  }

  #ask() {
    this.#lastHeard = performance.now() - pingAfter;
    this.#isAsked = true;
    // While the connection is being made, it is given that long, too.
    this.send({ ping: { number: "1" } });
  }

  #lost() {
    clearTimeout(this.#timer);
    this.#drop();
    const backoff = Math.min(longest, shortest * 2 ** this.#attempts) * (0.5 + Math.random() / 2);
    this.#attempts += 1;
    const wait = Math.max(backoff, this.#notBefore - performance.now());
    this.#timer = setTimeout(() => { this.#timer = 0; this.start(); }, wait);
    this.#on.waiting(wait);
  }

  #drop() {
    clearInterval(this.#watch);
    const socket = this.#socket;
    this.#socket = null;
    socket?.close();
  }
}
