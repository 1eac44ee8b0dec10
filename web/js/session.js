// The conversation at hand and the answer that is being written.
import {ApiFailure} from "./api.js";
import {addTurn, inputsOf, messagesFor, newConversation} from "./conversation.js";

function failureText(error) {
  if (!(error instanceof ApiFailure)) return `The page failed: ${error.message}`;
  if (error.kind === "loading") return "The model is still being loaded. Try again in a moment.";
  if (error.kind === "key") return "The server wants an API key: type it under \"This page\".";
  if (error.kind === "gone")
    return "The server has lost a file of this conversation; perhaps it has no room for all of them.";
  if (error.kind !== "busy") return error.message;
  return `The server has too much to do (${error.message}). Try again in ${
      error.retrySeconds || 1} s.`;
}

export class Session {
  conversation = newConversation();
  #controller = null;

  /// `onTurn(turn)`: it has changed; `onSave(conversation)`: worth keeping; `onFailure(error)`.
  constructor({api, uploader, sampling, onTurn, onSave, onFailure}) {
    Object.assign(this, {api, uploader, sampling, onTurn, onSave, onFailure});
  }

  get isBusy() { return this.#controller !== null; }

  ask(question, inputs) { return this.#answer(addTurn(this.conversation, question, inputs)); }

  /// Asks again from `turn` on; what came after it goes.
  again(turn, question = turn.question) {
    this.stop();
    this.#cutAfter(turn);
    Object.assign(turn, {
      question,
      answer: "",
      state: "sending",
      error: undefined,
      warnings: undefined,
      timings: undefined,
      finish: undefined
    });
    return this.#answer(turn);
  }

  stop() { this.#controller?.abort(); }

  open(conversation) {
    this.stop();
    this.conversation = conversation;
  }

  #cutAfter(turn) {
    const {turns} = this.conversation;
    const gone = turns.splice(turns.indexOf(turn) + 1);
    this.uploader.remove(gone.flatMap((one) => one.inputs));
  }

  async #answer(turn) {
    const {conversation} = this;
    const controller = (this.#controller = new AbortController());
    this.#changed(conversation, turn);
    try {
      await this.#stream(conversation, turn, controller.signal);
      turn.state = "done";
    } catch (error) {
      turn.state = error.name === "AbortError" ? "stopped" : "failed";
      if (turn.state === "failed") {
        turn.error = failureText(error);
        this.onFailure(error);
      }
    }
    if (this.#controller === controller) this.#controller = null;
    conversation.updated = Date.now();
    await this.onSave(conversation);  // a page that is loaded again has what was shown as done
    this.onTurn(conversation, turn);
  }

  #changed(conversation, turn) {
    this.onTurn(conversation, turn);
    this.onSave(conversation);
  }

  async #stream(conversation, turn, signal, isSecondTry = false) {
    try {
      const messages =
          await messagesFor(conversation, turn, (input) => this.uploader.part(input, signal));
      for await (const piece of this.api.chat({messages, ...this.sampling()}, signal)) {
        turn.state = "answering";
        turn.answer += piece.text ?? "";
        if (piece.warnings) turn.warnings = piece.warnings;
        if (piece.finish) Object.assign(turn, {finish: piece.finish, timings: piece.timings});
        this.onTurn(conversation, turn);
      }
    } catch (error) {
      if (error.kind !== "gone" || isSecondTry) throw error;
      this.uploader.forget(inputsOf(conversation));
      await this.#stream(conversation, turn, signal, true);
    }
  }
}
