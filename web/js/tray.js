// The inputs of the next question: cards with preview, sense, weight and the sensor's options.
import {byteText, element, icon} from "./dom.js";
import {showPreview} from "./preview/preview.js";
import {guessSense, kSenses, optionsOfName, reasonAgainst, senseOf} from "./senses.js";

const kMaxWeight = 2;

function optionField(option, input, onChange) {
  const set = (value) => {
    if (value === undefined)
      delete input.options[option.key];
    else
      input.options[option.key] = value;
    onChange();
  };
  const value = input.options[option.key];
  if (option.kind === "flag") {
    const box = element("input", {type: "checkbox", onchange: () => set(box.checked || undefined)});
    box.checked = value === true;
    return element("label", {class: "flag"}, box, option.label);
  }
  if (option.kind === "choice") {
    const list = element(
        "select", {onchange: () => set(list.value || undefined)},
        element("option", {value: ""}, "from file"),
        ...option.choices.map(
            (choice) => element("option", {value: choice, selected: choice === value}, choice)));
    return element("label", {class: "field"}, option.label, list);
  }
  if (option.kind === "text") {
    const text = element("input", {
      type: "text",
      value: value ?? "",
      placeholder: option.hint,
      onchange: () => set(text.value.trim() || undefined)
    });
    return element("label", {class: "field"}, option.label, text);
  }
  const number = element("input", {
    type: "number",
    step: "any",
    value,
    placeholder: "from file",
    onchange: () => set(Number.isFinite(number.valueAsNumber) ? number.valueAsNumber : undefined)
  });
  return element("label", {class: "field"}, option.label, number);
}

function weightSlider(input) {
  const shown = element("output", {}, input.weight.toFixed(2));
  const slider = element("input", {
    type: "range",
    min: 0,
    max: kMaxWeight,
    step: 0.05,
    value: input.weight,
    oninput: () => {
      input.weight = slider.valueAsNumber;
      shown.textContent = input.weight.toFixed(2);
    }
  });
  return element("label", {class: "weight"}, "weight ", slider, shown);
}

/// The inputs and their cards. Each input is read by the server as soon as it is here, so that what
/// is wrong with it is said at its card.
export class Tray {
  items = [];
  isAwaited = false;  // a question waits until they have been read
  #props = null;
  #cards = new Map();           // by input: {root, state, weight, options, refresh, shown}
  #adding = Promise.resolve();  // of all that was added
  #checks = new Map();          // by input: {promise, refusal, warnings, isRunning}
  #discarded = new WeakSet();

  /// `uploader`: reads and removes inputs; `note`: the element that says what becomes of several;
  /// `replaces()`: whether these take the place of earlier ones; `onChange()`; `onRefuse(message)`.
  constructor(list, {uploader, note, replaces, onChange, onRefuse}) {
    Object.assign(this, {list, uploader, note, replaces, onChange, onRefuse});
  }

  /// From /props.
  setProps(props) {
    this.#props = props;
    this.#cards.clear();
    this.list.replaceChildren();
    for (const input of this.items)
      this.#check(input);
    this.#draw();
  }

  /// Adds a file, or what a promise brings, behind those that were given before; without `sense` it
  /// is told by the content.
  add(file, sense) {
    this.#adding = this.#adding.then(() => this.#add(file, sense));
    return this.#adding;
  }

