// Chat requests at a steady rate through a proxy, whatever becomes of them. No request waits for
// another.
//
//   paced_clients PORT RATE SECONDS DIALECT KIND=FILE...
//
// DIALECT: openai, anthropic, google or bedrock. FILE: an HTTP request, to its last byte; KIND:
// whole or stream, as it asks for. Several are sent in turns.
//
// Prints "began NS" (CLOCK_MONOTONIC) and, when every request has ended or PATIENCE has passed, a
// line for each: SENT_US STREAM FIRST_CONTENT_US END_US OUTCOME. Times are from the beginning; a
// first content of -1: none came. OUTCOME: whole; status_N; cut (the connection broke);
// error_event; incomplete (a stream without its end); garbage; late (it had not ended).
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <deque>
#include <fstream>
#include <iterator>
#include <string>
#include <string_view>
#include <vector>

#include "answers.h"

namespace {

constexpr std::int64_t second_ns = 1'000'000'000;
constexpr std::int64_t patience_ns = 15 * second_ns;

std::int64_t now_ns() {
  timespec at{};
  clock_gettime(CLOCK_MONOTONIC, &at);
  return at.tv_sec * second_ns + at.tv_nsec;
}

struct Question {
  bool stream = false;
  std::string text;
};

struct Request {
  std::int64_t sent = 0, first = -1, end = -1;
  bool stream = false;
  std::string outcome = "late";
};

struct Connection {
  int socket = -1;
  std::int64_t request = -1;  // -1: idle
  bool used = false;          // it has served before
  std::string in;
  bool unsent = false;  // until it is connected
};

class Clients {
 public:
  Clients(std::uint16_t port, int rate, int seconds, answers::Dialect dialect,
          std::vector<Question> questions)
      : port_(port), rate_(rate), dialect_(dialect), questions_(std::move(questions)) {
    requests_.resize(static_cast<std::size_t>(rate) * static_cast<std::size_t>(seconds));
    epoll_ = epoll_create1(0);
  }

  void run() {
    began_ = now_ns();
    printf("began %lld\n", static_cast<long long>(began_));
    fflush(stdout);
    std::size_t next = 0;
    std::vector<epoll_event> ready(256);
    const std::int64_t all_sent =
        began_ + static_cast<std::int64_t>(requests_.size()) * second_ns / rate_;
    while ((next < requests_.size() || open_ > 0) && now_ns() < all_sent + patience_ns) {
      const std::int64_t due = began_ + static_cast<std::int64_t>(next) * second_ns / rate_;
      if (next < requests_.size() && due <= now_ns()) {
        begin(next++);
        continue;
      }
      const std::int64_t wait_ms = next < requests_.size() ? (due - now_ns()) / 1'000'000 : 10;
      const int count = epoll_wait(epoll_, ready.data(), static_cast<int>(ready.size()),
                                   static_cast<int>(wait_ms));
      for (int i = 0; i < count; ++i)
        on_ready(static_cast<std::size_t>(ready[static_cast<std::size_t>(i)].data.u64),
                 ready[static_cast<std::size_t>(i)].events);
    }
    for (const Request& one : requests_)
      printf("%lld %d %lld %lld %s\n", static_cast<long long>(one.sent / 1000), one.stream ? 1 : 0,
             static_cast<long long>(one.first < 0 ? -1 : one.first / 1000),
             static_cast<long long>(one.end < 0 ? -1 : one.end / 1000), one.outcome.c_str());
  }

 private:
  void begin(std::size_t number) {
    Request& request = requests_[number];
    request.sent = now_ns() - began_;
    request.stream = questions_[number % questions_.size()].stream;
    ++open_;
    if (!idle_.empty()) {
      const std::size_t at = idle_.back();
      idle_.pop_back();
      return send_on(at, static_cast<std::int64_t>(number));
    }
    connect_for(static_cast<std::int64_t>(number));
  }

