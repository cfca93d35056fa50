# shellcheck shell=bash
# The JavaScript SDKs that judge in tests/conformance, from the hashed lock beside them.
# Sourced by ./dev.

node_build() {
  local folder=$HF_ROOT/tests/conformance/js stamp
  stamp=$folder/node_modules/.lock-$(hash_of "$folder/package-lock.json")
  if [[ -f $stamp ]]; then return 0; fi
  mkdir -p "$HF_CACHE"
  (
    flock 9
    if [[ -f $stamp ]]; then exit 0; fi
    say "node: installing tests/conformance/js/package-lock.json"
    need_disk "$HF_ROOT" 200
    run_logged "$HF_CACHE/node.log" \
      "cannot install the pinned JavaScript packages from their registry" \
      "check the network and npm's settings (npm config list)" \
      npm --prefix "$folder" ci --ignore-scripts --no-audit --no-fund
    touch "$stamp"
  ) 9>"$HF_CACHE/node.lock"
}
