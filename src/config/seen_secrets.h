// Which secrets a configuration has read, and how their files looked then: so that a change of one
// is noticed.
#pragma once
#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/secret.h"

namespace holdfast::config {

// How a file looks from outside; all zero: it is not there. A link is what it leads to, so that
// Kubernetes' exchange of a whole folder by its link ..data shows.
struct FileStamp {
  std::uint64_t device = 0, inode = 0, size = 0;
  std::int64_t modified_ns = 0, changed_ns = 0;
  bool operator==(const FileStamp&) const = default;
};
FileStamp stamp_of(const std::filesystem::path& path);

// Used by one thread at a time.
class SeenSecrets {
 public:
  // `vault_file`: changes with every change of the vault that vault: references look into.
  explicit SeenSecrets(std::filesystem::path vault_file) : vault_file_(std::move(vault_file)) {}

  // Before a reference is looked up: how its file looks. Variables have none.
  //   folder   what relative paths are relative to
  void look(std::string_view reference, const std::filesystem::path& folder);
  // The value that it then had.
  void saw(std::string_view reference, const Secret& value);

  // How the files look now, in the order of stamps().
  std::vector<FileStamp> look_again() const;
  std::vector<FileStamp> stamps() const;
  // The references whose value is another one than in `before`, or was not there.
  std::vector<std::string> changed_since(const SeenSecrets& before) const;

 private:
  std::filesystem::path vault_file_;
  std::map<std::filesystem::path, FileStamp> files_;
  std::map<std::string, Secret, std::less<>> values_;  // by reference
};

}  // namespace holdfast::config
