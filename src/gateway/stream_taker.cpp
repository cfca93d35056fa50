#include "gateway/stream_taker.h"

#include <algorithm>
#include <vector>

#include "dialect/openai/media.h"
#include "net/sse_parser.h"

namespace holdfast::gateway {
namespace {

using dialect::StreamEvent;

bool fail(Taking& so_far, std::string detail) {
  so_far.malformed = true;
  so_far.detail = std::move(detail);
  return false;
}

void note(Taking& so_far, const dialect::Sight& sight) {
  so_far.any_event = true;
  if (sight.usage.given()) so_far.usage.update(sight.usage);
  so_far.finish = so_far.finish || sight.finish;
  so_far.done = so_far.done || sight.done;
  so_far.content = so_far.content || sight.content;
}

// An event without data, and no comment: a name, an id or blank lines alone. SDKs read it as one
// whose data is broken JSON; the standard has it dropped.
bool says_nothing(const net::SseEvent& event) {
  if (!event.data.empty()) return false;
  const auto first = event.raw.find_first_not_of("\r\n");
  const bool comment = first != std::string_view::npos && event.raw[first] == ':';
  return !comment || event.has_data || !event.event.empty() || event.id || event.retry;
}

// Server-sent events: each is judged by itself and passed on as it came.
class EventTaker : public StreamTaker {
 public:
  explicit EventTaker(std::size_t max_event_bytes = limits::stream_event_bytes)
      : parser_(max_event_bytes) {}

  bool feed(std::string_view bytes, Taking& so_far, std::string& out) final {
    events_.clear();
    const auto fed = parser_.feed(bytes, events_);
    for (const net::SseEvent& event : events_) {
      if (so_far.done) return true;  // nothing comes after the end
      if (!says_nothing(event) && !take(event, so_far, out)) return false;
    }
    return fed || fail(so_far, fed.error().detail);
  }

  bool finish(Taking& so_far, std::string& out) override {
    const auto last = parser_.finish();
    return !last || so_far.done || says_nothing(*last) || take(*last, so_far, out);
  }

 protected:
  virtual bool take(const net::SseEvent& event, Taking& so_far, std::string& out) = 0;

 private:
  net::SseParser parser_;
  std::vector<net::SseEvent> events_;
};

class OpenAiTaker : public EventTaker {
 protected:
  OpenAiTaker(std::size_t max_event_bytes, bool drop_usage)
      : EventTaker(max_event_bytes), drop_usage_(drop_usage) {}
  virtual dialect::Sight scan(std::string_view data) const = 0;

 private:
  bool take(const net::SseEvent& event, Taking& so_far, std::string& out) final {
    if (!event.has_data) {
      out.append(event.raw);
      return true;
    }
    const dialect::Sight sight = scan(event.data);
    so_far.any_event = true;
    if (sight.malformed) return fail(so_far, "an event that is not JSON");
    if (sight.error) {
      so_far.error = true;
      so_far.detail = "an error event";
      if (sight.error_object) so_far.error_event = event.raw;
      return false;
    }
    note(so_far, sight);
    if (!(sight.usage_only && drop_usage_)) {
      out.append(event.raw);
      if (event.unterminated) out.append("\n\n");
    }
    return true;
  }

  bool drop_usage_;
};

class ChatTaker final : public OpenAiTaker {
 public:
  ChatTaker(const provider::Adapter& adapter, bool drop_usage)
      : OpenAiTaker(limits::stream_event_bytes, drop_usage), adapter_(adapter) {}

 private:
  dialect::Sight scan(std::string_view data) const override { return adapter_.scan_event(data); }
  const provider::Adapter& adapter_;
};

class MediaTaker final : public OpenAiTaker {
 public:
  MediaTaker() : OpenAiTaker(limits::media_event_bytes, false) {}

 private:
  dialect::Sight scan(std::string_view data) const override {
    return dialect::openai::scan_media_event(data);
  }
};

// What a codec's reader says of bytes that pass through.
class Judge {
 public:
  explicit Judge(const dialect::Codec& codec) : reader_(codec.stream_reader()) {}

  bool judge(std::string_view raw, Taking& so_far) {
    events_.clear();
    const auto fed = reader_->feed(raw, events_);
    return weigh(fed, raw, so_far);
  }
  // At the end: some dialects have no last event, and are finished when their bytes are.
  bool finish(Taking& so_far) {
    events_.clear();
    const auto finished = reader_->finish(events_);
    return weigh(finished, {}, so_far);
  }

 private:
  bool weigh(const Result<void>& fed, std::string_view raw, Taking& so_far) {
    const dialect::Sight sight = dialect::sight_of(events_);
    note(so_far, sight);
    if (!fed) return fail(so_far, fed.error().detail);
    if (!sight.error) return true;
    so_far.error = true;
    so_far.detail = "an error event";
    so_far.error_event = raw;
    return false;
  }

  std::unique_ptr<dialect::StreamReader> reader_;
  std::vector<StreamEvent> events_;
};

// Events without anything in their data are nothing to a client, and several SDKs fail on them.
// Google's take nothing but lines of data: no comment, no name, no byte order mark.
class PassingTaker final : public EventTaker {
 public:
  PassingTaker(const dialect::Codec& codec, bool keep_last)
      : judge_(codec),
        data_only_(codec.dialect() == dialect::Dialect::gemini),
        keep_last_(keep_last) {}

  bool finish(Taking& so_far, std::string& out) override {
    return EventTaker::finish(so_far, out) && (so_far.done || judge_.finish(so_far));
  }

