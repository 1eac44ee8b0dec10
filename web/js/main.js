// Puts the parts of the page together.
import {showAbout} from "./about.js";
import {Api} from "./api.js";
import {ChatView} from "./chat_view.js";
import {inputsOf, newConversation} from "./conversation.js";
import {button, byId, element, icon, isTyping} from "./dom.js";
import {HistoryView} from "./history_view.js";
import {kCaptures, reasonAgainstRecording, record} from "./recorder.js";
import {withRecordings} from "./recording.js";
import {kSenses, reasonAgainst, senseOf} from "./senses.js";
import {Session} from "./session.js";
import {Settings} from "./settings.js";
import {SimilarityView, splitLabels} from "./similarity.js";
import {Store} from "./store.js";
import {Tray} from "./tray.js";
import {Uploader} from "./upload.js";

const kPollMs = 1000;
const kRecorders = {
  photo: "image",
  sound: "audio",
  video: "video"
};

const api = new Api();
const uploader = new Uploader(api);
const store = new Store();
let props = null;

const settings = new Settings({
  sliders: byId("sliders"),
  later: byId("later"),
  theme: byId("theme"),
  key: byId("key"),
  onKey: (key) => {
    api.key = key;
    connect();
  },
  onLater: showReplaced
});
api.key = byId("key").value;

const tray = new Tray(byId("tray"), {
  uploader,
  note: byId("tray-note"),
  replaces: () => settings.replacesInputs && inputsOf(session.conversation).length > 0,
  onChange: drawState,
  onRefuse: say
});

const session = new Session({
  api,
  uploader,
  sampling: () => settings.sampling(),
  onTurn: (conversation, turn) => {
    if (conversation === session.conversation) chat.update(conversation, turn);
    drawState();
  },
  onSave: async (conversation) => {
    await store.save(conversation).catch((error) => history.say(`Not kept: ${error.message}`));
    history.refresh();
  },
  onFailure: (error) => {
    if (["offline", "loading", "key"].includes(error.kind)) connect();
  }
});

const chat = new ChatView({
  log: byId("log"),
  scroll: byId("scroll"),
  welcome: byId("welcome"),
  settings,
  onAgain: (turn) => session.again(turn),
  onEdit: (turn, question) => session.again(turn, question)
});

const history = new HistoryView({
  store,
  uploader,
  current: () => session.conversation,
  onOpen: (conversation) => {
    if (conversation.id !== session.conversation.id) open(conversation);
    showSidebar(false);
  },
  onGone: () => open(newConversation())
});

const similarity = new SimilarityView(
    {api, uploader, results: byId("similarity-results"), reason: byId("similarity-reason")});

/// A line above the question; an empty text takes it away.
function say(text) {
  byId("message").replaceChildren(
      ...(text ?
              [
                element("span", {}, text),
                element(
                    "button", {
                      type: "button",
                      class: "icon-button",
                      "aria-label": "Close",
                      onclick: () => say("")
                    },
                    icon("remove"))
              ] :
              []));
}

/// Which inputs the model sees no more, because of newer ones.
function showReplaced() {
  chat.markReplaced(session.conversation);
  tray.drawNote();
}

function open(conversation) {
  session.open(conversation);
  chat.show(conversation);
  tray.drawNote();
  history.refresh();
  drawState();
  byId("question").focus();
}

let isSending = false;  // a question waits until its inputs have been read

function setSending(value) {
  isSending = value;
  tray.isAwaited = value;
  tray.drawNote();
  drawState();
}

/// Which buttons are of use at the moment, and why the others are not.
function drawState() {
  byId("send").hidden = session.isBusy;
  byId("stop").hidden = !session.isBusy;
  const reason = isSending ? "The inputs are being read." :
      props                ? tray.reasonAgainst() :
                             "The model is not loaded yet.";
  byId("send").disabled = reason !== null;
  byId("send").title = reason ?? "Enter";
  byId("compare-send").disabled = reason !== null;
  const last = tray.items.at(-1);
  byId("question").placeholder = last ? senseOf(last.sense).question : "Ask a question …";
}

// The server's state

function showStatus(state, text) {
  byId("status").dataset.state = state;
  byId("status").textContent = text;
}

