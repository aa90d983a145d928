#!/bin/sh
# safetensors 0.8.0 writes metadata of two keys or more in another order each time: the same tensors and the same metadata
# give other bytes, within one process too. One would guess that a file of weights depends on what is in it, all the more
# as the library sorts the tensors. It matters to whoever names models by a hash, signs them, or checks that a training
# can be repeated. (Seen: 20 saves of 6 keys, 20 different files; with one key, one file.)
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet "safetensors==0.8.0" "numpy==2.4.6"
"$folder/venv/bin/python" - <<'PYTHON'
import sys

import numpy
from safetensors.numpy import save

weights = {"b": numpy.zeros(4, numpy.float32), "a": numpy.ones(4, numpy.float32)}
six = {f"key {number}": "value" for number in range(6)}
many, one = ({save(weights, metadata=metadata) for _ in range(20)} for metadata in (six, {"format": "pt"}))
print(f"20 saves with six keys: {len(many)} different files; with one key: {len(one)}")
sys.exit(0 if len(many) > 1 and len(one) == 1 else 1)
PYTHON
