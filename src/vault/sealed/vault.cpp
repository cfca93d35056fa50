#include "vault/sealed/vault.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <chrono>
#include <limits>

#include "config/problem.h"
#include "vault/sealed/backup.h"

namespace holdfast::vault::sealed {
namespace {
constexpr std::string_view metadata_schema = "metadata", secret_schema = "secret";

std::string encode_metadata(const Entry& entry) {
  FieldWriter writer;
  writer.text(entry.path).number(static_cast<std::uint64_t>(entry.created_us));
  writer.text(entry.metadata.owner).text(entry.metadata.provider).text(entry.metadata.rotate_by);
  return writer.take();
}

std::optional<Entry> decode_metadata(std::string_view bytes) {
  FieldReader reader(bytes);
  const auto path = reader.text();
  const auto created = reader.number();
  const auto owner = reader.text();
  const auto provider = reader.text();
  const auto rotate_by = reader.text();
  if (!path || !created || !owner || !provider || !rotate_by || !reader.done()) return std::nullopt;
  return Entry{std::string(*path),
               0,
               static_cast<std::int64_t>(*created),
               {std::string(*owner), std::string(*provider), std::string(*rotate_by)}};
}

bool is_plain_text(std::string_view text) {
  return text.size() <= limits::vault_text_bytes && std::ranges::none_of(text, [](char c) {
           return static_cast<unsigned char>(c) < 0x20 || c == 0x7f;
         });
}

std::optional<std::chrono::year_month_day> parse_date(std::string_view date) {
  if (date.size() != 10 || date[4] != '-' || date[7] != '-') return std::nullopt;
  const auto number = [&](std::size_t at, std::size_t digits) {
    unsigned value = 0;
    const char* end = date.data() + at + digits;
    const auto read = std::from_chars(date.data() + at, end, value);
    return read.ec == std::errc() && read.ptr == end ? value : 0U;
  };
  const std::chrono::year_month_day day{std::chrono::year(static_cast<int>(number(0, 4))),
                                        std::chrono::month(number(5, 2)),
                                        std::chrono::day(number(8, 2))};
  if (!day.ok() || number(0, 4) == 0) return std::nullopt;
  return day;
}

Protection protection_for(const OperatorSecret& secret, Argon2Cost cost) {
  return {secret.kind, random_bytes(salt_bytes), cost, {}};
}
}  // namespace

bool is_date(std::string_view date) { return parse_date(date).has_value(); }

bool is_over(std::string_view date, std::int64_t wall_us) {
  const auto day = parse_date(date);
  const std::chrono::sys_time<std::chrono::microseconds> now{std::chrono::microseconds(wall_us)};
  return day && now >= std::chrono::sys_days(*day) + std::chrono::days(1);
}

Result<void> Vault::create(const std::string& directory, const OperatorSecret& secret,
                           Argon2Cost cost) {
  Contents contents;
  contents.install_id = random_bytes(install_id_bytes);
  contents.protection = protection_for(secret, cost);
  contents.generation = 1;
  const auto wrapping = operator_key(secret, contents.protection);
  if (!wrapping) return std::unexpected(wrapping.error());
  const Keys keys = Keys::make(wrapping->reveal(), 1, contents);
  return VaultFile::create(directory, contents, keys.seal_of(contents));
}

Result<Vault> Vault::open_unchecked(const std::string& directory, const OperatorSecret& secret,
                                    store::Access access) {
  auto file = VaultFile::open(directory, access);
  if (!file) return std::unexpected(std::move(file).error());
  auto stored = file->load();
  if (!stored) return std::unexpected(std::move(stored).error());
  auto wrapping = operator_key(secret, stored->contents.protection);
  if (!wrapping) return std::unexpected(std::move(wrapping).error());
  auto keys = Keys::open(wrapping->reveal(), secret, stored->contents);
  if (!keys)
    return fail(keys.error().code, fmt::format("{}: {}", file->path(), keys.error().detail));
  Vault vault(*std::move(file), *std::move(stored), *std::move(keys), *std::move(wrapping));
  if (!same_bytes(vault.keys_.seal_of(vault.contents_), vault.seal_))
    return vault.altered("its seal does not fit");
  return vault;
}

Result<Vault> Vault::open(const std::string& directory, const OperatorSecret& secret,
                          store::Access access) {
  auto vault = open_unchecked(directory, secret, access);
  if (!vault) return vault;
  auto checked = vault->check_head(access);
  if (!checked) return std::unexpected(std::move(checked).error());
  return vault;
}

Result<void> Vault::check_head(store::Access access) {
  const auto head = file_.head();
  if (!head) return std::unexpected(head.error());
  const Head own{contents_.generation, seal_};
  if (*head == own) return {};
  // A process that ended between the two leaves the head file one change behind.
  if (*head == Head{contents_.generation - 1, contents_.previous_seal}) {
    if (access == store::Access::read) return {};
    return file_.write_head(own);
  }
  constexpr std::string_view remedy =
      "put the newer vault.db back, or, if it was you who put this one there, say so with "
      "\"holdfast vault accept-rollback\"";
  if (!*head)
    return fail(ErrorCode::configuration,
                fmt::format("rollback_detected: vault.head beside {} is missing or damaged, so an "
                            "older file in its place would not be noticed: {}",
                            file_.path(), remedy));
  return fail(ErrorCode::configuration,
              fmt::format("rollback_detected: {} is of change {}, and vault.head knows of change "
                          "{}: {}",
                          file_.path(), contents_.generation, (*head)->generation, remedy));
}

Result<void> Vault::accept_rollback(const std::string& directory, const OperatorSecret& secret) {
  auto vault = open_unchecked(directory, secret, store::Access::write);
  if (!vault) return std::unexpected(std::move(vault).error());
  const auto head = vault->file_.head();
  if (!head) return std::unexpected(head.error());
  Contents next = vault->contents_;
  // Beyond all that was ever acknowledged, so that the newer file does not fit any more either.
  if (*head) next.generation = std::max(next.generation, (*head)->generation);
  return vault->commit(std::move(next));
}

std::unexpected<Error> Vault::altered(std::string_view what) const {
  return fail(ErrorCode::configuration,
              fmt::format("{} was altered by something else than Holdfast ({}): move it and "
                          "vault.head away, and restore a backup with \"holdfast vault restore\"",
                          file_.path(), what));
}

Result<Entry> Vault::entry_of(const RowName& name, const Row& row) const {
  const auto plain = keys_.open({name.tag, name.version, metadata_schema}, row.metadata);
  if (!plain) return altered("metadata does not open");
  auto entry = decode_metadata(plain->reveal());
  if (!entry || keys_.name_tag(entry->path) != name.tag)
    return altered("metadata stands in another's place");
  entry->version = name.version;
  return *std::move(entry);
}

Result<std::vector<Entry>> Vault::list() const {
  std::vector<Entry> entries;
  for (auto row = contents_.rows.begin(); row != contents_.rows.end(); ++row) {
    const auto next = std::next(row);
    if (next != contents_.rows.end() && next->first.tag == row->first.tag) continue;
    auto entry = entry_of(row->first, row->second);
    if (!entry) return std::unexpected(std::move(entry).error());
    entries.push_back(*std::move(entry));
  }
  std::ranges::sort(entries, {}, &Entry::path);
  return entries;
}

Result<std::vector<Entry>> Vault::versions(std::string_view path) const {
  const std::string tag = keys_.name_tag(path);
  std::vector<Entry> entries;
  for (auto row = contents_.rows.lower_bound({tag, 0});
       row != contents_.rows.end() && row->first.tag == tag; ++row) {
    auto entry = entry_of(row->first, row->second);
    if (!entry) return std::unexpected(std::move(entry).error());
    entries.push_back(*std::move(entry));
  }
  if (entries.empty())
    return fail(ErrorCode::configuration,
                fmt::format("the vault has no {0}: put it there with \"holdfast vault put {0}\"",
                            config::printable(path)));
  std::ranges::reverse(entries);
  return entries;
}

Result<Entry> Vault::find(const config::VaultReference& reference) const {
  auto entries = versions(reference.path);
  if (!entries) return std::unexpected(std::move(entries).error());
  if (!reference.version) return std::move(entries->front());
  std::string there;
  for (Entry& entry : *entries) {
    if (entry.version == *reference.version) return std::move(entry);
    there += fmt::format("{}{}", there.empty() ? "" : ", ", entry.version);
  }
  return fail(ErrorCode::configuration,
              fmt::format("the vault has no version {} of {}; it has: {}", *reference.version,
                          config::printable(reference.path), there));
}

Result<LockedBytes> Vault::reveal(const Entry& entry) const {
  const auto row = contents_.rows.find({keys_.name_tag(entry.path), entry.version});
  if (row == contents_.rows.end()) return altered("a secret is gone");
  auto plain = keys_.open({entry.path, entry.version, secret_schema}, row->second.secret);
  if (!plain) return altered("a secret does not open");
  return *std::move(plain);
}

Result<std::int64_t> Vault::put(std::string_view path, std::string_view secret, Metadata metadata,
                                const Clock& clock) {
  if (!config::is_vault_path(path))
    return fail(ErrorCode::invalid_request,
                "a path is letters, digits and . _ - in parts between slashes, as in openai/prod");
  if (!is_plain_text(metadata.owner) || !is_plain_text(metadata.provider))
    return fail(ErrorCode::invalid_request,
                fmt::format("an owner or provider has at most {} bytes, without control characters",
                            limits::vault_text_bytes));
  if (!metadata.rotate_by.empty() && !is_date(metadata.rotate_by))
    return fail(ErrorCode::invalid_request, "the day to rotate by is written as in 2027-03-01");
  auto known = list();
  if (!known) return std::unexpected(std::move(known).error());
  Entry entry{std::string(path), 1, clock.wall_us(), std::move(metadata)};
  const auto before = std::ranges::find(*known, path, &Entry::path);
  if (before == known->end() && known->size() >= limits::vault_paths)
    return fail(ErrorCode::too_large,
                fmt::format("the vault has {} paths, and no room for more", limits::vault_paths));
  if (before != known->end()) {
    entry.version = before->version + 1;
    if (entry.metadata.owner.empty()) entry.metadata.owner = before->metadata.owner;
    if (entry.metadata.provider.empty()) entry.metadata.provider = before->metadata.provider;
  }
  const std::string tag = keys_.name_tag(path);
  Contents next = contents_;
  next.rows[{tag, entry.version}] = {
      keys_.seal({tag, entry.version, metadata_schema}, encode_metadata(entry)),
      keys_.seal({path, entry.version, secret_schema}, secret)};
  next.rows.erase({tag, entry.version - static_cast<std::int64_t>(limits::vault_versions)});
  auto stored = commit(std::move(next));
  if (!stored) return std::unexpected(std::move(stored).error());
  return entry.version;
}

Result<void> Vault::reseal(const Keys& from, const Keys& to, Contents& into) const {
  into.rows.clear();
  for (const auto& [name, row] : contents_.rows) {
    const auto entry = entry_of(name, row);
    if (!entry) return std::unexpected(entry.error());
    const auto secret = from.open({entry->path, name.version, secret_schema}, row.secret);
    if (!secret) return altered("a secret does not open");
    const std::string tag = to.name_tag(entry->path);
    into.rows[{tag, name.version}] = {
        to.seal({tag, name.version, metadata_schema}, encode_metadata(*entry)),
        to.seal({entry->path, name.version, secret_schema}, secret->reveal())};
  }
  return {};
}

Result<void> Vault::rotate(Level level) {
  Contents next = contents_;
  const std::int64_t old_key = keys_.data_key_id();
  if (level == Level::root) {
    Keys fresh = Keys::make(operator_key_.reveal(), old_key + 1, next);
    auto sealed = reseal(keys_, fresh, next);
    if (!sealed) return sealed;
    Keys before = std::exchange(keys_, std::move(fresh));
    auto stored = commit(std::move(next));
    if (!stored) keys_ = std::move(before);
    return stored;
  }
  keys_.add_data_key(old_key + 1, next);
  auto sealed = reseal(keys_, keys_, next);
  if (sealed) {
    next.data_keys.erase(old_key);
    sealed = commit(std::move(next));
  }
  keys_.forget_data_key(sealed ? old_key : old_key + 1);
  return sealed;
}

Result<void> Vault::rekey(const OperatorSecret& secret, Argon2Cost cost) {
  Contents next = contents_;
  next.protection = protection_for(secret, cost);
  auto wrapping = operator_key(secret, next.protection);
  if (!wrapping) return std::unexpected(std::move(wrapping).error());
  next.protection.wrapped_root = keys_.wrapped_root(wrapping->reveal());
  auto stored = commit(std::move(next));
  if (stored) operator_key_ = *std::move(wrapping);
  return stored;
}

Result<void> Vault::commit(Contents next) {
  ++next.generation;
  next.previous_seal = seal_;
  std::string seal = keys_.seal_of(next);
  auto written = file_.change(contents_, next, seal);
  if (!written) return written;
  contents_ = std::move(next);
  seal_ = std::move(seal);
  return {};
}

Result<std::string> Vault::backup() const {
  std::string bytes = encode_backup(contents_, keys_);
  if (bytes.size() > limits::vault_backup_bytes)
    return fail(ErrorCode::too_large, "the backup would be larger than 256 MiB");
  return bytes;
}

Result<void> Vault::restore(const std::string& directory, std::string_view backup,
                            const OperatorSecret& secret) {
  auto contents = decode_backup(backup, secret);
  if (!contents) return std::unexpected(std::move(contents).error());
  const auto wrapping = operator_key(secret, contents->protection);
  if (!wrapping) return std::unexpected(wrapping.error());
  const auto keys = Keys::open(wrapping->reveal(), secret, *contents);
  if (!keys) return std::unexpected(keys.error());
  return VaultFile::create(directory, *contents, keys->seal_of(*contents));
}
}  // namespace holdfast::vault::sealed
