"use strict";
const PAGE = 100;
const TIME = 0, PARTY = 1, RELATION = 2, KEY = 4, ERROR = 8, ADDRESS = 9, N_SHOWN = 12, HOPS = 12, ID = 13, SOURCE = 14, INDEX = 15, OFFSET = 16, OWNERS = 17, RAW = 18;
const by_id = (id) => document.getElementById(id);
const { texts, rows, users } = JSON.parse(by_id("data").textContent);
const low = texts.map((text) => text.toLowerCase());
const form = by_id("filters"), body = document.querySelector("#rows tbody"), heads = [...document.querySelectorAll("#rows th")];
const names = heads.map((head) => head.textContent);
const cell = (row, column) => (column === TIME ? row[TIME] : texts[row[column]]);
let found = rows, at = 0, sorted = { column: TIME, is_down: false };

function add_option(select, value, text) {
  const option = document.createElement("option");
  option.value = value;
  option.textContent = text;
  select.append(option);
}
for (const [name, column] of [["party", PARTY], ["relation", RELATION]])
  for (const text of [...new Set(rows.map((row) => texts[row[column]]))].sort()) add_option(form.elements[name], text, text);
users.forEach((name, nth) => add_option(form.elements.user, String(nth), name));
if (users.length < 2) form.elements.user.hidden = true;

