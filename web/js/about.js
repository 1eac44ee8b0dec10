// What the page says about the model and about where things are kept.
import {byId, element} from "./dom.js";

const kHour = 3600;

function lifeText(seconds) {
  if (seconds >= kHour) return `${Math.round(seconds / kHour)} h`;
  return seconds >= 60 ? `${Math.round(seconds / 60)} min` : `${seconds} s`;
}

/// Where conversations and their files are, and for how long; `keeps` is that of /props.
export function keepingText(keeps) {
  const parts = ["Conversations and their files are kept in this browser until you delete them."];
  if (keeps.files_seconds > 0)
    parts.push(
        "The server keeps a copy of each file for your next questions, until you delete the " +
        `conversation, but for ${lifeText(keeps.files_seconds)} after its last use at most.`);
  else
    parts.push("The server keeps no files; they are sent with every question.");
  if (keeps.embeddings)
    parts.push("It also keeps numbers computed from them, so that nothing is computed twice.");
  parts.push(
      keeps.texts_in_log ? "Its log has your questions and the answers." :
                           "It keeps no questions or answers.");
  return parts.join(" ");
}

function fact(name, value) {
  return value ? [element("dt", {}, name), element("dd", {}, String(value))] : [];
}

/// `props` is /props, `meta` of /v1/models.
export function showAbout(props, meta) {
  byId("keeping").textContent = keepingText(props.keeps);
  byId("limitations").textContent =
      props.limitations ? `${props.model_alias}: ${props.limitations}` : "";
  byId("model-facts")
      .replaceChildren(
          ...fact("Model", props.model_alias), ...fact("Language model", meta.description),
          ...fact("Device", props.device),
          ...fact("Parameters", meta.n_params && `${(meta.n_params / 1e6).toFixed(0)} million`),
          ...fact("Context", `${props.n_ctx} tokens`), ...fact("Chats at once", props.total_slots),
          ...fact("Licence", props.licence), ...fact("Use", props.licence_note),
          ...fact("Server", props.build_info));
}
