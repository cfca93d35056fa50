#include "net/tcp_stream.h"

#include <gtest/gtest.h>

#include "net/test_support.h"

namespace holdfast::net {
namespace {
using namespace std::chrono_literals;
using asio::ip::tcp;

struct TcpStreamTest : ::testing::Test {
  asio::io_context loop;
  Watchdog watchdog{loop, system_clock()};
  std::unique_ptr<TcpStream> here, there;
  std::array<char, 4096> buffer{};

  void SetUp() override {
    tcp::acceptor acceptor(loop, tcp::endpoint(asio::ip::address_v4::loopback(), 0));
    tcp::socket one(loop), other(loop);
    one.connect(acceptor.local_endpoint());
    acceptor.accept(other);
    here = std::make_unique<TcpStream>(std::move(one), watchdog);
    there = std::make_unique<TcpStream>(std::move(other), watchdog);
  }
  static Deadline in(Duration time) { return system_clock().now() + time; }
  auto read_later(Deadline deadline = no_deadline) {
    return test::start(loop, here->read_some(buffer, deadline));
  }
  Result<std::size_t> read(Deadline deadline = no_deadline) {
    return test::run(loop, here->read_some(buffer, deadline));
  }
  Result<void> write(TcpStream& stream, std::string_view bytes, Deadline deadline = no_deadline) {
    return test::run(loop, stream.write(bytes, deadline));
  }
  std::string_view text(const Result<std::size_t>& size) const {
    return size ? std::string_view(buffer.data(), *size) : "error";
  }
  // Closes the other side so that this one sees a reset.
  void reset() {
    there->socket().set_option(tcp::socket::linger(true, 0));
    there->close();
  }
};

TEST_F(TcpStreamTest, ReadsWhatIsWrittenUntilTheEnd) {
  ASSERT_TRUE(write(*there, "hello"));
  EXPECT_EQ(text(read()), "hello");
  const auto later = read_later();
  ASSERT_TRUE(write(*there, "world"));
  test::run_until(loop, [&] { return later->has_value(); });
  EXPECT_EQ(text(**later), "world");
  there->close();
  EXPECT_EQ(read().value_or(1), 0U);
}

TEST_F(TcpStreamTest, WritesMoreThanTheSocketHolds) {
  const std::string much(16U << 20U, 'x');
  const auto written = test::start(loop, there->write(much, no_deadline));
  std::size_t total = 0;
  while (total < much.size()) {
    const auto size = read();
    ASSERT_TRUE(size);
    total += *size;
  }
  test::run_until(loop, [&] { return written->has_value(); });
  EXPECT_TRUE(**written);
}

TEST_F(TcpStreamTest, AReadThatWasInterruptedHasLostNothing) {
  const Result<std::size_t> late = read(in(1ms));
  ASSERT_FALSE(late);
  EXPECT_EQ(late.error().code, ErrorCode::deadline_exceeded);
  const auto cancelled = read_later();
  loop.poll();
  here->cancel();
  test::run_until(loop, [&] { return cancelled->has_value(); });
  ASSERT_FALSE(**cancelled);
  EXPECT_EQ((*cancelled)->error().code, ErrorCode::cancelled);
  ASSERT_TRUE(write(*there, "hello"));
  EXPECT_EQ(text(read()), "hello");
}

TEST_F(TcpStreamTest, CancelAndArrivalAtOnceLoseNothing) {
  const auto first = read_later();
  loop.poll();
  ASSERT_TRUE(write(*there, "hello"));
  here->cancel();
  test::run_until(loop, [&] { return first->has_value(); });
  EXPECT_EQ(text(**first ? **first : read()), "hello");
}

TEST_F(TcpStreamTest, AWriteNobodyReadsEndsAtItsDeadline) {
  const std::string much(64U << 20U, 'x');
  const Result<void> written = write(*here, much, in(30ms));
  ASSERT_FALSE(written);
  EXPECT_EQ(written.error().code, ErrorCode::deadline_exceeded);
}

TEST_F(TcpStreamTest, TheDeadlineOfOneDirectionLeavesTheOtherAlone) {
  const std::string much(16U << 20U, 'x');
  const auto written = test::start(loop, here->write(much, no_deadline));
  const auto late = read(in(1ms));
  ASSERT_FALSE(late);
  EXPECT_EQ(late.error().code, ErrorCode::deadline_exceeded);
  EXPECT_FALSE(written->has_value()) << "still writing";
  std::size_t total = 0;
  while (total < much.size()) {
    const auto size = test::run(loop, there->read_some(buffer, no_deadline));
    ASSERT_TRUE(size);
    total += *size;
  }
  test::run_until(loop, [&] { return written->has_value(); });
  EXPECT_TRUE(**written);
}

TEST_F(TcpStreamTest, CloseEndsWhatIsUnderWay) {
  const auto reading = read_later();
  const std::string much(64U << 20U, 'x');
  const auto writing = test::start(loop, here->write(much, no_deadline));
  loop.poll();
  here->close();
  test::run_until(loop, [&] { return reading->has_value() && writing->has_value(); });
  EXPECT_EQ((*reading)->error().code, ErrorCode::cancelled);
  EXPECT_EQ((*writing)->error().code, ErrorCode::cancelled);
  EXPECT_EQ(read().error().code, ErrorCode::cancelled) << "and what comes later";
  EXPECT_EQ(write(*here, "x").error().code, ErrorCode::cancelled);
}

TEST_F(TcpStreamTest, AResetIsTheUpstreamsFault) {
  const auto reading = read_later();
  loop.poll();
  reset();
  test::run_until(loop, [&] { return reading->has_value(); });
  ASSERT_FALSE(**reading);
  EXPECT_EQ((*reading)->error().code, ErrorCode::upstream_unavailable);
  const Result<void> written = write(*here, "x");
  ASSERT_FALSE(written);
  EXPECT_EQ(written.error().code, ErrorCode::upstream_unavailable);
}

// Owns what it uses, as a connection's coroutine does.
Task<int> hold(std::unique_ptr<TcpStream> stream) {
  std::array<char, 16> buffer{};
  const auto size = co_await stream->read_some(buffer, system_clock().now() + 1h);
  co_return size ? 1 : 0;
}

TEST(TcpStreamAtTheEnd, TheLoopMayGoWithAReadUnderWay) {
  auto loop = std::make_unique<asio::io_context>();
  auto watchdog = std::make_unique<Watchdog>(*loop, system_clock());
  std::shared_ptr<std::optional<int>> held;
  {
    tcp::acceptor acceptor(*loop, tcp::endpoint(asio::ip::address_v4::loopback(), 0));
    tcp::socket socket(*loop);
    socket.connect(acceptor.local_endpoint());
    held = test::start(*loop, hold(std::make_unique<TcpStream>(std::move(socket), *watchdog)));
    loop->poll();
  }
  watchdog.reset();
  loop.reset();
  EXPECT_FALSE(held->has_value());
}

TEST_F(TcpStreamTest, QuietAndPeerClosedTellWhatThePeerDid) {
  EXPECT_TRUE(here->quiet());
  EXPECT_FALSE(here->peer_closed());
  ASSERT_TRUE(write(*there, "x"));
  test::run_until(loop, [&] { return !here->quiet(); });
  EXPECT_FALSE(here->peer_closed()) << "said something unasked for";
  EXPECT_EQ(text(read()), "x");
  EXPECT_TRUE(here->quiet());
  there->close();
  EXPECT_EQ(read().value_or(1), 0U);
  EXPECT_FALSE(here->quiet());
  EXPECT_TRUE(here->peer_closed());
}

TEST_F(TcpStreamTest, AResetPeerIsClosed) {
  reset();
  EXPECT_FALSE(read());
  EXPECT_FALSE(here->quiet());
  EXPECT_TRUE(here->peer_closed());
}
}  // namespace
}  // namespace holdfast::net
