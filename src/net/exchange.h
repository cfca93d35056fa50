// One request of a client and its answer, over any stream: what a handler sees of the server.
#pragma once
#include <boost/asio/ip/address.hpp>
#include <expected>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "net/answer_head.h"
#include "net/client_certificate.h"
#include "net/http_head.h"
#include "net/read_buffer.h"
#include "net/stream.h"
#include "net/task.h"
#include "net/watchdog.h"

namespace holdfast::net {

class DiscardedExchange;
class HttpServer;

// What the exchanges of one server share.
struct ServerShared {
  Watchdog& watchdog;
  const Clock& clock;
  bool stopping = false;  // connections close with their answers
  std::string spare{};    // an answer's memory, once it has gone out: for the next one
};

// What a client's requests come over.
struct ClientConnection {
  std::unique_ptr<Stream> stream;
  ReadBuffer buffer;                   // read, and not yet consumed
  bool secure = false;                 // it is TLS
  boost::asio::ip::address address{};  // where it comes from; 0.0.0.0: no socket of ours
  std::optional<ClientCertificate> certificate{};  // that the client has shown
};

// One request and its answer. Used by the coroutine that handles it; lives until that returns.
class Exchange {
 public:
  const RequestHead& head() const { return head_; }
  // Whether it came over TLS, and the certificate that the client has shown; null: none.
  bool secure() const { return connection_.secure; }
  const ClientCertificate* client_certificate() const {
    return connection_.certificate ? &*connection_.certificate : nullptr;
  }
  // Of whoever has connected; no header changes it. 0.0.0.0 where there is no socket.
  const boost::asio::ip::address& client_address() const { return connection_.address; }
  using Body = std::expected<std::string_view, HeadProblem>;
  // The body, when it has come whole with its head and is not larger; else read_body() is needed.
  std::optional<std::string_view> body_at_hand(std::size_t max_bytes);
  // Reads the whole body; the view stays valid as long as the exchange. Call at most once.
  //   errors   413 beyond max_bytes; 408 too slow; 400 malformed or cut off (status 499: client
  //   left)
  Task<Body> read_body(std::size_t max_bytes);

  // The whole answer. HEAD requests get the head alone.   errors   cancelled: the client left
  Task<Result<void>> answer(int status, const AnswerHeaders& headers, std::string_view body);
  // An answer in pieces (chunked, or until close for HTTP/1.0): the head goes out with the first
  // piece.
  //   length   announced as Content-Length when known; the pieces must add up to it
  void begin(int status, const AnswerHeaders& headers,
             std::optional<std::uint64_t> length = std::nullopt);
  Task<Result<void>> write(std::string_view piece);
  Task<Result<void>> end(std::string_view last_piece = {});
  // Closes the connection after this exchange, in mid-answer when end() was not called.
  void close_after() { keep_alive_ = false; }

  // From now on what is answered is kept as well, up to `most` bytes of body.
  void keep_copy(std::size_t most) { copy_most_ = most; }
  struct Copy {
    std::string headers;  // as AnswerHeaders::lines()
    std::string body;     // whole, without the framing
  };
  // The answer, when it has been given to its end and was not larger; else nothing.
  std::optional<Copy> take_copy();

  bool begun() const { return begun_; }
  bool client_left() const { return left_; }
  std::uint64_t bytes_sent() const { return bytes_sent_; }

  // While alive: calls `on_left` (once, from the loop) when the client closes its connection.
  // Whoever half-closes its side after the request counts as gone.
  class ClientWatch final : Watchdog::Node {
   public:
    ClientWatch(Exchange& exchange, std::function<void()> on_left);
    ~ClientWatch() = default;

   private:
    void expire() override;
    void arm();
    Exchange& exchange_;
    std::function<void()> on_left_;
  };

 private:
  friend class HttpServer;
  friend class DiscardedExchange;
  Exchange(ServerShared& shared, ClientConnection& connection, RequestHead head);
  std::unexpected<Error> lose_client();
  Result<void> send_now(std::string_view& bytes);
  Task<Result<void>> send(std::string_view bytes);
  Task<std::expected<void, HeadProblem>> gather_length(std::size_t length);
  Task<std::expected<void, HeadProblem>> gather_chunks(std::size_t max_bytes);
  Task<std::expected<std::size_t, HeadProblem>> read_some(std::span<char> room, std::size_t so_far,
                                                          MonoTime started);
  void append_piece(std::string_view piece);
  void copy_body(std::string_view piece);
  void skip_buffered_body();

  ServerShared& shared_;
  ClientConnection& connection_;
  RequestHead head_;
  std::string body_;
  std::string surplus_;  // bytes behind a chunked body
  bool keep_alive_;
  bool body_pending_;  // the body has not been read to its end
  bool begun_ = false;
  bool ended_ = false;
  bool chunked_ = false;
  bool left_ = false;
  std::string pending_;  // bytes to go out with the next write
  std::uint64_t bytes_sent_ = 0;
  std::optional<std::size_t> copy_most_;  // nothing: no copy is kept, or not any more
  Copy copy_;
};

}  // namespace holdfast::net
