// Writes src/FineTuning.Text/Unicode/forms.txt: decompositions and scripts as Unicode 14 has them (but for what the reference leaves alone), combining classes as Unicode 9.
// Run from the repository: node build/make-unicode-forms.mjs (a node whose ICU has Unicode 14 or newer). Format: see make-unicode-tables.cs.
import { writeFileSync } from "node:fs";

const newer = [[0xa7f1, 0xa7f1], [0x105c9, 0x105c9], [0x105e4, 0x105e4], [0x11383, 0x113cf], [0x11938, 0x11938], [0x16121, 0x16128], [0x16d68, 0x16d6a], [0x1ccd6, 0x1ccf9], [0x1e030, 0x1e06d]];
const points = [];
for (let p = 0; p <= 0x10ffff; p++) {
  if ((p >= 0xd800 && p <= 0xdfff) || newer.some(([low, high]) => p >= low && p <= high)) continue;
  points.push(p);
}
const base36 = value => value.toString(36);
const lines = [];
function ranges(name, members) {
  const flat = [];
  for (const p of members) {
    if (flat.length && flat[flat.length - 1] === p - 1) flat[flat.length - 1] = p;
    else flat.push(p, p);
  }
  let last = 0;
  lines.push(name + "\t" + flat.map(value => { const gap = base36(value - last); last = value; return gap; }).join(" "));
}
function mapping(name, pairs) {
  let last = 0;
  lines.push("=" + name + "\t" + pairs.map(([p, text]) => { const gap = base36(p - last); last = p; return gap + ":" + [...text].map(c => base36(c.codePointAt(0))).join("."); }).join(" "));
}
const hangul = p => p >= 0xac00 && p <= 0xd7a3;
const text = p => String.fromCodePoint(p);
const decomposed = points.filter(p => !hangul(p)).map(p => [p, text(p).normalize("NFD"), text(p).normalize("NFKD")]);
mapping("nfd", decomposed.filter(([p, d]) => d !== text(p)).map(([p, d]) => [p, d]));
mapping("nfkd", decomposed.filter(([, d, k]) => k !== d).map(([p, , k]) => [p, k]));
ranges("not_composed", decomposed.filter(([p, d]) => d !== text(p) && d.normalize("NFC") !== text(p)).map(([p]) => p));

// A mark's combining class shows in the order that normalization gives it beside marks of known classes (one a class).
const known = new Map([[1, 0x334], [7, 0x93c], [8, 0x3099], [9, 0x94d], [10, 0x5b0], [11, 0x5b1], [12, 0x5b2], [13, 0x5b3], [14, 0x5b4], [15, 0x5b5],
  [16, 0x5b6], [17, 0x5b7], [18, 0x5b8], [19, 0x5b9], [20, 0x5bb], [21, 0x5bc], [22, 0x5bd], [23, 0x5bf], [24, 0x5c1], [25, 0x5c2], [26, 0xfb1e], [27, 0x64b],
  [28, 0x64c], [29, 0x64d], [30, 0x64e], [31, 0x64f], [32, 0x650], [33, 0x651], [34, 0x652], [35, 0x670], [36, 0x711], [84, 0xc55], [91, 0xc56], [103, 0xe38],
  [107, 0xe48], [118, 0xeb8], [122, 0xec8], [129, 0xf71], [130, 0xf72], [132, 0xf74], [202, 0x321], [214, 0x1dce], [216, 0x31b], [218, 0x302a], [220, 0x316],
  [222, 0x59a], [224, 0x302e], [226, 0x1d16d], [228, 0x5ae], [230, 0x300], [232, 0x315], [233, 0x35c], [234, 0x35d], [240, 0x345]]);
