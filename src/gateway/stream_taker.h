// Takes in an upstream's stream as its bytes arrive and makes of it what goes to the client: the
// same bytes where both sides speak one dialect, a translation where they do not.
#pragma once
#include <memory>
#include <string>
#include <string_view>

#include "dialect/codec.h"
#include "provider/adapter.h"

namespace holdfast::gateway {

// What has been seen of a stream so far.
struct Taking {
  bool any_event = false;  // more than comments
  bool content = false, finish = false, done = false;
  bool error = false;       // the upstream gave up; nothing after it is taken
  bool malformed = false;   // its bytes are not its dialect's
  std::string detail;       // of the last two, for the operator
  std::string error_event;  // as the client's dialect has it already; else empty
  std::string last_data;    // of the event that ended the stream, if it was to be kept
  dialect::Usage usage;
};

struct StreamTaker {
  virtual ~StreamTaker() = default;
  // Takes `bytes` in and appends to `out`; false when the stream has failed by them (error or
  // malformed is set). What came before the failure is in `out`.
  virtual bool feed(std::string_view bytes, Taking& so_far, std::string& out) = 0;
  // The body has ended.
  virtual bool finish(Taking& so_far, std::string& out) = 0;
  // The body has broken off. What was complete of the answer, though not of the stream, is told.
  virtual void broke_off(Taking& /*so_far*/, std::string& /*out*/) {}
};

// OpenAI's dialect on both sides.   drop_usage   the usage chunk was asked for by us
std::unique_ptr<StreamTaker> pass_openai(const provider::Adapter& adapter, bool drop_usage);
// OpenAI's dialect on both sides: images and sound, in events of up to limits::media_event_bytes.
std::unique_ptr<StreamTaker> pass_media();
// Another dialect on both sides, as server-sent events.
//   keep_last   whether the data of the event that ends the stream is kept
std::unique_ptr<StreamTaker> pass_events(const dialect::Codec& codec, bool keep_last);
// AWS's frames on both sides.
std::unique_ptr<StreamTaker> pass_frames(const dialect::Codec& codec);
// From the upstream's dialect into the writer's; the writer outlives it.
//   house   whose signatures the upstream's are
std::unique_ptr<StreamTaker> translate(const dialect::Codec& upstream, std::string house,
                                       dialect::StreamWriter& writer);

}  // namespace holdfast::gateway
