// What the tests of this room share: a loop that runs one task, and a DNS server on loopback.
#pragma once
#include <arpa/inet.h>
#include <gtest/gtest.h>

#include <boost/asio/buffer.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/ip/udp.hpp>
#include <exception>
#include <map>
#include <optional>

#include "net/watchdog.h"

namespace holdfast::net::test {

// A clock that runs, and that a test may push forward.
class SkippingClock final : public Clock {
 public:
  MonoTime now() const override { return system_clock().now() + skipped_; }
  std::int64_t wall_us() const override { return system_clock().wall_us(); }
  void skip(Duration by) { skipped_ += by; }

 private:
  Duration skipped_{};
};

// A task that runs beside others; its result, when it has ended.
template <class T>
std::shared_ptr<std::optional<T>> start(asio::io_context& loop, Task<T> task) {
  auto result = std::make_shared<std::optional<T>>();
  loop.restart();
  asio::co_spawn(loop, std::move(task), [result](const std::exception_ptr& error, T value) {
    if (error) std::rethrow_exception(error);
    result->emplace(std::move(value));
  });
  return result;
}

// Runs the loop until `done` says so, and at most 30 s.
template <class Done>
void run_until(asio::io_context& loop, Done done) {
  const MonoTime limit = system_clock().now() + std::chrono::seconds(30);
  loop.restart();
  while (!done() && system_clock().now() < limit) loop.run_one_until(limit);
  if (!done()) throw std::runtime_error("it has not happened within 30 s");
}

// Runs the loop until `task` has ended.
template <class T>
T run(asio::io_context& loop, Task<T> task) {
  const auto result = start(loop, std::move(task));
  run_until(loop, [&] { return result->has_value(); });
  return std::move(**result);
}

// Answers the questions of one loop by UDP; counts them.
class DnsServer {
 public:
  enum class Says : std::uint8_t { addresses, no_such_name, failure, nothing };
  struct Zone {
    Says says = Says::addresses;
    std::vector<std::string> a{}, aaaa{};
    std::uint32_t ttl = 60;
    bool aaaa_silent = false;
    int asked = 0;
  };

  explicit DnsServer(asio::io_context& loop)
      : socket_(loop, asio::ip::udp::endpoint(asio::ip::address_v4::loopback(), 0)) {
    receive();
  }
  std::string address() const {
    return "127.0.0.1:" + std::to_string(socket_.local_endpoint().port());
  }
  std::map<std::string, Zone> zones;  // a name that is not here does not exist

 private:
  void receive() {
    socket_.async_receive_from(asio::buffer(buffer_), peer_,
                               [this](const boost::system::error_code& error, std::size_t size) {
                                 if (error) return;
                                 answer(std::string(buffer_.data(), size));
                                 receive();
                               });
  }

  void answer(const std::string& question) {
    std::string name;
    std::size_t at = 12;
    while (at < question.size() && question[at] != 0) {
      const auto length = static_cast<unsigned char>(question[at]);
      if (!name.empty()) name += '.';
      name += question.substr(at + 1, length);
      at += length + 1;
    }
    const int type = static_cast<unsigned char>(question.at(at + 2));
    const auto found = zones.find(name);
    Zone missing;
    missing.says = Says::no_such_name;
    Zone& zone = found == zones.end() ? missing : found->second;
    ++zone.asked;
    if (zone.says == Says::nothing || (type == 28 && zone.aaaa_silent)) return;

    std::vector<std::string> records;
    if (zone.says == Says::addresses) {
      for (const std::string& text : type == 28 ? zone.aaaa : zone.a) {
        std::string bytes(type == 28 ? 16 : 4, '\0');
        inet_pton(type == 28 ? AF_INET6 : AF_INET, text.c_str(), bytes.data());
        records.push_back(bytes);
      }
    }
    const int code = zone.says == Says::no_such_name ? 3 : zone.says == Says::failure ? 2 : 0;
    std::string reply = question.substr(0, 2);
    reply += '\x81';
    reply += static_cast<char>(0x80 | code);
    reply += std::string("\0\1\0", 3) + static_cast<char>(records.size()) + std::string(4, '\0');
    reply += question.substr(12, at + 5 - 12);
    for (const std::string& record : records) {
      reply += std::string("\xc0\x0c\0", 3) + static_cast<char>(type) + std::string("\0\1", 2);
      const std::uint32_t ttl = htonl(zone.ttl);
      reply.append(reinterpret_cast<const char*>(&ttl), 4);
      reply += '\0';
      reply += static_cast<char>(record.size()) + record;
    }
    socket_.send_to(asio::buffer(reply), peer_);
  }

  asio::ip::udp::socket socket_;
  asio::ip::udp::endpoint peer_;
  std::array<char, 1500> buffer_{};
};

}  // namespace holdfast::net::test
