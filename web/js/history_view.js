// The list of kept conversations, and their way to and from files.
import {byId, element, icon} from "./dom.js";
import {exported, imported} from "./store.js";

const kMaxImport = 512e6;  // bytes

function download(text, name) {
  const link = element("a", {download: name});
  link.href = URL.createObjectURL(new Blob([text], {type: "application/json"}));
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 1000);
}

export class HistoryView {
  /// `current()`: the open conversation; `onOpen(conversation)`; `onGone(conversation)`: the open
  /// one was deleted.
  constructor({store, current, onOpen, onGone}) {
    Object.assign(this, {store, current, onOpen, onGone});
    byId("export").addEventListener("click", () => this.#guard(() => this.#export()));
    byId("import").addEventListener("click", () => byId("import-file").click());
    byId("import-file")
        .addEventListener("change", (event) => this.#guard(() => this.#import(event.target)));
  }

  say(text) { byId("history-message").textContent = text; }

  async refresh() {
    const all = await this.store.list();
    byId("history-empty").hidden = all.length > 0;
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
            conversation.title || "Untitled"),
        element(
            "button", {
              type: "button",
              class: "icon-button",
              "aria-label": `Delete ${conversation.title}`,
              onclick: () => this.#guard(() => this.#remove(conversation))
            },
            icon("remove")));
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
    await this.store.remove(conversation.id);
    if (conversation.id === this.current().id) this.onGone();
    await this.refresh();
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
    for (const one of fresh)
      await this.store.save(one);
    const old = conversations.length - fresh.length;
    this.say(
        `${fresh.length} conversations imported${old > 0 ? `; ${old} were here already` : ""}.`);
    await this.refresh();
  }
}
