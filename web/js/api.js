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

function kindOf(status, message) {
  if (status === 401) return "key";
  if (status === 413) return "large";
  if (status === 404) return "gone";
  if (status === 503) return message.includes("load") ? "loading" : "busy";
  return "other";
}

async function failureOf(response) {
  let message = `the server answered with status ${response.status}`;
  try {
    message = (await response.json()).error.message ?? message;
  } catch {
    // Something before the server, a proxy for instance, answered.
  }
  return new ApiFailure(message, {
    kind: kindOf(response.status, message),
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

  /// Yields {text} for each piece of the answer, and at its end {finish, timings}.
  async * chat(body, signal) {
    const response = await this.#post("v1/chat/completions", {...body, stream: true}, signal);
    for await (const data of eventData(response.body)) {
      if (data === "[DONE]") return;
      const value = JSON.parse(data);
      if (value.error)
        throw new ApiFailure(
            value.error.message, {kind: kindOf(value.error.code, value.error.message)});
      const choice = value.choices[0];
      if (choice?.delta?.content) yield {text: choice.delta.content};
      if (choice?.finish_reason) yield {finish: choice.finish_reason, timings: value.timings};
    }
    throw new ApiFailure("The connection broke off before the answer's end.", {kind: "offline"});
  }
}
