// A TCP connection as a Stream: accepted from a client or opened to an upstream.
#pragma once
#include <boost/asio/ip/tcp.hpp>

#include "net/stream.h"
#include "net/watchdog.h"

namespace holdfast::net {

class TcpStream final : public Stream {
 public:
  // `socket` is connected. The watchdog outlives the stream. Sends small writes at once.
  TcpStream(asio::ip::tcp::socket socket, Watchdog& watchdog);

  Task<Result<std::size_t>> read_some(std::span<char> into, Deadline deadline) override;
  Result<std::size_t> write_now(std::string_view bytes) override;
  // Tries the socket first: a write that fits its buffer does not suspend.
  Task<Result<void>> write(std::string_view bytes, Deadline deadline) override;
  void cancel() override;
  bool quiet() override;
  bool peer_closed() override;
  void end_writing() override;
  void close() override;

  int native_handle() { return socket_.native_handle(); }
  asio::ip::tcp::socket& socket() { return socket_; }

 private:
  friend class TlsStream;
  enum class State : std::uint8_t { idle, waiting, expired, cancelled };
  // One read or write under way, watched.
  struct Operation final : Watchdog::Node {
    explicit Operation(TcpStream& stream) : owner(stream) {}
    void expire() override;
    TcpStream& owner;
    State state = State::idle;
  };
  enum class Ready : std::uint8_t { read, write };

  void begin(Operation& operation, Deadline deadline);
  // Ends the operation.   errors   why it was interrupted, or what `error` means
  Error end(Operation& operation, const boost::system::error_code& error);
  // Whether an interrupted wait was meant for the other operation, so that this one goes on.
  bool goes_on(const Operation& operation, const boost::system::error_code& error,
               asio::cancellation_type asked) const;
  Task<Result<void>> wait(Operation& operation, Ready ready, Deadline deadline);

  asio::ip::tcp::socket socket_;
  Watchdog& watchdog_;
  Operation reading_{*this};
  Operation writing_{*this};
};

}  // namespace holdfast::net