function showProps() {
  uploader.limits = props.limits;
  settings.setProps(props);
  tray.setProps(props);
  chat.markReplaced(session.conversation);
  similarity.setProps(props);
  byId("senses").replaceChildren(...kSenses.map(senseCard));
  byId("example").replaceChildren(
      element("option", {value: ""}, "Example"), ...kSenses.map(exampleOption));
  for (const [kind, sense] of Object.entries(kRecorders)) {
    const reason = reasonAgainst(senseOf(sense), props);
    byId(`record-${kind}`).disabled = reason !== null;
    if (reason) byId(`record-${kind}`).title = reason;
  }
  showStatus("ready", `${props.model_alias} · ${props.device}`);
}

let connecting = null;
let isKeyWanted = false;  // the sidebar was opened for it

/// Asks the server for its properties until it has answered.
function connect() {
  connecting ??= (async () => {
    while (!(await tryToConnect()))
      await new Promise((resolve) => setTimeout(resolve, kPollMs));
    connecting = null;
  })();
}

async function tryToConnect() {
  try {
    props = await api.props();
    showProps();
    showAbout(props, (await api.model()).meta);
  } catch (error) {
    const texts = {
      loading: "The model is being loaded …",
      offline: "The server can't be reached",
      busy: "The server is busy …",
      key: api.key ? "The server refuses this API key" : "The server wants an API key"
    };
    showStatus(error.kind === "loading" ? "waiting" : "error", texts[error.kind] ?? error.message);
    props = null;
    if (error.kind === "key") {
      isKeyWanted = true;
      showSidebar(true);
      byId("key").focus();
      return true;  // its change connects again
    }
    drawState();
    return false;
  }
  if (isKeyWanted) showSidebar(false);
  isKeyWanted = false;
  drawState();
  return true;
}

// Inputs

async function addExample(sense) {
  try {
    const file = api.example(sense.example).then((blob) => new File([blob], sense.example, {
                                                   type: blob.type
                                                 }));
    const added = tray.add(file, sense.id);  // a question that is asked meanwhile waits for it
    await file;
    await added;
    if (!byId("question").value) byId("question").value = sense.question;
    byId("question").focus();
  } catch (error) {
    say(error.message);
  }
}

function senseCard(sense) {
  const reason = reasonAgainst(sense, props);
  const action = reason ?
      element("p", {class: "reason"}, `Not available: ${reason}.`) :
      button("Example", () => addExample(sense), {"aria-label": `Example: ${sense.label}`});
  return element(
      "li", {class: "sense", "data-sense": sense.id, "aria-disabled": reason && "true"},
      element("h3", {}, icon(sense.id), sense.label), element("p", {class: "hint"}, sense.formats),
      action);
}

function exampleOption(sense) {
  return element(
      "option", {value: sense.id, disabled: reasonAgainst(sense, props) !== null}, sense.label);
}
byId("example").addEventListener("change", (event) => {
  const {value} = event.target;
  event.target.value = "";
  addExample(senseOf(value));
});

const addFiles = (files) =>
    Promise.all(withRecordings([...files]).map(([file, sense]) => tray.add(file, sense)));

for (const kind of Object.keys(kRecorders)) {
  byId(`record-${kind}`).addEventListener("click", async () => {
    if (reasonAgainstRecording()) return chooseCapture(kind);
    try {
      const file = await record(kind);
      if (file) await tray.add(file);
    } catch (error) {
      say(error.message);
    }
  });
}

/// Where the page may not use camera and microphone, a phone's own programs may.
function chooseCapture(kind) {
  const field = byId("capture");
  for (const [name, value] of Object.entries(kCaptures[kind]))
    field.setAttribute(name, value);
  field.click();
}

byId("choose").addEventListener("click", () => byId("files").click());
for (const id of ["files", "capture"]) {
  byId(id).addEventListener("change", (event) => {
    const files = [...event.target.files];
    event.target.value = "";
    addFiles(files);
  });
}
window.addEventListener("pagehide", (event) => {
  if (!event.persisted) uploader.remove(tray.items);  // nobody will ask about them
});

const hasFiles = (event) => event.dataTransfer?.types.includes("Files");
document.addEventListener("dragover", (event) => {
  if (!hasFiles(event)) return;
  event.preventDefault();
  byId("drop-hint").hidden = false;
});
document.addEventListener("dragleave", (event) => {
  if (event.relatedTarget === null) byId("drop-hint").hidden = true;
});
document.addEventListener("drop", (event) => {
  if (!hasFiles(event)) return;
  event.preventDefault();
  byId("drop-hint").hidden = true;
  addFiles([...event.dataTransfer.files]);
});
document.addEventListener("paste", (event) => {
  const files = [...(event.clipboardData?.files ?? [])];
  if (files.length === 0) return;
  event.preventDefault();
  addFiles(files);
});

