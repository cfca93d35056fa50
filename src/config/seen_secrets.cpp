#include "config/seen_secrets.h"

#include <sys/stat.h>

namespace holdfast::config {
namespace {
constexpr std::string_view file = "file:", vault = "vault:";

std::int64_t in_ns(const timespec& time) {
  return static_cast<std::int64_t>(time.tv_sec) * 1'000'000'000 + time.tv_nsec;
}
}  // namespace

FileStamp stamp_of(const std::filesystem::path& path) {
  struct stat status{};
  if (::stat(path.c_str(), &status) != 0) return {};
  return {status.st_dev, status.st_ino, static_cast<std::uint64_t>(status.st_size),
          in_ns(status.st_mtim), in_ns(status.st_ctim)};
}

void SeenSecrets::look(std::string_view reference, const std::filesystem::path& folder) {
  std::filesystem::path path;
  if (reference.starts_with(file)) path = folder / reference.substr(file.size());
  if (reference.starts_with(vault)) path = vault_file_;
  if (!path.empty()) files_.try_emplace(path, stamp_of(path));
}

void SeenSecrets::saw(std::string_view reference, const Secret& value) {
  values_.try_emplace(std::string(reference), value);
}

std::vector<FileStamp> SeenSecrets::look_again() const {
  std::vector<FileStamp> out;
  out.reserve(files_.size());
  for (const auto& [path, stamp] : files_) out.push_back(stamp_of(path));
  return out;
}

std::vector<FileStamp> SeenSecrets::stamps() const {
  std::vector<FileStamp> out;
  out.reserve(files_.size());
  for (const auto& [path, stamp] : files_) out.push_back(stamp);
  return out;
}

std::vector<std::string> SeenSecrets::changed_since(const SeenSecrets& before) const {
  std::vector<std::string> out;
  for (const auto& [reference, value] : values_) {
    const auto found = before.values_.find(reference);
    if (found == before.values_.end() ||
        !equal_in_constant_time(value.reveal(), found->second.reveal()))
      out.push_back(reference);
  }
  return out;
}
}  // namespace holdfast::config
