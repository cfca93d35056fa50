#include "simulation/meter_rules.h"

#include <algorithm>
#include <map>

#include "base/overload_limits.h"
#include "simulation/upstream.h"

namespace holdfast::simulation {
namespace {
using namespace std::chrono_literals;
// Of the virtual clients' requests and of the virtual providers' answers, more than they have.
constexpr std::int64_t request_bytes = 1024;
constexpr std::int64_t answer_bytes = 1024;
constexpr std::int64_t token_bytes = 32;

// What the journal and a provider make of the attempts of one request there.
struct Account {
  std::size_t arrivals = 0, records = 0;
  bool complete = false;  // a record says so
  // By tokens: answers that the journal has as complete, less those that an upstream gave.
  std::map<std::int64_t, int> answers;
};

class MeterCheck {
 public:
  MeterCheck(const Course& course, Broken& broken)
      : course_(course), meters_(course.meters), broken_(broken) {}

  void check() {
    check_journal();
    check_sums();
    check_copies();
    if (meters_.records_lost == 0) check_each();
  }

 private:
  void check_journal() {
    const bool disk_well = course_.scenario.disk_full_lasts == 0ms;
    if (meters_.journal_damaged) broken_("the journal holds something that is no record");
    if (disk_well && meters_.records_lost > 0)
      broken_("{} records were lost", meters_.records_lost);
    if (meters_.records_lost > 0) return;
    if (meters_.attempts_counted != meters_.attempts_recorded)
      broken_("{} attempts are counted and {} recorded", meters_.attempts_counted,
              meters_.attempts_recorded);
    if (meters_.attempts_ended != meters_.attempts_recorded)
      broken_("{} attempts are recorded and {} ended", meters_.attempts_recorded,
              meters_.attempts_ended);
    if (meters_.tokens_out_counted != meters_.tokens_out_recorded)
      broken_("{} tokens are counted and {} recorded", meters_.tokens_out_counted,
              meters_.tokens_out_recorded);
  }

  void check_copies() {
    if (meters_.records_lost > 0) return;
    if (meters_.copies_counted != meters_.copies_recorded ||
        meters_.copies_ended != meters_.copies_recorded)
      broken_("{} copies are counted, {} recorded and {} of them ended", meters_.copies_counted,
              meters_.copies_recorded, meters_.copies_ended);
    if (course_.history.copies.size() > meters_.copies_counted)
      broken_("{} copies are counted and {} arrived", meters_.copies_counted,
              course_.history.copies.size());
    if (course_.scenario.faults.empty() && course_.history.copies.size() != meters_.copies_counted)
      broken_("{} copies are counted and {} arrived", meters_.copies_counted,
              course_.history.copies.size());
  }

  void check_sums() {
    std::uint64_t told = 0, left = 0;
    for (const Arrival& one : course_.history.arrivals)
      if (one.tokens_told > 0)
        told += static_cast<std::uint64_t>(one.tokens_told);
      else if (one.status == 200)
        ++told;  // Anthropic's streams begin with a first count
    for (const Fate& fate : course_.history.fates)
      if (fate.ending == Ending::left) ++left;
    const std::uint64_t requests = course_.history.fates.size();
    if (meters_.tokens_out_counted > told)
      broken_("{} tokens are counted and {} were told", meters_.tokens_out_counted, told);
    // Who lost to another may have told its tokens to nobody, or may not have been reached.
    const bool nothing_broke = course_.scenario.faults.empty() && meters_.hedges == 0 &&
                               std::ranges::all_of(course_.history.fates, [](const Fate& one) {
                                 return one.ending == Ending::whole;
                               });
    if (nothing_broke && meters_.tokens_out_counted != told)
      broken_("{} tokens are counted and {} were told", meters_.tokens_out_counted, told);
    if (course_.history.arrivals.size() > meters_.attempts_counted)
      broken_("{} attempts are counted and {} requests arrived", meters_.attempts_counted,
              course_.history.arrivals.size());
    if (nothing_broke && course_.history.arrivals.size() != meters_.attempts_counted)
      broken_("{} attempts are counted and {} requests arrived", meters_.attempts_counted,
              course_.history.arrivals.size());
    if (meters_.requests_counted > requests || meters_.requests_counted + left < requests)
      broken_("{} requests are counted; {} were sent, {} of them given up",
              meters_.requests_counted, requests, left);
  }

  // Of each request at each provider: no arrival without a record, and no record of a complete
  // answer, with its tokens, that the provider did not give.
  void check_each() {
    std::map<std::pair<std::uint32_t, std::string_view>, Account> accounts;
    for (const RecordedAttempt& one : course_.recorded) {
      const auto request = request_of(one.request_id);
      if (!request) continue;
      Account& account = accounts[{*request, one.provider}];
      ++account.records;
      if (!one.ended || one.failure != FailureClass::none) continue;
      account.complete = true;
      ++account.answers[one.tokens_out];
    }
    for (const Arrival& one : course_.history.arrivals) {
      const auto& provider = course_.providers[static_cast<std::size_t>(one.provider)];
      Account& account = accounts[{one.request, provider}];
      ++account.arrivals;
      if (one.status == 200 && one.tokens_told >= 0) --account.answers[one.tokens_told];
    }
    for (const auto& [whose, account] : accounts) {
      const auto& [request, provider] = whose;
      if (account.arrivals > account.records)
        broken_("request {} reached {} {} times, {} of them are recorded", request, provider,
                account.arrivals, account.records);
      for (const auto& [tokens, more] : account.answers)
        if (more > 0)
          broken_(
              "request {} has a complete answer of {} tokens from {} on record, which gave none",
              request, tokens, provider);
      const Fate& fate = course_.history.fates[request];
      const bool by_it = fate.ending == Ending::whole && fate.provider >= 0 &&
                         course_.providers[static_cast<std::size_t>(fate.provider)] == provider;
      if (by_it && !account.complete)
        broken_("request {} was answered completely by {}, and no record says so", request,
                provider);
    }
  }

  const Course& course_;
  const Meters& meters_;
  Broken& broken_;
};
}  // namespace

void check_meters(const Course& course, Broken& broken) { MeterCheck(course, broken).check(); }

void check_left(const Course& course, Broken& broken) {
  const Left& left = course.left;
  if (left.anything())
    broken(
        "left at the end: {} requests, {} streams, {} attempts, {} copies, {} client connections, "
        "{} "
        "upstream connections, {} bytes of memory, timers: {}, exceptions: {}",
        left.requests, left.streams, left.attempts, left.copies, left.client_connections,
        left.upstream_connections, left.memory, left.timers, left.bugs);
}

void check_memory(const Course& course, Broken& broken) {
  std::int64_t most = 0;
  for (const Fate& fate : course.history.fates)
    most = std::max(most, limits::request_overhead_bytes +
                              limits::body_copies * (request_bytes + prompt_bytes(fate.asked)) +
                              answer_bytes + token_bytes * fate.asked.pieces);
  if (course.most_memory_each > most)
    broken("requests held {} bytes of memory each, more than the {} that they need",
           course.most_memory_each, most);
}

}  // namespace holdfast::simulation