// The reference orders marks by Unicode 9: those that came later stay where they are.
const unordered = [
  [0x7fd, 0x7fd], [0x897, 0x89f], [0x8ca, 0x8d3], [0x9fe, 0x9fe], [0xc3c, 0xc3c], [0xd3b, 0xd3c], [0xeba, 0xeba], [0x1715, 0x1715], [0x1abf, 0x1aeb], [0x1df6, 0x1dfa], [0xa82c, 0xa82c],
  [0x10d24, 0x10d6d], [0x10eab, 0x10eff], [0x10f46, 0x10f85], [0x11070, 0x11070], [0x1133b, 0x1133b], [0x113d0, 0x113d0], [0x1145e, 0x1145e], [0x11839, 0x1183a], [0x1193d, 0x11943],
  [0x119e0, 0x11a99], [0x11d42, 0x11d97], [0x11f41, 0x11f42], [0x1612f, 0x1612f], [0x16ff0, 0x16ff1], [0x1e08f, 0x1e08f], [0x1e130, 0x1e136], [0x1e2ae, 0x1e2ef], [0x1e4ec, 0x1e4ef], [0x1e5ee, 0x1e6f5],
];
const swaps = (first, second) => (text(first) + text(second)).normalize("NFD") !== (text(first).normalize("NFD") + text(second).normalize("NFD"));
const classes = new Map([...known.keys()].map(key => [key, []]));
for (const p of points) {
  if (unordered.some(([low, high]) => p >= low && p <= high) || !/\p{M}/u.test(text(p)) || text(p).normalize("NFD") !== text(p)) continue;
  if (![...known.values()].some(mark => swaps(p, mark) || swaps(mark, p))) continue;
  const [found] = [...known].find(([, mark]) => !swaps(p, mark) && !swaps(mark, p)) ?? [];
  if (found === undefined) throw new Error("no class for " + p.toString(16));
  classes.get(found).push(p);
}
for (const [value, members] of classes) ranges("ccc." + value, members);

const scripts = ["Latin", "Common", "Inherited", "Greek", "Cyrillic", "Armenian", "Hebrew", "Arabic", "Syriac", "Thaana", "Devanagari", "Bengali", "Gurmukhi", "Gujarati", "Oriya", "Tamil",
  "Telugu", "Kannada", "Malayalam", "Sinhala", "Thai", "Lao", "Tibetan", "Myanmar", "Georgian", "Hangul", "Ethiopic", "Cherokee", "Canadian_Aboriginal", "Ogham", "Runic", "Khmer",
  "Mongolian", "Hiragana", "Katakana", "Bopomofo", "Han", "Yi", "Old_Italic", "Gothic", "Deseret", "Tagalog", "Hanunoo", "Buhid", "Tagbanwa", "Limbu", "Tai_Le", "Linear_B", "Ugaritic",
  "Shavian", "Osmanya", "Cypriot", "Braille", "Buginese", "Coptic", "New_Tai_Lue", "Glagolitic", "Tifinagh", "Syloti_Nagri", "Old_Persian", "Kharoshthi", "Balinese", "Cuneiform",
  "Phoenician", "Phags_Pa", "Nko", "Sundanese", "Lepcha", "Ol_Chiki", "Vai", "Saurashtra", "Kayah_Li", "Rejang", "Lycian", "Carian", "Lydian", "Cham", "Tai_Tham", "Tai_Viet", "Avestan",
  "Egyptian_Hieroglyphs", "Samaritan", "Lisu", "Bamum", "Javanese", "Meetei_Mayek", "Imperial_Aramaic", "Old_South_Arabian", "Inscriptional_Parthian", "Inscriptional_Pahlavi",
  "Old_Turkic", "Kaithi", "Batak", "Brahmi", "Mandaic", "Chakma", "Meroitic_Cursive", "Meroitic_Hieroglyphs", "Miao", "Sharada", "Sora_Sompeng", "Takri", "Caucasian_Albanian",
  "Bassa_Vah", "Duployan", "Elbasan", "Grantha", "Pahawh_Hmong", "Khojki", "Linear_A", "Mahajani", "Manichaean", "Mende_Kikakui", "Modi", "Mro", "Old_North_Arabian", "Nabataean",
  "Palmyrene", "Pau_Cin_Hau", "Old_Permic", "Psalter_Pahlavi", "Siddham", "Khudawadi", "Tirhuta", "Warang_Citi", "Ahom", "Anatolian_Hieroglyphs", "Hatran", "Multani", "Old_Hungarian",
  "SignWriting", "Adlam", "Bhaiksuki", "Marchen", "Newa", "Osage", "Tangut"];
for (const script of scripts) {
  const test = new RegExp(`\\p{Script=${script}}`, "u");
  ranges("script." + script, points.filter(p => test.test(text(p))));
}
writeFileSync("src/FineTuning.Text/Unicode/forms.txt", lines.join("\n") + "\n");
