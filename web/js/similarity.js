// Labels against inputs in the joint space, as `pandagpt classify` does it; and the inputs against
// one another.
import {element} from "./dom.js";
import {contentPart, senseOf} from "./senses.js";

const kMark = "{}";  // the label's place in a template

export function splitLabels(text) {
  return [...new Set(text.split(/[,\n]/).map((one) => one.trim()).filter(Boolean))];
}

const dot = (a, b) => a.reduce((sum, value, i) => sum + value * b[i], 0);
const unit = (a) => {
  const length = Math.sqrt(dot(a, a)) || 1;
  return a.map((value) => value / length);
};

export function softmax(logits) {
  const most = Math.max(...logits);
  const powers = logits.map((value) => Math.exp(value - most));
  const sum = powers.reduce((a, b) => a + b, 0);
  return powers.map((value) => value / sum);
}

/// The weighted sum of directions, as long as the first row: as sharp as that input alone.
function together(rows, inputs) {
  const directions = rows.map(unit);
  const sum = rows[0].map(
      (_, i) => directions.reduce((total, row, k) => total + inputs[k].weight * row[i], 0));
  const length = Math.sqrt(dot(rows[0], rows[0]));
  return unit(sum).map((value) => value * length);
}

function bars(title, labels, shares, values) {
  const order = labels.map((_, i) => i).sort((a, b) => shares[b] - shares[a]);
  const row = (i) => {
    const fill = element("div", {class: "bar-fill"});
    fill.style.width = `${(100 * Math.min(1, Math.max(0, shares[i]))).toFixed(1)}%`;
    return element(
        "li", {class: "bar"}, element("span", {class: "bar-label"}, labels[i]),
        element("div", {class: "bar-track", "aria-hidden": "true"}, fill),
        element("span", {class: "bar-value"}, values[i]));
  };
  return element(
      "section", {class: "bars"}, element("h3", {}, title), element("ol", {}, ...order.map(row)));
}

function labelBars(title, row, labels, texts) {
  const logits = texts.map((text) => dot(row, text));
  const shares = softmax(logits);
  return bars(title, labels, shares, shares.map((share) => `${(100 * share).toFixed(1)} %`));
}

function nameOf(input) { return `${senseOf(input.sense).label}: ${input.name}`; }

function inputBars(inputs, rows) {
  const directions = rows.map(unit);
  return inputs.map((input, i) => {
    const others = inputs.map((_, k) => k).filter((k) => k !== i);
    const cosines = others.map((k) => dot(directions[i], directions[k]));
    return bars(
        `Nearest to ${nameOf(input)}`, others.map((k) => nameOf(inputs[k])), cosines,
        cosines.map((value) => `cosine ${value.toFixed(3)}`));
  });
}

export class SimilarityView {
  props = null;

  constructor({api, uploader, results, reason}) {
    Object.assign(this, {api, uploader, results, reason});
  }

  /// Says what this model can't do.
  setProps(props) {
    this.props = props;
    this.reason.hidden = props.embeds_text;
    this.reason.textContent =
        `${props.model_alias} has no text encoder, so labels can't be compared with inputs. ` +
        "Two or more inputs can be compared with one another.";
  }

  /// Throws Error or ApiFailure. `template`: "a photo of a {}."
  async compare(inputs, labels, template) {
    const {embeds_text: takesText} = this.props;
    if (inputs.length === 0) throw new Error("Add an input first.");
    if (takesText && labels.length === 0 && inputs.length < 2)
      throw new Error("Type some labels, separated by commas.");
    if (!takesText && inputs.length < 2) throw new Error(this.reason.textContent);
    if (takesText && !template.includes(kMark))
      throw new Error("The sentence needs {} where the label goes.");
    const parts = [];
    for (const input of inputs)
      parts.push(contentPart({...input, weight: 1}, await this.uploader.source(input)));
    const texts = takesText ? labels.map((label) => template.replaceAll(kMark, label)) : [];
    const rows = await this.api.embeddings([...parts, ...texts]);
    this.#show(
        inputs, rows.slice(0, inputs.length), texts.length > 0 ? labels : [],
        rows.slice(inputs.length));
  }

  #show(inputs, rows, labels, texts) {
    const blocks = [];
    if (labels.length > 0) {
      inputs.forEach((input, i) => blocks.push(labelBars(nameOf(input), rows[i], labels, texts)));
      if (inputs.length > 1)
        blocks.push(
            labelBars("All together, by their weights", together(rows, inputs), labels, texts));
    }
    if (inputs.length > 1) blocks.push(...inputBars(inputs, rows));
    this.results.replaceChildren(...blocks);
  }
}
