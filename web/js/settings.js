// Sampling sliders, colours and the key: what the browser remembers besides conversations.
import {element} from "./dom.js";

const kStorage = "pandagpt.settings";
const kKeyStorage = "pandagpt.key";  // until the tab is closed only

const kSliders = [
  {
    key: "max_tokens",
    label: "Length, tokens",
    min: 8,
    step: 8,
    digits: 0,
    max: (props) => Math.min(props.limits.max_tokens, props.n_ctx)
  },
  {key: "top_p", label: "Top-p", min: 0.01, step: 0.01, digits: 2, max: () => 1},
  {key: "temperature", label: "Temperature", min: 0, step: 0.05, digits: 2, max: () => 2},
];

function stored() {
  try {
    return JSON.parse(localStorage.getItem(kStorage)) ?? {};
  } catch {
    return {};
  }
}

export class Settings {
  #values = stored();
  #sampling = {};  // what differs from the model's

  /// `later`: the choice of what becomes of earlier inputs; `onLater()`: it was made.
  constructor({sliders, later, theme, key, onKey, onLater}) {
    Object.assign(this, {sliders, later, theme, key});
    this.#sampling = this.#values.sampling ?? {};
    theme.value = ["light", "dark"].includes(this.#values.theme) ? this.#values.theme : "auto";
    theme.addEventListener("change", () => this.#applyTheme());
    this.#applyTheme();
    later.addEventListener("change", () => {
      this.#set("later_inputs", later.value || undefined);
      onLater();
    });
    key.value = sessionStorage.getItem(kKeyStorage) ?? "";
    key.addEventListener("change", () => {
      sessionStorage.setItem(kKeyStorage, key.value);
      onKey(key.value);
    });
  }

  get showsStatistics() { return this.#values.statistics === true; }

  set showsStatistics(shown) {
    this.#values.statistics = shown;
    this.#save();
  }

  /// Fields of a chat request.
  sampling() { return {...this.#sampling}; }

  /// Whether the newest inputs replace those of earlier questions.
  get replacesInputs() {
    return (this.#sampling.later_inputs ?? this.props?.later_inputs) === "replace";
  }

  /// Draws the sliders with the model's defaults and the server's limits.
  setProps(props) {
    this.props = props;
    this.sliders.replaceChildren(...kSliders.map((slider) => this.#slider(slider)));
    this.later.value = this.#sampling.later_inputs ?? "";
  }

  reset() {
    this.#sampling = {};
    this.#save();
    if (this.props) this.setProps(this.props);
  }

  #slider({key, label, min, step, digits, max}) {
    const usual = this.props.default_generation_settings.params[key];
    const value = this.#sampling[key] ?? usual;
    const shown = element("output", {}, value.toFixed(digits));
    const range = element("input", {
      type: "range",
      min,
      max: max(this.props),
      step,
      value,
      name: key,
      oninput: () => {
        shown.textContent = range.valueAsNumber.toFixed(digits);
        this.#set(key, range.valueAsNumber);
      }
    });
    // The label is for its first control, and an output counts as one.
    return element("label", {class: "slider"}, element("span", {}, label), range, shown);
  }

  #set(key, value) {
    this.#sampling[key] = value;
    this.#save();
  }

  #applyTheme() {
    this.#values.theme = this.theme.value;
    if (this.theme.value === "auto")
      delete document.documentElement.dataset.theme;
    else
      document.documentElement.dataset.theme = this.theme.value;
    this.#save();
  }

  #save() {
    try {
      localStorage.setItem(kStorage, JSON.stringify({...this.#values, sampling: this.#sampling}));
    } catch {
      // Private windows may keep nothing.
    }
  }
}
