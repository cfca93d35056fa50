#include "net/discarded_exchange.h"

#include <fmt/format.h>

namespace holdfast::net {
namespace {

// Takes up to `most` bytes, at once, and has nothing to read.
class Nowhere final : public Stream {
 public:
  explicit Nowhere(std::size_t most) : left_(most) {}
  Task<Result<std::size_t>> read_some(std::span<char> /*into*/, Deadline /*deadline*/) override {
    co_return fail(ErrorCode::cancelled, "nobody is there");
  }
  Result<std::size_t> write_now(std::string_view bytes) override {
    if (bytes.size() > left_) return fail(ErrorCode::cancelled, "more than is read of an answer");
    left_ -= bytes.size();
    return bytes.size();
  }
  Task<Result<void>> write(std::string_view bytes, Deadline /*deadline*/) override {
    auto written = write_now(bytes);
    if (!written) co_return std::unexpected(std::move(written).error());
    co_return Result<void>{};
  }
  void cancel() override {}
  bool quiet() override { return true; }
  bool peer_closed() override { return false; }
  void end_writing() override {}
  void close() override {}

 private:
  std::size_t left_;
};

std::string_view name_of(Method method) {
  switch (method) {
    case Method::get:
      return "GET";
    case Method::head:
      return "HEAD";
    case Method::post:
      return "POST";
    case Method::put:
      return "PUT";
    case Method::patch:
      return "PATCH";
    case Method::del:
      return "DELETE";
    case Method::options:
      return "OPTIONS";
  }
  return "POST";
}

std::string write_head(const RequestHead& head) {
  std::string out =
      fmt::format("{} {} HTTP/1.{}\r\n", name_of(head.method), head.target, head.minor_version);
  for (const HeaderField& field : head.headers.fields)
    out.append(field.name).append(": ").append(field.value).append("\r\n");
  return out.append("\r\n");
}

}  // namespace

DiscardedExchange::DiscardedExchange(std::string head, std::size_t most, Watchdog& watchdog,
                                     const Clock& clock)
    : head_(std::move(head)),
      shared_{watchdog, clock},
      connection_{std::make_unique<Nowhere>(most), ReadBuffer(0)} {}

std::expected<std::unique_ptr<DiscardedExchange>, HeadProblem> DiscardedExchange::of(
    const RequestHead& original, std::size_t most, Watchdog& watchdog, const Clock& clock) {
  std::unique_ptr<DiscardedExchange> made(
      new DiscardedExchange(write_head(original), most, watchdog, clock));
  auto head = read_request_head(made->head_);
  if (!head) return std::unexpected(std::move(head).error());
  made->exchange_.reset(new Exchange(made->shared_, made->connection_, std::move(*head)));
  return made;
}

}  // namespace holdfast::net