function filter() {
  const field = (name) => form.elements[name].value.trim();
  const wanted = field("q").toLowerCase().split(/\s+/).filter(Boolean);
  const user = field("user"), party = field("party"), relation = field("relation"), key = field("key").toLowerCase(), address = field("address").toLowerCase();
  const from = field("from").replace(" ", "T"), to = field("to").replace(" ", "T");
  // A time without seconds is a whole minute, a date a whole day.
  const until = to === "" ? "" : to.replace(/Z$/, "") + "\uffff";
  const is_refused = form.elements.refused.checked;
  found = rows.filter((row) =>
    (user === "" || row[OWNERS].includes(Number(user))) &&
    (party === "" || texts[row[PARTY]] === party) &&
    (relation === "" || texts[row[RELATION]] === relation) &&
    (key === "" || low[row[KEY]].includes(key)) &&
    (address === "" || low[row[ADDRESS]].includes(address)) &&
    (from === "" || row[TIME] >= from.replace(/Z$/, "")) &&
    (until === "" || (row[TIME] !== "" && row[TIME] <= until)) &&
    (!is_refused || texts[row[ERROR]] !== "") &&
    wanted.every((word) => row.slice(0, N_SHOWN).some((value, i) => (i === TIME ? value.toLowerCase() : low[value]).includes(word))));
  if (sorted.column !== TIME || sorted.is_down) {
    const order = sorted.is_down ? -1 : 1;
    found = [...found].sort((a, b) => {
      const [x, y] = [cell(a, sorted.column), cell(b, sorted.column)];
      return x < y ? -order : x > y ? order : 0;
    });
  }
  at = 0;
  show();
}
function show() {
  body.replaceChildren(...found.slice(at, at + PAGE).map((row) => {
    const line = document.createElement("tr");
    for (let i = 0; i < N_SHOWN; i++) {
      const field = document.createElement("td");
      field.textContent = cell(row, i);
      field.dataset.name = names[i];
      if (i === TIME) field.className = "t";
      if (i === ERROR) field.className = "bad";
      line.append(field);
    }
    line.tabIndex = 0;
    const open = () => toggle(line, row);
    line.addEventListener("click", () => { if (String(getSelection()) === "") open(); });
    line.addEventListener("keydown", (event) => { if (event.key === "Enter") open(); });
    return line;
  }));
  by_id("place").textContent = found.length === 0 ? "none" : `${at + 1} to ${Math.min(at + PAGE, found.length)} of ${found.length}`;
  by_id("back").disabled = at === 0;
  by_id("next").disabled = at + PAGE >= found.length;
  heads.forEach((head, i) => (i === sorted.column ? head.setAttribute("aria-sort", sorted.is_down ? "descending" : "ascending") : head.removeAttribute("aria-sort")));
}
function toggle(line, row) {
  if (line.nextSibling?.className === "raw") return line.nextSibling.remove();
  const detail = document.createElement("tr");
  detail.className = "raw";
  const field = document.createElement("td");
  field.colSpan = N_SHOWN;
  const place = document.createElement("div");
  place.textContent = `${texts[row[SOURCE]]}, record ${row[INDEX]}, offset ${row[OFFSET]} of the text; event ${texts[row[ID]]}; ${row[HOPS]} steps from the start of the case`;
  const raw = document.createElement("pre");
  raw.textContent = row[RAW] === "" ? "The record is in events.parquet, column raw_event." : pretty(row[RAW]);
  field.append(place, raw);
  detail.append(field);
  line.after(detail);
}
function pretty(text) {
  try { return JSON.stringify(JSON.parse(text), null, 2); } catch { return text; }
}
// The filters are in the page's address, so that a view can be kept and sent.
function write_address() {
  const all = new URLSearchParams([...new FormData(form)].filter(([, value]) => value !== ""));
  if (sorted.column !== TIME || sorted.is_down) all.set("sort", (sorted.is_down ? "-" : "") + sorted.column);
  const text = all.toString();
  history.replaceState(null, "", text === "" ? location.pathname + location.search : "#events?" + text);
}
function read_address() {
  if (!location.hash.startsWith("#events?")) return;
  const all = new URLSearchParams(location.hash.slice("#events?".length));
  for (const field of form.elements) {
    if (field.type === "checkbox") field.checked = field.name !== "" && all.get(field.name) === "1";
    else if (field.name !== "") field.value = all.get(field.name) ?? "";
  }
  const column = Number((all.get("sort") ?? "").replace("-", ""));
  sorted = { column: column >= 0 && column < N_SHOWN ? column : TIME, is_down: (all.get("sort") ?? "").startsWith("-") };
  filter();
  by_id("events").scrollIntoView();
}
function changed() { filter(); write_address(); }
form.addEventListener("input", (event) => { if (event.target.id !== "printed") changed(); });
form.addEventListener("submit", (event) => event.preventDefault());
form.addEventListener("reset", () => setTimeout(() => { sorted = { column: TIME, is_down: false }; changed(); }));
addEventListener("hashchange", read_address);
heads.forEach((head, i) => head.addEventListener("click", () => {
  sorted = { column: i, is_down: sorted.column === i && !sorted.is_down };
  changed();
}));
by_id("back").addEventListener("click", () => { at = Math.max(0, at - PAGE); show(); });
by_id("next").addEventListener("click", () => { at += PAGE; show(); });
by_id("printed").addEventListener("change", (event) => document.body.classList.toggle("with-events", event.target.checked));
by_id("csv").addEventListener("click", () => {
  // What a spreadsheet would take for a formula begins with an apostrophe.
  const quoted = (text) => `"${(/^[=+\-@\t\r]/.test(text) ? "'" + text : text).replaceAll('"', '""')}"`;
  const lines = found.map((row) => [...names.map((_, i) => cell(row, i)), texts[row[ID]], texts[row[SOURCE]], String(row[INDEX]), String(row[OFFSET])]);
  const head = [...names, "Event", "Source", "Record", "Offset"];
  const text = [head, ...lines].map((line) => line.map(quoted).join(",")).join("\r\n") + "\r\n";
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([text], { type: "text/csv" }));
  link.download = "events.csv";
  link.click();
  URL.revokeObjectURL(link.href);
});
for (const button of document.querySelectorAll(".copy")) {
  button.addEventListener("click", () => {
    const text = button.nextElementSibling;
    const range = document.createRange();
    range.selectNodeContents(text);
    getSelection().removeAllRanges();
    getSelection().addRange(range);
    const done = () => { button.textContent = "Copied"; };
    if (navigator.clipboard) navigator.clipboard.writeText(text.textContent).then(done, () => {});
  });
}
// The table of users.
const list = by_id("users");
if (list) {
  const lines = [...list.tBodies[0].rows];
  by_id("user-words").addEventListener("input", (event) => {
    const wanted = event.target.value.toLowerCase().split(/\s+/).filter(Boolean);
    for (const line of lines) line.hidden = !wanted.every((word) => line.textContent.toLowerCase().includes(word));
  });
  [...list.tHead.rows[0].cells].forEach((head, i) => {
    let is_down = false;
    head.addEventListener("click", () => {
      is_down = !is_down;
      const value = (line) => (head.dataset.sort === "number" ? Number(line.cells[i].textContent) : line.cells[i].textContent);
      const order = is_down ? -1 : 1;
      lines.sort((a, b) => (value(a) < value(b) ? -order : value(a) > value(b) ? order : 0));
      list.tBodies[0].append(...lines);
    });
  });
}
show();
read_address();
