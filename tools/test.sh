# shellcheck shell=bash
# ./dev test: C++ tests through ctest, tests of the real binary through pytest. Sourced by ./dev.

hf_passed=0
hf_failed=0
hf_skipped=0

verb_test() {
  local filter='' presets=(release asan) preset
  while (($# > 0)); do
    case $1 in
      --update) export HOLDFAST_UPDATE_GOLDENS=1 ;;
      --preset)
        presets=("${2:?"--preset needs a name"}")
        shift
        ;;
      -*) die "test does not know '$1'" "usage: ./dev test [FILTER] [--preset P] [--update]" ;;
      *) filter=$1 ;;
    esac
    shift
  done
  packages_need build test package
  unpack_tool prometheus
  venv_build
  node_build
  engine_build
  model_build
  # The binary of the package and of most tests is the release build, whatever is asked for.
  build_preset release
  for preset in "${presets[@]}"; do
    build_preset "$preset"
    test_ctest "$preset" "$filter"
    test_pytest "$preset" "$filter"
  done
  printf '%d passed, %d failed, %d skipped\n' "$hf_passed" "$hf_failed" "$hf_skipped" \
    >build/test-summary
  printf '\n'
  cat build/test-summary
  if ((hf_passed + hf_failed + hf_skipped == 0)); then
    die "no test ran (filter: '$filter')" "try another filter"
  fi
  ((hf_failed == 0))
}

# test_ctest PRESET FILTER
test_ctest() {
  local log=$HF_ROOT/build/$1/ctest.log status=0 total failed
  say "test: C++ tests of $1"
  ctest --test-dir "build/$1" --output-on-failure -j "$(nproc)" ${2:+-R "$2"} </dev/null 2>&1 |
    tee "$log" | { grep -v -E '^ *([0-9]+/[0-9]+ Test +#[0-9]+:.* Passed |Start +[0-9]+:)' || true; } ||
    status=$?
  if grep -q '^No tests were found' "$log"; then
    if [[ -z $2 ]]; then
      say "test: the preset $1 has no C++ tests at all"
      hf_failed=$((hf_failed + 1))
    fi
    return 0
  fi
  failed=$(sed -n 's/.* tests passed, \([0-9]*\) tests failed out of [0-9]*.*/\1/p' "$log")
  total=$(sed -n 's/.* tests passed, [0-9]* tests failed out of \([0-9]*\).*/\1/p' "$log")
  if [[ -z $total ]]; then
    say "test: ctest ended without a summary (status $status)"
    hf_failed=$((hf_failed + 1))
    return 0
  fi
  if ((status != 0 && failed == 0)); then failed=1; fi
  hf_failed=$((hf_failed + failed))
  hf_passed=$((hf_passed + total - failed))
}

# test_pytest PRESET FILTER: everything for release; for the others what is marked with their name.
# As many files at once as there are cores; then, one by one, what needs the machine to itself.
test_pytest() {
  local marked=''
  local what=${1}
  [[ -x build/$1/holdfast ]] || die "build/$1/holdfast is missing" "./dev build $1"
  if [[ $1 != release ]]; then
    marked=" and $1"
    what="$1 (those marked so)"
  fi
  say "test: tests of the real binary, $what"
  test_pytest_run "$1" "$2" pytest "not whole_machine$marked" --numprocesses "$(nproc)" --dist loadfile
  test_pytest_run "$1" "$2" pytest-whole-machine "whole_machine$marked"
}

# test_pytest_run PRESET FILTER LOG MARKS OPTION...
test_pytest_run() {
  local preset=$1 filter=$2 log=$HF_ROOT/build/$1/$3.log marks=$4 status=0 word
  shift 4
  # The folders one by one: a conftest.py of theirs is then known before files are handed out.
  HOLDFAST_BINARY=$HF_ROOT/build/$preset/holdfast PYTHONDONTWRITEBYTECODE=1 \
    .venv/bin/python -m pytest tests/*/ -ra --color=no -m "$marks" ${filter:+-k "$filter"} "$@" \
    </dev/null 2>&1 | tee "$log" || status=$?
  for word in passed failed error errors skipped; do
    test_add "$word" "$(tail -n 1 "$log" | sed -n "s/.*[ =]\([0-9][0-9]*\) ${word}[ ,].*/\1/p")"
  done
  # 5: nothing was collected, which a filter or a mark may do.
  if ((status == 5)) && [[ -n $filter || $marks != not* || $preset != release ]]; then return 0; fi
  if ((status != 0 && hf_failed == 0)); then hf_failed=1; fi
}

test_add() {
  [[ -n $2 ]] || return 0
  case $1 in
    passed) hf_passed=$((hf_passed + $2)) ;;
    skipped) hf_skipped=$((hf_skipped + $2)) ;;
    *) hf_failed=$((hf_failed + $2)) ;;
  esac
}
