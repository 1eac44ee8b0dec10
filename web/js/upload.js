// Gets inputs to the server: uploaded once each where it keeps files, else within every request.
import {ApiFailure} from "./api.js";
import {byteText} from "./dom.js";

export async function base64Of(blob) {
  return new Promise((resolve, reject) => {
    const reader = new FileReader();
    reader.onload = () => resolve(reader.result.slice(reader.result.indexOf(",") + 1));
    reader.onerror = () => reject(new Error("the file can't be read any more"));
    reader.readAsDataURL(blob);
  });
}

export class Uploader {
  #ids = new Map();  // by Blob

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

  /// {file_id} or {data}. Throws ApiFailure.
  async source(input, signal) {
    const reason = this.reasonAgainst(input.name, input.blob.size);
    if (reason) throw new ApiFailure(reason, {kind: "large"});
    if (!this.limits?.max_file_bytes) return {data: await base64Of(input.blob)};
    if (!this.#ids.has(input.blob))
      this.#ids.set(input.blob, await this.api.upload(input.blob, input.name, signal));
    return {file_id: this.#ids.get(input.blob)};
  }

  /// After the server has lost files: they are uploaded again.
  forget() { this.#ids.clear(); }
}
