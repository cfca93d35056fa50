#include "records/frame.h"

#include <algorithm>
#include <bit>
#include <concepts>
#include <cstring>

#include "base/crc32.h"

namespace holdfast::records {
namespace {
static_assert(std::endian::native == std::endian::little,
              "the journal's numbers are little-endian");

constexpr std::string_view magic = "HFJRNL1\n";
enum class Type : std::uint8_t { start = 1, end = 2, paid_start = 3, paid_end = 4 };

// Bits of an end's flags; the first four say which token counts follow.
constexpr unsigned tokens_in_bit = 1U << 0U, tokens_out_bit = 1U << 1U,
                   tokens_cached_bit = 1U << 2U, tokens_reasoning_bit = 1U << 3U,
                   from_provider_bit = 1U << 4U, client_left_bit = 1U << 5U,
                   committed_bit = 1U << 6U,
                   marks_bit = 1U << 7U;  // a byte of marks comes last
constexpr unsigned continuation_mark = 1U << 0U, known_marks = 0x01;

class Writer {
 public:
  explicit Writer(char* into) : begin_(into), at_(into) {}
  template <std::integral T>
  void number(T value) {
    std::memcpy(at_, &value, sizeof value);
    at_ += sizeof value;
  }
  void text(std::string_view text) {
    if (text.size() > text_max_bytes) [[unlikely]] {
      std::size_t size = text_max_bytes;
      while (size > 0 && (static_cast<unsigned char>(text[size]) & 0xc0U) == 0x80U) --size;
      text = text.substr(0, size);
    }
    number(static_cast<std::uint8_t>(text.size()));
    if (text.empty()) return;
    std::memcpy(at_, text.data(), text.size());
    at_ += text.size();
  }
  std::size_t size() const { return static_cast<std::size_t>(at_ - begin_); }

 private:
  char* begin_;
  char* at_;
};

class Reader {
 public:
  explicit Reader(std::string_view bytes) : rest_(bytes) {}
  template <std::integral T>
  T number() {
    T value{};
    if (rest_.size() < sizeof value) {
      good_ = false;
      rest_ = {};
      return value;
    }
    rest_.copy(reinterpret_cast<char*>(&value), sizeof value);
    rest_.remove_prefix(sizeof value);
    return value;
  }
  std::string_view text() {
    const std::size_t size = number<std::uint8_t>();
    if (size > rest_.size()) good_ = false;
    const std::string_view text = rest_.substr(0, size);
    rest_.remove_prefix(text.size());
    return text;
  }
  void require(bool condition) { good_ = good_ && condition; }
  bool good_to_the_end() const { return good_ && rest_.empty(); }

