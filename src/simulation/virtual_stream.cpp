#include "simulation/virtual_stream.h"

#include <array>
#include <cstring>
#include <optional>
#include <string>

#include "net/signal.h"

namespace holdfast::simulation {
namespace {

// One direction.
struct Pipe {
  std::string arrived;        // and not yet read
  std::size_t in_flight = 0;  // sent and not yet arrived
  bool ended = false;         // the end has arrived behind the bytes
  MonoTime free_at{};         // when the line has sent what was written before
  MonoTime last_arrival{};    // nothing overtakes
  net::Signal* reader = nullptr;
  net::Signal* writer = nullptr;

  std::size_t room() const {
    const std::size_t held = arrived.size() + in_flight;
    return held < window_bytes ? window_bytes - held : 0;
  }
  void wake() const {
    if (reader != nullptr) reader->notify();
    if (writer != nullptr) writer->notify();
  }
};

// Whoever waits at a pipe, while he does.
struct Waiting {
  Waiting(net::Signal*& at, net::Signal& signal) : place(at) { place = &signal; }
  ~Waiting() { place = nullptr; }
  Waiting(const Waiting&) = delete;
  Waiting& operator=(const Waiting&) = delete;
  net::Signal*& place;
};

class Connection final : public Wire, public std::enable_shared_from_this<Connection> {
 public:
  Connection(Timeline& time, Link link) : time_(time), link_(link) {}

  void reset() override {
    broken_ = true;
    for (const Pipe& pipe : pipes_) pipe.wake();
  }
  bool open() const override { return !(closed_[0] && closed_[1]); }

  Timeline& time() { return time_; }
  bool broken() const { return broken_; }
  bool closed(std::size_t end) const { return closed_[end]; }
  Pipe& from(std::size_t end) { return pipes_[end]; }
  Pipe& to(std::size_t end) { return pipes_[1 - end]; }

  void send(std::size_t end, std::string_view bytes) {
    Pipe& pipe = from(end);
    pipe.in_flight += bytes.size();
    const auto line_ns =
        static_cast<std::int64_t>(bytes.size() * 1'000'000'000ULL / link_.bytes_per_second);
    pipe.free_at = std::max(pipe.free_at, time_.now()) + Duration(line_ns);
    arrive(pipe, [self = shared_from_this(), &pipe, sent = std::string(bytes), end] {
      pipe.in_flight -= sent.size();
      if (self->closed_[1 - end]) return self->reset();  // nobody is there to read it
      pipe.arrived.append(sent);
      if (pipe.reader != nullptr) pipe.reader->notify();
    });
  }

  // Nothing more comes from `end`.
  void finish(std::size_t end) {
    if (finished_[end]) return;
    finished_[end] = true;
    Pipe& pipe = from(end);
    arrive(pipe, [self = shared_from_this(), &pipe] {
      pipe.ended = true;
      if (pipe.reader != nullptr) pipe.reader->notify();
    });
  }

  void close(std::size_t end) {
    if (closed_[end]) return;
    closed_[end] = true;
    finish(end);
  }

 private:
  void arrive(Pipe& pipe, std::function<void()> what) {
    const MonoTime sent = std::max(pipe.free_at, time_.now());
    pipe.last_arrival = std::max(pipe.last_arrival, sent + link_.latency);
    time_.at(pipe.last_arrival, [self = shared_from_this(), what = std::move(what)] {
      if (!self->broken_) what();
    });
  }

  Timeline& time_;
  const Link link_;
  std::array<Pipe, 2> pipes_;  // from end 0, from end 1
  std::array<bool, 2> finished_{}, closed_{};
  bool broken_ = false;
};

class End final : public net::Stream {
 public:
  End(std::shared_ptr<Connection> connection, std::size_t end)
      : connection_(std::move(connection)), end_(end) {}
  ~End() override { connection_->close(end_); }
  End(const End&) = delete;
  End& operator=(const End&) = delete;

  Task<Result<std::size_t>> read_some(std::span<char> into, net::Deadline deadline) override {
    Pipe& pipe = connection_->to(end_);
    while (true) {
      if (connection_->closed(end_)) co_return fail(ErrorCode::cancelled, "closed");
      if (!pipe.arrived.empty()) {
        const std::size_t size = pipe.arrived.copy(into.data(), into.size());
        pipe.arrived.erase(0, size);
        if (pipe.writer != nullptr) pipe.writer->notify();
        co_return size;
      }
      if (connection_->broken()) co_return fail(ErrorCode::upstream_unavailable, "reset");
      if (pipe.ended) co_return std::size_t{0};
      const Result<void> told = co_await wait(pipe.reader, deadline);
      if (!told) co_return std::unexpected(told.error());
    }
  }

  Result<std::size_t> write_now(std::string_view bytes) override {
    if (connection_->closed(end_)) return fail(ErrorCode::cancelled, "closed");
    if (connection_->broken()) return fail(ErrorCode::upstream_unavailable, "reset");
    const std::size_t size = std::min(bytes.size(), connection_->from(end_).room());
    if (size > 0) connection_->send(end_, bytes.substr(0, size));
    return size;
  }

  Task<Result<void>> write(std::string_view bytes, net::Deadline deadline) override {
    while (true) {
      const Result<std::size_t> sent = write_now(bytes);
      if (!sent) co_return std::unexpected(sent.error());
      bytes.remove_prefix(*sent);
      if (bytes.empty()) co_return Result<void>();
      const Result<void> told = co_await wait(connection_->from(end_).writer, deadline);
      if (!told) co_return told;
    }
  }

  void cancel() override {
    for (net::Signal* waiting : {connection_->to(end_).reader, connection_->from(end_).writer})
      if (waiting != nullptr) waiting->cancel();
  }
  bool quiet() override {
    const Pipe& pipe = connection_->to(end_);
    return !connection_->closed(end_) && !connection_->broken() && !pipe.ended &&
           pipe.arrived.empty();
  }
  bool peer_closed() override {
    const Pipe& pipe = connection_->to(end_);
    return pipe.arrived.empty() && (pipe.ended || connection_->broken());
  }
  void end_writing() override { connection_->finish(end_); }
  void close() override {
    cancel();
    connection_->close(end_);
  }

 private:
  Task<Result<void>> wait(net::Signal*& place, net::Deadline deadline) {
    Timeline& time = connection_->time();
    net::Signal signal(time.loop(), time.watchdog());
    const Waiting waiting(place, signal);
    const Result<void> told = co_await signal.wait(deadline);
    co_return told;
  }

  const std::shared_ptr<Connection> connection_;
  const std::size_t end_;
};

}  // namespace

StreamPair make_pair_of_streams(Timeline& time, Link link) {
  auto connection = std::make_shared<Connection>(time, link);
  return {std::make_unique<End>(connection, 0), std::make_unique<End>(connection, 1), connection};
}

}  // namespace holdfast::simulation
