// The server's HTTP interface (docs/openapi.yaml), as much of it as the page needs.

/// What the server, or the way to it, refused. `kind`: "offline", "loading", "busy", "key",
/// "large", "gone" (an uploaded file is no more there) or "other".
export class ApiFailure extends Error {
  constructor(message, {kind = "other", status = 0, retrySeconds = 0} = {}) {
    super(message);
    this.name = "ApiFailure";
    Object.assign(this, {kind, status, retrySeconds});
  }
}

const kKindsOfTypes = {
  authentication_error: "key",
  not_found_error: "gone",
  unavailable_error: "busy",
};
const kKindsOfStatuses = {
  401: "key",
  404: "gone",
  413: "large",
  503: "busy"
};

/// `status` is unknown for what comes in a stream, `type` for what a proxy answers.
function kindOf({status, type, message}) {
  const kind = kKindsOfStatuses[status] ?? kKindsOfTypes[type] ?? "other";
  return kind === "busy" && message.includes("load") ? "loading" : kind;
}

async function failureOf(response) {
  let message = `the server answered with status ${response.status}`;
  let type;
  try {
    const {error} = await response.json();
    ({type} = error);
    message = error.message ?? message;
  } catch {
    // Something before the server, a proxy for instance, answered.
  }
  return new ApiFailure(message, {
    kind: kindOf({status: response.status, type, message}),
    status: response.status,
    retrySeconds: Number(response.headers.get("Retry-After")) || 0,
  });
}

/// The data of server-sent events, one by one.
export async function* eventData(stream) {
  const reader = stream.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  try {
    for (let part = await reader.read(); !part.done; part = await reader.read()) {
      const events = (rest + part.value).split("\n\n");
      rest = events.pop();
      for (const event of events)
        if (event.startsWith("data: ")) yield event.slice(6);
    }
  } finally {
    reader.cancel().catch(() => {});
  }
}

export class Api {
  key = "";

  async #send(path, options = {}) {
    const headers = {...options.headers};
    if (this.key) headers.Authorization = `Bearer ${this.key}`;
    let response;
    try {
      response = await fetch(path, {...options, headers});
    } catch (error) {
      if (error.name === "AbortError") throw error;
      throw new ApiFailure("The server can't be reached.", {kind: "offline"});
    }
    if (!response.ok) throw await failureOf(response);
    return response;
  }

  #post(path, body, signal) {
    return this.#send(path, {
      method: "POST",
      body: JSON.stringify(body),
      signal,
      headers: {"Content-Type": "application/json"}
    });
  }

  async props() { return (await this.#send("props")).json(); }

  async model() { return (await (await this.#send("v1/models")).json()).data[0]; }

  async example(name) { return (await this.#send(`examples/${name}`)).blob(); }

  /// The id of a stored file.
  async upload(blob, name, signal) {
    const form = new FormData();
    form.append("purpose", "user_data");
    form.append("file", blob, name);
    return (await (await this.#send("v1/files", {method: "POST", body: form, signal})).json()).id;
  }

  /// One array of numbers for each text or content part, not of length 1: scalar products of texts
  /// and inputs have the model's own sharpness.
  async embeddings(input, signal) {
    const result =
        await (await this.#post("v1/embeddings", {input, normalize: false}, signal)).json();
    return result.data.map((row) => row.embedding);
  }

  /// Has the server read the content parts of one input; promises {warnings, facts}, the facts of
  /// the first part. What is wrong with them is an ApiFailure. Their embeddings are then in its
  /// cache, so no time is lost.
  async check(parts, signal) {
    const {warnings, facts} =
        await (await this.#post("v1/embeddings", {input: parts, facts: true}, signal)).json();
    return {warnings: warnings ?? [], facts: facts?.[0] ?? null};
  }

  /// Deletes a stored file; also while the page is being left.
  async remove(id) { await this.#send(`v1/files/${id}`, {method: "DELETE", keepalive: true}); }

  /// Yields {text} for each piece of the answer, {warnings} where there are some, and at its end
  /// {finish, timings}.
  async * chat(body, signal) {
    const response = await this.#post("v1/chat/completions", {...body, stream: true}, signal);
    for await (const data of eventData(response.body)) {
      if (data === "[DONE]") return;
      const value = JSON.parse(data);
      if (value.error) throw new ApiFailure(value.error.message, {kind: kindOf(value.error)});
      if (value.warnings?.length > 0) yield {warnings: value.warnings};
      const choice = value.choices[0];
      if (choice?.delta?.content) yield {text: choice.delta.content};
      if (choice?.finish_reason) yield {finish: choice.finish_reason, timings: value.timings};
    }
    throw new ApiFailure("The connection broke off before the answer's end.", {kind: "offline"});
  }
}
