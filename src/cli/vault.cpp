#include "cli/vault.h"

#include <fcntl.h>
#include <fmt/chrono.h>
#include <fmt/format.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <boost/json.hpp>
#include <cerrno>
#include <cstring>

#include "base/clock.h"
#include "cli/vault_act.h"
#include "config/environment.h"
#include "config/secrets.h"
#include "vault/sealed/files.h"

namespace holdfast::cli {
namespace {
using namespace vault::sealed;
namespace json = boost::json;
constexpr int usage = 1, infrastructure = 4;
constexpr std::size_t secret_bytes = std::size_t{8} * 1024 + 2;  // and a line end

Outcome failed(const Error& error) {
  return {error.code == ErrorCode::io ? infrastructure : usage,
          {},
          fmt::format("holdfast: {}\n", error.detail)};
}

// What is unwise, for stderr.
std::string warnings(const OperatorSecret& secret) {
  std::string out;
  if (!secret.warning.empty()) out += fmt::format("holdfast: warning: {}\n", secret.warning);
  if (!LockedBytes::all_locked())
    out +=
        "holdfast: warning: keys could not be locked in memory, and may be swapped out: raise the "
        "limit (ulimit -l, LimitMEMLOCK)\n";
  return out;
}

std::string time_of(std::int64_t wall_us) {
  return fmt::format("{:%Y-%m-%dT%H:%M:%SZ}",
                     fmt::gmtime(static_cast<std::time_t>(wall_us / 1'000'000)));
}

std::string due(const Metadata& metadata) {
  if (metadata.rotate_by.empty()) return {};
  return metadata.rotate_by +
         (is_over(metadata.rotate_by, system_clock().wall_us()) ? " (overdue)" : "");
}

json::object to_json(const Entry& entry) {
  const std::string& day = entry.metadata.rotate_by;
  return {{"path", entry.path},
          {"version", entry.version},
          {"created_us", entry.created_us},
          {"owner", entry.metadata.owner},
          {"provider", entry.metadata.provider},
          {"rotate_by", day.empty() ? json::value(nullptr) : json::value(day)},
          {"overdue", !day.empty() && is_over(day, system_clock().wall_us())}};
}

std::string to_text(const std::vector<Entry>& entries) {
  std::string out;
  for (const Entry& entry : entries)
    out += fmt::format(
        "{}@{}  created {}{}{}{}\n", entry.path, entry.version, time_of(entry.created_us),
        entry.metadata.owner.empty() ? "" : "  owner " + entry.metadata.owner,
        entry.metadata.provider.empty() ? "" : "  provider " + entry.metadata.provider,
        due(entry.metadata).empty() ? "" : "  rotate by " + due(entry.metadata));
  return out;
}

Outcome show(const Result<std::vector<Entry>>& entries, bool as_json) {
  if (!entries) return failed(entries.error());
  if (!as_json) return {0, entries->empty() ? "no secrets\n" : to_text(*entries), {}};
  json::array list;
  for (const Entry& entry : *entries) list.push_back(to_json(entry));
  return {0, json::serialize(json::object{{"secrets", std::move(list)}}) + "\n", {}};
}

// The secret of `put`, without its line end.
Result<LockedBytes> read_secret(const std::string& file) {
  if (file.empty() && ::isatty(STDIN_FILENO) == 1)
    return fail(ErrorCode::invalid_request,
                "the secret is read from standard input, and a terminal would show it: write "
                "< FILE, or --file FILE");
  const Descriptor source(file.empty() ? ::dup(STDIN_FILENO)
                                       : ::open(file.c_str(), O_RDONLY | O_CLOEXEC));
  if (source.number() < 0)
    return fail(ErrorCode::configuration,
                fmt::format("{} cannot be opened: {}", file, std::strerror(errno)));
  auto bytes = read_locked(source.number(), secret_bytes);
  if (!bytes) return fail(bytes.error().code, "the secret " + bytes.error().detail);
  std::string_view text = bytes->reveal();
  if (text.ends_with('\n')) text.remove_suffix(1);
  if (text.ends_with('\r')) text.remove_suffix(1);
  bytes->shrink(text.size());
  auto right = config::check_secret(bytes->reveal(), "the secret");
  if (!right) return std::unexpected(std::move(right).error());
  return bytes;
}

Outcome init(const VaultArguments& arguments) {
  const SecretOptions& options = arguments.secret;
  if (options.key_file.empty() && options.passphrase_file.empty())
    return failed({ErrorCode::invalid_request,
                   "say what opens the vault: --key-file FILE or --passphrase-file FILE"});
  const auto secret = options.key_file.empty() ? read_passphrase(options.passphrase_file)
                                               : make_key_file(options.key_file);
  if (!secret) return failed(secret.error());
  auto act = VaultAct::begin(arguments.state_dir, "init", {});
  if (!act) return failed(act.error());
  const auto made = Vault::create(arguments.state_dir, *secret);
  if (!made) return failed(made.error());
  act->done();
  return {0,
          fmt::format("made {}/vault.db, opened by {}\nWithout it nobody reads a secret again: "
                      "keep a copy in another place than the backups.\n",
                      arguments.state_dir, secret->source),
          warnings(*secret)};
}

// The secret is read before the vault is opened: whoever types it holds nobody up.
Outcome put(const VaultArguments& arguments, const OperatorSecret& opener) {
  if (arguments.file.empty() && arguments.secret.passphrase_file == "-")
    return failed({ErrorCode::invalid_request,
                   "standard input is either the secret or the passphrase: write --file FILE"});
  const auto secret = read_secret(arguments.file);
  if (!secret) return failed(secret.error());
  auto vault = Vault::open(arguments.state_dir, opener, store::Access::write);
  if (!vault) return failed(vault.error());
  auto act = VaultAct::begin(arguments.state_dir, "put", arguments.path);
  if (!act) return failed(act.error());
  const auto version =
      vault->put(arguments.path, secret->reveal(), arguments.metadata, system_clock());
  if (!version) return failed(version.error());
  act->done();
  return {0,
          fmt::format("stored {0}@{1}; a running gateway takes it over within a second\n",
                      arguments.path, *version),
          {}};
}

// The new secret is read, or made, before the vault is opened.
Outcome rekey(const VaultArguments& arguments, const OperatorSecret& opener) {
  const SecretOptions& fresh = arguments.fresh;
  if (fresh.key_file.empty() && fresh.passphrase_file.empty())
    return failed({ErrorCode::invalid_request,
                   "say what opens the vault from now on: --new-key-file or "
                   "--new-passphrase-file"});
  const auto secret = fresh.key_file.empty() ? read_passphrase(fresh.passphrase_file)
                                             : make_key_file(fresh.key_file);
  if (!secret) return failed(secret.error());
  auto vault = Vault::open(arguments.state_dir, opener, store::Access::write);
  if (!vault) return failed(vault.error());
  auto act = VaultAct::begin(arguments.state_dir, "rekey", {});
  if (!act) return failed(act.error());
  const auto done = vault->rekey(*secret);
  if (!done) return failed(done.error());
  act->done();
  return {0,
          fmt::format("opened by {} from now on; backups of before are opened by what opened the "
                      "vault then\n",
                      secret->source),
          warnings(*secret)};
}

Outcome backup(const VaultArguments& arguments, const Vault& vault) {
  auto act = VaultAct::begin(arguments.state_dir, "backup", {});
  if (!act) return failed(act.error());
  const auto bytes = vault.backup();
  if (!bytes) return failed(bytes.error());
  const auto written = write_new_file(arguments.file, *bytes);
  if (!written) return failed(written.error());
  act->done();
  return {0, fmt::format("wrote {} (change {})\n", arguments.file, vault.generation()), {}};
}

Outcome restore(const VaultArguments& arguments, const OperatorSecret& secret) {
  const auto bytes = read_file(arguments.file, limits::vault_backup_bytes);
  if (!bytes) return failed(bytes.error());
  auto act = VaultAct::begin(arguments.state_dir, "restore", {});
  if (!act) return failed(act.error());
  const auto made = Vault::restore(arguments.state_dir, *bytes, secret);
  if (!made) return failed(made.error());
  act->done();
  return {0, fmt::format("made {}/vault.db out of {}\n", arguments.state_dir, arguments.file), {}};
}

Outcome accept_rollback(const VaultArguments& arguments, const OperatorSecret& secret) {
  auto act = VaultAct::begin(arguments.state_dir, "accept-rollback", {});
  if (!act) return failed(act.error());
  const auto accepted = Vault::accept_rollback(arguments.state_dir, secret);
  if (!accepted) return failed(accepted.error());
  act->done();
  return {0, fmt::format("{}/vault.db is the right one from now on\n", arguments.state_dir), {}};
}

Outcome with_open_vault(const std::string& verb, const VaultArguments& arguments,
                        const OperatorSecret& secret, bool as_json) {
  const bool reads = verb == "list" || verb == "get-metadata" || verb == "backup";
  auto vault =
      Vault::open(arguments.state_dir, secret, reads ? store::Access::read : store::Access::write);
  if (!vault) return failed(vault.error());
  if (verb == "list") return show(vault->list(), as_json);
  if (verb == "get-metadata") return show(vault->versions(arguments.path), as_json);
  if (verb == "backup") return backup(arguments, *vault);
  auto act = VaultAct::begin(arguments.state_dir, "rotate", arguments.root ? "root" : "");
  if (!act) return failed(act.error());
  const auto rotated = vault->rotate(arguments.root ? Level::root : Level::data_key);
  if (!rotated) return failed(rotated.error());
  act->done();
  return {0,
          arguments.root ? "new root key and data key; every secret is sealed anew\n"
                         : "new data key; every secret is sealed anew\n",
          {}};
}
}  // namespace

Outcome run_vault(const std::string& verb, const VaultArguments& arguments, bool json) {
  ::prctl(PR_SET_DUMPABLE, 0);
  if (verb == "init") return init(arguments);
  const auto secret = find_operator_secret(arguments.secret, config::process_environment());
  if (!secret) return failed(secret.error());
  Outcome outcome = verb == "put"               ? put(arguments, *secret)
                    : verb == "rekey"           ? rekey(arguments, *secret)
                    : verb == "restore"         ? restore(arguments, *secret)
                    : verb == "accept-rollback" ? accept_rollback(arguments, *secret)
                                                : with_open_vault(verb, arguments, *secret, json);
  outcome.error = warnings(*secret) + outcome.error;
  return outcome;
}
}  // namespace holdfast::cli
