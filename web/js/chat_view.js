// The conversation on the page: one article a turn, updated while its answer comes.
import {hasNewerInputs} from "./conversation.js";
import {button, element, icon} from "./dom.js";
import {showPreview} from "./preview/preview.js";
import {senseOf} from "./senses.js";

const kNearEnd = 80;  // pixels

const milliseconds = (value) =>
    (value < 10 ? `${value.toFixed(1)} ms` :
         value < 10000 ? `${Math.round(value)} ms` :
                         `${(value / 1000).toFixed(1)} s`);

const rate = (value) => value.toFixed(value < 100 ? 1 : 0);

/// "13 tokens · 26.0 tokens/s · encoder 145 ms · first text after 676 ms"
export function timingText({timings}) {
  if (!timings) return "";
  const facts = [`${timings.predicted_n} tokens`];
  if (timings.predicted_per_second > 0)
    facts.push(`${rate(timings.predicted_per_second)} tokens/s`);
  if (timings.inputs_n > 0) {
    const cached = timings.inputs_cached_n > 0 ?
        `, ${timings.inputs_cached_n} of ${timings.inputs_n} cached` :
        "";
    facts.push(`encoder ${milliseconds(timings.encode_ms)}${cached}`);
  }
  facts.push(`first text after ${milliseconds(timings.first_text_ms)}`);
  return facts.join(" · ");
}

/// What an answer's reader should know about its end.
function endText({state, finish}) {
  if (state === "stopped") return "stopped";
  return finish === "length" ? "cut at the length set" : "";
}

function copySelected(text) {
  const field = element("textarea", {class: "sr-only", readonly: true});
  field.value = text;
  document.body.append(field);
  field.select();
  const isCopied = document.execCommand("copy");
  field.remove();
  return isCopied;
}

async function copy(text, pressed) {
  const label = pressed.lastChild;
  const before = label.textContent;
  try {
    // Pages of http addresses have no clipboard, but what is selected can be copied.
    if (navigator.clipboard)
      await navigator.clipboard.writeText(text);
    else if (!copySelected(text))
      throw new Error("not allowed");
    label.textContent = "Copied";
  } catch {
    label.textContent = "Not allowed here";
  }
  setTimeout(() => {
    label.textContent = before;
  }, 1500);
}

function inputFigure(input) {
  const preview = element("div", {class: "preview"});
  showPreview(input, preview);
  const weight = input.weight === 1 ? "" : ` × ${input.weight.toFixed(2)}`;
  return element(
      "figure", {class: "sent", "data-sense": input.sense}, preview,
      element(
          "figcaption", {}, icon(input.sense),
          `${senseOf(input.sense).label}: ${input.name}${weight}`));
}

export class ChatView {
  #views = new Map();  // by turn
  #lastTop = 0;
  #isAtEnd = true;

