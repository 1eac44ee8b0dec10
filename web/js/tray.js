// The inputs of the next question: cards with preview, sense, weight and the sensor's options.
import {byteText, element, icon} from "./dom.js";
import {showPreview} from "./preview/preview.js";
import {guessSense, kSenses, reasonAgainst, senseOf} from "./senses.js";

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
        element("option", {value: ""}, "as in the file"),
        ...option.choices.map(
            (choice) => element("option", {value: choice, selected: choice === value}, choice)));
    return element("label", {class: "field"}, option.label, list);
  }
  const number = element("input", {
    type: "number",
    step: "any",
    value,
    placeholder: "as in the file",
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

export class Tray {
  items = [];
  props = null;

  /// `check(name, bytes)`: null, or why such a file can't be sent; `onChange()`;
  /// `onRefuse(message)`.
  constructor(list, {check, onChange, onRefuse}) {
    Object.assign(this, {list, check, onChange, onRefuse});
  }

  /// Adds a file; without `sense` it is told by the content.
  async add(file, sense) {
    try {
      const name = file.name || "input";
      const limit = this.props?.limits.max_inputs ?? Infinity;
      if (this.items.length >= limit) throw new Error(`This server takes ${limit} inputs at once.`);
      const reason = this.check(name, file.size) ?? (file.size === 0 ? `${name} is empty.` : null);
      if (reason) throw new Error(reason);
      const input =
          {sense: sense ?? (await guessSense(file)), name, blob: file, weight: 1, options: {}};
      this.items.push(input);
      this.#draw();
    } catch (error) {
      this.onRefuse(error.message);
    }
  }

  /// The inputs, which now belong to the caller.
  take() {
    const taken = this.items;
    this.set([]);
    return taken;
  }

  set(items) {
    this.items = items;
    this.#draw();
  }

  /// Why the inputs can't be asked about, or null.
  reasonAgainst() {
    for (const input of this.items) {
      const reason = reasonAgainst(senseOf(input.sense), this.props);
      if (reason) return `${input.name}: ${reason}.`;
    }
    return null;
  }

  #draw() {
    this.list.replaceChildren(...this.items.map((input) => this.#card(input)));
    this.onChange();
  }

  #card(input) {
    const preview = element("div", {class: "preview"});
    const refresh = () => showPreview(input, preview);
    refresh();
    const senses = element(
        "select", {
          "aria-label": `Sense of ${input.name}`,
          onchange: () => {
            Object.assign(input, {sense: senses.value, options: {}});
            this.#draw();
          }
        },
        ...kSenses.map(
            (sense) => element(
                "option", {value: sense.id, selected: sense.id === input.sense}, sense.label)));
    const sense = senseOf(input.sense);
    const options =
        sense.options.filter((option) => !option.needs || this.props?.modalities[option.needs]);
    const reason = reasonAgainst(sense, this.props);
    return element(
        "li", {class: "card", "data-sense": input.sense},
        element(
            "div", {class: "card-head"}, icon(input.sense), senses,
            element(
                "button", {
                  type: "button",
                  class: "icon-button",
                  "aria-label": `Remove ${input.name}`,
                  onclick: () => this.set(this.items.filter((one) => one !== input))
                },
                icon("remove"))),
        preview,
        element(
            "p", {class: "card-name", title: input.name},
            `${input.name} · ${byteText(input.blob.size)}`),
        reason && element("p", {class: "notice"}, `${reason}.`),
        this.items.length > 1 ? weightSlider(input) : null,
        options.length > 0 ? element(
                                 "details", {class: "options"}, element("summary", {}, "Options"),
                                 ...options.map((option) => optionField(option, input, refresh))) :
                             null);
  }
}
