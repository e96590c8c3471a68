// A patient summary (FHIR document) laid out for reading. Everything is put in as text: nothing of a document becomes markup.

const FLAGS = { H: "high", HH: "very_high", HU: "very_high", L: "low", LL: "very_low", LU: "very_low", A: "abnormal", AA: "abnormal", N: "normal" };
const SECTIONS = {
  "48765-2": "allergies", "10160-0": "medicines", "11450-4": "problems", "11348-0": "past", "11369-6": "immunizations",
  "30954-2": "results", "8716-3": "vitals"
};

export function add(parent, tag, className, text) {
  const element = document.createElement(tag);
  if (className) element.className = className;
  if (text !== undefined) element.textContent = text;
  parent.appendChild(element);
  return element;
}

const list = (value) => (Array.isArray(value) ? value : []);
const first = (value) => list(value)[0] || {};

export class Reader {
  constructor(bundle, words, isEnglish) {
    this.words = words;
    this.isEnglish = isEnglish;
    this.found = new Map();
    this.inReports = new Set(); // a value that its report shows is not said twice
    this.bundle = bundle;
    for (const entry of list(bundle.entry)) if (entry.resource) this.found.set(entry.fullUrl, entry.resource);
  }

  at(reference) {
    return (reference && this.found.get(reference.reference)) || {};
  }

  // A concept in the reader's language: its text is the house's own words, its codings carry English.
  name(concept) {
    const coded = list(concept && concept.coding).map((one) => one.display).filter(Boolean);
    const english = coded.find((one) => !/[\u3400-\u9fff]/.test(one));
    const text = concept && concept.text;
    return (this.isEnglish ? english || text || coded[0] : text || coded[0]) || "";
  }

  day(value) {
    if (!value) return "";
    if (value.length < 10) return value;
    const whole = value.length > 10 ? new Date(value) : new Date(value + "T00:00:00+08:00");
    if (Number.isNaN(whole.getTime())) return "";
    return new Intl.DateTimeFormat(this.isEnglish ? "en-GB" : "zh-CN", { year: "numeric", month: this.isEnglish ? "short" : "long", day: "numeric", timeZone: "Asia/Shanghai" }).format(whole);
  }

  moment(value) {
    const at = new Date(value);
    if (Number.isNaN(at.getTime())) return "";
    const clock = new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit", timeZone: "Asia/Shanghai" }).format(at);
    return `${this.day(value)} ${clock}`;
  }

  span(start, end) {
    const words = [];
    if (start) words.push(`${this.words.since} ${this.day(start)}`);
    if (end) words.push(`${this.words.to} ${this.day(end)}`);
    return words.join(this.isEnglish ? " " : "，");
  }

  value(one) {
    if (one.valueQuantity) return `${one.valueQuantity.comparator || ""}${one.valueQuantity.value} ${one.valueQuantity.unit || one.valueQuantity.code || ""}`.trim();
    if (one.valueCodeableConcept) return this.name(one.valueCodeableConcept);
    const plain = one.valueString !== undefined ? one.valueString : one.valueInteger !== undefined ? one.valueInteger : one.valueDateTime;
    return plain === undefined ? "" : String(plain);
  }

  range(one) {
    const range = first(one.referenceRange);
    if (range.text) return range.text;
    const low = range.low && range.low.value;
    const high = range.high && range.high.value;
    if (low !== undefined && high !== undefined) return `${low}–${high}`;
    if (high !== undefined) return `≤ ${high}`;
    return low !== undefined ? `≥ ${low}` : "";
  }

  show(root) {
    const composition = first(this.bundle.entry).resource || {};
    this.patient(root, this.at(composition.subject), this.bundle.timestamp || composition.date);
    for (const section of list(composition.section)) this.section(root, section);
  }

  patient(root, who, at) {
    const card = add(root, "section", "ih-card");
    add(card, "h2", "", this.words.patient);
    const name = first(who.name);
    add(card, "p", "ih-shared__who", name.text || [name.family, ...list(name.given)].filter(Boolean).join(" ") || this.words.unknown);
    const sex = { male: this.words.male, female: this.words.female }[who.gender] || this.words.unknown;
    add(card, "p", "", `${this.words.sex} ${sex} · ${this.words.born} ${this.day(who.birthDate) || this.words.unknown}`);
    if (at) add(card, "p", "ih-quiet", this.words.made.replace("{at}", this.moment(at)));
  }

  section(root, section) {
    const code = first(section.code && section.code.coding).code;
    const kind = SECTIONS[code];
    const card = add(root, "section", "ih-card");
    add(card, "h2", "", this.words[kind] || section.title || "");
    const named = list(section.entry).map((one) => this.at(one)).filter((one) => one.resourceType);
    const entries = named.filter((one) => !this.inReports.has(one));
    if (named.length && !entries.length) {
      root.removeChild(card);
    } else if (!entries.length) {
      const why = first(section.emptyReason && section.emptyReason.coding).code;
      add(card, "p", "ih-quiet", this.words[why === "withheld" ? "withheld" : "unavailable"]);
    } else if (kind === "results" || kind === "vitals") {
      this.results(card, entries);
    } else {
      const rows = add(card, "ul", "ih-shared__list");
      for (const one of entries) this.line(rows, one);
    }
  }

