#!/usr/bin/env bash
# Copies the small set of reference results that a clone tests itself with: build/pick-goldens.sh GOLDENS
# Left out: what quotes other people's texts (cases and files called "real", published templates), and what is large. At most 8 MB.
set -euo pipefail
from=${1:?the folder of all goldens}
to="$(cd "$(dirname "$0")/.." && pwd)/tests/goldens"
rm -rf "$to"; mkdir -p "$to"
pick() { for path in "$@"; do mkdir -p "$to/$(dirname "$path")"; cp -r "$from/$path" "$to/$path"; done; }
cd "$from"
pick schedulers optimizers losses formats/safetensors
pick training/bert-{best,cosine-accum,freeze}
pick models/bert/{base,seqcls,multilabel,regression,qa,mlm} models/{roberta,distilbert}/{seqcls,qa,mlm} models/albert/{seqcls,tokcls,mlm}
pick models/{xlm-roberta,deberta-v2}/{seqcls,tokcls} models/modernbert/{seqcls,qa} models/{electra,mpnet}/seqcls models/llama/clm models/t5/seq2seq
pick metrics/{classification,multilabel,regression,calibration,seqeval,seqeval_entities,squad,squad_normalize,squad_pairs}.jsonl metrics/INDEX.json
pick pipelines/{bert-classify,bert-mask,bert-qa,bert-sentences,bert-tokens,deberta-v2-nli}
pick generation/{errors.jsonl,processors.jsonl,processors.safetensors,gpt2}
pick peft/bases/{bert,gpt2} peft/{lora-bert,lora-gpt2,lora-dora-gpt2,ia3-gpt2,ln-tuning-bert}
pick preference/{losses.jsonl,packing.jsonl,tokenizer,runs}
find "$to/preference/runs" -name '*.safetensors' -delete
pick tokenizers/c-{norm,pre,post,added,unigram,wordpiece,wordlevel,bpe,dec}-*
# Shared texts that are quoted are blanked, and the cases that use them left out.
quoted=$(grep '"tag": *"real"' tokenizers/texts.jsonl | sed -E 's/^\{"i": *([0-9]+),.*/\1/' | paste -sd'|')
sed -E 's/("tag": *"real", *"text": *).*/\1""}/' tokenizers/texts.jsonl > "$to/tokenizers/texts.jsonl"
for cases in "$to"/tokenizers/*/cases.jsonl; do grep -vE "\"t\": *($quoted)[,}]|\"rows\": *\[([0-9]+, *)*($quoted)[],]" "$cases" > "$cases.kept"; mv "$cases.kept" "$cases"; done
# Templates of our own with a part of what is made of them, and a third of the language's cases.
pick chat-templates/{conversations.json,documents.json,hostile.jsonl,manifest.json,multi-template,multi-template.jsonl,tokens.json,tools.json}
mkdir -p "$to/chat-templates/templates"
cp chat-templates/templates/own_* "$to/chat-templates/templates/"
{ echo '{'; grep '"source":"own"' chat-templates/templates.json | sed '$ s/,$//'; echo '}'; } > "$to/chat-templates/templates.json"
grep '"template":"own_' chat-templates/renderings.jsonl | awk 'NR % 4 == 1' > "$to/chat-templates/renderings.jsonl"
for lines in generation-spans assistant-masks; do grep '"template":"own_' "chat-templates/$lines.jsonl" > "$to/chat-templates/$lines.jsonl"; done
awk 'NR % 3 == 1' chat-templates/jinja.jsonl > "$to/chat-templates/jinja.jsonl"
mkdir -p "$to/readers/files"
grep -v '": *"[a-z]*: real:' readers/cases.jsonl > "$to/readers/cases.jsonl"
cp -r readers/files/{csv,tsv,jsonl,json,conll,squad,chat} "$to/readers/files/"
find "$to/readers/files" -name 'real_*' -delete
find "$to" -type f -print0 | xargs -0 chmod 644
bytes=$(find "$to" -type f -printf '%s\n' | awk '{ all += $1 } END { print all }')
echo "$bytes bytes"
[ "$bytes" -le 8000000 ]
