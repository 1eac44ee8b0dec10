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

  constructor({sliders, theme, key, onKey}) {
    Object.assign(this, {sliders, theme, key});
    this.#sampling = this.#values.sampling ?? {};
    theme.value = ["light", "dark"].includes(this.#values.theme) ? this.#values.theme : "auto";
    theme.addEventListener("change", () => this.#applyTheme());
    this.#applyTheme();
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

  /// Draws the sliders with the model's defaults and the server's limits.
  setProps(props) {
    this.props = props;
    this.sliders.replaceChildren(...kSliders.map((slider) => this.#slider(slider)));
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
        this.#sampling[key] = range.valueAsNumber;
        this.#save();
      }
    });
    // The label is for its first control, and an output counts as one.
    return element("label", {class: "slider"}, element("span", {}, label), range, shown);
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
