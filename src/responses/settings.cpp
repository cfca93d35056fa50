#include "responses/settings.h"

#include "config/section.h"

namespace holdfast::responses {

void read_settings(config::Section& top, Settings& into) {
  using namespace std::chrono_literals;
  top.section("responses", "Answers that clients of OpenAI's Responses may ask for again",
              [&](config::Section& section) {
                section.flag("store", into.store,
                             "whether prompts and answers are kept on disk, so that store, "
                             "previous_response_id and /v1/responses/ID work");
                section.duration("keep", into.keep, 1h, 24h * 3650, "older ones are deleted");
                section.size("max_size", into.max_bytes, 1ULL << 20U, 1ULL << 40U,
                             "most that they take on disk; the oldest go first");
              });
}

}  // namespace holdfast::responses