// Questions

/// What the field holds, else what one asks about the last input.
function questionText() {
  const last = tray.items.at(-1);
  return byId("question").value.trim() || (last ? senseOf(last.sense).question : "");
}

byId("ask").addEventListener("submit", async (event) => {
  event.preventDefault();
  if (session.isBusy || byId("send").disabled || !questionText()) return;
  say("");
  setSending(true);
  await tray.settled();
  setSending(false);
  const reason = tray.reasonAgainst();
  if (reason || !questionText()) return say(reason);
  const question = questionText();
  byId("question").value = "";
  session.ask(question, tray.take());
});
byId("stop").addEventListener("click", () => session.stop());
byId("new").addEventListener("click", () => open(newConversation()));
byId("defaults").addEventListener("click", () => {
  settings.reset();
  showReplaced();
});

byId("compare").addEventListener("submit", async (event) => {
  event.preventDefault();
  say("");
  byId("compare-send").disabled = true;
  try {
    await tray.settled();
    await similarity.compare(tray.items, splitLabels(byId("labels").value), byId("template").value);
  } catch (error) {
    say(error.message);
  }
  drawState();
});

// Views and keys

const kViews = ["chat", "similarity"];

function showView(name) {
  for (const one of kViews) {
    const tab = byId(`tab-${one}`);
    tab.setAttribute("aria-selected", String(one === name));
    tab.tabIndex = one === name ? 0 : -1;
    byId(`panel-${one}`).hidden = one !== name;
  }
  byId("ask").hidden = name !== "chat";
  byId("compare").hidden = name !== "similarity";
  document.body.dataset.view = name;
}
for (const name of kViews) {
  const other = kViews.find((one) => one !== name);
  byId(`tab-${name}`).addEventListener("click", () => showView(name));
  byId(`tab-${name}`).addEventListener("keydown", (event) => {
    if (event.key !== "ArrowLeft" && event.key !== "ArrowRight") return;
    showView(other);
    byId(`tab-${other}`).focus();
  });
}

const kNarrow = matchMedia("(max-width: 820px)");  // as in css/base.css: the sidebar is a drawer
const hasSidebar = () => document.body.classList.contains("with-sidebar");

function showSidebar(shown) {
  if (shown === hasSidebar()) return;
  document.body.classList.toggle("with-sidebar", shown);
  byId("menu").setAttribute("aria-expanded", String(shown));
  byId("main").inert = shown && kNarrow.matches;
  if (kNarrow.matches) byId(shown ? "close-sidebar" : "menu").focus();
}
byId("menu").addEventListener("click", () => showSidebar(!hasSidebar()));
for (const id of ["close-sidebar", "shade"])
  byId(id).addEventListener("click", () => showSidebar(false));
kNarrow.addEventListener("change", () => showSidebar(false));

/// Above an on-screen keyboard there is little room. Some browsers make the page smaller for it,
/// others only what is seen of it; when somebody zooms in, it isn't the keyboard.
const kShort = 500;  // pixels
function fitToScreen() {
  const {height, scale} = window.visualViewport;
  if (Math.abs(scale - 1) > 0.01) return;
  document.body.classList.toggle("short", height < kShort);
  const isCovered = height < window.innerHeight - 1;
  document.body.style.height = isCovered ? `${height}px` : "";
  if (isCovered) window.scrollTo(0, 0);
}
window.visualViewport?.addEventListener("resize", fitToScreen);
if (window.visualViewport) fitToScreen();

for (const id of ["question", "labels"]) {
  byId(id).addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
    event.preventDefault();
    byId(id).form.requestSubmit();
  });
}
document.addEventListener("keydown", (event) => {
  if (event.key === "Escape" && !byId("recorder").open) {
    if (session.isBusy)
      session.stop();
    else
      showSidebar(false);
  } else if (event.key === "/" && !isTyping(event.target)) {
    event.preventDefault();
    byId("question").focus();
  } else if (event.altKey && event.code === "KeyN") {
    event.preventDefault();
    open(newConversation());
  } else if (event.altKey && event.code === "KeyR" && !session.isBusy) {
    event.preventDefault();
    const last = session.conversation.turns.at(-1);
    if (last) session.again(last);
  }
});

connect();
try {
  await store.open();
  const [latest] = await store.list();
  if (latest) open(latest);
} catch {
  history.say("This browser keeps no conversations here: export what you need.");
}
