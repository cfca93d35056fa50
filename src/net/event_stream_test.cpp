#include "net/event_stream.h"

#include <gtest/gtest.h>

#include <array>
#include <boost/json.hpp>
#include <fstream>
#include <sstream>

namespace holdfast::net {
namespace {

std::string from_hex(std::string_view hex) {
  std::string out;
  for (std::size_t i = 0; i + 1 < hex.size(); i += 2)
    out.push_back(static_cast<char>(std::stoi(std::string(hex.substr(i, 2)), nullptr, 16)));
  return out;
}

std::string to_hex(std::string_view bytes) {
  std::ostringstream out;
  for (const char c : bytes)
    out << "0123456789abcdef"[static_cast<unsigned char>(c) >> 4U]
        << "0123456789abcdef"[static_cast<unsigned char>(c) & 15U];
  return out.str();
}

struct Seen {  // a message whose views are copied
  std::string raw, payload, type;
};

struct Reading {
  std::vector<Seen> messages;
  std::optional<Error> error;
  bool within_message = false;
};

// Fed in two parts, or (chunk) in equal ones, from memory that does not last.
Reading read(std::string_view bytes, std::size_t chunk, std::size_t first = 0) {
  EventStreamDecoder decoder;
  Reading out;
  std::vector<EventStreamMessage> messages;
  for (std::size_t at = 0; at < bytes.size();) {
    const std::size_t count = at == 0 && first > 0 ? first : chunk;
    const auto only_now = std::make_unique<std::string>(bytes.substr(at, count));
    at += count;
    messages.clear();
    const auto fed = decoder.feed(*only_now, messages);
    for (const EventStreamMessage& message : messages)
      out.messages.push_back({std::string(message.raw), std::string(message.payload),
                              std::string(message.text(":event-type"))});
    if (!fed) {
      out.error = fed.error();
      return out;
    }
  }
  out.within_message = decoder.within_message();
  return out;
}

std::optional<boost::json::object> shared_vectors() {
  std::ifstream file(HF_SOURCE_DIR "/../shared/data/aws/eventstream-vectors.json");
  if (!file) return std::nullopt;
  std::stringstream text;
  text << file.rdbuf();
  return boost::json::parse(text.str()).as_object();
}
constexpr const char* absent =
    "the shared vectors (../shared/data/aws/eventstream-vectors.json) are not here";

constexpr std::pair<std::string_view, EventStreamType> type_names[] = {
    {"bool_true", EventStreamType::true_value},
    {"bool_false", EventStreamType::false_value},
    {"byte", EventStreamType::int8},
    {"int16", EventStreamType::int16},
    {"int32", EventStreamType::int32},
    {"int64", EventStreamType::int64},
    {"bytes", EventStreamType::bytes},
    {"string", EventStreamType::string},
    {"timestamp_ms", EventStreamType::timestamp},
    {"uuid", EventStreamType::uuid}};

// The value as the vectors show it.
std::string shown(const EventStreamHeader& header) {
  switch (header.type) {
    case EventStreamType::true_value:
      return "true";
    case EventStreamType::false_value:
      return "false";
    case EventStreamType::string:
      return std::string(header.value);
    case EventStreamType::bytes:
    case EventStreamType::uuid:
      return to_hex(header.value);
    default: {
      std::int64_t number = header.value.front() < 0 ? -1 : 0;
      for (const char c : header.value) number = number * 256 + static_cast<unsigned char>(c);
      return std::to_string(number);
    }
  }
}

TEST(EventStream, HoldsTheSharedVectors) {
  const auto shared = shared_vectors();
  if (!shared) GTEST_SKIP() << absent;
  for (const auto& [name, vector] : shared->at("vectors").as_object()) {
    SCOPED_TRACE(std::string(name));
    const std::string bytes = from_hex(vector.at("encoded_hex").as_string());
    for (const std::size_t chunk : {bytes.size(), std::size_t{1}}) {
      const Reading reading = read(bytes, chunk);
      if (vector.at("expect").as_string() != "success") {
        ASSERT_TRUE(reading.error);
        EXPECT_EQ(reading.error->code, ErrorCode::malformed_response);
        continue;
      }
      ASSERT_FALSE(reading.error) << reading.error->detail;
      ASSERT_EQ(reading.messages.size(), 1U);
      const auto& decoded = vector.at("decoded").as_object();
      EXPECT_EQ(reading.messages[0].payload, decoded.at("payload_utf8").as_string());

      EventStreamDecoder decoder;
      std::vector<EventStreamMessage> messages;
      ASSERT_TRUE(decoder.feed(bytes, messages));
      std::vector<EventStreamHeader> headers;
      std::string_view rest = messages[0].headers;
      for (const auto& want : decoded.at("headers").as_array()) {
        const auto header = next_header(rest);
        ASSERT_TRUE(header);
        headers.push_back(*header);
        EXPECT_EQ(header->name, want.at("name").as_string());
        for (const auto& [spelled, type] : type_names) {
          if (spelled == std::string_view(want.at("type").as_string())) {
            EXPECT_EQ(header->type, type) << spelled;
          }
        }
        const auto& value = want.at("value");
        EXPECT_EQ(shown(*header),
                  value.is_string() ? std::string(value.as_string()) : serialize(value));
      }
      EXPECT_TRUE(rest.empty());
      std::string again;
      append_event_stream_message(again, headers, messages[0].payload);
      EXPECT_EQ(again, bytes) << "encoded again";
    }
  }
}

TEST(EventStream, ASplitAtAnyOffsetChangesNothing) {
  const auto shared = shared_vectors();
  if (!shared) GTEST_SKIP() << absent;
  const auto& authored = shared->at("authored").as_object().at("converse_stream_text_then_tool");
  const std::string bytes = from_hex(authored.at("encoded_hex").as_string());
  const auto& events = authored.at("events").as_array();
  for (std::size_t first = 1; first <= bytes.size(); ++first) {
    const Reading reading = read(bytes, bytes.size(), first);
    ASSERT_EQ(reading.messages.size(), events.size()) << first;
    EXPECT_FALSE(reading.error || reading.within_message);
    std::string raw;
    for (std::size_t i = 0; i < events.size(); ++i) {
      raw += reading.messages[i].raw;
      EXPECT_EQ(reading.messages[i].type, events[i].at("type").as_string());
      EXPECT_EQ(boost::json::parse(reading.messages[i].payload), events[i].at("payload"));
    }
    ASSERT_EQ(raw, bytes);
  }
  EXPECT_TRUE(read(std::string_view(bytes).substr(0, bytes.size() - 1), 7).within_message);
}

std::string message(std::string_view payload) {
  std::string out;
  const EventStreamHeader headers[] = {{":event-type", "ping"}};
  append_event_stream_message(out, headers, payload);
  return out;
}

TEST(EventStream, RefusesWhatIsWrong) {
  struct Case {
    const char* rule;
    std::size_t at;  // the byte that is changed ...
    char by;         // ... by this
    ErrorCode want;
    std::size_t needs;  // how many bytes must have come until it is told
  };
  constexpr Case cases[] = {
      {"a length is not believed before its CRC", 0, 0x7f, ErrorCode::malformed_response, 12},
      {"nor that of the headers", 7, 1, ErrorCode::malformed_response, 12},
      {"the prelude's CRC itself", 8, 1, ErrorCode::malformed_response, 12},
      {"a header", 14, 1, ErrorCode::malformed_response, 0},
      {"the payload", 32, 1, ErrorCode::malformed_response, 0},
  };
  const std::string good = message(R"({"a":1})");
  for (const Case& c : cases) {
    std::string bytes = good;
    bytes[c.at] = static_cast<char>(bytes[c.at] ^ c.by);
    if (c.needs > 0) {
      bytes.resize(c.needs);
    }
    for (const std::size_t chunk : {bytes.size(), std::size_t{1}}) {
      const Reading reading = read(bytes, chunk);
      ASSERT_TRUE(reading.error) << c.rule;
      EXPECT_EQ(reading.error->code, c.want) << c.rule;
      EXPECT_TRUE(reading.messages.empty()) << c.rule;
    }
  }
}

TEST(EventStream, WhatIsBeyondALimitIsRefusedByItsPrelude) {
  struct Case {
    const char* rule;
    std::uint32_t total, headers;
    ErrorCode want;
  };
  constexpr Case cases[] = {
      {"longer than 24 MiB", (24U << 20U) + 1, 0, ErrorCode::too_large},
      {"headers beyond 128 KiB", 1U << 20U, (128U << 10U) + 1, ErrorCode::too_large},
      {"shorter than a message can be", 15, 0, ErrorCode::malformed_response},
      {"headers longer than the message", 20, 5, ErrorCode::malformed_response},
  };
  for (const Case& c : cases) {
    // The prelude of a message with these lengths: an empty one's, patched and its CRC with it.
    std::string bytes;
    append_event_stream_message(bytes, {}, {});
    for (std::size_t i = 0; i < 4; ++i) {
      bytes[i] = static_cast<char>(c.total >> (24U - 8U * i));
      bytes[4 + i] = static_cast<char>(c.headers >> (24U - 8U * i));
    }
    std::uint32_t crc = ~0U;
    for (std::size_t i = 0; i < 8; ++i) {
      crc ^= static_cast<unsigned char>(bytes[i]);
      for (int bit = 0; bit < 8; ++bit) crc = crc >> 1U ^ ((crc & 1U) != 0 ? 0xedb88320U : 0U);
    }
    for (std::size_t i = 0; i < 4; ++i) bytes[8 + i] = static_cast<char>(~crc >> (24U - 8U * i));
    const Reading reading = read(bytes.substr(0, 12), 12);
    ASSERT_TRUE(reading.error) << c.rule;
    EXPECT_EQ(reading.error->code, c.want) << c.rule;
  }
}

}  // namespace
}  // namespace holdfast::net