  async #add(given, sense) {
    try {
      const file = await given;
      const name = file.name || "input";
      const limit = this.#props?.limits.max_inputs ?? Infinity;
      if (this.items.length >= limit) throw new Error(`This server takes ${limit} inputs at once.`);
      const reason = this.uploader.reasonAgainst(name, file.size) ??
          (file.size === 0 ? `${name} is empty.` : null);
      if (reason) throw new Error(reason);
      const input = {sense: sense ?? (await guessSense(file)), name, blob: file, weight: 1};
      input.options = optionsOfName(input.sense, name);
      this.items.push(input);
      this.#check(input);
      this.#draw();
    } catch (error) {
      this.onRefuse(error.message);
    }
  }

  /// When all that was added is there, and the server has read it.
  async settled() {
    await this.#adding;
    await Promise.all([...this.#checks.values()].map(({promise}) => promise));
  }

  /// The inputs, which now belong to the caller.
  take() {
    const taken = this.items;
    this.items = [];
    this.#draw();
    return taken;
  }

  /// Why the inputs can't be asked about, or null.
  reasonAgainst() {
    for (const input of this.items) {
      const reason = reasonAgainst(senseOf(input.sense), this.#props);
      if (reason) return `${input.name}: ${reason}.`;
      if (this.#checks.get(input)?.refusal)
        return `${input.name} can't be used: take it away, or say what it is.`;
    }
    return null;
  }

  #discard(input) {
    this.items = this.items.filter((one) => one !== input);
    this.#discarded.add(input);
    this.uploader.remove([input]);
    this.#draw();
    this.list.querySelector("select")?.focus();
  }

  #check(input) {
    if (!this.#props || reasonAgainst(senseOf(input.sense), this.#props)) {
      this.#checks.delete(input);
      return;
    }
    const check = {refusal: null, warnings: [], facts: null, isRunning: true};
    this.#checks.set(input, check);
    check.promise = this.uploader.check(input).then(
        (result) => Object.assign(check, result), () => {});  // the answer will say it
    check.promise = check.promise.then(() => {
      check.isRunning = false;
      if (this.#discarded.has(input)) this.uploader.remove([input]);  // what came there since
      if (this.#checks.get(input) !== check) return;
      if (!this.items.includes(input)) this.#checks.delete(input);
      input.facts = check.facts;
      if (input.isConverted || input.facts) this.#cards.get(input)?.refresh();
      this.#draw();
    });
  }

  #draw() {
    for (const [input, {root}] of this.#cards) {
      if (this.items.includes(input)) continue;
      root.remove();
      this.#cards.delete(input);
      this.#checks.delete(input);
    }
    for (const input of this.items) {
      if (!this.#cards.has(input)) this.#cards.set(input, this.#card(input));
      const card = this.#cards.get(input);
      if (!card.root.isConnected) this.list.append(card.root);
      card.weight.hidden = this.items.length < 2;
      // What the file doesn't say may be said there.
      if (card.options && this.#checks.get(input)?.refusal) card.options.open = true;
      const lines = this.#stateOf(input);
      const text = lines.map((line) => line.textContent).join("\n");
      if (text !== card.shown) card.state.replaceChildren(...lines);  // else it is read out again
      card.shown = text;
    }
    this.drawNote();
    this.onChange();
  }

  /// What becomes of the inputs, where it isn't obvious.
  drawNote() {
    const count = this.items.length;
    const reason = this.reasonAgainst();
    const lines = [];
    if (reason)
      lines.push(`Asking has to wait. ${reason}`);
    else if (this.isAwaited)
      lines.push("The question is sent as soon as the server has read the inputs.");
    if (!reason && count > 1)
      lines.push(
          `The model gets the weighted sum of these ${count} inputs: it can't compare them.`);
    if (!reason && count > 0 && this.replaces())
      lines.push(`From now on the model is asked about ${
          count > 1 ? "these" : "this one"} instead of the earlier inputs.`);
    this.note.textContent = lines.join(" ");
    this.note.hidden = lines.length === 0;
  }

  #stateOf(input) {
    const check = this.#checks.get(input);
    if (!check) return [];
    if (check.refusal) return [element("p", {class: "refusal", role: "alert"}, check.refusal)];
    const lines = check.warnings.map((text) => element("p", {class: "warning"}, text));
    if (check.isRunning) lines.push(element("p", {class: "hint"}, "Checking …"));
    if (input.isConverted)
      lines.push(element("p", {class: "hint"}, "The server can't read the file: sent as JPEG."));
    return lines;
  }

  #setSense(input, sense) {
    Object.assign(input, {sense, options: optionsOfName(sense, input.name), facts: null});
    this.#check(input);
    const old = this.#cards.get(input).root;
    const card = this.#card(input);
    this.#cards.set(input, card);
    old.replaceWith(card.root);
    this.#draw();
    card.root.querySelector("select").focus();
  }

  #card(input) {
    const preview = element("div", {class: "preview"});
    const refresh = () => showPreview(input, preview);
    refresh();
    const senses = element(
        "select", {
          "aria-label": `Sense of ${input.name}`,
          onchange: () => this.#setSense(input, senses.value)
        },
        ...kSenses.map(
            (sense) => element(
                "option", {value: sense.id, selected: sense.id === input.sense}, sense.label)));
    const sense = senseOf(input.sense);
    const reason = reasonAgainst(sense, this.#props);
    const weight = weightSlider(input);
    const state = element("div", {class: "card-state"});
    const options = this.#options(input, sense, refresh);
    const root = element(
        "li", {class: "card", "data-sense": input.sense},
        element(
            "div", {class: "card-head"}, icon(input.sense), senses,
            element(
                "button", {
                  type: "button",
                  class: "icon-button",
                  "aria-label": `Remove ${input.name}`,
                  onclick: () => this.#discard(input)
                },
                icon("remove"))),
        state, preview,
        element(
            "p", {class: "card-name", title: input.name},
            `${input.name} · ${byteText(input.blob.size)}`),
        reason && element("p", {class: "notice"}, `${reason}.`), weight, options);
    return {root, state, weight, options, refresh, shown: ""};
  }

  #options(input, sense, refresh) {
    const options =
        sense.options.filter((option) => !option.needs || this.#props?.modalities[option.needs]);
    if (options.length === 0) return null;
    const onChange = () => {
      refresh();
      this.#check(input);
      this.#draw();
    };
    return element(
        "details", {class: "options"}, element("summary", {}, "Options"),
        ...options.map((option) => optionField(option, input, onChange)));
  }
}