  void connect_for(std::int64_t number) {
    Connection fresh;
    fresh.socket = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    fresh.request = number;
    fresh.unsent = true;
    const int on = 1;
    setsockopt(fresh.socket, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port_);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (fresh.socket < 0 ||
        (connect(fresh.socket, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0 &&
         errno != EINPROGRESS)) {
      if (fresh.socket >= 0) close(fresh.socket);
      return finish(number, "cut");
    }
    epoll_event event{};
    event.events = EPOLLIN | EPOLLOUT | EPOLLET;
    event.data.u64 = connections_.size();
    epoll_ctl(epoll_, EPOLL_CTL_ADD, fresh.socket, &event);
    connections_.push_back(std::move(fresh));
  }

  void send_on(std::size_t at, std::int64_t number) {
    Connection& one = connections_[at];
    one.request = number;
    one.in.clear();
    one.unsent = false;
    const std::string& text = questions_[static_cast<std::size_t>(number) % questions_.size()].text;
    if (send(one.socket, text.data(), text.size(), MSG_NOSIGNAL) !=
        static_cast<ssize_t>(text.size()))
      broken(at);
  }

  void finish(std::int64_t number, std::string outcome) {
    Request& request = requests_[static_cast<std::size_t>(number)];
    request.end = now_ns() - began_;
    if (request.first < 0 && outcome == "whole") request.first = request.end;
    request.outcome = std::move(outcome);
    --open_;
  }

  // The connection is gone: a kept one that the proxy closed before it said a word is replaced.
  void broken(std::size_t at) {
    Connection& one = connections_[at];
    close(one.socket);
    one.socket = -1;
    if (one.request < 0) return std::erase(idle_, at), void();
    const std::int64_t number = one.request;
    const bool again = one.used && one.in.empty();
    one.request = -1;
    again ? connect_for(number) : finish(number, "cut");
  }

  void on_ready(std::size_t at, std::uint32_t events) {
    if (connections_[at].socket < 0) return;
    if ((events & EPOLLOUT) != 0 && connections_[at].unsent) send_on(at, connections_[at].request);
    while (connections_[at].socket >= 0) {
      char bytes[16 * 1024];
      const ssize_t size = read(connections_[at].socket, bytes, sizeof bytes);
      if (size < 0 && (errno == EAGAIN || errno == EINTR)) return;
      if (size <= 0) return broken(at);
      take(at, bytes, static_cast<std::size_t>(size));
    }
  }

  void take(std::size_t at, const char* bytes, std::size_t size) {
    Connection& one = connections_[at];
    if (one.request < 0) return;
    one.in.append(bytes, size);
    Request& request = requests_[static_cast<std::size_t>(one.request)];
    if (request.stream && request.first < 0 &&
        one.in.find(answers::first_content) != std::string::npos)
      request.first = now_ns() - began_;
    const answers::Framing framing = answers::framing_of(one.in);
    if (!framing.whole) return;
    const std::int64_t number = one.request;
    one.request = -1;
    one.used = true;
    idle_.push_back(at);
    finish(number, answers::ending_of(dialect_, request.stream, one.in, framing));
  }

  std::uint16_t port_;
  int rate_;
  answers::Dialect dialect_;
  std::vector<Question> questions_;
  int epoll_ = -1;
  std::int64_t began_ = 0, open_ = 0;
  std::vector<Request> requests_;
  std::deque<Connection> connections_;  // by their numbers; those that are gone stay
  std::vector<std::size_t> idle_;
};

// False: the argument is no question, or its file cannot be read.
bool read_question(std::string_view argument, std::vector<Question>& into) {
  const auto at = argument.find('=');
  const std::string_view kind = argument.substr(0, at);
  if (at == std::string_view::npos || (kind != "whole" && kind != "stream")) return false;
  std::ifstream file(std::string(argument.substr(at + 1)), std::ios::binary);
  Question question{kind == "stream", std::string(std::istreambuf_iterator<char>(file), {})};
  into.push_back(std::move(question));
  return file.good() && !into.back().text.empty();
}

}  // namespace

int main(int argc, char** argv) {
  std::vector<Question> questions;
  const auto dialect = argc > 5 ? answers::dialect_of(argv[4]) : std::nullopt;
  bool right = dialect.has_value();
  for (int i = 5; i < argc && right; ++i) right = read_question(argv[i], questions);
  if (!right) {
    fprintf(stderr, "usage: paced_clients PORT RATE SECONDS DIALECT whole|stream=FILE...\n");
    return 1;
  }
  Clients(static_cast<std::uint16_t>(atoi(argv[1])), atoi(argv[2]), atoi(argv[3]), *dialect,
          std::move(questions))
      .run();
}