 private:
  bool take(const net::SseEvent& event, Taking& so_far, std::string& out) override {
    if (!event.has_data) {
      if (!data_only_) out.append(without_mark(event.raw));
      return true;
    }
    if (event.data.empty()) return true;
    whole_.assign(without_mark(event.raw));
    if (event.unterminated) whole_.append("\n\n");
    if (data_only_ && !is_plain(event)) {
      whole_.assign("data: ").append(event.data).append("\n\n");
      std::replace(whole_.begin() + 6, whole_.end() - 2, '\n', ' ');  // between members only
    }
    if (!judge_.judge(whole_, so_far)) return false;
    if (so_far.done && keep_last_) so_far.last_data = event.data;
    out.append(whole_);
    return true;
  }

  static std::string_view without_mark(std::string_view raw) {
    constexpr std::string_view mark = "\xEF\xBB\xBF";
    return raw.starts_with(mark) ? raw.substr(mark.size()) : raw;
  }
  // One line of data and what ends it.
  static bool is_plain(const net::SseEvent& event) {
    constexpr std::string_view field = "data: ";
    std::string_view rest = event.raw;
    if (event.unterminated || !rest.starts_with(field)) return false;
    rest.remove_prefix(field.size());
    return rest.starts_with(event.data) &&
           rest.find_first_not_of("\r\n", event.data.size()) == std::string_view::npos;
  }

  Judge judge_;
  bool data_only_, keep_last_;
  std::string whole_;
};

// Only whole frames go out, so that an exception frame of ours may follow them.
class FrameTaker final : public StreamTaker {
 public:
  explicit FrameTaker(const dialect::Codec& codec) : judge_(codec) {}

  bool feed(std::string_view bytes, Taking& so_far, std::string& out) override {
    held_.append(bytes);
    std::size_t from = 0;
    while (held_.size() - from >= prelude_bytes) {
      const std::size_t length = length_at(from);
      if (length < prelude_bytes || length > limits::stream_event_bytes)
        return fail(so_far, "a frame with an impossible length");
      if (held_.size() - from < length) break;
      const std::string_view frame = std::string_view(held_).substr(from, length);
      if (!judge_.judge(frame, so_far)) return false;
      out.append(frame);
      from += length;
    }
    held_.erase(0, from);
    return true;
  }

  bool finish(Taking& so_far, std::string& /*out*/) override {
    return held_.empty() || fail(so_far, "cut off within a frame");
  }

 private:
  static constexpr std::size_t prelude_bytes = 12;
  std::size_t length_at(std::size_t at) const {
    std::size_t out = 0;
    for (std::size_t i = 0; i < 4; ++i)
      out = (out << 8U) | static_cast<unsigned char>(held_[at + i]);
    return out;
  }

  Judge judge_;
  std::string held_;
};

class Translation final : public StreamTaker {
 public:
  Translation(const dialect::Codec& upstream, std::string house, dialect::StreamWriter& writer)
      : reader_(upstream.stream_reader()), house_(std::move(house)), writer_(writer) {}

  bool feed(std::string_view bytes, Taking& so_far, std::string& out) override {
    events_.clear();
    const auto fed = reader_->feed(bytes, events_);
    return take(so_far, out) && (fed || fail(so_far, fed.error().detail));
  }

  bool finish(Taking& so_far, std::string& out) override {
    if (so_far.done) return true;
    events_.clear();
    const auto finished = reader_->finish(events_);
    if (!take(so_far, out)) return false;
    if (!finished) return fail(so_far, finished.error().detail);
    if (so_far.done || !so_far.finish) return true;
    StreamEvent end;  // the upstream has no terminal event, or left it out after its finish reason
    end.kind = dialect::EventKind::end;
    writer_.write(end, out);
    so_far.done = true;
    return true;
  }

  void broke_off(Taking& so_far, std::string& out) override {
    events_.clear();
    reader_->broke_off(events_);
    (void)take(so_far, out);  // finishes alone
  }

 private:
  bool take(Taking& so_far, std::string& out) {
    for (StreamEvent& event : events_) {
      if (so_far.done) return true;
      if (!event.signature.value.empty() && event.signature.house.empty())
        event.signature.house = house_;
      const dialect::Sight sight = dialect::sight_of({&event, 1});
      if (sight.error) {
        so_far.any_event = so_far.error = true;
        so_far.detail = event.error_message.empty()
                            ? "an error event"
                            : std::string(event.error_message.substr(0, 512));
        return false;
      }
      note(so_far, sight);
      writer_.write(event, out);
      if (writer_.gave_up())
        return fail(so_far, "more of the answer had to wait than this gateway holds");
      if (const std::string_view why = writer_.unusable(); !why.empty())
        return fail(so_far, std::string(why));
    }
    return true;
  }

  std::unique_ptr<dialect::StreamReader> reader_;
  std::string house_;
  dialect::StreamWriter& writer_;
  std::vector<StreamEvent> events_;
};

}  // namespace

std::unique_ptr<StreamTaker> pass_openai(const provider::Adapter& adapter, bool drop_usage) {
  return std::make_unique<ChatTaker>(adapter, drop_usage);
}

std::unique_ptr<StreamTaker> pass_media() { return std::make_unique<MediaTaker>(); }

std::unique_ptr<StreamTaker> pass_events(const dialect::Codec& codec, bool keep_last) {
  return std::make_unique<PassingTaker>(codec, keep_last);
}

std::unique_ptr<StreamTaker> pass_frames(const dialect::Codec& codec) {
  return std::make_unique<FrameTaker>(codec);
}

std::unique_ptr<StreamTaker> translate(const dialect::Codec& upstream, std::string house,
                                       dialect::StreamWriter& writer) {
  return std::make_unique<Translation>(upstream, std::move(house), writer);
}

}  // namespace holdfast::gateway
