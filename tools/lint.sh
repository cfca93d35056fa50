# shellcheck shell=bash
# ./dev lint and ./dev format. Sourced by ./dev.

cpp_files() { git ls-files --cached --others --exclude-standard -- 'src/*.h' 'src/*.cpp' \
  'tests/*.h' 'tests/*.cpp' 'bench/*.h' 'bench/*.cpp' 'cmake/*.h' 'cmake/*.cpp'; }
python_files() { git ls-files --cached --others --exclude-standard -- '*.py'; }
shell_files() { printf 'dev\n.ci/run\n' && git ls-files --cached --others --exclude-standard -- '*.sh'; }

verb_format() {
  packages_need build test
  venv_build
  say "format: C++ with clang-format-19, Python with ruff"
  cpp_files | xargs -r clang-format-19 -i
  python_files | xargs -r .venv/bin/ruff format --quiet
}

verb_lint() {
  local failed=()
  packages_need build test
  venv_build
  lint_step "C++ format (./dev format mends it)" lint_cpp_format
  lint_step "layers of src/" "$(system_python)" cmake/check_layers.py
  lint_step "shell scripts" lint_shell
  lint_step "Python (./dev format mends its form)" lint_python
  lint_step "words that do not belong in the tree" lint_words
  build_preset release
  lint_step "clang-tidy" .venv/bin/python tools/tidy.py "$HF_ROOT" build/release "$HF_CACHE/tidy"
  if ((${#failed[@]} > 0)); then
    die "lint found something in: ${failed[*]}" "see above"
  fi
  say "lint: clean"
}

# lint_step NAME COMMAND...: notes a failure and goes on, so that one run shows everything.
lint_step() {
  local name=$1
  shift
  say "lint: $name"
  if ! "$@"; then failed+=("[$name]"); fi
}

lint_cpp_format() { cpp_files | xargs -r clang-format-19 --dry-run -Werror; }
lint_shell() { shell_files | xargs -r shellcheck -x; }
lint_python() {
  local status=0
  python_files | xargs -r .venv/bin/ruff check --quiet || status=1
  python_files | xargs -r .venv/bin/ruff format --check --quiet || status=1
  return "$status"
}

# Notes to self belong in an issue, and no path of one person's machine in the tree.
lint_words() {
  ! git grep -n --untracked -I -w -E 'TO[D]O|FI[X]ME|X[X]X|(/ro[o]t|/ho[m]e/[a-z]+)/[A-Za-z.]+' -- . \
    ':!LICENSE' ':!tests/requirements.txt'
}
