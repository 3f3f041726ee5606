#!/usr/bin/env bash
# Copies the small set of reference results that a clone tests itself with: build/pick-goldens.sh GOLDENS
# Left out: what quotes other people's data sets (the reader cases called "real", the pipelines), and what is large.
set -euo pipefail
from=${1:?the folder of all goldens}
to="$(cd "$(dirname "$0")/.." && pwd)/tests/goldens"
rm -rf "$to"; mkdir -p "$to"
pick() { for path in "$@"; do mkdir -p "$to/$(dirname "$path")"; cp -r "$from/$path" "$to/$path"; done; }
cd "$from"
pick schedulers optimizers losses formats/safetensors
pick training/bert-*
pick models/{bert,roberta,xlm-roberta,distilbert,albert}
pick metrics/{classification,multilabel,regression,calibration,seqeval,seqeval_entities}.jsonl metrics/INDEX.json
pick tokenizers/c-{norm,pre,post,added,unigram,wordpiece,wordlevel,bpe,dec}-*
# Shared texts that are quoted are blanked, and the cases that use them left out.
quoted=$(grep '"tag": *"real"' tokenizers/texts.jsonl | sed -E 's/^\{"i": *([0-9]+),.*/\1/' | paste -sd'|')
sed -E 's/("tag": *"real", *"text": *).*/\1""}/' tokenizers/texts.jsonl > "$to/tokenizers/texts.jsonl"
for cases in "$to"/tokenizers/*/cases.jsonl; do grep -vE "\"t\": *($quoted)[,}]" "$cases" > "$cases.kept"; mv "$cases.kept" "$cases"; done
mkdir -p "$to/readers/files"
grep -v '": *"[a-z]*: real:' readers/cases.jsonl | grep -v '"format": *"chat"' > "$to/readers/cases.jsonl"
cp -r readers/files/{csv,tsv,jsonl,json} "$to/readers/files/"
for format in conll squad; do [ -d "readers/files/$format" ] && cp -r "readers/files/$format" "$to/readers/files/"; done
find "$to/readers/files" -name 'real_*' -delete
find "$to" -type f | xargs chmod 644
du -sh "$to"
