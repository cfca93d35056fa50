# shellcheck shell=bash
# ./dev up and ./dev down: start the gateway on loopback, say how to ask it, stop it. Sourced by ./dev.

hf_pid_file=$HF_STATE/pid
hf_serve_log=$HF_STATE/log
hf_ready_seconds=120

verb_up() {
  local detach=no config=examples/standby.yaml
  while (($# > 0)); do
    case $1 in
      --detach) detach=yes ;;
      --config)
        config=${2:?"--config needs a file"}
        shift
        ;;
      *) die "up does not know '$1'" "usage: ./dev up [--detach] [--config FILE]" ;;
    esac
    shift
  done
  if serve_is_running; then
    say "up: Holdfast runs already (process $(<"$hf_pid_file")); ./dev down stops it"
    if [[ -f $HF_STATE/urls ]]; then serve_greet; fi
    return 0
  fi
  [[ -f $config ]] || die "the configuration $config is missing" "give another with --config FILE"
  packages_need build
  serve_check_ports "$config"
  venv_build
  engine_build
  model_build
  build_preset release holdfast
  serve_start "$config" "$detach"
}

verb_down() {
  local pid waited=0
  if ! serve_is_running; then
    say "down: Holdfast is not running"
    rm -f "$hf_pid_file"
    return 0
  fi
  pid=$(<"$hf_pid_file")
  say "down: stopping process $pid; requests in flight may finish"
  kill -TERM "$pid"
  while serve_is_running; do
    if ((waited >= 900)); then
      die "process $pid still runs 90 s after it was asked to stop" "see $hf_serve_log"
    fi
    sleep 0.1
    waited=$((waited + 1))
  done
  rm -f "$hf_pid_file" "$HF_STATE/urls"
  say "down: stopped"
}

# True when the pid file names a process that is our server on our state: a number alone may have
# been given to somebody else since.
serve_is_running() {
  local pid arguments=''
  [[ -r $hf_pid_file ]] || return 1
  pid=$(<"$hf_pid_file")
  [[ $pid =~ ^[0-9]+$ && -r /proc/$pid/cmdline ]] || return 1
  arguments=$(tr '\0' '\n' 2>/dev/null <"/proc/$pid/cmdline") || return 1
  [[ $arguments == */holdfast$'\n'serve$'\n'*$'\n'--state$'\n'"$HF_STATE/data" ]]
}

# A port that a stranger holds is found before the build, by name.
serve_check_ports() {
  local address host port
  while read -r address; do
    host=${address%:*} port=${address##*:}
    [[ $port =~ ^[0-9]+$ && $port != 0 ]] || continue
    if (exec 3<>"/dev/tcp/$host/$port") 2>/dev/null; then
      die "port $port on $host is in use by another program" \
        "stop it, or copy $1, change 'listen:' and run ./dev up --config COPY"
    fi
  done < <(sed -n 's/^[^#]*listen:[[:space:]]*"\{0,1\}\([0-9.]*:[0-9]*\).*/\1/p' "$1")
}

serve_start() {
  local config=$1 detach=$2 pid binary=$HF_ROOT/build/release/holdfast
  local command=("$binary" serve --config "$config" --state "$HF_STATE/data")
  (umask 077 && mkdir -p "$HF_STATE/data") || die "cannot create $HF_STATE" "make it writable"
  rm -f "$HF_STATE/urls"
  : >"$hf_serve_log"
  say "up: starting Holdfast with $config (log: $hf_serve_log)"
  if [[ $detach == yes ]]; then
    setsid "${command[@]}" >>"$hf_serve_log" 2>&1 </dev/null &
  else
    # tee ignores the terminal's interrupt, so that the last words of the server are still seen.
    "${command[@]}" > >(exec tee --ignore-interrupts -a "$hf_serve_log") 2>&1 </dev/null &
  fi
  pid=$!
  printf '%s\n' "$pid" >"$hf_pid_file"
  # shellcheck disable=SC2064  # the pid of now is meant
  trap "kill -TERM $pid 2>/dev/null || true" INT TERM
  serve_wait_ready "$pid"
  serve_greet
  if [[ $detach == yes ]]; then
    trap - INT TERM
    say "up: running in the background (process $pid); ./dev down stops it"
    return 0
  fi
  say "up: running; Ctrl-C stops it"
  local status=0
  wait "$pid" || status=$?
  # wait returns early when the trap ran; the server may need its time to drain.
  while kill -0 "$pid" 2>/dev/null; do
    status=0
    wait "$pid" || status=$?
  done
  trap - INT TERM
  rm -f "$hf_pid_file" "$HF_STATE/urls"
  ((status == 0)) || die "Holdfast ended with status $status" "see $hf_serve_log"
}

# Waits until both listeners are announced and the administration's side says ready.
serve_wait_ready() {
  local pid=$1 applications='' administration='' deadline=$((EPOCHSECONDS + hf_ready_seconds))
  while ((EPOCHSECONDS < deadline)); do
    if ! kill -0 "$pid" 2>/dev/null; then
      tail -n 20 "$hf_serve_log" >&2
      rm -f "$hf_pid_file"
      die "Holdfast did not start" "the lines above say why; the whole log is $hf_serve_log"
    fi
    applications=$(serve_url applications)
    administration=$(serve_url administration)
    if [[ -n $applications && -n $administration ]] &&
      curl --noproxy '*' -fsS -o /dev/null --max-time 2 "$administration/readyz" 2>/dev/null; then
      printf '%s\n%s\n' "$applications" "$administration" >"$HF_STATE/urls"
      return 0
    fi
    sleep 0.1
  done
  tail -n 20 "$hf_serve_log" >&2
  kill -TERM "$pid" 2>/dev/null || true
  rm -f "$hf_pid_file"
  die "Holdfast was not ready within $hf_ready_seconds s" "see $hf_serve_log"
}

serve_url() {
  sed -n "s#.*listening on \(http://[^ ]*\) ($1).*#\1#p" "$hf_serve_log" | tail -n 1
}

serve_greet() {
  local applications administration python
  printf -v python '%q' "$HF_ROOT/.venv/bin/python"
  { read -r applications && read -r administration; } <"$HF_STATE/urls"
  cat <<TEXT

Holdfast is ready.
  applications    $applications/v1
  status page     $administration/

Ask it with curl:

curl -s $applications/v1/chat/completions -H 'content-type: application/json' \\
  -d '{"model":"chat","max_tokens":32,"messages":[{"role":"user","content":"What is the capital of Italy?"}]}'

Or with Python and the official SDK:

$python - <<'PY'
from openai import OpenAI

client = OpenAI(base_url="$applications/v1", api_key="unused")
for chunk in client.chat.completions.create(
    model="chat", max_tokens=32, stream=True,
    messages=[{"role": "user", "content": "What is the capital of Italy?"}],
):
    for choice in chunk.choices:
        print(choice.delta.content or "", end="", flush=True)
print()
PY

TEXT
}
