// The list of kept conversations, and their way to and from files.
import {inputsOf} from "./conversation.js";
import {byId, element, icon} from "./dom.js";
import {thumbnailOf} from "./preview/preview.js";
import {exported, imported} from "./store.js";

const kMaxImport = 512e6;  // bytes

function download(text, name) {
  const link = element("a", {download: name});
  link.href = URL.createObjectURL(new Blob([text], {type: "application/json"}));
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 1000);
}

/// Calls once, when the element comes into view: decoding takes time.
function whenSeen(node, call) {
  const observer = new IntersectionObserver((entries) => {
    if (!entries.some((entry) => entry.isIntersecting)) return;
    observer.disconnect();
    call();
  });
  observer.observe(node);
}

export class HistoryView {
  #pictures = new Map();  // elements, by conversation's id

  /// `current()`: the open conversation; `onOpen(conversation)`; `onGone(conversation)`: the open
  /// one was deleted. `uploader` deletes what the server has of a conversation.
  constructor({store, uploader, current, onOpen, onGone}) {
    Object.assign(this, {store, uploader, current, onOpen, onGone});
    byId("export").addEventListener("click", () => this.#guard(() => this.#export()));
    byId("import").addEventListener("click", () => byId("import-file").click());
    byId("import-file")
        .addEventListener("change", (event) => this.#guard(() => this.#import(event.target)));
  }

  say(text) { byId("history-message").textContent = text; }

  async refresh() {
    const all = await this.store.list();
    byId("history").replaceChildren(...all.map((one) => this.#row(one)));
  }

  #row(conversation) {
    const isOpen = conversation.id === this.current().id;
    return element(
        "li", {},
        element(
            "button", {
              type: "button",
              class: "history-item",
              "aria-current": isOpen && "true",
              title: new Date(conversation.updated).toLocaleString(),
              onclick: () => this.onOpen(conversation)
            },
            this.#picture(conversation),
            element("span", {class: "history-title"}, conversation.title || "Untitled")),
        element(
            "button", {
              type: "button",
              class: "icon-button",
              "aria-label": `Delete ${conversation.title}`,
              onclick: () => this.#guard(() => this.#remove(conversation))
            },
            icon("remove")));
  }

  /// What the conversation begins with: a thumbnail, or the sign of its sense.
  #picture(conversation) {
    const [first] = inputsOf(conversation);
    if (!first) return element("span", {class: "thumbnail"}, icon("text"));
    if (!this.#pictures.has(conversation.id)) {
      const place = element("span", {class: "thumbnail"}, icon(first.sense));
      this.#pictures.set(conversation.id, place);
      whenSeen(place, async () => {
        const canvas = await thumbnailOf(first);
        if (canvas) place.replaceChildren(canvas);
      });
    }
    return this.#pictures.get(conversation.id);
  }

  async #guard(work) {
    try {
      await work();
    } catch (error) {
      this.say(error.message);
    }
  }

  async #remove(conversation) {
    if (!window.confirm(`Delete "${conversation.title}"?`)) return;
    // The open one knows more than the list: what was uploaded since.
    const isOpen = conversation.id === this.current().id;
    const inputs = inputsOf(isOpen ? this.current() : conversation);
    await this.store.remove(conversation.id);
    this.#pictures.delete(conversation.id);
    if (isOpen) this.onGone();
    await this.refresh();
    const isGone = await this.uploader.remove(inputs);
    this.say(
        isGone ? "" : "The server could not be asked to delete its files; it does so by itself.");
  }

  async #export() {
    const all = await this.store.list();
    if (all.length === 0) return this.say("There is nothing to export yet.");
    download(await exported(all), `pandagpt-${new Date().toISOString().slice(0, 10)}.json`);
    this.say(`${all.length} conversations exported.`);
  }

  async #import(field) {
    const [file] = field.files;
    field.value = "";
    if (!file) return;
    if (file.size > kMaxImport) throw new Error(`${file.name} is too large.`);
    const conversations = imported(await file.text());
    const known = new Map((await this.store.list()).map((one) => [one.id, one]));
    const fresh = conversations.filter((one) => !(known.get(one.id)?.updated >= one.updated));
    for (const one of fresh) {
      if (known.has(one.id)) this.uploader.remove(inputsOf(known.get(one.id)));
      this.#pictures.delete(one.id);
      await this.store.add(one);
    }
    const old = conversations.length - fresh.length;
    this.say(
        `${fresh.length} conversations imported${old > 0 ? `; ${old} were here already` : ""}.`);
    await this.refresh();
  }
}
