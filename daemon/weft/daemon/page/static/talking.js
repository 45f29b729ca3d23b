// Talking with the one who looks: dialogs that ask, and short messages that go away.

import { html, useEffect, useLayoutEffect, useRef, useState } from "./vendor/preact-htm.js";
import { createStore, useStore } from "./store.js";

const TOAST_MS = 5000;
const TYPING_MS = 250;

const asked = createStore(null);
const toasts = createStore([]);
let numbered = 0;

/** Say something for five seconds; `tone` is "good", "bad" or nothing. */
export function toast(text, tone = "") {
  const one = { number: (numbered += 1), text, tone };
  toasts.set([...toasts.get(), one]);
  setTimeout(() => toasts.set(toasts.get().filter((other) => other !== one)), TOAST_MS);
}

/**
 * Ask before something is done; resolves to what was filled in, or null if not.
 *
 * `fields` are { name, label, value, options, type, required }: a select where there are
 * options, a checkbox or text by `type`. `danger` paints the button red.
 */
export function confirm({ title, text, action = "Do it", danger = false, fields = [] }) {
  asked.get()?.answer(null);
  return new Promise((resolve) => {
    const answer = (value) => {
      asked.set(null);
      resolve(value);
    };
    asked.set({ title, text, action, danger, fields, answer });
  });
}

/** Do something that may be refused, and say how it went; true if it went well. */
export async function attempt(done, work) {
  try {
    const value = await work();
    toast(typeof done === "function" ? done(value) : done, "good");
    return true;
  } catch (problem) {
    toast(problem.message, "bad");
    return false;
  }
}

/** Where dialogs and messages appear; the shell has one. */
export function Talking() {
  const question = useStore(asked);
  return html`${question && html`<${Question} key=${question.title} ...${question} />`}
    <div class="toasts" role="status" aria-live="polite">${useStore(toasts).map(
      ({ number, text, tone }) => html`<div key=${number} class=${`toast ${tone}`}>${text}</div>`,
    )}</div>`;
}

function Question({ title, text, action, danger, fields, answer }) {
  const dialog = useRef();
  const [values, setValues] = useState(() => Object.fromEntries(fields.map((field) => [field.name, field.value ?? ""])));
  useLayoutEffect(() => {
    dialog.current.showModal();
    const shown = dialog.current;
    if (!fields.length) shown.querySelector(danger ? "button" : "button[type=submit]").focus();
    return () => shown.close(); // which gives the focus back
  }, []);
  const submit = (event) => {
    event.preventDefault();
    answer(values);
  };
  const cancel = (event) => {
    event.preventDefault();
    answer(null);
  };
  const set = (name) => (value) => setValues((old) => ({ ...old, [name]: value }));
  return html`<dialog ref=${dialog} aria-labelledby="question" onCancel=${cancel}>
    <form onSubmit=${submit}>
      <h2 id="question">${title}</h2>
      ${text && html`<p>${text}</p>`}
      ${fields.map((field) => html`
        <${Field} key=${field.name} ...${field} value=${values[field.name]} set=${set(field.name)} />`)}
      <div class="buttons">
        <button type="button" onClick=${cancel}>Cancel</button>
        <button type="submit" class=${danger ? "danger" : "primary"}>${action}</button>
      </div>
    </form>
  </dialog>`;
}

/** What is typed over a value; `set` gets it once the one who types has paused. */
export function useTyped(value, set) {
  const [text, setText] = useState(value);
  const latest = useRef(set);
  latest.current = set;
  useEffect(() => setText(value), [value]);
  useEffect(() => {
    if (text === value) return undefined;
    const timer = setTimeout(() => latest.current(text), TYPING_MS);
    return () => clearTimeout(timer);
  }, [text, value]);
  return [text, setText];
}

/** A labelled input; `set` gets its value. */
export function Field({ name, label, value, set, options, type = "text", required = false, placeholder = "" }) {
  const id = `field-${name}`;
  const onInput = (event) => set(event.target.value);
  if (type === "checkbox") {
    const onChange = (event) => set(event.target.checked);
    return html`<label class="check"><input type="checkbox" checked=${value === true} onChange=${onChange} /> ${label}</label>`;
  }
  const common = { id, required, placeholder, value, onInput, spellcheck: false };
  const choice = ([option, word]) => html`
    <option key=${option} value=${option} selected=${option === value}>${word}</option>`;
  const input = () => {
    if (options) return html`<select id=${id} value=${value} onChange=${onInput}>${options.map(choice)}</select>`;
    if (type === "area") return html`<textarea rows="5" ...${common}></textarea>`;
    return html`<input type=${type} autocomplete="off" ...${common} />`;
  };
  return html`<div class="field"><label for=${id}>${label}</label>${input()}</div>`;
}
