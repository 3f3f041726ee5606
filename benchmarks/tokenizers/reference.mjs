// The reference's side of `tokenize-compare` and `vocabulary`. Arguments: a job file of JSON.
//   {"do": "serve"}                                                          -> answers requests on standard input
//   {"do": "train", "sets": [{"tokenizer", "texts"}]}                        -> fills the empty tokenizer in its file
// Threads are set by TOKENIZERS_PARALLELISM and RAYON_NUM_THREADS before the process starts.
import fs from 'node:fs';
import readline from 'node:readline';
import { createHash } from 'node:crypto';
import tokenizers from 'tokenizers';

const job = JSON.parse(fs.readFileSync(process.argv[2], 'utf8'));
const read = path => JSON.parse(fs.readFileSync(path, 'utf8'));

// Answers requests, one JSON a line: {"load": path, "decodes": whether rows hold the decoded text}; {"lines": [...]} with the digest of the rows; {"lines": [...], "rows": true} with the rows themselves.
// Lines are texts or pairs of texts. A row is -1 where the text is refused, else count, ids, starts and ends (code points), types, words (-1: none), special mask, and the UTF-16
// units of the decoded text, as int32.
async function serve() {
  let tokenizer, decodes = true;
  const row = (found, text) => {
    const ids = found.getIds(), offsets = found.getOffsets(), unit = (_, i) => text.charCodeAt(i), none = value => value ?? -1;
    return [ids.length, ...ids, ...offsets.map(span => span[0]), ...offsets.map(span => span[1]), ...found.getTypeIds(), ...found.getWordIds().map(none), ...found.getSpecialTokensMask(), ...Array.from({ length: text.length }, unit)];
  };
  const encoded = lines => typeof lines[0] === 'string' ? tokenizer.encodeBatch(lines) : Promise.all(lines.map(([first, second]) => tokenizer.encode(first, second)));
  const many = async lines => {
    const found = await encoded(lines), texts = decodes ? await tokenizer.decodeBatch(found.map(one => one.getIds()), false) : found.map(() => '');
    return found.map((one, i) => row(one, texts[i]));
  };
  const one = async line => { try { return (await many([line]))[0]; } catch { return [-1]; } };
  for await (const request of readline.createInterface({ input: process.stdin, crlfDelay: Infinity })) {
    const { load, lines, rows, decodes: asked } = JSON.parse(request);
    if (load) {
      decodes = asked;
      try {
        tokenizer = tokenizers.Tokenizer.fromFile(load);
        tokenizer.disablePadding();
        tokenizer.disableTruncation();
        console.log('{}');
      } catch (fault) { console.log(JSON.stringify({ refused: String(fault.message ?? fault) })); }
      continue;
    }
    let found;
    try { found = await many(lines); } catch { found = []; for (const line of lines) found.push(await one(line)); }
    const digest = createHash('sha256').update(Buffer.from(Int32Array.from(found.flat()).buffer)).digest('hex');
    console.log(JSON.stringify(rows ? { rows: found } : { digest }));
  }
}

// Trains the empty tokenizer of a file by the reference's own defaults, and writes it back.
function train(set) {
  const tokenizer = tokenizers.Tokenizer.fromFile(set.tokenizer);
  tokenizer.train([set.texts]);
  tokenizer.save(set.tokenizer);
}

if (job.do === 'serve') await serve();
else job.sets.forEach(train);