  line(rows, one) {
    const line = { MedicationStatement: this.medicine, MedicationRequest: this.medicine, AllergyIntolerance: this.allergy, Immunization: this.immunization, Condition: this.condition }[one.resourceType];
    const [title, ...more] = line ? line.call(this, one) : [this.name(one.code)];
    const row = add(rows, "li", "");
    add(row, "strong", "", title || this.words.unknown);
    for (const words of more.filter(Boolean)) add(row, "span", "ih-shared__more", words);
  }

  medicine(one) {
    const what = one.medicationCodeableConcept || this.at(one.medicationReference).code;
    const period = one.effectivePeriod || {};
    const doses = list(one.dosage || one.dosageInstruction).map((dose) => dose.text).filter(Boolean);
    return [this.name(what), doses.length ? `${this.words.dose} ${doses.join("; ")}` : "", this.span(period.start || one.effectiveDateTime, period.end), one.status === "intended" ? this.words.intended : ""];
  }

  allergy(one) {
    const reactions = list(one.reaction).map((each) => [...list(each.manifestation).map((m) => this.name(m)), each.description].filter(Boolean).join(this.isEnglish ? ", " : "、")).filter(Boolean);
    return [
      this.name(one.code), reactions.length ? `${this.words.reaction} ${reactions.join("; ")}` : "", one.criticality === "high" ? this.words.severe : "",
      ...list(one.note).map((note) => note.text), this.standing(one)
    ];
  }

  immunization(one) {
    const doses = list(one.protocolApplied).map((each) => each.doseNumberString || each.doseNumberPositiveInt).filter(Boolean);
    return [this.name(one.vaccineCode), [this.day(one.occurrenceDateTime) || one.occurrenceString, ...doses].filter(Boolean).join(" · "), one.lotNumber ? `${this.words.lot} ${one.lotNumber}` : ""];
  }

  condition(one) {
    const onset = one.onsetDateTime || (one.onsetPeriod || {}).start;
    return [this.name(one.code), this.span(onset, one.abatementDateTime) || one.onsetString, ...list(one.note).map((note) => note.text), this.standing(one)];
  }

  standing(one) {
    const clinical = first(one.clinicalStatus && one.clinicalStatus.coding).code;
    const verified = first(one.verificationStatus && one.verificationStatus.coding).code;
    return [["inactive", "remission", "resolved"].includes(clinical) ? this.words.ended_one : "", verified === "unconfirmed" || verified === "provisional" ? this.words.not_checked : ""].filter(Boolean).join(" · ");
  }

  results(card, entries) {
    const reports = entries.filter((one) => one.resourceType === "DiagnosticReport");
    for (const report of reports) {
      const values = list(report.result).map((one) => this.at(one)).filter((one) => one.resourceType);
      values.forEach((one) => this.inReports.add(one));
      add(card, "h3", "", [this.name(report.code), this.day(report.effectiveDateTime)].filter(Boolean).join(" · "));
      this.table(card, values, this.name(report.code), false);
      if (report.conclusion) add(card, "p", "", `${this.words.conclusion} ${report.conclusion}`);
    }
    const alone = entries.filter((one) => one.resourceType === "Observation" && !this.inReports.has(one));
    if (alone.length) this.table(card, alone, this.words.results, true);
  }

  table(card, values, caption, hasDays) {
    const rows = [];
    for (const one of values) {
      const parts = list(one.component);
      const day = this.day(one.effectiveDateTime || (one.effectivePeriod || {}).start);
      if (this.value(one) || !parts.length) rows.push([one, this.name(one.code), day]);
      for (const part of parts) rows.push([part, this.name(part.code), day]);
    }
    if (!rows.length) return;
    const heads = [this.words.item, this.words.value, this.words.range, ...(hasDays ? [this.words.on] : [])];
    const wrap = add(card, "div", "ih-tablewrap");
    wrap.setAttribute("role", "region");
    wrap.setAttribute("aria-label", caption);
    wrap.tabIndex = 0;
    const table = add(wrap, "table", "ih-table");
    add(table, "caption", "ih-hidden", caption);
    const head = add(add(table, "thead"), "tr");
    for (const words of heads) add(head, "th", "", words).scope = "col";
    const body = add(table, "tbody");
    for (const [one, name, day] of rows) {
      const row = add(body, "tr");
      const what = add(row, "th", "", name);
      what.scope = "row";
      what.dataset.head = heads[0];
      const said = this.cell(row, heads[1]);
      add(said, "strong", "", this.value(one) || "–");
      const flag = FLAGS[first(first(one.interpretation).coding).code];
      if (flag) {
        said.append(" ");
        const low = flag.endsWith("low");
        const tone = flag === "normal" ? "normal" : low ? "low" : "high";
        const arrow = { high: "↑ ", very_high: "↑↑ ", low: "↓ ", very_low: "↓↓ ", abnormal: "! " }[flag] || "";
        add(said, "span", `ih-flag ih-flag_${tone}${flag.startsWith("very") ? " ih-flag_critical" : ""}`, arrow + this.words[flag]);
      }
      this.cell(row, heads[2]).textContent = this.range(one) || "–";
      if (hasDays) this.cell(row, heads[3]).textContent = day || "–";
    }
  }

  cell(row, head) {
    const cell = add(row, "td");
    cell.dataset.head = head;
    return add(cell, "div");
  }
}
