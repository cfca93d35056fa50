#include "simulation/upstream.h"

#include <fmt/format.h>

#include <charconv>

#include "net/signal.h"
#include "simulation/cohere_answers.h"

namespace holdfast::simulation {
namespace {
using dialect::EventKind;
using namespace std::chrono_literals;
constexpr std::string_view id_prefix = "sim-";
constexpr int slow_one_in = 50;  // answers that take three times as long

dialect::StreamEvent event_of(EventKind kind) {
  dialect::StreamEvent event;
  event.kind = kind;
  return event;
}

dialect::Usage usage_of(const Asked& asked) {
  dialect::Usage usage;
  usage.tokens_in = asked.tokens_in;
  usage.tokens_out = asked.tokens_out;
  return usage;
}

// Whether the request asks for a stream, in whatever dialect it is.
bool asks_stream(std::string_view path, std::string_view body) {
  return path.find("stream") != std::string_view::npos ||
         body.find(R"("stream":true)") != std::string_view::npos;
}

std::string whole_answer(const dialect::Codec& codec, const dialect::Response& response,
                         const dialect::AnswerContext& context) {
  if (codec.dialect() == dialect::Dialect::cohere) return write_cohere_answer(response);
  return codec.write_answer(response, context);
}

std::unique_ptr<dialect::StreamWriter> stream_writer(const dialect::Codec& codec,
                                                     const dialect::AnswerContext& context) {
  if (codec.dialect() == dialect::Dialect::cohere) return cohere_stream_writer();
  return codec.stream_writer(context);
}
}  // namespace

std::string id_of(std::uint32_t request) { return fmt::format("{}{}", id_prefix, request); }

std::optional<std::uint32_t> request_of(std::string_view id) {
  if (!id.starts_with(id_prefix)) return std::nullopt;
  id.remove_prefix(id_prefix.size());
  std::uint32_t number = 0;
  const auto [end, error] = std::from_chars(id.data(), id.data() + id.size(), number);
  if (error != std::errc() || end != id.data() + id.size()) return std::nullopt;
  return number;
}

Upstream::Upstream(Parts parts, int number, const provider::Adapter& adapter,
                   const Service& service, const records::PastPace* pace, Random random,
                   bool on_trial)
    : parts_(parts),
      number_(number),
      adapter_(adapter),
      service_(service),
      pace_(pace),
      random_(random),
      on_trial_(on_trial),
      arrivals_(on_trial ? parts.history.copies : parts.history.arrivals),
      server_(parts.time.loop(), parts.time.watchdog(), parts.time.clock(), *this) {}

std::string Upstream::problem_answer(const net::HeadProblem& problem, net::AnswerHeaders&) {
  return problem.detail;
}

const Asked& Upstream::asked(std::size_t arrival) const {
  return parts_.history.fates[arrivals_[arrival].request].asked;
}

// As on record, where the way there and back is counted in. Else half to one and a half times the
// usual, and now and then much more.
Duration Upstream::thinking_time() {
  if (pace_ != nullptr) {
    const std::size_t place = random_.below(pace_->first_content_us.size() - 1);
    const std::int64_t least = pace_->first_content_us[place];
    const auto more = static_cast<std::uint64_t>(pace_->first_content_us[place + 1] - least);
    const auto drawn = least + static_cast<std::int64_t>(random_.below(more + 1));
    return std::max<Duration>(0ms, std::chrono::microseconds(drawn) - 2 * service_.latency);
  }
  const auto usual = static_cast<std::uint64_t>(Duration(service_.first_content).count());
  const std::uint64_t time = usual / 2 + random_.below(usual + 1);
  return Duration(static_cast<std::int64_t>(random_.below(slow_one_in) == 0 ? 3 * time : time));
}

Duration Upstream::writing_time(const Asked& asked) const {
  const Duration between = pace_ != nullptr
                               ? Duration(std::chrono::microseconds(pace_->between_tokens_us))
                               : Duration(service_.between_tokens);
  return asked.tokens_out * between;
}

// Says whose answer it is, to whom, and where in it this stands.
std::string Upstream::token(std::uint32_t request, int index) const {
  return fmt::format("{}:{}:{} ", number_, request, index);
}

bool Upstream::strikes(const Condition& now) {
  return random_.below(100) < static_cast<std::uint64_t>(now.share_percent);
}

Task<void> Upstream::handle(net::Exchange& exchange) {
  const net::RequestHead& head = exchange.head();
  const auto request = request_of(head.headers.find("x-request-id").value_or(""));
  const std::string path(head.path());
  auto body = co_await exchange.read_body(limits::request_body_bytes);
  if (!body || !request) co_return;
  const std::size_t arrival = arrivals_.size();
  Fate& fate = parts_.history.fates.at(*request);
  const auto before = static_cast<std::size_t>(on_trial_ ? fate.copies++ : fate.arrivals++);
  arrivals_.push_back({.request = *request,
                       .provider = number_,
                       .at = parts_.time.now(),
                       .on_file = parts_.disk.starts_of(id_of(*request), on_trial_) > before});
  parts_.history.note(1, parts_.time.since_start().count(), number_, *request, body->size());
  co_await serve(exchange, arrival, asks_stream(path, *body));
  arrivals_[arrival].ended = parts_.time.now();
  parts_.history.note(2, parts_.time.since_start().count(), number_, *request,
                      arrivals_[arrival].answered);
}

Task<void> Upstream::serve(net::Exchange& exchange, std::size_t arrival, bool stream) {
  const Condition now = condition_;
  const bool struck = !now.well() && now.share_percent > 0 && strikes(now);
  if (struck && now.status != 0) {
    co_await answer_error(exchange, arrival, now);
    co_return;
  }
  const MonoTime thought = parts_.time.now() + now.factor * thinking_time();
  co_await parts_.time.sleep_until(thought);
  if (stream) {
    co_await answer_stream(exchange, arrival, now, struck);
    co_return;
  }
  if (struck && now.stalls) {
    co_await wait_for_goodbye(exchange);
    co_return;
  }
  const MonoTime written = parts_.time.now() + now.factor * writing_time(asked(arrival));
  co_await parts_.time.sleep_until(written);
  const std::uint32_t request = arrivals_[arrival].request;
  const Asked what = asked(arrival);  // kept: others arrive meanwhile
  std::string text;
  for (int i = 0; i < what.pieces; ++i) text += token(request, i);
  dialect::Response response;
  response.id = "answer";
  response.model = "simulated";
  response.created_s = parts_.time.clock().wall_us() / 1'000'000;
  dialect::Choice& choice = response.choices.emplace_back();
  choice.content.emplace_back().text = text;
  choice.finish = dialect::FinishReason::stop;
  response.usage = usage_of(what);
  dialect::AnswerContext context;
  context.model = "simulated";
  std::string body = whole_answer(adapter_.codec(), response, context);
  net::AnswerHeaders headers;
  headers.add("content-type", "application/json");
  if (struck && now.cuts) {
    exchange.begin(200, headers, body.size());
    auto part = co_await exchange.write(std::string_view(body).substr(0, body.size() / 2));
    (void)part;
    co_return;  // without its end: the connection closes
  }
  auto sent = co_await exchange.answer(200, headers, body);
  Arrival& done = arrivals_[arrival];
  done.status = 200;
  done.answered = sent.has_value();
  done.tokens_told = what.tokens_out;
}

Task<void> Upstream::answer_stream(net::Exchange& exchange, std::size_t arrival,
                                   const Condition& now, bool struck) {
  dialect::AnswerContext context;
  context.model = "simulated";
  context.now_s = parts_.time.clock().wall_us() / 1'000'000;
  context.include_usage = true;
  context.pad = false;
  const std::unique_ptr<dialect::StreamWriter> writer = stream_writer(adapter_.codec(), context);
  net::AnswerHeaders headers;
  headers.add("content-type", adapter_.codec().stream_content_type(context));
  exchange.begin(200, headers);
  arrivals_[arrival].status = 200;
  std::string out;
  dialect::StreamEvent start = event_of(EventKind::start);
  start.id = "answer";
  start.name = "simulated";
  writer->write(start, out);
  writer->write(event_of(EventKind::block_start), out);
  const std::uint32_t request = arrivals_[arrival].request;
  const Asked what = asked(arrival);  // kept: others arrive meanwhile
  const Duration between = now.factor * writing_time(what) / what.pieces;
  for (int i = 0; i < what.pieces; ++i) {
    if (struck && i == what.pieces / 2) {
      auto half = co_await exchange.write(out);
      if (half && now.stalls) co_await wait_for_goodbye(exchange);
      co_return;
    }
    const std::string text = token(request, i);
    dialect::StreamEvent delta = event_of(EventKind::delta);
    delta.text = text;
    writer->write(delta, out);
    auto sent = co_await exchange.write(out);
    if (!sent) co_return;
    out.clear();
    const MonoTime next = parts_.time.now() + between;
    co_await parts_.time.sleep_until(next);
  }
  writer->write(event_of(EventKind::block_stop), out);
  dialect::StreamEvent finish = event_of(EventKind::finish);
  finish.finish = dialect::FinishReason::stop;
  writer->write(finish, out);
  dialect::StreamEvent usage = event_of(EventKind::usage);
  usage.usage = usage_of(what);
  writer->write(usage, out);
  writer->write(event_of(EventKind::end), out);
  auto sent = co_await exchange.end(out);
  Arrival& done = arrivals_[arrival];
  done.answered = sent.has_value();
  done.tokens_told = what.tokens_out;
}

Task<void> Upstream::answer_error(net::Exchange& exchange, std::size_t arrival,
                                  const Condition& now) {
  net::AnswerHeaders headers;
  headers.add("content-type", "application/json");
  if (now.retry_after > 0ms)
    headers.add(
        "retry-after",
        fmt::format("{}", std::chrono::ceil<std::chrono::seconds>(now.retry_after).count()));
  dialect::ErrorReport report;
  report.status = now.status;
  report.message = "simulated";
  const std::string body = adapter_.codec().write_error(report);
  arrivals_[arrival].status = now.status;
  auto sent = co_await exchange.answer(now.status, headers, body);
  arrivals_[arrival].answered = sent.has_value();
}

Task<void> Upstream::wait_for_goodbye(net::Exchange& exchange) {
  net::Signal left(parts_.time.loop(), parts_.time.watchdog());
  const net::Exchange::ClientWatch watch(exchange, [&left] { left.notify(); });
  const Result<void> told = co_await left.wait(net::no_deadline);
  (void)told;  // nothing else ends it
}

}  // namespace holdfast::simulation