 private:
  std::string_view rest_;
  bool good_ = true;
};

bool is_paid(const AttemptStart& start) {
  return !start.team.empty() || !start.service.empty() || start.reserved.value != 0;
}
bool is_paid(const AttemptEnd& end) {
  return end.cost || end.charged.value != 0 || end.price_version != 0;
}

std::size_t finish_frame(char* frame, std::size_t payload_bytes) {
  const std::size_t length = 1 + payload_bytes;
  Writer head(frame);
  head.number(static_cast<std::uint32_t>(length));
  head.number(crc32({frame + 8, length}));
  return 8 + length;
}

std::optional<Record> read_start(Reader in, bool paid) {
  StartRecord record;
  AttemptStart& start = record.start;
  record.serial = in.number<std::uint64_t>();
  start.started_us = in.number<std::int64_t>();
  start.attempt = in.number<std::uint16_t>();
  const auto endpoint = in.number<std::uint8_t>();
  in.require(endpoint < endpoint_count);
  start.endpoint = static_cast<Endpoint>(endpoint);
  start.features = in.number<std::uint32_t>();
  start.request_id = in.text();
  start.logical_model = in.text();
  start.provider = in.text();
  start.model = in.text();
  start.key_name = in.text();
  if (paid) {
    start.team = in.text();
    start.service = in.text();
    start.reserved.value = in.number<std::int64_t>();
    in.require(is_paid(start));
  }
  if (!in.good_to_the_end()) return std::nullopt;
  return record;
}

std::optional<Record> read_end(Reader in, bool paid) {
  AttemptEnd end;
  end.serial = in.number<std::uint64_t>();
  end.ended_us = in.number<std::int64_t>();
  const auto failure = in.number<std::uint8_t>();
  in.require(failure < failure_class_count);
  end.failure = static_cast<FailureClass>(failure);
  end.status = in.number<std::uint16_t>();
  end.answer_status = in.number<std::uint16_t>();
  const unsigned flags = in.number<std::uint8_t>();
  end.usage_from_provider = (flags & from_provider_bit) != 0;
  end.client_left = (flags & client_left_bit) != 0;
  end.committed = (flags & committed_bit) != 0;
  end.first_content_us = in.number<std::int64_t>();
  end.total_us = in.number<std::int64_t>();
  end.bytes_sent = in.number<std::uint64_t>();
  end.bytes_received = in.number<std::uint64_t>();
  if ((flags & tokens_in_bit) != 0) end.tokens_in = in.number<std::int64_t>();
  if ((flags & tokens_out_bit) != 0) end.tokens_out = in.number<std::int64_t>();
  if ((flags & tokens_cached_bit) != 0) end.tokens_cached = in.number<std::int64_t>();
  if ((flags & tokens_reasoning_bit) != 0) end.tokens_reasoning = in.number<std::int64_t>();
  end.upstream_request_id = in.text();
  if (paid) {
    const auto known = in.number<std::uint8_t>();
    in.require(known <= 1);
    if (known == 1) end.cost = NanoUsd{in.number<std::int64_t>()};
    end.charged.value = in.number<std::int64_t>();
    end.price_version = in.number<std::uint32_t>();
    in.require(is_paid(end));
  }
  if ((flags & marks_bit) != 0) {
    const unsigned marks = in.number<std::uint8_t>();
    in.require(marks != 0 && (marks & ~known_marks) == 0);
    end.continuation = (marks & continuation_mark) != 0;
  }
  if (!in.good_to_the_end()) return std::nullopt;
  return end;
}
}  // namespace

std::size_t write_head(char* into, const JournalHead& head) {
  std::memcpy(into, magic.data(), magic.size());
  Writer out(into + magic.size());
  out.number(head.run);
  out.number(head.thread);
  out.number(head.sequence);
  out.number(crc32({into, magic.size() + out.size()}));
  return head_bytes;
}

std::size_t write_start(char* into, std::uint64_t serial, const AttemptStart& start) {
  const bool paid = is_paid(start);
  into[8] = static_cast<char>(paid ? Type::paid_start : Type::start);
  Writer out(into + frame_head_bytes);
  out.number(serial);
  out.number(start.started_us);
  out.number(start.attempt);
  out.number(static_cast<std::uint8_t>(start.endpoint));
  out.number(start.features);
  out.text(start.request_id);
  out.text(start.logical_model);
  out.text(start.provider);
  out.text(start.model);
  out.text(start.key_name);
  if (paid) {
    out.text(start.team);
    out.text(start.service);
    out.number(start.reserved.value);
  }
  return finish_frame(into, out.size());
}

std::size_t write_end(char* into, const AttemptEnd& end) {
  const bool paid = is_paid(end);
  into[8] = static_cast<char>(paid ? Type::paid_end : Type::end);
  const unsigned marks = end.continuation ? continuation_mark : 0U;
  const unsigned flags =
      (marks != 0 ? marks_bit : 0U) | (end.tokens_in ? tokens_in_bit : 0U) |
      (end.tokens_out ? tokens_out_bit : 0U) | (end.tokens_cached ? tokens_cached_bit : 0U) |
      (end.tokens_reasoning ? tokens_reasoning_bit : 0U) |
      (end.usage_from_provider ? from_provider_bit : 0U) |
      (end.client_left ? client_left_bit : 0U) | (end.committed ? committed_bit : 0U);
  Writer out(into + frame_head_bytes);
  out.number(end.serial);
  out.number(end.ended_us);
  out.number(static_cast<std::uint8_t>(end.failure));
  out.number(end.status);
  out.number(end.answer_status);
  out.number(static_cast<std::uint8_t>(flags));
  out.number(end.first_content_us);
  out.number(end.total_us);
  out.number(end.bytes_sent);
  out.number(end.bytes_received);
  for (const auto& tokens :
       {end.tokens_in, end.tokens_out, end.tokens_cached, end.tokens_reasoning})
    if (tokens) out.number(*tokens);
  out.text(end.upstream_request_id);
  if (paid) {
    out.number(static_cast<std::uint8_t>(end.cost ? 1 : 0));
    if (end.cost) out.number(end.cost->value);
    out.number(end.charged.value);
    out.number(end.price_version);
  }
  if (marks != 0) out.number(static_cast<std::uint8_t>(marks));
  return finish_frame(into, out.size());
}

std::size_t frame_bytes(const char* frame) {
  std::uint32_t length = 0;
  std::memcpy(&length, frame, sizeof length);
  return 8 + std::size_t{length};
}

std::optional<JournalHead> read_head(std::string_view bytes) {
  if (bytes.size() < head_bytes || !bytes.starts_with(magic)) return std::nullopt;
  JournalHead head;
  Reader in(bytes.substr(magic.size()));
  head.run = in.number<std::uint64_t>();
  head.thread = in.number<std::uint16_t>();
  head.sequence = in.number<std::uint32_t>();
  if (in.number<std::uint32_t>() != crc32(bytes.substr(0, head_bytes - 4))) return std::nullopt;
  return head;
}

std::optional<Record> read_record(std::string_view type_and_payload) {
  if (type_and_payload.empty()) return std::nullopt;
  const auto type = static_cast<Type>(type_and_payload[0]);
  const Reader payload(type_and_payload.substr(1));
  switch (type) {
    case Type::start:
    case Type::paid_start:
      return read_start(payload, type == Type::paid_start);
    case Type::end:
    case Type::paid_end:
      return read_end(payload, type == Type::paid_end);
  }
  return std::nullopt;
}

std::optional<Record> FrameReader::next() {
  const std::string_view rest = bytes_.substr(consumed_);
  tail_ = rest.empty() ? Tail::clean : Tail::torn;
  if (rest.size() < frame_head_bytes) return std::nullopt;
  const std::size_t size = frame_bytes(&rest.front());
  if (size < frame_head_bytes || size > frame_max_bytes) {
    // A length of zero that only zeros follow is what a power loss leaves of an unwritten page.
    if (rest.find_first_not_of('\0') != std::string_view::npos) tail_ = Tail::damaged;
    return std::nullopt;
  }
  if (size > rest.size()) return std::nullopt;
  std::uint32_t expected = 0;
  rest.copy(reinterpret_cast<char*>(&expected), sizeof expected, 4);
  const std::string_view content = rest.substr(8, size - 8);
  std::optional<Record> record;
  if (crc32(content) == expected) record = read_record(content);
  if (!record) {
    tail_ = Tail::damaged;
    return std::nullopt;
  }
  consumed_ += size;
  return record;
}

}  // namespace holdfast::records
