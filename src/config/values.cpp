#include "config/values.h"

#include <arpa/inet.h>
#include <fmt/format.h>

#include <array>
#include <charconv>
#include <limits>
#include <span>

namespace holdfast::config {
namespace {
struct Unit {
  std::string_view name;
  std::uint64_t factor;
};
// From the largest, so that the first that divides is the one to show.
constexpr std::array<Unit, 5> time_units = {
    {{"d", 86'400'000}, {"h", 3'600'000}, {"m", 60'000}, {"s", 1'000}, {"ms", 1}}};
constexpr std::array<Unit, 9> size_units = {{{"TiB", 1ULL << 40U},
                                             {"TB", 1'000'000'000'000},
                                             {"GiB", 1ULL << 30U},
                                             {"GB", 1'000'000'000},
                                             {"MiB", 1ULL << 20U},
                                             {"MB", 1'000'000},
                                             {"KiB", 1ULL << 10U},
                                             {"KB", 1'000},
                                             {"B", 1}}};

// `what` begins the message: "a duration needs a unit, as in 15s".
Result<std::uint64_t> parse_quantity(std::string_view text, std::span<const Unit> units,
                                     std::string_view what, std::string_view example) {
  std::uint64_t number = 0;
  const char* const end = text.data() + text.size();
  const auto [rest, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error == std::errc::result_out_of_range)
    return fail(ErrorCode::configuration, "is too large a number");
  if (error != std::errc())
    return fail(ErrorCode::configuration,
                fmt::format("{} is a whole number and a unit, as in {}", what, example));
  std::string_view unit(rest, static_cast<std::size_t>(end - rest));
  if (unit.empty())
    return fail(ErrorCode::configuration, fmt::format("{} needs a unit, as in {}", what, example));
  if (unit.starts_with(' ')) unit.remove_prefix(1);
  for (const Unit& known : units) {
    if (unit != known.name) continue;
    if (number >
        static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max()) / known.factor)
      return fail(ErrorCode::configuration, "is too large a number");
    return number * known.factor;
  }
  std::string names;
  for (const Unit& known : units)
    names += fmt::format("{}{}", names.empty() ? "" : ", ", known.name);
  return fail(ErrorCode::configuration,
              fmt::format("{} is a whole number and a unit ({}), as in {}", what, names, example));
}

std::string format_quantity(std::uint64_t value, std::span<const Unit> units) {
  for (const Unit& unit : units)
    if (value != 0 && value % unit.factor == 0)
      return fmt::format("{}{}", value / unit.factor, unit.name);
  return fmt::format("0{}", units.back().name);
}

bool is_address(int family, const std::string& text) {
  std::array<unsigned char, sizeof(in6_addr)> bytes{};
  return inet_pton(family, text.c_str(), bytes.data()) == 1;
}
}  // namespace

Result<std::chrono::milliseconds> parse_duration(std::string_view text) {
  const Result<std::uint64_t> value = parse_quantity(text, time_units, "a duration", "15s");
  if (!value) return std::unexpected(value.error());
  return std::chrono::milliseconds(static_cast<std::int64_t>(*value));
}
std::string format_duration(std::chrono::milliseconds value) {
  return format_quantity(static_cast<std::uint64_t>(value.count()), time_units);
}

Result<std::uint64_t> parse_size(std::string_view text) {
  return parse_quantity(text, size_units, "a size", "32MiB");
}
std::string format_size(std::uint64_t bytes) { return format_quantity(bytes, size_units); }

Result<std::int64_t> parse_integer(std::string_view text) {
  std::int64_t number = 0;
  const char* const end = text.data() + text.size();
  const auto [rest, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error == std::errc::result_out_of_range)
    return fail(ErrorCode::configuration, "is too large a number");
  if (error != std::errc() || rest != end)
    return fail(ErrorCode::configuration, "is not a whole number");
  return number;
}

Result<bool> parse_flag(std::string_view text) {
  if (text == "yes" || text == "true") return true;
  if (text == "no" || text == "false") return false;
  return fail(ErrorCode::configuration, "is neither yes nor no");
}

Result<ListenAddress> parse_listen(std::string_view text) {
  constexpr std::string_view form = "must be ADDRESS:PORT, as in 127.0.0.1:8080 or [::1]:8080";
  const std::size_t colon = text.rfind(':');
  if (colon == std::string_view::npos) return fail(ErrorCode::configuration, std::string(form));
  const std::string_view digits = text.substr(colon + 1);
  ListenAddress listen;
  const auto [rest, error] =
      std::from_chars(digits.data(), digits.data() + digits.size(), listen.port);
  if (error != std::errc() || rest != digits.data() + digits.size())
    return fail(ErrorCode::configuration, "the port must be a number from 0 to 65535");
  std::string_view host = text.substr(0, colon);
  const bool brackets = host.starts_with('[') && host.ends_with(']');
  if (brackets) host = host.substr(1, host.size() - 2);
  listen.address = host == "localhost" && !brackets ? "127.0.0.1" : std::string(host);
  if (is_address(AF_INET6, listen.address)) {
    if (brackets) return listen;
    return fail(ErrorCode::configuration, "an IPv6 address stands in brackets, as in [::1]:8080");
  }
  if (is_address(AF_INET, listen.address) && !brackets) return listen;
  if (host.empty() || host == "*")
    return fail(ErrorCode::configuration,
                "name the address; 0.0.0.0:8080 or [::]:8080 stands for all of them");
  return fail(ErrorCode::configuration, std::string(form) + "; a name is not enough");
}

std::string format_listen(const ListenAddress& listen) {
  const bool v6 = listen.address.find(':') != std::string::npos;
  return v6 ? fmt::format("[{}]:{}", listen.address, listen.port)
            : fmt::format("{}:{}", listen.address, listen.port);
}
}  // namespace holdfast::config
