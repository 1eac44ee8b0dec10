// Conversations as the page keeps them, and as the server takes them.
//
//   conversation: {id, title, created, updated: ms since 1970, turns: [turn, ..]}
//   turn:         {question, inputs: [input, ..], answer, state, error?, finish?, timings?,
//   warnings?} input:        {sense, name, blob, weight, options, fileId?: on the server,
//   isConverted?}

/// "sending" and "answering" only while the page is at it.
export const kStates = ["sending", "answering", "done", "stopped", "failed"];

const kTitleLength = 60;

export function newConversation() {
  const now = Date.now();
  return {
    id: crypto.randomUUID?.() ?? `${now}-${Math.random()}`,
    title: "",
    created: now,
    updated: now,
    turns: []
  };
}

export function addTurn(conversation, question, inputs) {
  const turn = {question, inputs, answer: "", state: "sending"};
  conversation.turns.push(turn);
  conversation.title ||=
      (question || inputs.map((input) => input.name).join(", ")).slice(0, kTitleLength);
  return turn;
}

export const inputsOf = (conversation) => conversation.turns.flatMap((turn) => turn.inputs);

/// Whether a later question has inputs, which replace those of `turn` where the model sees only the
/// newest ones.
export function hasNewerInputs(conversation, turn) {
  const newest =
      conversation.turns.findLastIndex((one) => one.inputs.length > 0 && one.state !== "failed");
  return turn.inputs.length > 0 && conversation.turns.indexOf(turn) < newest;
}

/// What was interrupted by leaving the page.
export function settle(conversation) {
  for (const turn of conversation.turns)
    if (turn.state === "sending" || turn.state === "answering") turn.state = "stopped";
  return conversation;
}

/// OpenAI's messages that ask for the answer of `turn`; what failed before is left out.
/// `partOf(input)` promises its content part.
export async function messagesFor(conversation, turn, partOf) {
  const messages = [];
  for (const one of conversation.turns) {
    if (one !== turn && one.state === "failed") continue;
    const content = [];
    for (const input of one.inputs)
      content.push(await partOf(input));
    if (one.question) content.push({type: "text", text: one.question});
    messages.push({role: "user", content});
    if (one === turn) break;
    messages.push({role: "assistant", content: one.answer});
  }
  return messages;
}
