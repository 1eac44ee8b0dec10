// Conversations in the browser's own database, and as a JSON file.
import {kStates, settle} from "./conversation.js";
import {senseOf} from "./senses.js";
import {base64Of} from "./upload.js";

const kDatabase = "pandagpt";
const kTable = "conversations";
const kFormat = "pandagpt-conversations";
const kVersion = 1;

function promised(request) {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
}

/// When it is on the disk.
function completed(transaction) {
  return new Promise((resolve, reject) => {
    transaction.oncomplete = () => resolve();
    transaction.onabort = () => reject(transaction.error);
  });
}

export class Store {
  #database = null;
  #removed = new Set();  // an answer that ends later must not bring its conversation back

  /// Throws where the browser keeps nothing (some private windows).
  async open() {
    const request = indexedDB.open(kDatabase, 1);
    request.onupgradeneeded = () => request.result.createObjectStore(kTable, {keyPath: "id"});
    this.#database = await promised(request);
  }

  #table(mode) { return this.#database.transaction(kTable, mode).objectStore(kTable); }

  /// The latest first.
  async list() {
    if (!this.#database) return [];
    const all = await promised(this.#table("readonly").getAll());
    return all.map(settle).sort((a, b) => b.updated - a.updated);
  }

  async save(conversation) {
    if (this.#removed.has(conversation.id)) return;
    await this.#change((table) => table.put(structuredClone(conversation)));
  }

  /// Saves one that comes from outside, even if it was here before.
  async add(conversation) {
    this.#removed.delete(conversation.id);
    await this.save(conversation);
  }

  async remove(id) {
    this.#removed.add(id);
    try {
      await this.#change((table) => table.delete(id));
    } catch (error) {
      this.#removed.delete(id);
      throw error;
    }
  }

  async #change(change) {
    if (!this.#database) return;
    const table = this.#table("readwrite");
    change(table);
    await completed(table.transaction);
  }
}

export async function exported(conversations) {
  const list = [];
  for (const conversation of conversations) {
    const turns = [];
    for (const turn of conversation.turns) {
      const inputs = [];
      for (const {blob, fileId, ...input} of turn.inputs)
        inputs.push({...input, type: blob.type, data: await base64Of(blob)});
      turns.push({...turn, inputs});
    }
    list.push({...conversation, turns});
  }
  return JSON.stringify({format: kFormat, version: kVersion, conversations: list}, null, 1);
}

const isText = (value) => typeof value === "string";
const isTime = (value) => Number.isFinite(value) && value >= 0;

function require(condition, what) {
  if (!condition) throw new Error(`This is no export of PandaGPT: ${what}.`);
}

function bytesOf(base64) {
  try {
    return Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0));
  } catch {
    throw new Error("This is no export of PandaGPT: an input's data is no base64.");
  }
}

function importedInput(value) {
  require(
      value && senseOf(value.sense) && isText(value.name) && isText(value.data),
      "an input is incomplete");
  require(Number.isFinite(value.weight), "an input has no weight");
  const known = new Set(senseOf(value.sense).options.map((option) => option.key));
  const options =
      Object.fromEntries(Object.entries(value.options ?? {}).filter(([key]) => known.has(key)));
  const type = isText(value.type) ? value.type : "";
  return {
    sense: value.sense,
    name: value.name,
    weight: value.weight,
    options,
    blob: new Blob([bytesOf(value.data)], {type}),
    isConverted: value.isConverted === true
  };
}

function importedTurn(value) {
  require(
      value && isText(value.question) && isText(value.answer) && kStates.includes(value.state),
      "a turn is incomplete");
  require(Array.isArray(value.inputs), "a turn has no inputs");
  const {question, answer, state, error, finish, timings} = value;
  const warnings = Array.isArray(value.warnings) ? value.warnings.filter(isText) : undefined;
  const inputs = value.inputs.map(importedInput);
  return {question, answer, state, error, finish, timings, warnings, inputs};
}

/// The conversations of an exported file. Throws Error, in one line, for any other text.
export function imported(text) {
  let file;
  try {
    file = JSON.parse(text);
  } catch {
    throw new Error("This is no export of PandaGPT: no JSON.");
  }
  require(
      file?.format === kFormat && Array.isArray(file.conversations), `"format" isn't "${kFormat}"`);
  require(file.version === kVersion, `version ${file.version}; this page knows ${kVersion}`);
  return file.conversations.map((value) => {
    require(
        value && isText(value.id) && isText(value.title) && isTime(value.created) &&
            isTime(value.updated) && Array.isArray(value.turns),
        "a conversation is incomplete");
    const {id, title, created, updated} = value;
    return settle({id, title, created, updated, turns: value.turns.map(importedTurn)});
  });
}
