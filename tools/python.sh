# shellcheck shell=bash
# The project's own Python environment, .venv, from the hashed lock tests/requirements.txt.
# Sourced by ./dev.

venv_build() {
  local lock=$HF_ROOT/tests/requirements.txt venv=$HF_ROOT/.venv stamp
  stamp=$venv/.lock-$(hash_of "$lock")
  if [[ -f $stamp ]]; then return 0; fi
  mkdir -p "$HF_CACHE"
  (
    flock 9
    if [[ -f $stamp ]]; then exit 0; fi
    say "python: creating .venv from tests/requirements.txt"
    need_disk "$HF_ROOT" 300
    rm -rf "$venv"
    run_logged "$HF_CACHE/venv.log" "cannot create a Python environment" \
      "apt-get install python3-venv" "$(system_python)" -m venv "$venv"
    run_logged "$HF_CACHE/venv.log" \
      "cannot install the pinned Python packages from the Python package index" \
      "check the network and pip's settings (pip config list)" \
      "$venv/bin/python" -m pip --disable-pip-version-check --no-input install \
      --require-hashes --only-binary :all: -r "$lock"
    touch "$stamp"
  ) 9>"$HF_CACHE/venv.lock"
}
