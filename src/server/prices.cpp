#include "server/prices.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <limits>

#include "provider/kind.h"

namespace holdfast::server {
namespace {
namespace json = boost::json;
constexpr std::int64_t pico_per_usd_per_million = 1'000'000;
static_assert(pico_per_usd_per_million * 1'000 == 1'000'000'000);

json::object rates_json(const records::Rates& rates) {
  json::object out;
  out["input"] = rates.input.value;
  out["output"] = rates.output.value;
  const std::pair<const char*, std::optional<PicoUsdPerToken>> parts[] = {
      {"cached", rates.cached},
      {"cache_write", rates.cache_write},
      {"cache_write_1h", rates.cache_write_1h},
      {"reasoning", rates.reasoning},
      {"audio_in", rates.audio_in},
      {"audio_out", rates.audio_out}};
  for (const auto& [name, rate] : parts)
    if (rate) out[name] = rate->value;
  return out;
}

json::value day_or_null(std::int64_t wall_us) {
  const bool always = wall_us == std::numeric_limits<std::int64_t>::min() ||
                      wall_us == std::numeric_limits<std::int64_t>::max();
  return always ? json::value() : json::value(records::format_date(wall_us));
}

json::object price_json(const records::Price& price, bool in_force) {
  json::array above;
  for (const records::ContextTier& tier : price.above)
    above.push_back(json::object{{"tokens", tier.tokens}, {"rates", rates_json(tier.rates)}});
  return {{"version", fmt::format("{:08x}", price.version())},
          {"source", price.source},
          {"from", day_or_null(price.from_us)},
          {"until", day_or_null(price.until_us)},
          {"in_force", in_force},
          {"assumed", price.assumed},
          {"pico_usd_per_token", rates_json(price.rates)},
          {"above", std::move(above)}};
}
}  // namespace

records::PriceList price_list(const Settings& settings, const routing::TargetSettings& target) {
  const auto provider =
      std::ranges::find(settings.providers, target.provider, &provider::Settings::name);
  if (provider == settings.providers.end() || provider->kind == nullptr) return {};  // told already
  records::PriceList list =
      settings.prices.book.find(provider->kind->name, target.provider, target.model);
  if (target.price) list.prices.insert(list.prices.begin(), *target.price);
  return list;
}

std::vector<TargetPrices> list_prices(const Settings& settings) {
  std::vector<TargetPrices> out;
  for (const routing::ModelSettings& model : settings.models) {
    const auto list = [&](const routing::TargetSettings& target) {
      out.push_back({model.name, target.provider, target.model, price_list(settings, target)});
    };
    for (const routing::TargetSettings& target : model.targets) list(target);
    for (const routing::ShadowSettings& shadow : model.shadows) list(shadow.target);
  }
  return out;
}

json::value to_json(const std::vector<TargetPrices>& targets, std::int64_t now_us) {
  json::array out;
  for (const TargetPrices& target : targets) {
    const records::Price* now = target.prices.at(now_us);
    json::array prices;
    for (const records::Price& price : target.prices.prices)
      prices.push_back(price_json(price, &price == now));
    out.push_back(json::object{{"logical_model", target.logical_model},
                               {"provider", target.provider},
                               {"model", target.model},
                               {"known", now != nullptr},
                               {"prices", std::move(prices)}});
  }
  return json::object{{"data", std::move(out)}};
}

PriceReport describe(const std::vector<TargetPrices>& targets, std::int64_t now_us) {
  PriceReport report;
  std::string& out = report.text;
  for (const TargetPrices& target : targets) {
    const records::Price* price = target.prices.at(now_us);
    out += fmt::format("{}: {}/{}: ", target.logical_model, target.provider, target.model);
    if (price == nullptr) {
      ++report.unknown;
      out += "no price; write one under prices.list, or price: on the target\n";
      continue;
    }
    report.assumed += price->assumed ? 1U : 0U;
    constexpr records::Metered thousand = {.in = 1'000, .out = 1'000};
    const auto sum = records::sum_cost(*price, thousand);
    const auto cost = sum ? sum->rounded() : std::unexpected(sum.error());
    out += fmt::format("{} in, {} out, USD per million tokens; 1000 and 1000 cost {} ({}{})\n",
                       usd_per_million(price->rates.input), usd_per_million(price->rates.output),
                       cost ? format_usd(*cost) : cost.error().detail,
                       price->assumed ? "assumed: " : "", price->source);
  }
  return report;
}

std::string usd_per_million(PicoUsdPerToken rate) {
  constexpr std::int64_t nano_per_pico_per_million = 1'000;
  return format_usd({rate.value * nano_per_pico_per_million});
}

}  // namespace holdfast::server