  /// `settings`: whether statistics are shown; `onAgain(turn)`, `onEdit(turn, question)`.
  constructor({log, scroll, welcome, settings, onAgain, onEdit}) {
    Object.assign(this, {log, scroll, welcome, settings, onAgain, onEdit});
    scroll.addEventListener("scroll", () => {
      // The event comes late: the layout may have grown since. Only going up is leaving the end.
      const isNear = scroll.scrollHeight - scroll.scrollTop - scroll.clientHeight < kNearEnd;
      if (isNear || scroll.scrollTop < this.#lastTop) this.#isAtEnd = isNear;
      this.#lastTop = scroll.scrollTop;
    });
    // Answers grow, previews come late, and new inputs take room from below.
    const observer = new ResizeObserver(() => this.#followEnd());
    observer.observe(scroll);
    observer.observe(log);
  }

  /// Whoever reads the end goes on seeing it; whoever has scrolled up stays there.
  #followEnd() {
    if (this.#isAtEnd && this.#views.size > 0) this.scroll.scrollTop = this.scroll.scrollHeight;
  }

  show(conversation) {
    this.#views.clear();
    this.log.replaceChildren();
    for (const turn of conversation.turns)
      this.update(conversation, turn);
    this.welcome.hidden = conversation.turns.length > 0;
    this.#isAtEnd = true;
    this.#followEnd();
  }

  /// Draws a turn that has changed, and drops those that went.
  update(conversation, turn) {
    if (!conversation.turns.includes(turn)) return;
    for (const [one, view] of this.#views) {
      if (conversation.turns.includes(one)) continue;
      view.root.remove();
      this.#views.delete(one);
    }
    if (!this.#views.has(turn)) {
      this.#add(turn);
      this.#isAtEnd = true;
    }
    this.#fill(turn, this.#views.get(turn));
    this.welcome.hidden = true;
    this.markReplaced(conversation);
  }

  /// Says which inputs the model doesn't see any more.
  markReplaced(conversation) {
    for (const [turn, view] of this.#views) {
      const isReplaced = this.settings.replacesInputs && hasNewerInputs(conversation, turn);
      view.root.classList.toggle("replaced", isReplaced);
      view.replaced.hidden = !isReplaced;
    }
  }

  #add(turn) {
    const view = {
      replaced:
          element("p", {class: "hint"}, "The model sees the newer inputs below instead of these."),
      question: element("p", {class: "text"}),
      answer: element("p", {class: "text"}),
      warnings: element("ul", {class: "warnings", "aria-label": "Warnings"}),
      error: element("p", {class: "error"}),
      end: element("p", {class: "end"}),
      stats: element("p", {class: "stats"})
    };
    view.statistics = element(
        "details", {class: "statistics", open: this.settings.showsStatistics},
        element("summary", {}, "Statistics"), view.stats);
    view.statistics.addEventListener("toggle", () => {
      this.settings.showsStatistics = view.statistics.open;
    });
    view.edit = button("Edit", () => this.#edit(turn, view), {symbol: "edit", class: "quiet"});
    view.copy =
        button("Copy", () => copy(turn.answer, view.copy), {symbol: "copy", class: "quiet"});
    view.again = button(
        "Again", () => this.onAgain(turn), {symbol: "again", class: "quiet", title: "Alt+R"});
    view.asked = element(
        "div", {class: "question"},
        turn.inputs.length > 0 &&
            element("div", {class: "figures"}, ...turn.inputs.map(inputFigure)),
        view.replaced, view.question, element("div", {class: "actions"}, view.edit));
    view.said = element(
        "div", {class: "answer"}, view.answer, view.warnings, view.error, view.end, view.statistics,
        element("div", {class: "actions"}, view.copy, view.again));
    view.root = element("article", {class: "turn"}, view.asked, view.said);
    this.#views.set(turn, view);
    this.log.append(view.root);
  }

  #fill(turn, view) {
    const isRunning = turn.state === "sending" || turn.state === "answering";
    view.said.dataset.state = turn.state;
    // Screen readers get the answer when it is whole, not word by word.
    view.said.setAttribute("aria-busy", String(isRunning));
    view.question.textContent = turn.question;
    view.answer.textContent = turn.answer;
    view.error.textContent = turn.error ?? "";
    view.warnings.replaceChildren(...(turn.warnings ?? []).map((text) => element("li", {}, text)));
    view.warnings.hidden = !turn.warnings?.length;
    view.end.textContent = endText(turn);
    view.stats.textContent = timingText(turn);
    view.statistics.hidden = view.stats.textContent === "";
    for (const one of [view.edit, view.copy, view.again])
      one.hidden = isRunning;
    view.copy.hidden ||= turn.answer === "";
    view.again.lastChild.textContent = turn.state === "failed" ? "Try again" : "Again";
  }

  #edit(turn, view) {
    const text = element("textarea", {rows: 2, "aria-label": "Question"});
    text.value = turn.question;
    const close = () => {
      form.replaceWith(view.question);
      view.edit.hidden = false;
    };
    const submit = (event) => {
      event.preventDefault();
      close();
      this.onEdit(turn, text.value.trim());
    };
    const form = element(
        "form", {class: "edit", onsubmit: submit}, text,
        element(
            "div", {class: "row"},
            element("button", {type: "submit", class: "primary"}, "Ask again"),
            button("Cancel", close)),
        element("p", {class: "hint"}, "What follows this question is replaced."));
    text.addEventListener("keydown", (event) => {
      if (event.key === "Escape") close();
      if (event.key === "Enter" && !event.shiftKey && !event.isComposing) form.requestSubmit();
      if (event.key === "Enter" && !event.shiftKey) event.preventDefault();
    });
    view.question.replaceWith(form);
    view.edit.hidden = true;
    text.focus();
  }
}
