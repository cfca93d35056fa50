// The reference page of every key, written from what the readers of the sections say about them.
#pragma once
#include <span>
#include <string>
#include <vector>

namespace holdfast::config {

struct KeyEntry {
  std::string path;      // "providers.NAME.timeouts.idle", "models.NAME.targets[].model"
  std::string type;      // "duration", "one of openai, llama_cpp"
  std::string fallback;  // the default; empty: none
  std::string about;     // never empty
  std::string only;      // the condition under which it means something; empty: always
  bool required = false;
};

// A Markdown page: one heading per section, one table row per key.
std::string render_reference(std::span<const KeyEntry> keys);

}  // namespace holdfast::config
