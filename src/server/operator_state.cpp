#include "server/operator_state.h"

#include <fmt/format.h>

#include <boost/json/object.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "base/files.h"
#include "base/log.h"

namespace holdfast::server {
namespace {

namespace json = boost::json;

std::optional<OperatorEntry> read_entry(const json::value& value) {
  if (!value.is_object()) return std::nullopt;
  OperatorEntry entry;
  for (const auto& [key, field] : value.as_object()) {
    if (key == "out" && field.is_bool())
      entry.out = field.as_bool();
    else if (key == "frozen" && field.is_bool())
      entry.frozen = field.as_bool();
    else if (key == "until_us" && field.is_int64())
      entry.until_us = field.as_int64();
    else if (key == "since_us" && field.is_int64())
      entry.since_us = field.as_int64();
    else
      return std::nullopt;
  }
  return entry;
}

// Until when it is out, as the table has it.
std::optional<MonoTime> out_until(const OperatorEntry& entry, const Clock& clock) {
  if (!entry.out) return std::nullopt;
  if (entry.until_us == 0) return MonoTime::max();
  return clock.now() + std::chrono::microseconds(entry.until_us - clock.wall_us());
}

}  // namespace

bool speaks_of(std::string_view said, std::string_view provider, std::string_view model) {
  if (!said.starts_with(provider)) return false;
  said.remove_prefix(provider.size());
  return said.empty() || (said.front() == '/' && said.substr(1) == model);
}

Result<OperatorState> OperatorState::open(const std::string& directory) {
  OperatorState out((std::filesystem::path(directory) / "operator.json").string());
  std::ifstream file(out.path_, std::ios::binary);
  if (!file) {
    if (!std::filesystem::exists(out.path_)) return out;
    return io_failure("read", out.path_);
  }
  const std::string text{std::istreambuf_iterator<char>(file), {}};
  boost::system::error_code error;
  const json::value value = json::parse(text, error);
  bool right = !error && value.is_object();
  if (right)
    for (const auto& [target, said] : value.as_object()) {
      const auto entry = read_entry(said);
      right = right && entry.has_value();
      if (entry) out.entries_.emplace(target, *entry);
    }
  if (!right)
    return fail(ErrorCode::configuration,
                fmt::format("{} is damaged: it says which targets an operator has taken out; mend "
                            "it, or move it away and take them out again",
                            out.path_));
  return out;
}

Result<void> OperatorState::keep(Entries entries) {
  json::object all;
  for (const auto& [target, entry] : entries)
    all[target] = json::object{{"out", entry.out},
                               {"until_us", entry.until_us},
                               {"frozen", entry.frozen},
                               {"since_us", entry.since_us}};
  if (auto kept = replace_file(path_, json::serialize(all)); !kept) return kept;
  entries_ = std::move(entries);
  return {};
}

Result<void> OperatorState::drain(const std::string& target, std::int64_t now_us,
                                  std::int64_t until_us) {
  Entries next = entries_;
  OperatorEntry& entry = next[target];
  entry.out = true;
  entry.until_us = until_us;
  entry.since_us = now_us;
  return keep(std::move(next));
}

Result<void> OperatorState::freeze(const std::string& target, std::int64_t now_us) {
  Entries next = entries_;
  OperatorEntry& entry = next[target];
  entry.frozen = true;
  entry.since_us = now_us;
  return keep(std::move(next));
}

Result<void> OperatorState::restore(const std::string& target) {
  Entries next = entries_;
  next.erase(target);
  return keep(std::move(next));
}

void OperatorState::apply(const routing::Snapshot& snapshot, routing::HealthTable& health,
                          const Clock& clock) {
  Entries next = entries_;
  bool over = false;
  for (auto& [target, entry] : next) {
    if (!entry.out || entry.until_us == 0 || entry.until_us > clock.wall_us()) continue;
    log::info("target {}: its time of maintenance is over", target);
    entry.out = false;
    entry.until_us = 0;
    over = true;
  }
  if (over) {
    std::erase_if(next, [](const auto& one) { return !one.second.out && !one.second.frozen; });
    if (auto kept = keep(std::move(next)); !kept) log::warning("{}", kept.error().detail);
  }
  const auto apply_to = [&](const routing::Target& target, std::size_t index) {
    std::optional<MonoTime> until;
    bool frozen = false;
    for (const auto& [said, entry] : entries_) {
      if (!speaks_of(said, target.provider->name, target.model)) continue;
      frozen = frozen || entry.frozen;
      const auto own = out_until(entry, clock);
      if (own && (!until || *own > *until)) until = own;
    }
    health.maintain(index, until);
    health.freeze(index, frozen);
  };
  for (const auto& [name, model] : snapshot.models) {
    for (std::size_t i = 0; i < model.targets.size(); ++i)
      apply_to(model.targets[i], model.indices[i]);
    for (const routing::Shadow& shadow : model.shadows) apply_to(shadow.target, shadow.index);
  }
}

}  // namespace holdfast::server
