// What is wrong with a configuration, where, and what to do about it.
#pragma once
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace holdfast::config {

enum class Severity : std::uint8_t { error, warning };

// The sentences never hold a value of the file or of the environment: it may be a secret.
struct Problem {
  Severity severity = Severity::error;
  std::string file;
  int line = 0;  // from 1; 0: the whole file
  int column = 0;
  std::string key;      // "providers.openai.key", "models.chat.targets[0]"; empty: the whole file
  std::string what;     // "unknown key"
  std::string remedy;   // "did you mean \"key\"?"; may be empty
  std::string allowed;  // "base_url, key"; may be empty
  bool operator==(const Problem&) const = default;
};

// One line, for example
//   holdfast.yaml:12:5: providers.openai.kye: unknown key; did you mean "key"? allowed: base_url,
//   key
std::string to_string(const Problem& problem);

// Whether one of them is an error.
bool has_error(std::span<const Problem> problems);

// By file, line and column.
void sort_by_place(std::vector<Problem>& problems);

// `text` fit for one line of a terminal: control characters replaced, at most 64 bytes.
std::string printable(std::string_view text);

}  // namespace holdfast::config
