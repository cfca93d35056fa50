# shellcheck shell=bash
# What every step of ./dev uses: saying, stopping with a remedy, asking the machine.
# Sourced by ./dev; changes nothing by itself.

hf_started_at=${EPOCHSECONDS}

# One line of progress, with the seconds since ./dev began.
say() { printf '[%4ds] %s\n' "$((EPOCHSECONDS - hf_started_at))" "$*" >&2; }

# die WHAT [REMEDY]: the one way to stop. WHAT names the missing thing, REMEDY what to do about it.
die() {
  printf '\ndev: error: %s\n' "$1" >&2
  if [[ $# -gt 1 ]]; then printf 'dev: remedy: %s\n' "$2" >&2; fi
  exit 1
}

have() { command -v "$1" >/dev/null 2>&1; }

# run_logged LOG WHAT REMEDY COMMAND...: keeps a long command's output in LOG and shows its end only
# when it fails.
run_logged() {
  local log=$1 what=$2 remedy=$3
  shift 3
  mkdir -p "$(dirname "$log")"
  if ! "$@" >"$log" 2>&1 </dev/null; then
    printf -- '--- last lines of %s ---\n' "$log" >&2
    tail -n 30 "$log" >&2
    die "$what" "$remedy"
  fi
}

# need_disk DIRECTORY MEBIBYTES: a full disk is found before an hour of work, not after.
need_disk() {
  local directory=$1 want_mib=$2 free_mib
  mkdir -p "$directory" || die "cannot create $directory" "make it writable, or set XDG_CACHE_HOME"
  free_mib=$(df -Pm "$directory" | awk 'NR == 2 { print $4 }')
  if ((free_mib < want_mib)); then
    die "disk: $directory has $free_mib MiB free and this step needs $want_mib MiB" \
      "free some space, or point XDG_CACHE_HOME at a larger disk"
  fi
}

# system_python: Debian's own interpreter, since the hashed locks are made for it.
system_python() {
  if [[ -x /usr/bin/python3 ]]; then
    printf '/usr/bin/python3\n'
  elif have python3; then
    command -v python3
  else
    die "python3 is missing" "apt-get install python3 python3-venv"
  fi
}

# hash_of FILE...: a short name for the contents of files (and of stdin, as -).
hash_of() { cat -- "$@" | sha256sum | cut -c1-16; }
