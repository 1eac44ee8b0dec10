// Gets inputs to the server: uploaded once each where it keeps files, else within every request;
// and takes them away from there.
import {ApiFailure} from "./api.js";
import {byteText} from "./dom.js";
import {pictureAsJpeg} from "./jpeg.js";
import {contentPart, partsToCheck} from "./senses.js";

const kRefused = [400, 413, 422];  // statuses that another try won't change

export async function base64Of(blob) {
  return new Promise((resolve, reject) => {
    const reader = new FileReader();
    reader.onload = () => resolve(reader.result.slice(reader.result.indexOf(",") + 1));
    reader.onerror = () => reject(new Error("the file can't be read any more"));
    reader.readAsDataURL(blob);
  });
}

/// Inputs know where they are on the server: `input.fileId`, kept with their conversation.
export class Uploader {
  #running = new Map();  // promises of ids, by input

  constructor(api) {
    this.api = api;
    this.limits = null;
  }

  /// null, or why the server won't take a file of this size.
  reasonAgainst(name, bytes) {
    if (!this.limits) return null;
    const {max_file_bytes: file, max_body_bytes: body} = this.limits;
    const most = file > 0 ? file : Math.floor(body * 0.7);  // base64 makes four bytes of three
    return bytes > most ?
        `${name} is too large: ${byteText(bytes)}, and this server takes ${byteText(most)}.` :
        null;
  }

  /// {file_id} or {data, filename}. Throws ApiFailure.
  async source(input, signal) {
    const reason = this.reasonAgainst(input.name, input.blob.size);
    if (reason) throw new ApiFailure(reason, {kind: "large"});
    if (!this.limits?.max_file_bytes)
      return {data: await base64Of(input.blob), filename: input.name};
    input.fileId ??= await this.#upload(input, signal);
    return {file_id: input.fileId};
  }

  /// One upload, whoever waits for it. It isn't stopped: its id must be known to be deleted.
  #upload(input, signal) {
    signal?.throwIfAborted();
    if (!this.#running.has(input)) {
      const upload = this.api.upload(input.blob, input.name);
      this.#running.set(input, upload);
      upload.finally(() => this.#running.delete(input)).catch(() => {});
    }
    const stopped = new Promise((_, reject) => {
      signal?.addEventListener("abort", () => reject(signal.reason));
    });
    return Promise.race([this.#running.get(input), stopped]);
  }

  /// Has the server read the input. Promises {warnings: [text], facts: what was measured in it or
  /// null, refusal: text or null}; a picture that it can't read is replaced by what this browser
  /// reads. Throws ApiFailure if it can't be
  /// said at the moment.
  async check(input) {
    const refusal = await this.#refusal(input);
    if (!refusal.reason || input.sense !== "image") return refusal.result;
    const jpeg = await pictureAsJpeg(input.blob, this.limits?.max_pixels);
    if (!jpeg) return refusal.result;
    await this.remove([input]);
    const original = input.blob;
    input.blob = jpeg;
    const second = await this.#refusal(input);
    if (second.reason) {
      input.blob = original;
      return refusal.result;
    }
    input.isConverted = true;
    return second.result;
  }

  async #refusal(input, isSecondTry = false) {
    try {
      const source = await this.source(input);
      const {warnings, facts} = await this.api.check(partsToCheck(input, source));
      return {reason: null, result: {warnings, facts, refusal: null}};
    } catch (error) {
      if (error.kind === "gone" && !isSecondTry) {
        this.forget([input]);
        return this.#refusal(input, true);
      }
      if (!kRefused.includes(error.status) && error.kind !== "large") throw error;
      return {reason: error.message, result: {warnings: [], facts: null, refusal: error.message}};
    }
  }

  /// The content part of an input. Throws ApiFailure.
  async part(input, signal) { return contentPart(input, await this.source(input, signal)); }

  /// After the server has lost files: they are uploaded again.
  forget(inputs) {
    for (const input of inputs)
      delete input.fileId;
  }

  /// Deletes what was uploaded of these. Promises whether all of it is gone; what isn't, the server
  /// deletes by itself after a while.
  async remove(inputs) {
    const all = inputs.map((input) => this.#remove(input));
    return (await Promise.all(all)).every(Boolean);
  }

  async #remove(input) {
    try {
      const id = input.fileId ?? (await this.#running.get(input));
      if (!id) return true;
      delete input.fileId;
      await this.api.remove(id);
      return true;
    } catch (error) {
      return error.kind === "gone";
    }
  }
}
