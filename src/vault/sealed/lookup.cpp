#include "vault/sealed/lookup.h"

#include <fmt/format.h>

#include <memory>
#include <optional>

#include "vault/sealed/vault.h"

namespace holdfast::vault::sealed {
namespace {

// Opens the vault once; what went wrong then goes wrong for every reference.
class Opened {
 public:
  Opened(std::string directory, config::Environment environment, const Clock& clock)
      : directory_(std::move(directory)), environment_(std::move(environment)), clock_(clock) {}

  Result<config::ResolvedSecret> look_up(const config::VaultReference& reference) {
    if (!vault_) vault_.emplace(open());
    if (!*vault_) return std::unexpected(vault_->error());
    auto entry = (*vault_)->find(reference);
    if (!entry) return std::unexpected(std::move(entry).error());
    const auto plain = (*vault_)->reveal(*entry);
    if (!plain) return std::unexpected(plain.error());
    const std::string& day = entry->metadata.rotate_by;
    std::string warning = std::exchange(warning_, {});
    if (!day.empty() && is_over(day, clock_.wall_us()))
      warning += fmt::format("{}vault:{} was to be rotated by {}: put a new version",
                             warning.empty() ? "" : "; ", entry->path, day);
    return config::ResolvedSecret{Secret(std::string(plain->reveal())), std::move(warning)};
  }

 private:
  Result<Vault> open() {
    auto secret = find_operator_secret({}, environment_);
    if (!secret) {
      // Without a vault, its key is not what is missing.
      auto there = VaultFile::open(directory_, store::Access::read);
      if (!there) return std::unexpected(std::move(there).error());
      return std::unexpected(std::move(secret).error());
    }
    warning_ = std::move(secret->warning);
    return Vault::open(directory_, *secret, store::Access::read);
  }

  std::string directory_;
  config::Environment environment_;
  const Clock& clock_;
  std::optional<Result<Vault>> vault_;
  std::string warning_;  // of the operator's secret; told once
};
}  // namespace

config::SecretLookup lookup_in(std::string state_directory, config::Environment environment,
                               const Clock& clock) {
  auto opened = std::make_shared<Opened>(std::move(state_directory), std::move(environment), clock);
  return [opened](const config::VaultReference& reference) { return opened->look_up(reference); };
}
}  // namespace holdfast::vault::sealed
