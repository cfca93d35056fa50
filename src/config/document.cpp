#include "config/document.h"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <utility>

#include "net/sigv4.h"

namespace holdfast::config {
namespace {
namespace fs = std::filesystem;

// Sections of the same name in two files become one; what stands inside them does not.
constexpr int merged_levels = 2;

Problem whole_file(std::string file, std::string what, std::string remedy = {}) {
  Problem problem;
  problem.file = std::move(file);
  problem.what = std::move(what);
  problem.remedy = std::move(remedy);
  return problem;
}

void add_remark(Document& into, const Remark& remark) {
  Problem problem = whole_file(into.files[remark.place.file], remark.what);
  problem.line = remark.place.line;
  problem.column = remark.place.column;
  problem.key = remark.key;
  into.problems.push_back(std::move(problem));
}

// Puts the entries of `from` into `into`.
void merge_map(Document& document, Node& into, const Node& from, const std::string& path,
               int level) {
  for (const Entry& entry : from.entries) {
    const auto same = std::ranges::find(into.entries, entry.key, &Entry::key);
    if (same == into.entries.end()) {
      into.entries.push_back(entry);
      into.nodes += entry.value->nodes;
      continue;
    }
    const std::string key = join_key(path, entry.key);
    if (same->value->type == Node::Type::null) {
      same->value = entry.value;
    } else if (level < merged_levels && same->value->type == Node::Type::map &&
               entry.value->type == Node::Type::map) {
      auto both = std::make_shared<Node>(*same->value);
      merge_map(document, *both, *entry.value, key, level + 1);
      same->value = std::move(both);
    } else if (entry.value->type != Node::Type::null) {
      add_remark(document, {entry.place, key,
                            fmt::format("key given twice; the first is at {}:{}:{}",
                                        document.files[same->place.file], same->place.line,
                                        same->place.column)});
    }
  }
}

// The digest of what is there and one more file.
std::string digest_with(const std::string& before, const std::string& name, std::string_view text) {
  return net::sha256_hex(fmt::format("{}\n{}\n{}", before, name, net::sha256_hex(text)));
}

// Adds one file's text. A file that cannot be read at all leaves the document without a root.
void add_text(Document& document, std::string_view text, std::string name, bool& broken) {
  const auto index = static_cast<std::uint32_t>(document.files.size());
  document.digest = digest_with(document.digest, fs::path(name).filename().string(), text);
  document.files.push_back(std::move(name));
  const Tree tree = parse_tree(text, index, document.environment);
  for (const Remark& remark : tree.remarks) add_remark(document, remark);
  if (!tree.root) {
    broken = true;
    return;
  }
  if (tree.root->type != Node::Type::map && tree.root->type != Node::Type::null) {
    add_remark(document, {tree.root->place, {}, "must be a map of keys, as in server: {...}"});
    broken = true;
    return;
  }
  if (!document.root) {
    document.root = tree.root;
    return;
  }
  auto both = std::make_shared<Node>(*document.root);
  if (tree.root->type == Node::Type::map) both->type = Node::Type::map;
  merge_map(document, *both, *tree.root, {}, 1);
  if (both->nodes > limits::config_nodes) {
    add_remark(document, {Place{index, 0, 0},
                          {},
                          fmt::format("with the files before it, more than {} values",
                                      limits::config_nodes)});
    broken = true;
  }
  document.root = std::move(both);
}

// The file's bytes; at most one more than a configuration may have.
Result<std::string> read_file(const fs::path& path) {
  std::error_code error;
  const fs::file_status status = fs::status(path, error);
  if (fs::exists(status) && !fs::is_regular_file(status))
    return fail(ErrorCode::configuration, "is not a regular file");
  std::ifstream in(path, std::ios::binary);
  if (!in)
    return fail(ErrorCode::configuration,
                fmt::format("cannot be opened: {}", std::strerror(errno)));
  std::string text(limits::config_file_bytes + 1, '\0');
  in.read(text.data(), static_cast<std::streamsize>(text.size()));
  if (in.bad()) return fail(ErrorCode::configuration, "cannot be read");
  text.resize(static_cast<std::size_t>(in.gcount()));
  return text;
}

// The *.yaml of a folder, in the order of their names.
std::vector<fs::path> yaml_files(const fs::path& folder, std::error_code& error) {
  std::vector<fs::path> files;
  for (fs::directory_iterator it(folder, error), end; !error && it != end; it.increment(error)) {
    const fs::path name = it->path().filename();
    std::error_code ignored;
    if (name.extension() == ".yaml" && !name.string().starts_with('.') &&
        !it->is_directory(ignored))
      files.push_back(it->path());
  }
  std::ranges::sort(files);
  return files;
}

void load_files(Document& document, const std::vector<fs::path>& files) {
  bool broken = false;
  for (const fs::path& file : files) {
    Result<std::string> text = read_file(file);
    if (text) {
      add_text(document, *text, file.string(), broken);
    } else {
      document.problems.push_back(whole_file(file.string(), std::move(text.error().detail)));
      broken = true;
    }
  }
  if (broken) document.root = nullptr;
}
}  // namespace

Document load(const std::string& path, Environment environment) {
  Document document;
  document.environment = std::move(environment);
  std::error_code error;
  if (!fs::is_directory(path, error)) {
    document.folder = fs::path(path).parent_path();
    load_files(document, {fs::path(path)});
    return document;
  }
  document.folder = path;
  const std::vector<fs::path> files = yaml_files(path, error);
  if (error)
    document.problems.push_back(whole_file(path, "cannot be listed: " + error.message()));
  else if (files.empty())
    document.problems.push_back(whole_file(path, "has no *.yaml in it"));
  else if (files.size() > limits::config_files)
    document.problems.push_back(
        whole_file(path, fmt::format("has more than {} files *.yaml", limits::config_files)));
  else
    load_files(document, files);
  return document;
}

Document parse(std::string_view text, std::string name, Environment environment,
               std::filesystem::path folder) {
  Document document;
  document.environment = std::move(environment);
  document.folder = std::move(folder);
  bool broken = false;
  add_text(document, text, std::move(name), broken);
  if (broken) document.root = nullptr;
  return document;
}

Result<ResolvedSecret> secret_of(const Document& document, std::string_view reference) {
  if (document.seen) document.seen->look(reference, document.folder);
  auto secret = resolve_secret(reference, document.folder, document.environment, document.vault);
  if (secret && document.seen) document.seen->saw(reference, secret->value);
  return secret;
}

}  // namespace holdfast::config
