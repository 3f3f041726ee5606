// The reference's side of `tokenize` and `fuzz-compare`. Arguments: a job file of JSON.
//   {"do": "time", "rounds": 5, "sets": [{"name", "tokenizer", "lines"}]}    -> one line of JSON for each set: tokens, and seconds of each round, cold and warm
//   {"do": "encode", "sets": [{"tokenizer", "lines", "out"}]}                -> for each line: -1 where it is refused, else count, ids, starts, ends (code points), as int32
// Threads are set by TOKENIZERS_PARALLELISM and RAYON_NUM_THREADS before the process starts.
import fs from 'node:fs';
import tokenizers from 'tokenizers';

const job = JSON.parse(fs.readFileSync(process.argv[2], 'utf8'));
const read = path => JSON.parse(fs.readFileSync(path, 'utf8'));

async function time(set) {
  const lines = read(set.lines), warmup = read(set.warmup);
  const cold = [], warm = [];
  let tokens = 0;
  for (let round = 0; round < job.rounds; round++) {
    const tokenizer = tokenizers.Tokenizer.fromFile(set.tokenizer);
    if (round === 0) await tokenizers.Tokenizer.fromFile(set.tokenizer).encodeBatch(warmup);
    for (const kind of [cold, warm]) {
      const start = performance.now();
      const rows = await tokenizer.encodeBatch(lines);
      kind.push((performance.now() - start) / 1000);
      tokens = rows.reduce((sum, row) => sum + row.getLength(), 0);
    }
  }
  console.log(JSON.stringify({ name: set.name, tokens, cold, warm }));
}

async function encode(set) {
  const lines = read(set.lines);
  const tokenizer = tokenizers.Tokenizer.fromFile(set.tokenizer);
  tokenizer.disablePadding();
  tokenizer.disableTruncation();
  const numbers = [];
  const add = row => {
    const ids = row.getIds(), offsets = row.getOffsets();
    numbers.push(ids.length, ...ids, ...offsets.map(span => span[0]), ...offsets.map(span => span[1]));
  };
  for (const line of lines) {
    try { add(await tokenizer.encode(line)); } catch { numbers.push(-1); }
  }
  fs.writeFileSync(set.out, Buffer.from(Int32Array.from(numbers).buffer));
}

for (const set of job.sets) await (job.do === 'time' ? time(set) : encode(set));
