#include "cli/completion.h"

#include <fmt/format.h>

#include <ranges>

#include "base/check.h"

namespace holdfast::cli {
namespace {
struct Word {  // that may come next
  std::string text;
  std::string about;
};

bool is_file(std::string_view value) { return value == "FILE" || value == "PATH"; }

// The verbs, options and fixed arguments that may follow `verb`.
std::vector<Word> words_after(const VerbInfo& verb, std::span<const VerbInfo> verbs) {
  std::vector<Word> words;
  for (const VerbInfo& other : verbs)
    for (const std::string& name : verb.subverbs)
      if (other.path == (verb.path.empty() ? name : verb.path + " " + name))
        words.push_back({name, other.about});
  for (const OptionInfo& option : verb.options) {
    if (!option.argument) {
      words.push_back({option.name, option.about});
    } else if (option.name == "VERB") {
      for (const std::string& name : verbs.front().subverbs) words.push_back({name, "verb"});
    } else if (option.name.find('|') != std::string::npos) {
      for (const auto part : std::views::split(std::string_view(option.name), '|'))
        words.push_back({std::string(part.begin(), part.end()), option.about});
    }
  }
  return words;
}

bool takes_file(const VerbInfo& verb) {
  return std::ranges::any_of(verb.options, [](const OptionInfo& option) {
    return option.argument && is_file(option.name);
  });
}

// `" serve" | " config" | "config check"`: a verb path, a space, and the word that lengthens it.
std::string steps(std::span<const VerbInfo> verbs, std::string_view between) {
  std::string out;
  for (const VerbInfo& verb : verbs)
    for (const std::string& name : verb.subverbs)
      out += fmt::format("{}\"{} {}\"", out.empty() ? "" : between, verb.path, name);
  return out;
}

// `"serve --config" | "serve --state"` for the options whose values `wanted` accepts.
std::string options_with(std::span<const VerbInfo> verbs, std::string_view between,
                         bool (*wanted)(std::string_view)) {
  std::string out;
  for (const VerbInfo& verb : verbs)
    for (const OptionInfo& option : verb.options)
      if (!option.argument && wanted(option.value))
        out += fmt::format("{}\"{} {}\"", out.empty() ? "" : between, verb.path, option.name);
  return out;
}

bool is_folder(std::string_view value) { return value == "DIR"; }

// `text` fit for single quotes of every shell.
std::string quotable(std::string_view text) {
  std::string out;
  for (const char c : text)
    if (c != '\'' && c != '\\') out += c;
  return out;
}

std::string bash(std::span<const VerbInfo> verbs) {
  std::string cases;
  for (const VerbInfo& verb : verbs) {
    std::string words;
    for (const Word& word : words_after(verb, verbs))
      words += (words.empty() ? "" : " ") + word.text;
    cases += fmt::format("    \"{}\") words='{}'{} ;;\n", verb.path, words,
                         takes_file(verb) ? " files=yes" : "");
  }
  return fmt::format(R"(# bash completion of holdfast: source <(holdfast completion bash)
_holdfast() {{
  local current=${{COMP_WORDS[COMP_CWORD]}} previous=${{COMP_WORDS[COMP_CWORD - 1]}}
  local verb='' word words='' files=no
  for word in "${{COMP_WORDS[@]:1:COMP_CWORD-1}}"; do
    case "$verb $word" in
      {}) verb="${{verb:+$verb }}$word" ;;
    esac
  done
  case "$verb $previous" in
    {}) mapfile -t COMPREPLY < <(compgen -f -- "$current"); return ;;
    {}) mapfile -t COMPREPLY < <(compgen -d -- "$current"); return ;;
  esac
  case "$verb" in
{}  esac
  mapfile -t COMPREPLY < <(compgen -W "$words" -- "$current")
  if [[ $files == yes && $current != -* ]]; then
    mapfile -t -O "${{#COMPREPLY[@]}}" COMPREPLY < <(compgen -f -- "$current")
  fi
}}
complete -o filenames -F _holdfast holdfast
)",
                     steps(verbs, " | "), options_with(verbs, " | ", is_file),
                     options_with(verbs, " | ", is_folder), cases);
}

std::string zsh(std::span<const VerbInfo> verbs) {
  std::string cases;
  for (const VerbInfo& verb : verbs) {
    std::string words;
    for (const Word& word : words_after(verb, verbs))
      words += fmt::format(" '{}:{}'", word.text, quotable(word.about));
    cases += fmt::format("    \"{}\") next=({} ){} ;;\n", verb.path, words,
                         takes_file(verb) ? " files=yes" : "");
  }
  return fmt::format(R"(#compdef holdfast
# zsh completion of holdfast: holdfast completion zsh > "${{fpath[1]}}/_holdfast"
_holdfast() {{
  local verb='' word files=no
  local -a next
  for word in "${{(@)words[2,CURRENT-1]}}"; do
    case "$verb $word" in
      ({}) verb="${{verb:+$verb }}$word" ;;
    esac
  done
  case "$verb ${{words[CURRENT-1]}}" in
    ({}) _files; return ;;
    ({}) _files -/; return ;;
  esac
  case "$verb" in
{}  esac
  _describe holdfast next
  [[ $files == yes ]] && _files
}}
if [[ $funcstack[1] == _holdfast ]]; then _holdfast "$@"; else compdef _holdfast holdfast; fi
)",
                     steps(verbs, "|"), options_with(verbs, "|", is_file),
                     options_with(verbs, "|", is_folder), cases);
}

std::string fish(std::span<const VerbInfo> verbs) {
  std::string out = fmt::format(R"(# fish completion of holdfast: holdfast completion fish | source
function __holdfast_at
  set -l verb ''
  for word in (commandline -opc)[2..-1]
    switch "$verb $word"
      case {}
        set verb (string trim -- "$verb $word")
    end
  end
  test "$verb" = "$argv"
end
complete -c holdfast -f
)",
                                steps(verbs, " "));
  for (const VerbInfo& verb : verbs) {
    const std::string at = fmt::format("complete -c holdfast -n '__holdfast_at {}'", verb.path);
    for (const Word& word : words_after(verb, verbs)) {
      const auto option = std::ranges::find(verb.options, word.text, &OptionInfo::name);
      const bool value = option != verb.options.end() && !option->value.empty();
      if (word.text.starts_with("--"))
        out += fmt::format("{} -l {}{} -d '{}'\n", at, word.text.substr(2), value ? " -r -F" : "",
                           quotable(word.about));
      else
        out += fmt::format("{} -a {} -d '{}'\n", at, word.text, quotable(word.about));
    }
    if (takes_file(verb)) out += at + " -F\n";
  }
  return out;
}
}  // namespace

std::string completion_script(std::string_view shell, std::span<const VerbInfo> verbs) {
  if (shell == "bash") return bash(verbs);
  if (shell == "zsh") return zsh(verbs);
  HF_CHECK(shell == "fish");
  return fish(verbs);
}
}  // namespace holdfast::cli
